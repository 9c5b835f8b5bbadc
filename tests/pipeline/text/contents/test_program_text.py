"""Program text within what the layout model takes for one paragraph."""

import pytest

from ocrmill.pipeline.text.contents.part import lines_of
from ocrmill.pipeline.text.contents.program_text import parted_at_listings
from ocrmill.pipeline.text.reading_order import Box
from ocrmill.pipeline.text.words import Piece, Word

LEFT, SET_IN = 60.0, 84.0  # points
Row = tuple[str, float, int]  # text, where it begins, and how many of its words are in type of fixed width


def parted(*rows: Row) -> list[tuple[str, bool]]:
    words = []
    for number, (text, start, typed) in enumerate(rows):
        x, y = start, 100.0 + 12 * number
        for n, piece in enumerate(text.split()):
            box = Box(x, y - 8, x + 6.0 * len(piece), y + 2)
            words.append(Word((Piece(piece, box, 10.0, mono=n < typed),), box, y, number))
            x = box.x1 + 6
    pieces = parted_at_listings(lines_of(words))
    return [(" / ".join(line.text for line in piece), is_program) for piece, is_program in pieces]


def prose(text: str, x: float = LEFT) -> Row:
    return text, x, 0


def code(text: str, x: float = SET_IN) -> Row:
    return text, x, len(text.split())


LONG = "a sentence of prose that runs on to the right end of its text"


def test_program_text_between_lines_of_prose_is_cut_out() -> None:
    """Its lines are set in from those around it: each stands alone, in its order."""
    assert parted(prose(LONG + ":"), code("mill> (+ 1 2)"), code("3"), prose(LONG + "."), code("mill> 4")) == [
        (LONG + ":", False),
        ("mill> (+ 1 2) / 3", True),
        (LONG + ".", False),
        ("mill> 4", True),
    ]
    assert parted(code("mill> 4"), prose(LONG)) == [("mill> 4", True), (LONG, False)]


@pytest.mark.parametrize(
    "rows",
    [
        (prose(LONG), code("mill --grind rye", LEFT), prose("goes on.")),  # as far out as its sentence
        (prose(LONG + " and"), code("mill --grind rye"), prose("goes on.")),  # the sentence is not at its end
        (prose("[1] Miller, A., The Rye."), code("https://mill.example/rye"), prose("[2] Baker, B.")),  # an entry
        (prose("\u2022 The file is"), code("/etc/mill.conf", LEFT + 12), prose("\u2022 No other is read.")),  # an item
        (code("mill --grind rye --coarse --slowly --until-it-is-done 1234567"), prose(LONG)),  # first line, indented
        (prose(LONG + ":"), ("--rye grinds rye", SET_IN, 1)),  # a term beside what it means
    ],
)
def test_code_within_a_sentence_an_entry_or_an_item_stays_there(rows: tuple[Row, ...]) -> None:
    """A text that goes on in the type of programs holds no listing."""
    assert parted(*rows) == [(" / ".join(text for text, _, _ in rows), False)]
