"""Parts of a page become blocks of Markdown."""

from ocrmill.pipeline.text.contents.part import Part, lines_of
from ocrmill.pipeline.text.inline.hyphens import KnownWords
from ocrmill.pipeline.text.part_markdown import PageContext, write_parts
from ocrmill.pipeline.text.reading_order import Box, enclosing
from ocrmill.pipeline.text.words import Piece, Word

ANSWERS = (("A.", 90, 114), ("B.", 200, 114), ("C.", 90, 128))


def item(text: str, x: float, baseline: float) -> Part:
    words = []
    for each in text.split():
        box = Box(x, baseline - 8, x + 5 * len(each), baseline + 2)
        words.append(Word((Piece(each, box, 10.0),), box, baseline, 0))
        x = box.x1 + 3
    return Part("list", tuple(lines_of(words)), enclosing([word.box for word in words]))


def written(*parts: Part) -> list[str]:
    return [block.text for block in write_parts(parts, PageContext(KnownWords(), lambda: 10.0))]


def test_boxes_and_ticks_stay_before_their_items() -> None:
    """A tick is a part of what a form says, and is kept; a bullet is written as that of Markdown."""
    assert written(item("\u2610 Sail", 72, 100), item("\u2612 Motor", 72, 114), item("\u2022 Oars", 72, 128)) == [
        "- \u2610 Sail",
        "- \u2612 Motor",
        "- Oars",
    ]


def test_a_list_in_the_next_column_is_none_below_the_last_item() -> None:
    """An item farther in is part of the one above it, but not if it stands higher on the page."""
    assert written(item("1. One", 72, 100), item("a) Inner", 90, 114), item("1. Un", 300, 100)) == [
        "1. One",
        "   - a) Inner",
        "1. Un",
    ]


def test_an_item_beside_another_is_of_its_level() -> None:
    """Answers that stand in rows are no lists within lists, although each stands farther in than the one before it."""
    assert written(item("1. Which", 72, 100), *(item(f"{each} it", x, y) for each, x, y in ANSWERS)) == [
        "1. Which",
        "   - A. it",
        "   - B. it",
        "   - C. it",
    ]


def emphasized(*pieces: tuple[str, bool]) -> str:
    """A paragraph of one word whose pieces are bold or not."""
    box = Box(72, 92, 100, 102)
    word = Word(tuple(Piece(text, box, 10.0, bold=bold) for text, bold in pieces), box, 100, 0)
    return written(Part("text", tuple(lines_of([word])), box))[0]


def test_signs_around_a_word_need_not_share_its_emphasis() -> None:
    """Brackets, quotes and stops in plain type stand outside; a word with some bold letters gets no marks."""
    assert emphasized(("(", False), ("aye", True), (").", False)) == "(**aye**)."
    assert emphasized(("aye", True), (",", False)) == "**aye**,"
    assert emphasized(("aye", True), ("s,", False)) == "ayes,"
    assert emphasized(("aye", False), (",", True)) == "aye,"
    assert emphasized(("aye,", True)) == "**aye,**"
