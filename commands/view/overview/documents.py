"""The slowest and the worst documents: over all pages, therefore after the first paint."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ocrmill.commands.view.frame import data_of, render

SHOWN = 10
_SLOWEST = """
    SELECT document_id, any_value(source), count(*),
        sum(coalesce(engine_ms, 0) + coalesce(render_ms, 0)) / 1000 AS worst
    FROM pages GROUP BY document_id ORDER BY worst DESC LIMIT ?
"""
_WORST = """
    SELECT document_id, source, page_count, coalesce(pages_failed, 0) + coalesce(pages_flagged, 0) AS worst
    FROM documents WHERE document_id IS NOT NULL AND worst > 0 ORDER BY worst DESC, worst / page_count DESC LIMIT ?
"""


def worst_documents(request: Request) -> Response:
    """Show documents by seconds of rendering and engine, and by failed and flagged pages, as a part of the overview."""
    cursor = data_of(request).cursor()
    values: dict[str, Any] = {
        "slowest": cursor.execute(_SLOWEST, [SHOWN]).fetchall(),
        "worst": cursor.execute(_WORST, [SHOWN]).fetchall(),
    }
    return render(request, "worst_documents.html", values)
