"""The addresses of the page view."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ocrmill.commands.view.frame import data_of, render
from ocrmill.commands.view.selection import Selection


def page(request: Request) -> Response:
    """Show the columns of one page, and the way to its neighbours in the selection."""
    document_id, page_number = request.path_params["document_id"], request.path_params["page_number"]
    selection = Selection.parse(request.query_params.multi_items())
    row = data_of(request).find_page(document_id, page_number)
    if row is None:
        missing = {"title": "No such page", "message": "The output has no such page, or it no longer counts."}
        return render(request, "message.html", missing, 404)
    values: dict[str, Any] = {
        "title": f"Page {page_number} of {row['source']}",
        "row": {name: value for name, value in row.items() if value is not None},
        "query": selection.to_query(),
        "neighbours": data_of(request).neighbours(selection, document_id, page_number),
    }
    return render(request, "page.html", values)


page_routes = [Route("/page/{document_id}/{page_number:int}", page)]
