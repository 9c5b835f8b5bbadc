"""A heading at the left, above which all columns end and below which all begin again, is read between them."""

import pymupdf
import pytest

from ocrmill.pipeline.text.contents.part import Part, lines_of
from ocrmill.pipeline.text.order.heads_of_columns import heads_columns
from ocrmill.pipeline.text.reading_order import Box, enclosing
from ocrmill.pipeline.text.text_layer import read_text_layer
from ocrmill.pipeline.text.words import Piece, Word

PROSE = (
    "{} rain fell across the valley in the night and closed two of the bridges. Farmers moved their cattle to higher "
    "ground before dawn, and by noon the river had begun to fall. The mayor thanked those who had filled the sacks. "
)


def test_articles_in_three_columns_are_read_one_after_the_other() -> None:
    """The second headline stands in the first column only, and yet ends the first article in all of them."""
    document = pymupdf.open()
    page = document.new_page(width=595, height=560)
    for top, headline, names in (
        (60, "River falls", ("Heavy", "Cold", "Late")),
        (300, "Council", ("No", "Some", "Much")),
    ):
        page.insert_text((40, top), headline, fontsize=16, fontname="hebo")
        for x, name in zip((40, 215, 390), names, strict=True):
            page.insert_textbox((x, top + 12, x + 160, top + 230), PROSE.format(name) * 2, fontsize=10)

    markdown = read_text_layer(document, 0, right_to_left=False).markdown

    found = [markdown.index(each) for each in ("River", "Heavy", "Cold", "Late", "Council", "No rain", "Some", "Much")]
    assert found == sorted(found)


def part(label: str, x: float, y: float, lines: int = 1, pitch: float = 12.0) -> Part:
    """Lines of 150 by 10 points."""
    boxes = [Box(x, y + pitch * n, x + 150, y + pitch * n + 10) for n in range(lines)]
    words = [Word((Piece("word", box, 10.0),), box, box.y1, n) for n, box in enumerate(boxes)]
    return Part(label, tuple(lines_of(words)), enclosing(boxes))


@pytest.mark.parametrize(
    ("beside", "heads"),
    [
        ([part("text", 250, 100, 8), part("text", 250, 230, 8)], True),  # the gap is beside the heading
        ([part("text", 250, 100, 20)], False),  # lines stand beside it
        ([part("text", 250, 100, 8), part("text", 250, 245, 8)], False),  # what goes on begins lower
        ([part("text", 250, 230, 8)], False),  # nothing ends above
    ],
)
def test_a_heading_is_of_all_columns_if_all_end_above_it(beside: list[Part], heads: bool) -> None:
    """Columns that go on beside a heading, or begin at another height below it, are not headed by it."""
    heading = part("heading", 50, 210)
    parts = [part("text", 50, 100, 8), heading, part("text", 50, 230, 8), *beside]

    assert heads_columns(heading, parts) is heads
