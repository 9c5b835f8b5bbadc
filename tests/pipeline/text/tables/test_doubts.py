"""Dots that lead the eye are of a contents page or of a table, by the numbers behind them."""

import pymupdf
import pytest
from layer_words import words_of

from ocrmill.pipeline.text.tables.doubts import leads
from ocrmill.pipeline.text.tables.grid import build_tables
from ocrmill.pipeline.text.tables.rules import Rules
from ocrmill.pipeline.text.words import Word

OFFICES = ["Harbour dues", "Pilots and boats of the north quay", "Coal", "Repairs of the old pier"]


def drawn(numbers: list[list[str]]) -> list[Word]:
    """Draw rows of a name, dots up to x = 250, and numbers from there on, 60 points apart."""
    page = pymupdf.open().new_page()
    for n, (name, row) in enumerate(zip(OFFICES, numbers, strict=True)):
        y, x = 100 + 14 * n, 60 + pymupdf.get_text_length(f"{name} ", fontsize=10)
        page.insert_text((60, y), name, fontsize=10)
        while x < 250:
            page.insert_text((x, y), ".", fontsize=10)
            x += 6
        for m, number in enumerate(row):
            width = pymupdf.get_text_length(number, fontsize=10)
            page.insert_text((300 + 60 * m - width, y), number, fontsize=10)
    return words_of(page)


def test_dots_to_several_numbers_are_in_the_first_cells_of_a_table() -> None:
    """Statistics and accounts lead to their figures by dots, which are no columns."""
    figures = [
        ["1,204.5", "980.0", "224.5"],
        ["88.1", "(X)", "88.1"],
        ["7,001.2", "6,900.9", "100.3"],
        ["0.5", "0.5", "(X)"],
    ]
    (table,) = build_tables(drawn(figures), Rules()) or []

    rows = [[cell.words for cell in table.cells if cell.row == n] for n in range(table.rows)]
    assert [[" ".join(word.text for word in words) for words in row[1:]] for row in rows] == figures
    names = [" ".join(word.text for word in row[0] if word.text.strip(".")) for row in rows]
    assert names == OFFICES


def test_dots_to_one_number_are_of_a_contents_page() -> None:
    """A page is what they lead to, and the rows are no table."""
    words = drawn([["1"], ["12"], ["88"], ["107"]])

    assert not build_tables(words, Rules())


@pytest.mark.parametrize(
    ("numbers", "is_entry"), [(["12"], True), (["12", "40"], False), (["1,204.5", "(X)", "3"], False)]
)
def test_an_entry_has_one_number_behind_its_dots(numbers: list[str], *, is_entry: bool) -> None:
    """Tell an entry of a contents page from a row of a table."""
    words = drawn([numbers, *[["1"]] * 3])
    first = [word for word in words if abs(word.baseline - 100) < 1]

    assert leads(first) is is_entry
