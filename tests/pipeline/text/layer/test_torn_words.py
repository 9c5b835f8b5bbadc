"""Lines and words that MuPDF tears are whole again, and no others are joined."""

import re
from typing import Any

import pymupdf
import pytest

from ocrmill.pipeline.quality.faithful_text import read_faithfully
from ocrmill.pipeline.text.layer.torn_words import (
    begins_in_blank,
    joined_lines,
    unfinished_lines,
    with_leaders_apart,
    with_percent_signs,
)
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


def test_a_line_that_begins_in_the_blank_of_another_goes_on_with_it() -> None:
    """Rows whose pieces end at one height are no columns: LibreOffice draws blanks wider than they are, and in turn."""
    page, edge = pymupdf.open().new_page(), 290.0
    for n, (first, second) in enumerate(
        [
            ("Winter salt and the bread of the house   ", "goes down the long cold river"),
            ("Stones and gates of a very old town   ", "stand in the wind of the coast"),
        ]
    ):
        baseline, width = 100 + 16 * n, pymupdf.get_text_length(first.rstrip(), fontsize=11)
        page.insert_text((edge - 3 - width, baseline), first, fontsize=11)
        page.insert_text((500, baseline), " ", fontsize=11)
        page.insert_text((edge, baseline), second, fontsize=11)

    read = read_faithfully(page.parent, 0, right_to_left=False, fast=True)
    assert "bread of the house goes down the long cold river Stones" in read.markdown


@pytest.mark.parametrize(
    ("text", "x", "y", "goes_on"),
    [
        ("ab ", 62.0, 100.0, True),
        ("ab ", 65.0, 100.0, True),
        ("ab ", 70.0, 100.0, False),
        ("ab ", 55.0, 100.0, False),
        ("ab ", 62.0, 114.0, False),
        ("ab", 60.0, 100.0, False),
    ],
)
def test_what_begins_after_the_blank_or_on_another_line_is_apart(
    text: str, x: float, y: float, *, goes_on: bool
) -> None:
    """The blank is the only place in which a piece of the same line begins."""
    assert begins_in_blank(line(text, 50), line("cd", x, y)) is goes_on


def test_a_percent_sign_belongs_to_the_number_that_it_touches() -> None:
    """A percent sign joins the number on either side, with the layer's words between; one apart is a word."""
    found = with_percent_signs([word("\u0648\u0642\u062a", 120), word("46", 100), word(".", 300), word("%", 95)])
    assert [each.text for each in found] == ["\u0648\u0642\u062a", "46%", "."]
    assert found[1].box == Box(95, 92, 110, 102)
    assert [each.text for each in with_percent_signs([word("46", 100), word("%", 80)])] == ["46", "%"]


def dotted(*parts: tuple[str, float]) -> list[Word]:
    """Words of a line in type of 10 points, dots 2.5 wide and 2 apart, other letters 5."""
    words = []
    for text, x in parts:
        dots = re.fullmatch(r"\.+", text)
        width = len(text) * 4.5 - 2 if dots else sum(2.5 if sign == "." else 5 for sign in text)
        box = Box(x, 92, x + width, 102)
        words.append(Word((Piece(text, box, 10.0),), box, 100.0, 0))
    return words


def test_the_dots_of_a_leader_are_its_own() -> None:
    """The first one is no full stop of the entry, and the last one no decimal point of the page."""
    found = with_leaders_apart(dotted(("buoy.", 0), (".....", 24.5), (".71\u2013305", 47), ("a", 100)))
    assert [each.text for each in found] == ["buoy", ".......", "71\u2013305", "a"]
    assert [each.box.x1 for each in found[:2]] == [20, 49.5]
    assert [each.box.x0 for each in found[1:3]] == [20, 49.5]


@pytest.mark.parametrize(
    "parts", [(("etc.", 0), ("....", 30), ("12", 60)), (("so...", 0), (".50", 30)), (("a.", 0), ("..", 9.5))]
)
def test_other_dots_stay(parts: tuple[tuple[str, float], ...]) -> None:
    """Full stops and points that stand apart from a leader, or where there is none, are not taken from their words."""
    assert with_leaders_apart(dotted(*parts)) == dotted(*parts)


KOREAN = (
    "배는 아침 일곱 시에 북쪽 부두를 떠나 저녁에 돌아온다 바람이 세게 부는 날에는 떠나지 "
    "않으며 손님은 표를 다음 날에 쓸 수 있다 항구의 등대는 해가 지면 켜지고 뜨면 "
    "꺼지는데 안개가 끼면 종을 울리고 지난 봄에는 새 배가 와서 섬까지 가는 길이 짧아졌다 "
    "선장은 물때를 보고 떠날 시간을 알리며 표는 부두 앞의 가게에서 판다"
)


def korean_lines(width: int = 17) -> list[str]:
    """Cut the text as HWP does: a blank at the end of a line ends a word."""
    lines, rest = [], KOREAN
    while len(rest) > width:
        at = width + (rest[width] == " ")
        lines.append(rest[:at])
        rest = rest[at:]
    return [*lines, rest]


@pytest.mark.parametrize("has_blanks", [True, False])
def test_a_korean_word_goes_on_in_the_next_line(*, has_blanks: bool) -> None:
    """A line without a blank at its end ends within a word, if others have one; if none has, nothing is joined."""
    document = pymupdf.open()
    page = document.new_page()
    lines = [text if has_blanks else text.rstrip() for text in korean_lines()]
    for n, text in enumerate(lines):
        page.insert_text((60, 100 + 15 * n), text, fontname="korea", fontsize=11)
    document = pymupdf.open(stream=document.tobytes())
    read = read_faithfully(document, 0, right_to_left=False, fast=True)

    assert read.markdown == (KOREAN if has_blanks else " ".join(lines))
    assert read.fidelity is not None
    assert min(read.fidelity.recall, read.fidelity.precision) == 1.0


@pytest.mark.parametrize(("text", "left", "unfinished"), [("다", 50, {5}), ("다", 62, set()), ("다다다", 50, set())])
def test_a_korean_paragraph_ends_where_the_next_one_is_indented(text: str, left: float, unfinished: set[int]) -> None:
    """A line before an indented one, or one that ends at no margin, is the last one of its paragraph."""
    rows = [*("가" * 13 + " " for _ in range(5)), "가" * 12 + text, "나나나"]
    lines = [line(row, 50 if n < 6 else left, 100 + 12 * n) for n, row in enumerate(rows)]
    boxes = [(50, 92 + 12 * n, 120, 102 + 12 * n) for n in range(len(rows))]
    lines = [{**each, "bbox": box} for each, box in zip(lines, boxes, strict=True)]

    assert unfinished_lines(lines) == unfinished


@pytest.mark.parametrize(
    ("size", "gap", "raise_by", "joined"),
    [
        (7.0, 0.0, 7.0, True),  # SO4 and 2- of an ion
        (7.0, 3.0, 7.0, False),  # a blank is between them
        (7.0, 0.0, 0.0, False),  # level, as notes in a row
        (10.0, 0.0, 7.0, False),  # not set as scripts
    ],
)
def test_scripts_of_one_word_are_not_torn(size: float, gap: float, raise_by: float, *, joined: bool) -> None:
    """A superscript that touches the subscript before it is of its word; MuPDF begins a line there."""
    head, low, high = line("SO", 50), line("4", 60, 102), line("2-", 65 + gap, 102 - raise_by)
    for script in (low, high):
        script["spans"][0]["size"] = size
    ion = {**head, "spans": [*head["spans"], *low["spans"]]}

    assert texts(joined_lines([ion, high])) == (["SO42-"] if joined else ["SO4", "2-"])
