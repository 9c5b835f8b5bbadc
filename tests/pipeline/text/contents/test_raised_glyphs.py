"""Digits that are small glyphs above or below the baseline come out as scripts, not as digits of the number beside."""

import pymupdf

from ocrmill.pipeline.quality.faithful_text import read_faithfully

_MAP = b"""/CIDInit /ProcSet findresource begin 12 dict begin begincmap
1 begincodespacerange <00> <ff> endcodespacerange
2 beginbfchar <b2> <0032> <b3> <0033> endbfchar
endcmap CMapName currentdict /CMap defineresource pop end end"""


def read(text: str, turn: int = 0) -> str:
    """Read a line whose font says 2 and 3 of its raised digits, as OpenType fonts do."""
    document = pymupdf.open()
    page = document.new_page()
    page.insert_text((100, 400), text, fontname="helv", rotate=turn)
    mapping = document.get_new_xref()
    document.update_object(mapping, "<<>>")
    document.update_stream(mapping, _MAP)
    document.xref_set_key(page.get_fonts()[0][0], "ToUnicode", f"{mapping} 0 R")
    read_back = pymupdf.open(stream=document.tobytes())
    assert "\u00b2" not in read_back[0].get_text()
    return read_faithfully(read_back, 0, right_to_left=False, fast=True).markdown


def test_a_raised_digit_of_its_own_glyph_is_a_superscript() -> None:
    """A ten to the power of three is not 103, and an area of 42 square metres not of m2."""
    assert read("The sum is 10\u00b3 or 23 of 42 m\u00b2.") == "The sum is 10<sup>3</sup> or 23 of 42 m<sup>2</sup>."


def test_raised_digits_are_found_in_text_that_is_turned() -> None:
    """Above the baseline is to the left of a line that runs upwards."""
    assert read("The sum is 10\u00b3 or 23.", 90) == "The sum is 10<sup>3</sup> or 23."


def test_text_without_raised_digits_stays_as_it_is() -> None:
    """Digits on the baseline are no scripts, however narrow the letters beside them."""
    assert read("In 1931 there were 123 of 211.") == "In 1931 there were 123 of 211."
