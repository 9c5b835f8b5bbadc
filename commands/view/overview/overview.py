"""The overview: what a night needs to be judged by, counted from the index."""

from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from ocrmill.commands.presentation.columns import COUNTED, DOCUMENT_COLUMNS, NO_VALUE, PAGE_COLUMNS
from ocrmill.commands.presentation.page_index import Facets
from ocrmill.commands.presentation.rates import DEFINITIONS, PUBLISHED, read_rates
from ocrmill.commands.view.frame import data_of, render
from ocrmill.pipeline.degenerate_rates import CONFIDENCE, interval

SHOWN_VALUES = 8


def overview(request: Request) -> Response:
    """Show numbers of pages by what people ask first; plots and documents follow by their own addresses."""
    data = data_of(request)
    facets = data.index.facets[PAGE_COLUMNS.table]
    total = sum(count for _, count in facets.get("status", []))
    rates = read_rates(data.cursor())
    failed = _count(facets.get("status", []), "failed")
    flagged = total - _count(facets.get("flags", []), None)
    values: dict[str, Any] = {
        "title": "Overview",
        "tiles": [
            ("Pages", f"{total:,}", "", "/pages"),
            ("Failed", f"{failed:,}", _share(failed, total), "/pages?status=failed"),
            ("Flagged", f"{flagged:,}", _share(flagged, total), "/pages?" + urlencode(_flags(facets.get("flags", [])))),
            ("Documents", f"{_rows(request, 'documents'):,}", _failed_documents(data.index.facets), "/documents"),
            ("Sources", f"{_rows(request, 'sources'):,}", "", "/sources"),
        ],
        "counts": {
            PAGE_COLUMNS.names[name]: [
                _bar(name, value, count, facets[name]) for value, count in facets[name][:SHOWN_VALUES]
            ]
            for name in COUNTED
            if facets.get(name)
        },
        "more": {PAGE_COLUMNS.names[name]: max(0, len(facets.get(name, [])) - SHOWN_VALUES) for name in COUNTED},
        "rates": [_rate(name, getattr(rates.total, key), rates.total.pages) for key, name in DEFINITIONS.items()],
        "rated": rates.total.pages,
        "published": PUBLISHED,
        "confidence": CONFIDENCE,
        "no_value": NO_VALUE,
    }
    return render(request, "overview.html", values)


def _bar(column: str, value: str | None, count: int, values: list[tuple[str | None, int]]) -> dict[str, Any]:
    """Describe a value's row: its count, its bar beside the longest, and the address of its pages."""
    most = max(each for _, each in values)
    address = "/pages?" + urlencode({column: NO_VALUE if value is None else value})
    return {"value": value, "count": count, "width": 100 * count / most, "address": address}


def _rate(name: str, count: int, pages: int) -> tuple[str, int, float, float, float]:
    """Return the row of a rate: its name, pages, share, and the ends of its interval."""
    return (name, count, count / pages if pages else 0.0, *interval(count, pages))


def _flags(values: list[tuple[str | None, int]]) -> list[tuple[str, str]]:
    return [("flags", value) for value, _ in values if value is not None]


def _count(values: list[tuple[str | None, int]], wanted: str | None) -> int:
    return next((count for value, count in values if value == wanted), 0)


def _failed_documents(facets: dict[str, Facets]) -> str:
    """Say how many documents failed: those without any page count nowhere else in the overview."""
    failed = _count(facets[DOCUMENT_COLUMNS.table].get("status", []), "failed")
    return f"{failed:,} failed" if failed else ""


def _rows(request: Request, table: str) -> int:
    found = data_of(request).cursor().execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 (a name of ours)
    return int(found[0]) if found else 0


def _share(count: int, total: int) -> str:
    return f"{100 * count / total:.2f} %" if total else ""
