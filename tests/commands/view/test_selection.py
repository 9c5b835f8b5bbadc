"""Selections: what filters and orders mean, against the rows read without the viewer."""

from collections.abc import Callable
from typing import Any

import pytest

import ocrmill
from ocrmill.commands.presentation.columns import PAGE_COLUMNS
from ocrmill.commands.view.output_data import OutputData
from ocrmill.commands.view.selection import Selection
from ocrmill.commands.view.tables.rows import count, read_screenful
from ocrmill.pipeline.errors import UsageError

Row = dict[str, Any]


@pytest.fixture(scope="module")
def rows(data: OutputData) -> list[Row]:
    names = ("document_id", "page_number", "source", "status", "reason", "flags", "engine", "loop_score", "engine_ms")
    found: list[Row] = ocrmill.open_output(data.url, unfinished=True).pages.select(*names).to_arrow().to_pylist()
    return found


FILTERS: dict[str, Callable[[Row], bool]] = {
    "status=failed": lambda row: row["status"] == "failed",
    "status=failed&status=blank": lambda row: row["status"] in {"failed", "blank"},
    "reason=(none)&status=ok": lambda row: row["reason"] is None and row["status"] == "ok",
    "reason=(none)&reason=repetition": lambda row: row["reason"] in {None, "repetition"},
    "flags=truncated": lambda row: "truncated" in row["flags"],
    "flags=repetition&flags=low_agreement": lambda row: bool({"repetition", "low_agreement"} & set(row["flags"])),
    "flags=(none)": lambda row: row["flags"] == [],
    "engine=(none)": lambda row: row["engine"] is None,
    "source=REPORT-0003": lambda row: "report-0003" in row["source"],
    "min_loop_score=1": lambda row: (row["loop_score"] or 0) >= 1,
    "min_engine_ms=500&max_engine_ms=700": lambda row: 500 <= (row["engine_ms"] or 0) <= 700,
    "page_number=3": lambda row: row["page_number"] == 3,
    "source=%27%3B+DROP+TABLE+pages": lambda _: False,
    "after=3&show=dpi&unknown=1": lambda _: True,
}


@pytest.mark.parametrize("query", FILTERS)
def test_a_filter_finds_just_its_rows(query: str, data: OutputData, rows: list[Row]) -> None:
    """Values of one column are alternatives, columns hold together; parameters of others mean nothing."""
    selection = parsed(query)
    expected = [row for row in rows if FILTERS[query](row)]

    assert count(data.cursor(), selection) == len(expected)
    assert selection == Selection.parse(pairs(selection.to_query()))


@pytest.mark.parametrize("column", [*PAGE_COLUMNS.names, ""])
@pytest.mark.parametrize("minus", ["", "-"])
def test_going_through_by_key_shows_every_row_once(column: str, minus: str, data: OutputData) -> None:
    """In every order, forwards and back again: no row twice, none left out, those without a value last."""
    selection = parsed(f"flags=repetition&flags=(none)&source=report-0001&sort={minus if column else ''}{column}")
    cursor, shown = data.cursor(), [column] if column else []
    seen, screen = [], read_screenful(cursor, selection, shown)
    seen += screen.rows
    while screen.has_after:
        screen = read_screenful(cursor, selection, shown, after=seen[-1]["id"])
        seen += screen.rows
    back = screen
    backwards = list(reversed(screen.rows))
    while back.has_before:
        back = read_screenful(cursor, selection, shown, before=backwards[-1]["id"])
        backwards += reversed(back.rows)

    assert len(seen) == len({row["id"] for row in seen}) == count(cursor, selection) > 100
    assert list(reversed(backwards)) == seen
    values = [row[column] for row in seen if row[column] is not None] if column else []
    assert values == sorted(values, reverse=minus == "-")
    missing = [row[column] is None for row in seen] if column else []
    assert missing == sorted(missing)


def test_the_neighbours_of_a_page_are_those_of_the_table(data: OutputData) -> None:
    """Previous and next follow the order of the selection, end at its ends, and work for a page outside of it."""
    selection = parsed("flags=repetition&flags=truncated&sort=-loop_score")
    keys = ["document_id", "page_number"]
    rows = read_screenful(data.cursor(), selection, keys).rows
    order = [(row["document_id"], row["page_number"]) for row in rows]

    assert data.neighbours(selection, *order[0]).previous is None
    for before, here, after in zip(order, order[1:], order[2:], strict=False):
        found = data.neighbours(selection, *here)
        assert (found.previous, found.next) == (before, after)
    assert data.neighbours(selection, "0" * 64, 1).next is None


def test_what_cannot_be_compared_is_refused() -> None:
    """A misspelt number or order is said, not ignored; a name of SQL is no column."""
    for query in ("min_loop_score=many", "sort=markdown", "sort=id;DROP+TABLE+pages", "page_number=1x"):
        with pytest.raises(UsageError):
            parsed(query)


def pairs(query: str) -> list[tuple[str, str]]:
    from urllib.parse import parse_qsl

    return parse_qsl(query)


def parsed(query: str) -> Selection:
    return Selection.parse(pairs(query))
