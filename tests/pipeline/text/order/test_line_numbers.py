"""Numbers of lines in the margin come out apart from the text whose lines they count."""

import pymupdf
import pytest

from ocrmill.pipeline.quality.faithful_text import read_faithfully
from ocrmill.pipeline.records import PageText
from ocrmill.pipeline.text.layout_model import Region
from ocrmill.pipeline.text.order.line_numbers import without_numbered_lines
from ocrmill.pipeline.text.reading_order import Box
from ocrmill.pipeline.text.words import Piece, Word

DRAFT = (
    "The claimant states that on the day of its arrival the",
    "vessel was refused a berth although its dues had been",
    "paid in full on the 12th, and that it lost three days. All",
    "14 of its crew were witnesses. The port denies the re-",
    "fusal and says that the master did not answer, so that",
    "the berth was given to the next of the vessels waiting.",
)
TABLE = ("Sea Eagle   4,120", "Norne   15,300", "Marie   88", "Grey Heron   12", "Eider   7", "Tern   3")


def read(lines: tuple[str, ...], *, right: bool = False, first: int = 9, step: int = 1) -> PageText:
    """Read a page with numbers beside its lines, in full."""
    document = pymupdf.open()
    page = document.new_page()
    for n, text in enumerate(lines):
        number = str(first + step * n)
        place = 400.0 if right else 60 - pymupdf.get_text_length(number, fontsize=8)
        page.insert_text((place, 100 + 15 * n), number, fontsize=8)
        for at, cell in enumerate(text.split("   ")):
            page.insert_text((80 + 150 * at, 100 + 15 * n), cell, fontsize=11)
    return read_faithfully(pymupdf.open(stream=document.tobytes()), 0, right_to_left=False)


@pytest.mark.parametrize("right", [False, True])
def test_numbers_of_lines_are_read_after_the_text(*, right: bool) -> None:
    """A number stands in no sentence and within no word; those that the text begins a line with stay."""
    text = read(DRAFT, right=right)

    assert text.markdown == f"{' '.join(DRAFT).replace('re- fusal', 'refusal')}\n\n9 10 11 12 13 14"
    assert text.blocks is not None
    assert [block.label for block in text.blocks] == ["text", "footer"]
    assert text.fidelity is not None
    assert min(text.fidelity.recall, text.fidelity.precision, text.fidelity.order) == 1.0


def test_three_numbers_are_enough_if_every_fifth_line_has_one() -> None:
    """A bill's text has 5, 10 and 15 beside it; none of them begins its sentence."""
    document = pymupdf.open()
    page = document.new_page()
    for n, text in enumerate(3 * DRAFT[:5]):
        page.insert_text((80, 100 + 15 * n), text, fontsize=11)
        if n % 5 == 4:
            page.insert_text((50, 100 + 15 * n), str(n + 1), fontsize=8)
    markdown = read_faithfully(pymupdf.open(stream=document.tobytes()), 0, right_to_left=False).markdown

    assert markdown.endswith("\n\n5 10 15")
    assert markdown.count("the master did not answer, so that The claimant") == 2


def test_numbers_before_rows_of_a_table_stay_in_them() -> None:
    """Rows that are counted are no running text."""
    rows = [line for line in read(TABLE).markdown.splitlines() if "Heron" in line]

    assert rows
    assert "12" in rows[0].replace("Heron", "").split("Grey")[0]


def test_numbers_that_do_not_count_on_stay_where_they_are() -> None:
    """Numbers in one column with a step of zero are no numbers of lines."""
    assert "9 vessel" in read(DRAFT, step=0).markdown.replace("\n", " ").replace("  ", " ")


def test_numbers_of_items_stay_before_them() -> None:
    """Items that run over several lines have one number for more lines than one."""
    document = pymupdf.open()
    page = document.new_page()
    for n in range(6):
        page.insert_text((50, 100 + 50 * n), str(n + 1), fontsize=11)
        for row, text in enumerate(
            ("The master tells the office of the port the", "draught of the vessel, and does so before", "it comes in.")
        ):
            page.insert_text((70, 100 + 50 * n + 14 * row), text, fontsize=11)
    text = read_faithfully(pymupdf.open(stream=document.tobytes()), 0, right_to_left=False).markdown

    assert "1 2 3" not in text


def test_a_layout_model_takes_no_numbered_lines_for_items() -> None:
    """Lists whose lines have no marks, once the numbers are apart, are lines of text; other regions stay."""
    words = [
        Word((Piece(text, Box(80, 92, 180, 102), 10.0),), Box(80, 92, 180, 102), 100, 0) for text in ("The", "vessel")
    ]
    item = [Word((Piece(text, Box(80, 112, 180, 122), 10.0),), Box(80, 112, 180, 122), 120, 1) for text in ("1.", "It")]
    regions = [
        Region("list", Box(60, 90, 200, 104)),
        Region("list", Box(60, 110, 200, 124)),
        Region("text", Box(60, 90, 200, 104)),
    ]

    assert without_numbered_lines(regions, [*words, *item]) == regions[1:]
