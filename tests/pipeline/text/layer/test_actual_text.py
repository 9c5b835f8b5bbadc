"""A tagged PDF says what its glyphs stand for: that is read, once, and measured as the layer."""

from pathlib import Path

import pymupdf
import pytest
from pdf_objects import write_pages

from ocrmill.pipeline.quality.faithful_text import read_faithfully

REST = "BT /F 12 Tf 72 680 Td (walkers and dogs.) Tj ET "


@pytest.mark.parametrize(
    ("content", "read"),
    [
        ("BT /F 12 Tf 72 694 Td (of) Tj /Span << /ActualText (fi) >> BDC (#) Tj EMC (ce of) Tj ET ", "office of "),
        ("BT /F 12 Tf 72 694 Td (re) Tj /Span << /ActualText <FEFF00AD> >> BDC (-) Tj EMC 0 -1 Td ET ", "re"),
        ("/Span << /ActualText () >> BDC BT /F 12 Tf 72 694 Td (an ornament) Tj ET EMC ", ""),
        ("/Artifact << /Type /Pagination >> BDC BT /F 12 Tf 72 694 Td (Tides of) Tj ET EMC ", "Tides of "),
    ],
)
def test_what_glyphs_stand_for_is_read(content: str, read: str, tmp_path: Path) -> None:
    """A ligature without a value, a hyphen at a line's end, an ornament; artifacts are text like any other."""
    write_pages(tmp_path / "page.pdf", 1, 1, content=(content + REST).encode(), objects=[])
    with pymupdf.open(tmp_path / "page.pdf") as document:
        text = read_faithfully(document, 0, right_to_left=False, fast=True)

    assert text.markdown == f"{read}walkers and dogs."
    assert text.fidelity is not None
    assert (text.fidelity.recall, text.fidelity.precision) == (1, 1)
    assert text.notes == ()


@pytest.mark.parametrize(
    "letters", ["secret words", "x", "a much longer text than the glyphs that are drawn for it here"]
)
@pytest.mark.parametrize("hiding", ["3 Tr", "1 1 1 rg"])
def test_what_hidden_glyphs_stand_for_is_hidden(hiding: str, letters: str, tmp_path: Path) -> None:
    """Text in its stead is no more seen than glyphs that are not painted, or white on white; the page is flagged."""
    hidden = f"/Span << /ActualText (unseen tidings) >> BDC BT {hiding} /F 12 Tf 72 694 Td ({letters}) Tj ET EMC "
    shown = "BT 0 Tr 0 g /F 12 Tf 72 680 Td (walkers and) Tj /Span << /ActualText (their) >> BDC ( th) Tj EMC ET "
    write_pages(tmp_path / "page.pdf", 1, 1, content=(hidden + shown).encode(), objects=[])
    with pymupdf.open(tmp_path / "page.pdf") as document:
        text = read_faithfully(document, 0, right_to_left=False, fast=True)

    assert "unseen" not in text.markdown
    assert "tidings" not in text.markdown
    assert text.markdown.startswith("walkers and")
    assert text.notes == ("hidden_text",)
