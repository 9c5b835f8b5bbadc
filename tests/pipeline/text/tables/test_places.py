"""Rules tell which cells span: those below headings of several columns, and those beside values, which tell nothing."""

import pymupdf
import pytest
from layer_words import words_of

from ocrmill.pipeline.text.tables.grid import build_tables
from ocrmill.pipeline.text.tables.rules import page_rules
from ocrmill.pipeline.text.tables.table import Table


def table_of(page: pymupdf.Page) -> Table:
    (table,) = build_tables(words_of(page), page_rules(page)) or []
    return table


def spans(table: Table) -> dict[str, tuple[int, int]]:
    """The text of each cell that spans, with how many rows and columns it does."""
    return {
        " ".join(word.text for word in cell.words): (cell.row_span, cell.column_span)
        for cell in table.cells
        if (cell.row_span, cell.column_span) != (1, 1)
    }


def test_rules_that_touch_part_headings_evenly() -> None:
    """Two headings over two columns each have one rule below them where a browser draws their borders end to end."""
    page = pymupdf.open().new_page()
    ends = (100, 150, 210, 260, 320)
    rows = [("", "Yield", "Moisture", "Yield", "Moisture")]
    rows += [("Aurora", "7.41", "13.2", "8.02", "12.9"), ("Boreas", "6.88", "14.0", "6.35", "14.4")]
    for y, row in zip((120, 134, 148), rows, strict=True):
        for end, text in zip(ends, row, strict=True):
            page.insert_text((end - pymupdf.get_text_length(text, fontsize=10), y), text, fontsize=10)
    for middle, text in ((158, "2022"), (262, "2023")):
        page.insert_text((middle - 11, 104), text, fontsize=10)
    for y, x0 in ((92, 60), (108, 110), (124, 60), (154, 60)):
        page.draw_line((x0, y), (325, y), width=0.7)

    wide = {text: columns for text, (_, columns) in spans(table_of(page)).items() if columns > 1}
    assert wide == {"2022": 2, "2023": 2}


@pytest.mark.parametrize("ruled", [(150, 350), (60, 350)])
def test_labels_beside_ruled_values_are_rows(ruled: tuple[int, int]) -> None:
    """The labels of a form have no rules, its values do: each label stays on the row of its value."""
    page = pymupdf.open().new_page()
    rows = [("Street and number:", "Lindenallee 45"), ("Town:", "Cologne"), ("E-mail:", "chidi@example.org")]
    for n, (label, value) in enumerate(rows):
        page.insert_text((60, 100 + 20 * n), label, fontsize=10)
        page.insert_text((160, 100 + 20 * n), value, fontsize=10)
        page.draw_line((ruled[0], 104 + 20 * n), (ruled[1], 104 + 20 * n), width=0.7)

    table = table_of(page)

    assert spans(table) == {}
    assert [" ".join(word.text for word in cell.words) for cell in table.cells] == [
        text for row in rows for text in row
    ]


def test_leaders_are_no_borders() -> None:
    """A rule from a dish to its price lies on their line and parts no rows: prices stay apart."""
    page = pymupdf.open().new_page()
    page.insert_text((60, 80), "Starters", fontsize=10)
    for n, (dish, price) in enumerate([("Onion soup", "6.50"), ("Smoked trout", "8.20"), ("Lamb shoulder", "19.00")]):
        page.insert_text((60, 100 + 32 * n), dish, fontsize=10)
        page.insert_text((60, 112 + 32 * n), "served with bread", fontsize=8)
        page.insert_text((300, 100 + 32 * n), price, fontsize=10)
        start = 64 + pymupdf.get_text_length(dish, fontsize=10)
        page.draw_line((start, 100 + 32 * n), (296, 100 + 32 * n), width=0.7)

    cells = [" ".join(word.text for word in cell.words) for cell in table_of(page).cells]

    assert [text for text in cells if text[:1].isdecimal()] == ["6.50", "8.20", "19.00"]


def test_a_heading_beside_its_only_values_is_of_their_column() -> None:
    """A heading right of two numbers that it never meets names them, even where a layout model parts them."""
    page = pymupdf.open().new_page()
    rows = [("Item", "Quantity", "Value"), ("Oil", "2", "84.00"), ("Olives", "10", "62.50"), ("Sum", "", "146.50")]
    for n, row in enumerate(rows):
        for x, text in zip((60, 220 if n == 0 else 170, 330), row, strict=True):
            page.insert_text((x, 100 + 16 * n), text, fontsize=10)

    (table,) = build_tables(words_of(page), page_rules(page), lambda: ((), (130, 200, 290))) or []

    assert table.columns == 3
    middle = [cell for cell in table.cells if cell.column == 1]
    assert [" ".join(word.text for word in cell.words) for cell in middle] == ["Quantity", "2", "10", ""]
