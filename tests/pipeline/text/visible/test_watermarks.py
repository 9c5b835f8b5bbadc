"""Text across a page that is marked as a watermark, and text that is not."""

from pathlib import Path

import pymupdf
import pytest
from pdf_objects import write_pages

from ocrmill.pipeline.text.layer.page_words import read_layout
from ocrmill.pipeline.text.text_layer import read_text_layer
from ocrmill.pipeline.text.visible.hidden_text import Reason, find_hidden_text

BODY = "BT /F 12 Tf 72 700 Td (The coal for the harbour office) Tj 0 -14 Td (came late, and the bell was heard.) Tj ET "
DRAFT = "q .8 g BT /F 60 Tf .7 .7 -.7 .7 150 250 Tm (DRAFT) Tj ET Q "
MARKED = f"/Artifact << /Subtype /Watermark /Type /Pagination >> BDC {DRAFT} EMC "


def page_of(path: Path, content: str, page: bytes = b"") -> pymupdf.Page:
    """A page with this content."""
    return pymupdf.open(write_pages(path, 1, 1, content=content.encode(), objects=[], page=page))[0]


@pytest.mark.parametrize("page", [b"", b"/Rotate 90", b"/CropBox [20 30 600 780]"])
@pytest.mark.parametrize("content", [MARKED + BODY, BODY + MARKED])
def test_marked_watermarks_are_left_out(content: str, page: bytes, tmp_path: Path) -> None:
    """A watermark marked as one is not in the Markdown, wherever it is drawn, and the page is flagged."""
    found = page_of(tmp_path / "page.pdf", content, page)
    text = read_text_layer(found.parent, 0, right_to_left=False)

    assert find_hidden_text(found, read_layout(found)).reasons == {Reason.WATERMARK}
    assert "DRAFT" not in text.markdown
    assert "harbour office" in text.markdown
    assert text.notes == ("hidden_text",)


def test_watermarks_of_a_layer_are_left_out(tmp_path: Path) -> None:
    """Text of the layer that Acrobat calls Watermark is left out while the layer is on."""
    document = pymupdf.open()
    page = document.new_page()
    page.insert_text((72, 100), "ferry", fontsize=12)
    page.insert_text((72, 400), "COPY", fontsize=60, oc=document.add_ocg("Watermark"))
    document.save(tmp_path / "page.pdf")
    found = pymupdf.open(tmp_path / "page.pdf")[0]

    assert find_hidden_text(found, read_layout(found)).reasons == {Reason.WATERMARK}
    assert "COPY" not in read_text_layer(found.parent, 0, right_to_left=False).markdown


@pytest.mark.parametrize(
    "content",
    [
        BODY + DRAFT,
        BODY + "/Artifact BMC BT /F 9 Tf 300 40 Td (page 3) Tj ET EMC ",
        "/Artifact << /Subtype /Watermark >> BDC q .5 0 0 .5 9 9 cm EMC " + BODY + "Q ",
        f"/Artifact << /Subtype /Watermark >> BDC {BODY} EMC ",
    ],
)
def test_what_is_not_marked_is_kept(content: str, tmp_path: Path) -> None:
    """Text without the mark is kept, and so is all if the mark holds most of the page or moves the rest of it."""
    found = page_of(tmp_path / "page.pdf", content)

    assert find_hidden_text(found, read_layout(found)).reasons == frozenset()
