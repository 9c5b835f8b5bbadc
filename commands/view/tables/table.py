"""The view of a table: filters with their values, chips of what is chosen, and a screenful of rows."""

from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from ocrmill.commands.presentation.columns import NO_VALUE, TableColumns
from ocrmill.commands.view.frame import data_of, render
from ocrmill.commands.view.selection import Selection
from ocrmill.commands.view.tables.downloads import FORMATS
from ocrmill.commands.view.tables.rows import count, read_screenful
from ocrmill.pipeline.errors import UsageError

SHOW = "show"  # parameter: a column to show besides
OPEN_FILTERS = 4  # whose values are seen at once


def table_view(columns: TableColumns, title: str) -> Callable[[Request], Response]:
    """Return the endpoint that shows a table."""
    return partial(_show, columns, title)


def _show(columns: TableColumns, title: str, request: Request) -> Response:
    data, parameters = data_of(request), request.query_params
    selection = Selection.parse(parameters.multi_items(), columns)
    extra = [name for name in parameters.getlist(SHOW) if name in columns.names]
    shown = _shown(selection, extra)
    cursor = data.cursor()
    keys = [name for name in ("document_id", "page_number") if name in columns.names]
    rows = read_screenful(cursor, selection, [*shown, *keys], _row_id(request, "after"), _row_id(request, "before"))
    values: dict[str, Any] = {
        "title": title,
        "columns": columns,
        "selection": selection,
        "query": _with(selection, extra),
        "page_query": selection.to_query(),
        "shown": shown,
        "extra": extra,
        "numeric": _used_bounds(selection),
        "headings": {name: _with(selection.sorted_by(name), extra) for name in shown},
        "chips": [(_said(columns, *each), _with(selection.without(*each), extra)) for each in selection.filters],
        "facets": data.index.facets[columns.table],
        "screenful": rows,
        "count": count(cursor, selection),
        "no_value": NO_VALUE,
        "open_filters": OPEN_FILTERS,
        "formats": FORMATS,
    }
    return render(request, "table.html", values)


def _shown(selection: Selection, extra: list[str]) -> list[str]:
    """Return the columns to show: the usual ones, and what the selection is about."""
    used = [name.removeprefix("min_").removeprefix("max_") for name, _ in selection.filters]
    ordered = [selection.sort] if selection.sort else []
    usual = selection.columns.shown
    return list(
        dict.fromkeys([*usual, *(name for name in [*ordered, *used, *extra] if name in selection.columns.names)])
    )


def _used_bounds(selection: Selection) -> dict[str, tuple[str, str]]:
    """Return the bounds of each column of numbers that the selection gives, as text."""
    names = selection.columns.numbers
    return {name: tuple((selection.values(f"{end}_{name}") or [""])[0] for end in ("min", "max")) for name in names}  # type: ignore[misc]


def _with(selection: Selection, extra: list[str]) -> str:
    shown = urlencode([(SHOW, name) for name in extra])
    return "&".join(filter(None, [selection.to_query(), shown]))


def _said(columns: TableColumns, name: str, value: str) -> str:
    """Return a filter in words."""
    for prefix, sign in (("min_", "≥"), ("max_", "≤")):
        if name.startswith(prefix) and name not in columns.names:
            return f"{columns.names[name.removeprefix(prefix)]} {sign} {value}"
    return f"{columns.names[name]} {'has' if name in columns.texts else 'is'} {value}"


def _row_id(request: Request, name: str) -> int | None:
    given = request.query_params.get(name)
    if given is None:
        return None
    if not given.isdecimal() or len(given) > 18:  # noqa: PLR2004 (digits of a BIGINT)
        raise UsageError(f"{name}={given[:60]}: this takes the number of a row")
    return int(given)
