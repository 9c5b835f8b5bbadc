"""A table that breaks off at the end of a column goes on at the head of the next one."""

import pymupdf
import pytest

from ocrmill.pipeline.text.text_layer import read_text_layer

PROSE = "The ferry leaves the north quay at seven in the morning and comes back with the tide, in any weather. "
FEES = [("Quay", "barges of salt", f"{12 + n}.50") for n in range(40)]
HEAD = ("Place", "Cargo", "Fee")


def drawn(*, head: bool, rest_head: bool) -> pymupdf.Document:
    """Prose and the first rows in the left column, the other rows and prose in the right one."""
    document = pymupdf.open()
    page = document.new_page(width=612, height=792)
    page.insert_textbox((50, 60, 290, 400), PROSE * 10, fontsize=10)
    page.insert_textbox((322, 480, 562, 760), PROSE * 8, fontsize=10)
    for x, top, rows in ((50, 420, [HEAD] * head + FEES[:18]), (322, 75, [HEAD] * rest_head + FEES[18:])):
        for n, row in enumerate(rows):
            font = "hebo" if row is HEAD else "helv"
            for left, cell in zip((0, 70, 190), row, strict=True):
                page.insert_text((x + left, top + 17 * n), cell, fontsize=10, fontname=font)
    return document


@pytest.mark.parametrize(
    ("head", "rest_head", "tables"), [(False, False, [41]), (True, False, [42]), (True, True, [20, 24])]
)
def test_the_rest_in_the_next_column_belongs_to_the_table(head: bool, rest_head: bool, tables: list[int]) -> None:
    """Its rows follow those of the first column; a rest that repeats the header is a table of its own."""
    text = read_text_layer(drawn(head=head, rest_head=rest_head), 0, right_to_left=False)
    blocks = [text.markdown[block.start : block.end] for block in text.blocks if block.label == "table"]

    assert [block.count("\n") + 1 for block in dict.fromkeys(blocks)] == tables
    assert all(block.index("12.50") < block.index("29.50") for block in blocks[:1])
    assert text.markdown.index("29.50") < text.markdown.index("30.50") < text.markdown.rindex("The ferry")
