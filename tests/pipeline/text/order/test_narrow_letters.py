"""Letters that a line from right to left draws without width stand behind those that they belong to."""

import pytest

from ocrmill.pipeline.text.layer.blanks import Character
from ocrmill.pipeline.text.order.narrow_letters import NarrowLetters

WIDE = 5.0  # points, of a letter
NASKH = {"font": "NotoNaskhArabic-Regular", "size": 12.0}


def characters(given: str) -> list[Character]:
    """Characters from right to left in MuPDF's order; those after an apostrophe have no width."""
    found: list[Character] = []
    x = 500.0
    for before, sign in zip(" " + given, given, strict=False):
        if sign != "'":
            x -= WIDE * (before != "'")
            right = x + WIDE * (before != "'")
            found.append(Character(sign, (x, 92, right, 102), (x, 100), NASKH))
    return found


def line_of(given: str) -> dict[str, object]:
    letters = [{"c": each.text, "bbox": each.box, "origin": each.origin} for each in characters(given)]
    return {"spans": [{**NASKH, "chars": letters}], "dir": (1.0, 0.0), "wmode": 0}


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("\u0643'\u0627\u0644\u0648", "\u0643\u0644\u0627\u0648"),  # one glyph, its letters reversed
        ("\u0627'\u0647'\u0644\u0644", "\u0627\u0644\u0644\u0647"),  # of three letters
        ("\u0627\u0644'\u0623\u0632\u0631\u0642", "\u0627\u0644\u0623\u0632\u0631\u0642"),  # a glyph of its own
        ("\u0644\u0644'\u0627\u0633", "\u0644\u0644\u0627\u0633"),
        ("\u0644'\u0627 \u0633", "\u0644\u0627 \u0633"),
    ],
)
def test_a_letter_without_width_follows_its_own(given: str, written: str) -> None:
    """The letters of a ligature come in reverse, an alef that is a glyph without width does not."""
    narrow = NarrowLetters([line_of(given)])

    assert "".join(each.text for each in narrow.in_order(characters(given))) == written


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("\u0643\u0631~'\u064b'\u0627.", "\u0643\u0631\u0627\u064b."),  # `kathiran`, a blank for its alef
        ("\u0628~'\u064b'\u062d~\u0627 \u0648", "\u0628\u062d\u064b\u0627 \u0648"),  # on both sides
        ("\u0643\u0646~'\u064e'\u062a \u0648", "\u0643\u0646\u062a\u064e \u0648"),
        ("\u064a'\u064b\u0627~'\u0644\u060c", "\u064a\u0644\u0627\u064b\u060c"),  # lam-alef
        ("\u0643'\u064b \u0648", "\u0643\u064b \u0648"),  # a mark behind its letter stays there
    ],
)
def test_a_mark_follows_the_letter_that_has_no_width_either(given: str, written: str) -> None:
    """Chromium gives letter and mark no width where the mark is set higher; the blank found beside them is none."""
    narrow = NarrowLetters([line_of(given.replace("~", " "))])
    line = [each._replace(text=" ", is_found=True) if each.text == "~" else each for each in characters(given)]

    assert "".join(each.text for each in narrow.in_order(line)) == written


def test_between_two_lams_the_rest_of_the_page_tells() -> None:
    """An alef between two lams belongs to the first where the font's alefs elsewhere do, as in `khilal`."""
    khilal = "\u062e\u0644'\u0627\u0644"
    alone, beside = NarrowLetters([line_of(khilal)]), NarrowLetters([line_of(khilal), line_of("\u0644'\u0627")])

    assert "".join(each.text for each in alone.in_order(characters(khilal))) == "\u062e\u0644\u0644\u0627"
    assert "".join(each.text for each in beside.in_order(characters(khilal))) == "\u062e\u0644\u0627\u0644"
