"""Glyphs without a Unicode value get the letters that their name or shape tells."""

import pymupdf
import pytest
from real_pdfs import CASES, needs_cases
from unicode_maps import with_map

from ocrmill.pipeline.pages.glyphs import ligatures
from ocrmill.pipeline.pages.glyphs.glyph_log import glyph_number
from ocrmill.pipeline.pages.glyphs.ligatures import UNMAPPED, letters_by_shape, map_unmapped_glyphs
from ocrmill.pipeline.pages.inspection import text_of


def without_ligatures(text: str) -> pymupdf.Document:
    """A page in Times whose map to Unicode lacks the ligatures."""

    def without(program: bytes) -> bytes:
        for line in (b"<006d> <006e> <fb01>\n", b"<00e7> <00e8> <fb03>\n"):
            assert line in program
            program = program.replace(line, b"")
        return program.replace(b"43 beginbfrange", b"41 beginbfrange")

    return with_map(text, "tiro", without)


def test_the_name_of_a_glyph_tells_its_letters() -> None:
    """The words are whole in all that reads the page, and the file's bytes are not touched."""
    document = without_ligatures("The o\ufb03ce \ufb01nds a \ufb02at stone.")
    before = text_of(document[0])

    assert UNMAPPED in before
    assert map_unmapped_glyphs(document, 0)
    assert text_of(document[0]).strip() == "The office finds a flat stone."
    assert not map_unmapped_glyphs(document, 0)


def test_what_has_its_letters_is_left_alone() -> None:
    """A page without unmapped glyphs keeps its fonts as they are."""
    assert not map_unmapped_glyphs(without_ligatures("Letters alone."), 0)


@needs_cases
def test_the_shape_of_a_glyph_tells_its_letters() -> None:
    """The reported page shows `commiffee`, drawn with the font's ligature of two f, which has no name there."""
    (path,) = (CASES / "pages").glob("19-*.pdf")
    with pymupdf.open(path) as document:
        assert map_unmapped_glyphs(document, 0)
        text = text_of(document[0])

    assert text.startswith("The commiffee of the sefflement noted the condifion")
    assert UNMAPPED not in text


def test_a_glyph_without_width_is_no_ligature(monkeypatch: pytest.MonkeyPatch) -> None:
    """An accent stands over the letter before it; an unmapped one stays so, and its page is read."""
    font = pymupdf.Font("tiro").this
    letters = {letter: glyph_number(font, letter) for letter in "aefit"}
    monkeypatch.setattr(ligatures, "advance", lambda *_: 0.0)

    assert letters_by_shape(font, glyph_number(font, "´"), letters) is None


@pytest.mark.parametrize("name", ["helv", "tiro", "tibo", "cour"])
def test_a_letter_is_no_ligature(name: str) -> None:
    """An unmapped glyph that is a plain letter stays unmapped: its shape is no row of letters."""
    font = pymupdf.Font(name).this
    letters = {letter: glyph_number(font, letter) for letter in "abcdefhijlmnoprstuvwxyzABCDEFGHIJ"}
    assert [letters_by_shape(font, glyph_number(font, letter), letters) for letter in "gkQ7"] == [None] * 4
