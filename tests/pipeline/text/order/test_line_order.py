"""Lines from right to left come out in the order in which they were written."""

import pytest

from ocrmill.pipeline.text.layer.blanks import Character
from ocrmill.pipeline.text.order.line_order import in_logical_order, with_digits_in_order, with_signs_in_order
from ocrmill.pipeline.text.reading_order import Box
from ocrmill.pipeline.text.words import Piece, Word

WIDE, BLANK = 5.0, 3.0  # points, of a letter and between words


def characters(shown: str) -> list[Character]:
    """Characters as they are shown from left to right."""
    return [
        Character(sign, (WIDE * n, 92, WIDE * n + WIDE, 102), (WIDE * n, 100), {"size": 10.0})
        for n, sign in enumerate(shown)
    ]


def left(character: Character) -> float:
    return character.box[0]


def line(*shown: str) -> list[Word]:
    """Words as they are shown from left to right, each in its own order; those that begin with `<` touch the last."""
    words: list[Word] = []
    x = 0.0
    for text in shown:
        x -= BLANK * text.startswith("<")
        box = Box(x, 92, x + WIDE * len(text.lstrip("<")), 102)
        words.append(Word((Piece(text.lstrip("<"), box, 10.0),), box, 100, 0))
        x = box.x1 + BLANK
    return words


def read(*shown: str) -> str:
    return " ".join(word.text for word in in_logical_order(line(*shown)))


@pytest.mark.parametrize(
    ("shown", "written"),
    [
        ("%95", "95%"),
        ("\u060c%1,234.5", "1,234.5%\u060c"),
        (".(%12", "12%)."),
        ("95%", "95%"),
        ("%", "%"),
        (".03-555-0142", "03-555-0142."),
        ("16:45-", "-16:45"),
        ("44+", "+44"),
        ("-5", "-5"),
        (".info@example.org", "info@example.org."),
        (".12\u201315", "15\u201312."),
        ("$99.50", "$99.50"),
        ("IBM", "IBM"),
        ("A\u2013B", "A\u2013B"),
    ],
)
def test_signs_at_the_ends_of_a_number_are_where_they_were_written(shown: str, written: str) -> None:
    """A line from right to left shows what follows a number to its left, and the end of a range before its start."""
    assert "".join(each.text for each in with_signs_in_order(characters(shown), left, is_arabic=False)) == written


def test_a_sign_of_another_font_stays_within_its_word() -> None:
    """Hebrew shortens words with a mark before the last letter; drawn from a second font, it does not go to the end."""
    first, mark, last = (
        [each._replace(span={"size": 10.0}) for each in characters(text)]
        for text in ("\u05d3\u05d5\u05d0", '"', "\u05dc")
    )
    drawn = [
        each._replace(box=(x, 92, x + WIDE, 102))
        for each, x in zip([*first, *last, *mark], (40, 35, 30, 20, 25), strict=True)
    ]
    spans = [first[0].span] * 3 + [last[0].span, mark[0].span]
    word = [each._replace(span=span) for each, span in zip(drawn, spans, strict=True)]

    assert (
        "".join(each.text for each in with_signs_in_order(word, left, is_arabic=False)) == '\u05d3\u05d5\u05d0"\u05dc'
    )


@pytest.mark.parametrize(
    ("shown", "written"),
    [
        ("\u0662\u0660\u0660\u0666 \u0644\u0648", "\u0648\u0644 \u0662\u0660\u0660\u0666"),
        ("1,234.50 \u05d1\u05d0.", ".\u05d0\u05d1 1,234.50"),
        ("16/12/2006", "16/12/2006"),
        ("7, 12", "12 ,7"),
    ],
)
def test_digits_drawn_from_the_right_are_read_from_the_left(shown: str, written: str) -> None:
    """Arabtex and others draw each glyph of a line from the right, digits too; a year is no other year for that."""
    assert "".join(each.text for each in with_digits_in_order(characters(shown)[::-1], left)) == written
    assert "".join(each.text for each in with_digits_in_order(characters(shown), left)) == shown


@pytest.mark.parametrize(("drawn", "written"), [("\u0661\u0662", "\u0662\u0661"), ("12", "12")])
def test_arabic_digits_drawn_from_the_right_turn_in_a_latin_line(drawn: str, written: str) -> None:
    """XeTeX draws the number of a line of code so; Latin digits that go back are a fraction, or stand in two lines."""
    number, code = characters("XX"), characters("XXsum")[2:]
    stepped = [number[1]._replace(text=drawn[0]), number[0]._replace(text=drawn[1])]

    assert "".join(each.text for each in with_digits_in_order([*stepped, *code], left)) == f"{written}sum"


def test_currency_stands_where_its_script_writes_it() -> None:
    """Arabic shows the sign that is written before a number to its right; Hebrew shows it to its left."""
    shown = characters(".99.50$")

    assert "".join(each.text for each in with_signs_in_order(shown, left, is_arabic=True)) == "$99.50."
    assert "".join(each.text for each in with_signs_in_order(shown, left, is_arabic=False)) == "99.50$."


def test_latin_words_and_numbers_do_not_turn_a_line() -> None:
    """Letters tell the direction of a line: a sentence with dates and prices still begins at its right."""
    assert read("99.50", "בסך", "3/10/2023", "-ב", "Android", "14", "את", "Google", "השיקה", "אתמול") == (
        "אתמול השיקה Google את Android 14 -ב 3/10/2023 בסך 99.50"
    )
    assert read("the", "word", "שלום", "means", "peace") == "the word שלום means peace"


def test_numbers_beside_each_other_are_read_from_the_right() -> None:
    """The first of two numbers stands right of the second; groups of one number run as the number does."""
    assert read("0958", "7946", "20", "+44", "טלפון") == "טלפון +44 20 7946 0958"
    assert read("תושבים", "1", "234", "567") == "1 234 567 תושבים"


def test_what_touches_is_one_word() -> None:
    """A letter before a number and a comma after it are parts of its word, in whatever runs a layer has them."""
    assert read("טלפון", ",", "<-16:45", "<ל", "משעה") == "משעה ל-16:45, טלפון"
    assert read("ספריות", "<Python", "משעה") == "משעה Python ספריות"
