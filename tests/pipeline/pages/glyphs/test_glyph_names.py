"""Names of glyphs tell letters that neither the font's map nor Unicode's own codes have."""

import pymupdf
import pytest
from real_pdfs import CORPUS, needs_corpus

from ocrmill.pipeline.pages.glyphs.glyph_names import is_private, text_of_name
from ocrmill.pipeline.pages.glyphs.ligatures import UNMAPPED, Told, map_unmapped_glyphs
from ocrmill.pipeline.pages.inspection import text_of


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("f_f_i.alt", "ffi"),
        ("uni00740069", "ti"),
        ("summationdisplay", "∑"),
        ("integraltext", "∫"),
        ("parenleftBigg", "("),
        ("radicalbig", "√"),
        ("uniondisplay", "⋃"),
        ("floorrightbig", "⌋"),
        ("bracketlefttp", "⎡"),
        ("braceleftmid", "⎨"),
        ("braceex", "⎪"),
        ("parenrightbt", "⎠"),
        ("hatwidest", "ˆ"),
        ("sevenoldstyle", "7"),
        ("Qsmall", "Q"),
        ("Eacutesmall", "É"),
        ("dotlessj", "ȷ"),
    ],
)
def test_a_name_tells_the_letter_that_is_seen(name: str, text: str) -> None:
    """Sizes of signs, pieces of brackets, old-style digits and small capitals are written as Unicode has them."""
    assert text_of_name(name) == text


@pytest.mark.parametrize("name", ["a12", "glyph7", "text", "big", "noteheads.s2", "internalchar"])
def test_a_name_that_says_nothing_tells_no_letter(name: str) -> None:
    """A name that only its font explains leaves the glyph unmapped."""
    assert text_of_name(name) is None


def test_pieces_of_brackets_are_characters_of_unicode() -> None:
    """Symbol's tall brackets have private codes, which a corpus cannot use; names tell, and no shape is asked."""
    document = pymupdf.open()
    page = document.new_page()
    page.insert_text((72, 72), "x", fontname="symb")
    document.xref_set_key(page.get_fonts()[0][0], "Encoding", "null")
    document.update_stream(page.get_contents()[0], b"BT /symb 12 Tf 72 700 Td <E6 E7 E8 61 F6 F7 F8> Tj ET")
    document = pymupdf.open(stream=document.tobytes())

    assert any(map(is_private, text_of(document[0])))
    assert map_unmapped_glyphs(document, 0) is Told.NAMES
    assert text_of(document[0]).strip() == "⎛⎜⎝α⎞⎟⎠"


@needs_corpus
def test_signs_of_tex_fonts_are_told_by_name() -> None:
    """A real paper's formulas have sums and tall brackets that its fonts do not map."""
    with pymupdf.open(CORPUS / "DeepSeek_OCR2_paper.pdf") as document:
        assert UNMAPPED in text_of(document[6])
        assert map_unmapped_glyphs(document, 6, by_shape=False) is Told.NAMES
        assert UNMAPPED not in text_of(document[6])
