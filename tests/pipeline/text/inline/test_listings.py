"""A program's text keeps its columns."""

import pytest

from ocrmill.pipeline.text.contents.part import lines_of
from ocrmill.pipeline.text.inline.listings import listing
from ocrmill.pipeline.text.reading_order import Box
from ocrmill.pipeline.text.words import Piece, Word

PROGRAM = (
    "def insertion_sort(items):",
    "    for i in range(1, len(items)):",
    "        while j >= 0 and items[j] > key:",
    "            items[j + 1] = items[j]",
    "    return items  # sorted",
)


def drawn(program: tuple[str, ...], column: float) -> list[Word]:
    """Words as LaTeX's `listings` sets them: as wide as their columns, with as much space around as between letters."""
    words = []
    for n, text in enumerate(program):
        place = 0
        for word in text.split(" "):
            if word:
                space = len(word) * (column - 5) / (len(word) + 1)
                box = Box(90 + place * column + space, 12 * n, 90 + (place + len(word)) * column - space, 12 * n + 9)
                words.append(Word((Piece(word, box, 9.0, mono=True),), box, 12 * n + 9, n))
            place += len(word) + 1
    return words


@pytest.mark.parametrize("column", [5.0, 5.7, 6.4])
def test_blanks_are_those_of_the_columns(column: float) -> None:
    """Words whose letters are spread over wider columns have one blank between them, and indented lines stay so."""
    assert listing(lines_of(drawn(PROGRAM, column))) == "\n".join(["```", *PROGRAM, "```"])


def test_words_that_begin_in_no_columns_are_set_by_their_characters() -> None:
    """Proportional blanks, or too few words to tell, leave a column as wide as a character."""
    words = drawn(("a = b", "  c = d"), 6.4)
    assert listing(lines_of(words)).splitlines()[2].startswith("   c")
