"""The shapes of glyphs tell boxes, squares and dots, and no letter is taken for one."""

import string

import pymupdf
import pytest
from unicode_maps import with_map

from ocrmill.pipeline.pages.glyphs.glyph_log import glyph_number
from ocrmill.pipeline.pages.glyphs.ligatures import UNMAPPED, map_unmapped_glyphs
from ocrmill.pipeline.pages.glyphs.signs import BOX, DOT, SQUARE, sign_of_shape
from ocrmill.pipeline.pages.inspection import text_of

KANA_RO = "\u30ed"


@pytest.mark.parametrize(
    ("font", "drawn", "sign"),
    [
        *(("cjk", "\u25a0", SQUARE), ("cjk", "\u25a1", BOX), ("cjk", "\u25cf", DOT), ("symb", "\u2022", DOT)),
        *(("zadb", "\u25a0", SQUARE), ("zadb", "\u25c6", None), ("zadb", "\u25b2", None), ("cjk", "\u25cb", None)),
    ],
)
def test_shapes_tell_signs(font: str, drawn: str, sign: str | None) -> None:
    """A square, an empty box and a dot have theirs; a lozenge, a triangle and a circle are none of them."""
    program = pymupdf.Font(font).this
    assert sign_of_shape(program, glyph_number(program, drawn)) == sign


@pytest.mark.parametrize("font", ["helv", "tiro", "cour", "hebo", "cjk"])
def test_letters_are_no_signs(font: str) -> None:
    """Letters, digits and full stops are none, however round or square."""
    program = pymupdf.Font(font).this
    signs = string.ascii_letters + string.digits + string.punctuation
    assert {sign_of_shape(program, glyph_number(program, letter)) for letter in signs} == {None}


def unmapped(text: str, lost: str) -> pymupdf.Document:
    """A page in a font with codes of two bytes whose map to Unicode lacks a sign."""
    code = f"{glyph_number(pymupdf.Font('cjk').this, lost):04x}"
    block = f"1 beginbfchar\n<{code}> <fffd>\nendbfchar\n".encode()
    return with_map(text, "cjk", lambda program: program.replace(b"endcmap", block + b"endcmap"))


def test_a_check_box_without_a_letter_is_one() -> None:
    """The box before an answer is in all that reads the page; kana that look like one stay as they are."""
    with unmapped("\u25a1 Yes", "\u25a1") as document:
        assert UNMAPPED in text_of(document[0])
        assert map_unmapped_glyphs(document, 0)
        assert text_of(document[0]).strip() == f"{BOX} Yes"
    with unmapped(f"{KANA_RO}\u30fc\u30de", KANA_RO) as document:
        assert not map_unmapped_glyphs(document, 0)
