"""The addresses of the page view."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from ocrmill.commands.eval.verdicts import Verdict, VerdictKind, judged
from ocrmill.commands.view.frame import data_of, number_in, render
from ocrmill.commands.view.page.page_parts import frames, text_parts, values
from ocrmill.commands.view.page.repeats import pieces
from ocrmill.commands.view.selection import Selection
from ocrmill.pipeline.printable import printable

KEYS = {"r": VerdictKind.FLAG_RIGHT, "w": VerdictKind.FLAG_WRONG, "t": VerdictKind.TEXT_WRONG, "u": VerdictKind.UNDONE}
SAID = {
    VerdictKind.FLAG_RIGHT: "flag is right",
    VerdictKind.FLAG_WRONG: "flag is wrong",
    VerdictKind.TEXT_WRONG: "text is wrong",
    VerdictKind.UNDONE: "undo",
}


def page(request: Request) -> Response:
    """Show one page beside its text, all that is known about it, and the way to its neighbours in the selection."""
    document_id, page_number = _key(request)
    selection = Selection.parse(request.query_params.multi_items())
    row = data_of(request).find_page(document_id, page_number)
    if row is None:
        missing = {"title": "No such page", "message": "The output has no such page, or it no longer counts."}
        return render(request, "message.html", missing, 404)
    verdicts = data_of(request).verdicts
    given = None if verdicts is None else verdicts.find(document_id, page_number, row["run_id"])
    shown: dict[str, Any] = {
        "title": f"Page {page_number} of {printable(row['source'])}",
        "row": row,
        "detail": printable(row["detail"] or ""),
        "judged": judged(row),
        "values": values(row),
        "parts": text_parts(row),
        "frames": frames(row),
        "markdown": list(pieces(printable(row["markdown"] or ""))),
        "raw": None if row["raw"] is None else list(pieces(printable(row["raw"]))),
        "query": selection.to_query(),
        "neighbours": data_of(request).neighbours(selection, document_id, page_number),
        "keys": {key: (kind.value, SAID[kind]) for key, kind in KEYS.items()},
        "verdict": None if given is None else given.verdict.value,
        "verdicts": None if verdicts is None else verdicts.path,
        "here": f"/page/{document_id}/{page_number}",
    }
    return render(request, "page.html", shown)


def image(request: Request) -> Response:
    """Return the page as JPEG, rendered from its source now; 404 with the reason if there is none."""
    jpeg, why_not = data_of(request).source_pages.picture(*_key(request))
    if jpeg is None:
        return PlainTextResponse(f"The page cannot be shown: {printable(why_not or 'no picture')}.", 404)
    return Response(jpeg, media_type="image/jpeg")


def figure(request: Request) -> Response:
    """Return a picture that was cut out of the page, as the output keeps it."""
    row = data_of(request).find_page(*_key(request))
    for each in (row and row["figures"]) or []:
        if each["name"] == request.path_params["name"] and each["jpeg"]:
            return Response(each["jpeg"], media_type="image/jpeg")
    return PlainTextResponse("There is no such figure.", 404)


def verdict(request: Request) -> Response:
    """Keep what a person says of the page."""
    document_id, page_number = _key(request)
    given = request.query_params.get("verdict", "")
    verdicts, row = data_of(request).verdicts, data_of(request).find_page(document_id, page_number)
    if verdicts is None:
        return PlainTextResponse("Name a file for verdicts: --verdicts FILE.", 409)
    if row is None or given not in list(VerdictKind):
        return PlainTextResponse("No such page, or no such verdict.", 404)
    kind = VerdictKind(given)
    if kind in (VerdictKind.FLAG_RIGHT, VerdictKind.FLAG_WRONG) and not judged(row):
        return PlainTextResponse("The page has no flag.", 409)
    verdicts.add(Verdict.of(row, kind))
    return JSONResponse({"verdict": None if kind is VerdictKind.UNDONE else kind.value})


def _key(request: Request) -> tuple[str, int]:
    return request.path_params["document_id"], number_in(request, "page_number")


_PAGE = "/page/{document_id}/{page_number:int}"
page_routes = [
    Route(_PAGE, page),
    Route(f"{_PAGE}/image", image),
    Route(f"{_PAGE}/figure/{{name}}", figure),
    Route(f"{_PAGE}/verdict", verdict, methods=["POST"]),
]
