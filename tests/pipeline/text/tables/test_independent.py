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


def boxed(*blocks: tuple[Rows, tuple[int, ...]], rise: float = 0.0) -> list[Table]:
    """Draw blocks of rows in boxes from 55 to 300, below each other; texts after the first stand higher by `rise`."""
    with pymupdf.open() as document:
        page = document.new_page()
        y = 100.0
        for rows, xs in blocks:
            bottom = y + 15 * len(rows)
            for x in (*(x - 4 for x in xs), 300):
                page.draw_line((x, y), (x, bottom))
            for n in range(len(rows) + 1):
                page.draw_line((xs[0] - 4, y + 15 * n), (300, y + 15 * n))
            for n, row in enumerate(rows):
                for x, cell in zip(xs, row, strict=True):
                    page.insert_text((x, y + 15 * n + 11 - rise * (x > xs[0])), cell)
            y = bottom
        return build_tables(words_of(page), page_rules(page)) or []


def test_blocks_of_boxes_with_other_columns_are_tables() -> None:
    """An invoice has its parties above its goods in one frame: amounts of two columns are not one cell."""
    parties = [["Buyer", "Mill pier works"], ["Number", "91310000132149237"], ["Street", "Old harbour 200"]]
    goods = [["Goods", "Each", "Pieces", "Total"], ["Valve", "218.00", "2", "436.00"], ["Hose", "43.40", "1", "43.40"]]

    found = boxed((parties, (59, 180)), (goods, (59, 110, 160, 230)))
    assert list(map(rows_of, found)) == [parties, goods]


def test_blocks_that_share_a_column_are_one_table() -> None:
    """A row that spans columns, as a sum does, is no table of its own."""
    goods = [["Goods", "Each", "Pieces", "Total"], ["Valve", "218.00", "2", "436.00"], ["Hose", "43.40", "1", "43.40"]]

    (table,) = boxed((goods, (59, 110, 160, 230)), ([["Sum", "479.40"], ["Paid", "0.00"]], (59, 230)))
    assert table.rows == 5


def test_words_of_a_box_run_from_left_to_right() -> None:
    """A value that a program prints a point higher than its label stands after it."""
    with pymupdf.open() as document:
        page = document.new_page()
        for x in (55, 200, 255):
            page.draw_line((x, 100), (x, 145))
        page.draw_line((55, 145), (255, 145))
        for n, (label, value) in enumerate([("Name:", "Zhang"), ("Street:", "Harbour"), ("Phone:", "136")]):
            page.draw_line((55, 100 + 15 * n), (255, 100 + 15 * n))
            page.insert_text((60, 111 + 15 * n), label)
            page.insert_text((120, 110 + 15 * n), value)
            page.insert_text((210, 111 + 15 * n), "checked")
        (table,) = build_tables(words_of(page), page_rules(page)) or []

    assert [row[0] for row in rows_of(table)] == ["Name: Zhang", "Street: Harbour", "Phone: 136"]
