"""Rows below each other are of one table or of several, by the columns that they stand in."""

import pymupdf
import pytest
from layer_words import words_of

from ocrmill.pipeline.text.tables.grid import build_tables
from ocrmill.pipeline.text.tables.rules import page_rules
from ocrmill.pipeline.text.tables.table import Table

Rows = list[list[str]]
TOWNS = [["Town", "People", "Area"], ["Leeds", "812,000", "552"], ["York", "202,800", "272"], ["Hull", "267,100", "71"]]
MORE_TOWNS = [["Goring", "20,475", "31"], ["Thirsk", "4,998", "12"], ["Ripon", "16,590", "22"]]
FERRIES = [
    ["Ferry", "Leaves", "Boats", "Fare"],
    ["North quay", "7:00", "2", "3.50"],
    ["Old harbour", "7:30", "1", "4.20"],
    ["Mill pier", "9:15", "3", "2.00"],
]
PUMPS = [["Pump", "replaced"], ["Valve", "cleaned"], ["Hose", "lost at sea"]]
TOWN_XS, FERRY_XS, PUMP_XS = (60, 110, 180), (60, 140, 200, 240), (60, 150)


def drawn(*tables: tuple[Rows, tuple[int, ...]], gap: float, is_ruled: bool = False) -> list[Table]:
    """Draw rows 15 points apart at these xs, and lay them out; rules may stand around names and below the rows."""
    with pymupdf.open() as document:
        page = document.new_page()
        y = 100.0
        for rows, xs in tables:
            ends = (y - 12, y + 5, y + 15 * len(rows) - 10)
            for height in ends if is_ruled else ():
                page.draw_line((55, height), (300, height))
            for row in rows:
                for x, cell in zip(xs, row, strict=True):
                    page.insert_text((x, y), cell)
                y += 15
            y += gap
        return build_tables(words_of(page), page_rules(page)) or []


def rows_of(table: Table) -> Rows:
    return [
        [" ".join(word.text for word in cell.words) for cell in table.cells if cell.row == row]
        for row in range(table.rows)
    ]


@pytest.mark.parametrize("is_ruled", [False, True])
def test_tables_below_each_other_are_of_their_own(is_ruled: bool) -> None:
    """White space parts them where the columns stand at other places, with rules at their ends or without."""
    tables = [(TOWNS, TOWN_XS), (FERRIES, FERRY_XS), (PUMPS, PUMP_XS)]
    found = drawn(*tables, gap=12, is_ruled=is_ruled)
    assert list(map(rows_of, found)) == [rows for rows, _ in tables]


def test_names_of_columns_begin_another_table() -> None:
    """The second may have the columns of the first: a header with other names tells it apart."""
    rivers = [["River", "Miles", "Mills"], ["Orr", "112", "19"], ["Wex", "87", "6"], ["Ouse", "84", "2"]]
    found = drawn((TOWNS, TOWN_XS), (rivers, TOWN_XS), gap=12)
    assert list(map(rows_of, found)) == [TOWNS, rivers]


@pytest.mark.parametrize(("below", "gap"), [(MORE_TOWNS, 12), (MORE_TOWNS, 0)])
def test_groups_of_rows_are_one_table(below: Rows, gap: float) -> None:
    """Rows in the same columns stay together, whatever white space lies between."""
    (table,) = drawn((TOWNS, TOWN_XS), (below, TOWN_XS), gap=gap)
    assert rows_of(table) == [*TOWNS, *below]


def test_rows_without_space_between_begin_where_all_columns_do() -> None:
    """In wrapped rows at even steps, a line with text in all columns begins one if that above lacks the first."""
    lines = [
        ["Part", "Remark", "Cost"],
        ["Lens", "Studied present secretary and sheet", "87,370"],
        ["", "Gallery keepers for a group of trades", ""],
        ["Another", "Kilometres of them shall half of the", "4,568"],
        ["", "tower close their hours and observers", ""],
        ["", "ground outside of it.", ""],
        ["Caption", "Inside dust hardly fares a flower hill", "39,527"],
        ["", "written weed.", ""],
    ]
    (table,) = drawn((lines, (60, 120, 400)), gap=0)
    assert [row[0] for row in rows_of(table)] == ["Part", "Lens", "Another", "Caption"]
