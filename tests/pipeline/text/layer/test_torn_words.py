"""Lines and words that MuPDF tears are whole again, and no others are joined."""

from typing import Any

import pytest

from ocrmill.pipeline.text.layer.torn_words import joined_lines, with_percent_signs
from ocrmill.pipeline.text.reading_order import Box
from ocrmill.pipeline.text.words import Piece, Word


def line(text: str, x: float, y: float = 100.0) -> dict[str, Any]:
    """Letters of 5 points; the Devanagari i has no width, as in MuPDF."""
    characters = []
    for sign in text:
        wide = 0.0 if sign == "\u093f" else 5.0
        characters.append({"c": sign, "bbox": (x, y - 8, x + wide, y + 2), "origin": (x, y)})
        x += wide
    return {"spans": [{"size": 10.0, "chars": characters}], "dir": (1.0, 0.0)}


def word(text: str, x: float, baseline: float = 100.0) -> Word:
    box = Box(x, baseline - 8, x + 5.0 * len(text), baseline + 2)
    return Word((Piece(text, box, 10.0),), box, baseline, 0)


def texts(lines: list[dict[str, Any]]) -> list[str]:
    return ["".join(letter["c"] for span in each["spans"] for letter in span["chars"]) for each in lines]


def test_a_syllable_is_not_torn_after_its_vowel_sign() -> None:
    """A line that ends with a sign without width goes on in the next one, if a letter stands close to it there."""
    assert texts(joined_lines([line("\u0916\u093f", 50), line("\u0921\u0915", 63)])) == ["\u0916\u093f\u0921\u0915"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("\u0916\u093f", (" \u0921", 55.0, 100.0)),
        ("\u0916\u093f", ("\u0921", 90.0, 100.0)),
        ("\u0916", ("\u0921", 57.0, 100.0)),
    ]
    + [("\u0916\u093f", ("\u0921", 57.0, 114.0))],
)
def test_other_lines_stay_apart(first: str, second: tuple[str, float, float]) -> None:
    """A blank, white space, another line and any other letter part what stands before and after them."""
    assert len(joined_lines([line(first, 50), line(*second)])) == 2


def test_a_percent_sign_belongs_to_the_number_that_it_touches() -> None:
    """A percent sign joins the number on either side, with the layer's words between; one apart is a word."""
    found = with_percent_signs([word("\u0648\u0642\u062a", 120), word("46", 100), word(".", 300), word("%", 95)])
    assert [each.text for each in found] == ["\u0648\u0642\u062a", "46%", "."]
    assert found[1].box == Box(95, 92, 110, 102)
    assert [each.text for each in with_percent_signs([word("46", 100), word("%", 80)])] == ["46", "%"]
