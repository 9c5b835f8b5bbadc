"""The slowest and the worst documents: over all pages, therefore after the first paint."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ocrmill.commands.presentation.worst_documents import slowest_documents
from ocrmill.commands.presentation.worst_documents import worst_documents as failed_or_flagged
from ocrmill.commands.view.frame import data_of, render

SHOWN = 10


def worst_documents(request: Request) -> Response:
    """Show documents by seconds of rendering and engine, and by failed and flagged pages, as a part of the overview."""
    cursor = data_of(request).cursor()
    values: dict[str, Any] = {
        "slowest": slowest_documents(cursor, SHOWN),
        "worst": failed_or_flagged(cursor, SHOWN),
    }
    return render(request, "worst_documents.html", values)
