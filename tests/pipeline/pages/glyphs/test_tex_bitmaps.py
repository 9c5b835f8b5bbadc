"""Codes of TeX's bitmap fonts are the letters that they draw."""

import string
from collections.abc import Iterable

import pymupdf
import pytest

from ocrmill.pipeline.pages.glyphs.tex_bitmaps import letters_of_codes, map_tex_bitmaps
from ocrmill.pipeline.pages.inspection import text_of

PROSE = frozenset((string.ascii_letters + ",.").encode())


def set_in_bitmaps(*texts: bytes, name: str = "/a{}") -> pymupdf.Document:
    """A page with a line for each text, in a Type 3 font of its own, its glyphs named as TeX's are."""
    document = pymupdf.open()
    page = document.new_page()
    fonts = []
    for text in texts:
        codes = sorted({*text})
        glyph = document.get_new_xref()
        document.update_object(glyph, "<<>>")
        document.update_stream(glyph, b"500 0 0 0 500 500 d1 50 0 400 500 re f")
        names = [name.format(code) for code in codes]
        font = document.get_new_xref()
        document.update_object(
            font,
            "<</Type/Font/Subtype/Type3/FontBBox[0 0 500 500]/FontMatrix[.001 0 0 .001 0 0]/FirstChar 0/LastChar 255"
            f"/Widths[{' '.join(['500'] * 256)}]/CharProcs<<{''.join(f'{each} {glyph} 0 R' for each in names)}>>"
            f"/Encoding<</Differences[{' '.join(f'{c} {each}' for c, each in zip(codes, names, strict=True))}]>>>>",
        )
        fonts.append(font)
    document.xref_set_key(
        page.xref, "Resources", f"<</Font<<{''.join(f'/F{n} {font} 0 R' for n, font in enumerate(fonts))}>>>>"
    )
    lines = [f"BT /F{n} 12 Tf 72 {700 - 20 * n} Td <{text.hex()}> Tj ET" for n, text in enumerate(texts)]
    content = document.get_new_xref()
    document.update_object(content, "<<>>")
    document.update_stream(content, "\n".join(lines).encode())
    page.set_contents(content)
    return pymupdf.open(stream=document.tobytes())


def test_ligatures_dashes_and_quotes_of_t1_and_ot1_come_out() -> None:
    """A font tells its encoding by its ligatures and dashes; the same code is another letter in the other one."""
    t1 = b"\x10The\x1crst,\x11pp.45\x1567,dreiviergro\xffes"
    ot1 = b'\\The\x0crst,"pp.45{67,di\x0eculties'
    with set_in_bitmaps(t1) as document:
        assert "first" not in text_of(document[0])
        assert map_tex_bitmaps(document, 0)
        assert text_of(document[0]).strip() == "\u201cThefirst,\u201dpp.45\u201367,dreiviergro\xdfes"
        assert not map_tex_bitmaps(document, 0)
    with set_in_bitmaps(b"fi\x0cn, k\x1cbe, sm\x1crrebr\x1cd.") as document:
        assert map_tex_bitmaps(document, 0)
        assert text_of(document[0]).strip() == "fifin, k\xf8be, sm\xf8rrebr\xf8d."
    with set_in_bitmaps(ot1) as document:
        assert map_tex_bitmaps(document, 0)
        assert text_of(document[0]).strip() == "\u201cThefirst,\u201dpp.45\u201367,difficulties"


def test_fonts_of_signs_and_of_mathematics_have_their_own_tables() -> None:
    """Bullets and daggers of TS1, a minus without which a number is another, and the Greek of formulas."""
    with set_in_bitmaps(b"\x88\x84", b"\x00\x14", b"\x0bx;y") as document:
        assert map_tex_bitmaps(document, 0)
        assert text_of(document[0]).split() == ["\u2022\u2020", "\u2212\u2264", "\u03b1x,y"]


@pytest.mark.parametrize(
    "codes",
    [PROSE, PROSE | {0xE9, 0xFF}, b"fi\x0c", b"0123", b"\x00\x01", b""],
    ids=lambda codes: repr(bytes(codes))[:9],
)
def test_fonts_in_doubt_stay_as_they_are(codes: Iterable[int]) -> None:
    """No table is taken for plain letters, those of Latin-1, a few letters, digits, and brackets."""
    assert not letters_of_codes(codes)


def test_fonts_with_other_names_of_glyphs_are_not_of_tex() -> None:
    """Names that are not a letter and the code say nothing about codes."""
    with set_in_bitmaps(b"The\x1crst,line.", name="/g{}0") as document:
        assert not map_tex_bitmaps(document, 0)


def test_a_page_on_which_nothing_looks_lost_is_mapped_too() -> None:
    """Its text would hang on which pages in the font were read before: an apostrophe is one in both."""
    with set_in_bitmaps(b"The\x1crst,\x11it's") as document:
        document.update_stream(document[0].get_contents()[0], b"BT /F0 12 Tf 72 700 Td (it's) Tj ET")
        assert map_tex_bitmaps(document, 0)
        assert text_of(document[0]).strip() == "it\u2019s"


def test_a_page_whose_fonts_cannot_be_listed_is_left_to_who_loads_it() -> None:
    """No page fails for it, and none is passed over."""
    with set_in_bitmaps(b"The\x1crst,") as document:
        assert not map_tex_bitmaps(document, 7)
