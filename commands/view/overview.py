"""The overview: the numbers of an output at a glance."""

from starlette.requests import Request
from starlette.responses import Response

from ocrmill.commands.view.frame import data_of, render


def overview(request: Request) -> Response:
    """Show the numbers of pages by what people ask first."""
    cursor = data_of(request).cursor()
    counts = {
        name: cursor.execute(f"SELECT {name}, count(*) FROM pages GROUP BY 1 ORDER BY 2 DESC LIMIT 20").fetchall()  # noqa: S608
        for name in ("status", "reason", "route", "engine", "script")
    }
    return render(request, "overview.html", {"title": "Overview", "counts": counts})
