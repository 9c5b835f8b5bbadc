"""Blanks that no glyph draws are found by the white space of their line."""

import pytest

from ocrmill.pipeline.text.layer.blanks import Character, with_blanks, without_letterspacing, without_narrow_blanks


def characters(text: str, gap: float, size: float = 10.0) -> list[Character]:
    """Letters of 5 points; `_` is white space of that width without a character, a blank one that is drawn."""
    span = {"size": size, "font": "Plain", "flags": 0}
    out, x = [], 50.0
    for sign in text:
        if sign == "_":
            x += gap
            continue
        out.append(Character(sign, (x, 90.0, x + (gap if sign == " " else 5.0), 102.0), (x, 100.0), span))
        x = out[-1].box[2]
    return out


def text_of(line: list[Character]) -> str:
    return "".join(character.text for character in with_blanks(without_letterspacing(line)))


@pytest.mark.parametrize(
    ("line", "read"),
    [
        ("\ubd04_\uae38\uacfc_\ube75_\ube75", "\ubd04 \uae38\uacfc \ube75 \ube75"),  # few letters, mostly blanks
        ("\u0939\u0935\u093e_\u0930\u093e\u0924,  ", "\u0939\u0935\u093e \u0930\u093e\u0924,  "),  # blanks at the end
    ],
)
def test_white_space_in_a_line_without_blanks_is_a_blank(line: str, read: str) -> None:
    """A short line whose gaps are mostly blanks has them all; blanks at its end do not count as blanks within it."""
    assert text_of(characters(line, gap=2.6)) == read


def test_the_last_of_letters_set_apart_may_have_a_point() -> None:
    """Letters set apart are one word, its last letter too, where a point follows it; initials stay apart."""
    assert text_of(characters("a p a r t.", gap=2.2)) == "apart."
    assert text_of(characters("A. B. C. D. E.", gap=2.2)) == "A. B. C. D. E."


def test_a_row_of_dots_stays_one_word() -> None:
    """Leaders have no blanks where the layer has none: the usual gap of such a line is that between its dots."""
    assert text_of(characters("_".join("." * 12), gap=2.2)) == "." * 12


def spaced(text: str, gap: float) -> str:
    """Read letters set apart by `gap` points, with a blank of MuPDF's wherever `text` has `~`."""
    line: list[Character] = []
    drawn = iter(characters("_".join(text.replace("~", "")), gap=gap))
    for sign in text:
        line.append(line[-1]._replace(text=" ") if sign == "~" else next(drawn))
    return "".join(each.text for each in with_blanks(without_narrow_blanks(without_letterspacing(line))))


@pytest.mark.parametrize(
    ("layer", "read"),
    [
        ("Accounts of 1~9~1~1", "Accounts of 1911"),
        ("ROUTES OF 1914~\u2013~1918", "ROUTES OF 1914\u20131918"),
        ("ORDER O~F PORTS", "ORDER OF PORTS"),
    ],
)
def test_a_gap_like_those_between_letters_set_apart_is_no_blank(layer: str, read: str) -> None:
    """In a line whose letters are set apart MuPDF parts digits, dashes and short words at such gaps."""
    assert spaced(layer, gap=2.2) == read


def test_blanks_between_numbers_stay_in_a_line_set_close() -> None:
    """Two numbers a blank apart are two where the letters of the line touch each other."""
    assert spaced("rows 12~34", gap=0.0) == "rows 12 34"


@pytest.mark.parametrize(("gap", "read"), [(-0.4, "Two"), (0.0, "Two"), (1.0, "Tw o"), (-30.0, "Tw o")])
def test_a_blank_between_letters_that_touch_is_none(gap: float, read: str) -> None:
    """Letters that touch are of one word: groff kerns by blanks. A line may go back to write elsewhere."""
    line = characters("Tw o", gap)

    assert "".join(each.text for each in without_narrow_blanks(line)) == read


@pytest.mark.parametrize(("gap", "read"), [(1.5, "sort(items)"), (5.0, "sort (items)")])
def test_a_blank_in_type_of_fixed_width_is_as_wide_as_a_letter(gap: float, read: str) -> None:
    """Listings spread letters over columns that are wider: MuPDF finds blanks there, which are far narrower."""
    mono = {"size": 9.0, "font": "CMTT9", "flags": 8}
    line = [each._replace(span=mono, is_found=each.text == " ") for each in characters("sort (items)", gap=gap)]

    assert "".join(each.text for each in without_narrow_blanks(line)) == read


@pytest.mark.parametrize(("text", "alpha"), [("the rope", 255), ("Arthure, MS", 0)])
def test_narrow_blanks_of_an_invisible_layer_are_blanks(text: str, alpha: int) -> None:
    """Scans have what OCR found in Courier below the picture, its words set as close as those that are seen."""
    mono = {"size": 9.0, "font": "Courier", "flags": 8, "alpha": alpha}
    line = [each._replace(span=mono, is_found=each.text == " ") for each in characters(text, gap=1.5)]

    assert "".join(each.text for each in without_narrow_blanks(line)) == text


@pytest.mark.parametrize(
    ("text", "gap", "read"), [("62. 6", 1.6, "62.6"), ("62. 6", 4.0, "62. 6"), ("off f", 2.6, "off f")]
)
def test_a_point_without_width_takes_the_gap_behind_it(text: str, gap: float, read: str) -> None:
    """Some fonts give their points no width, and MuPDF finds a blank in numbers; the end of a ligature has none."""
    line = [each._replace(is_found=each.text == " ") for each in characters(text, gap)]
    x0, y0, _, y1 = line[2].box
    line[2] = line[2]._replace(box=(x0, y0, x0, y1))
    shift = line[3].box[0] - x0
    line[4] = line[4]._replace(box=(line[4].box[0] - shift, y0, line[4].box[2] - shift, y1))

    assert "".join(each.text for each in without_narrow_blanks(line)) == read


@pytest.mark.parametrize(("width", "read"), [(0.0, "off a"), (4.0, "off a"), (-0.4, "offa")])
def test_a_blank_after_a_ligature_is_as_wide_as_itself(width: float, read: str) -> None:
    """PyMuPDF gives the last letter of a ligature, which has no width, that of the letter alone: over the blank.

    A blank that itself has no room, as after a step back, is none.
    """
    line = [each._replace(is_found=each.text == " ") for each in characters("off a", gap=-0.4 if width < 0 else 3.0)]
    x0, y0, _, y1 = line[2].box
    line[2] = line[2]._replace(box=(x0, y0, x0 + (5.0 if width < 0 else width), y1))
    if width >= 0:
        line[3:] = [
            each._replace(box=(each.box[0] - 5, y0, each.box[2] - 5, y1), origin=(each.origin[0] - 5, each.origin[1]))
            for each in line[3:]
        ]

    assert "".join(each.text for each in without_narrow_blanks(line)) == read


def test_letters_as_far_apart_as_a_blank_are_of_two_words() -> None:
    """MuPDF finds some blanks of a line set close, and not those that are a hair narrower; digits stay together."""
    line = [each._replace(is_found=each.text == " ") for each in characters("go to_it 1_2", gap=1.52)]
    line = [each for each in line if each.text != "_"]
    narrower = [each._replace(box=(each.box[0] + 0.03, *each.box[1:])) if each.text in "i2" else each for each in line]

    assert "".join(each.text for each in with_blanks(narrower)) == "go to it 12"


def test_what_ocr_found_has_no_kerning() -> None:
    """Letters of an invisible layer may be wider than those of the scan, so that words touch."""
    hidden = {"size": 10.0, "font": "Helvetica", "flags": 0, "alpha": 0}
    line = [each._replace(span=hidden) for each in characters("Tw o", -0.4)]

    assert "".join(each.text for each in without_narrow_blanks(line)) == "Tw o"


def test_a_narrow_blank_between_text_and_type_of_fixed_width_is_one() -> None:
    """A word of a program in a sentence stands as close to the words beside it as they do to each other."""
    mono, line = {"size": 9.0, "font": "CMTT9", "flags": 8}, characters("special loop LIR", gap=1.5)
    line = [each._replace(is_found=each.text == " ") for each in line]
    line[7:13] = [each._replace(span=mono) for each in line[7:13]]

    assert "".join(each.text for each in without_narrow_blanks(line)) == "special loop LIR"


def test_a_vowel_without_width_is_no_blank() -> None:
    """The Thai vowel am has no width in what Chromium prints: what it takes on the page is no blank after it."""
    line = characters("\u0e08\u0e33\u0e19\u0e27\u0e19", gap=0)
    line[1] = line[1]._replace(box=(*line[1].box[:2], line[1].box[0], line[1].box[3]))

    assert text_of(line) == "\u0e08\u0e33\u0e19\u0e27\u0e19"


def typed(text: str, gap: float, prose: str = "") -> list[Character]:
    """Characters in type of fixed width behind prose in other type; blanks are MuPDF's."""
    mono = {"size": 10.0, "font": "CMTT10", "flags": 8}
    line = characters(prose + text, gap=gap)
    return [
        each._replace(span=mono if n >= len(prose) else each.span, is_found=each.text == " ")
        for n, each in enumerate(line)
    ]


@pytest.mark.parametrize("code", ["(1 . 2)", "(+ 1 2)", "lilypond -fpng", '\\a dijo "b"'])
def test_blanks_of_code_in_a_sentence_shrink_as_those_of_the_sentence(code: str) -> None:
    """Columns are those of a listing, whose lines are in one type: in a sentence set close `(1 . 2)` has two blanks."""
    line = typed(code, gap=3.3, prose="El par de ")

    assert "".join(each.text for each in without_narrow_blanks(line)) == f"El par de {code}"


@pytest.mark.parametrize(("text", "read"), [("f4 f e e d d c2", "f4 f e e d d c2"), ("C O N T E N T S", "CONTENTS")])
def test_single_letters_in_type_of_fixed_width_are_words(text: str, read: str) -> None:
    """Notes and variables are words of one letter; typists set headings apart by blanks, in capitals."""
    line = typed(text, gap=5.0)

    assert "".join(each.text for each in without_narrow_blanks(without_letterspacing(line))) == read
