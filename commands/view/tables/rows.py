"""Rows of a table in the order of a selection, a screenful at a time: by key, not by offset."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ocrmill.commands.view.selection import Selection

if TYPE_CHECKING:
    import duckdb

ROWS = 50  # of a screenful


@dataclass(frozen=True, slots=True)
class Screenful:
    """Some rows, and if there are more on either side."""

    rows: list[dict[str, Any]]
    has_before: bool
    has_after: bool


def read_screenful(
    cursor: "duckdb.DuckDBPyConnection",
    selection: Selection,
    columns: list[str],
    after: int | None = None,
    before: int | None = None,
) -> Screenful:
    """Read the rows after or before the row of an id, or the first ones."""
    condition, values = selection.to_sql()
    forwards = before is None
    anchor = after if forwards else before
    beyond, order = "TRUE", selection.order()
    if anchor is not None and (key := _key(cursor, selection, anchor)) is not None:
        beyond, order, more = selection.beyond(key[0], anchor, forwards=forwards)
        values = [*values, *more]
    else:
        anchor = None
    wanted = ", ".join(dict.fromkeys(["id", *columns]))
    cursor.execute(
        f"SELECT {wanted} FROM {selection.columns.table} WHERE {condition} AND {beyond} ORDER BY {order} LIMIT ?",  # noqa: S608
        [*values, ROWS + 1],
    )
    names = [each[0] for each in cursor.description or ()]
    rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    more_that_way, rows = len(rows) > ROWS, rows[:ROWS]
    if forwards:
        return Screenful(rows, anchor is not None, more_that_way)
    return Screenful(rows[::-1], more_that_way, has_after=True)


def count(cursor: "duckdb.DuckDBPyConnection", selection: Selection) -> int:
    """Count the rows of a selection."""
    condition, values = selection.to_sql()
    found = cursor.execute(f"SELECT count(*) FROM {selection.columns.table} WHERE {condition}", values).fetchone()  # noqa: S608
    return int(found[0]) if found else 0


def _key(cursor: "duckdb.DuckDBPyConnection", selection: Selection, row_id: int) -> tuple[Any, ...] | None:
    """Return the value that a row is sorted by, in a tuple because it may be null; None if the row is gone."""
    column = selection.sort or "id"
    query = f"SELECT {column} FROM {selection.columns.table} WHERE id = ?"  # noqa: S608 (names of ours)
    found: tuple[Any, ...] | None = cursor.execute(query, [row_id]).fetchone()
    return found
