"""Lines that need no mending are read by a shorter way."""

from pathlib import Path
from typing import Any

import pymupdf
import pytest
from real_pdfs import CORPUS

from ocrmill.pipeline.text.layer import page_words
from ocrmill.pipeline.text.layer.plain_lines import plain_line_words

LINES = ("Plain words, with 1,234.50 and (brackets).", "Größe über alles, naïve café.", "A B C D E F", "It`s an accent")
FEW_PAGES = 4


def layout_of(page: pymupdf.Page) -> list[dict[str, Any]]:
    return [line for block in page_words.read_layout(page)["blocks"] for line in block["lines"]]


def test_gives_the_words_that_the_long_way_gives(monkeypatch: pytest.MonkeyPatch, pages: list[pymupdf.Page]) -> None:
    """Every word has the same characters, places, type and line by both ways, on drawn and on real pages."""
    short = [page_words.read_planes(page) for page in pages]
    monkeypatch.setattr(page_words, "plain_line_words", lambda *_: None)
    assert short == [page_words.read_planes(page) for page in pages]


def test_takes_most_lines_and_leaves_what_may_have_to_be_mended() -> None:
    """Letters set apart and an accent beside its letter are left; other lines are taken."""
    with pymupdf.open() as document:
        page = document.new_page()
        for number, text in enumerate(LINES):
            page.insert_text((50, 100 + 20 * number), text)
        places = page_words._Places(page.rect.width, page.rect.height, page.rotation)
        taken = [plain_line_words(line, places.place(0), 0) is not None for line in layout_of(page)]
    assert taken == [True, True, False, False]


def test_leaves_a_line_with_a_blank_between_letters_that_touch() -> None:
    """The long way takes such a blank out, with which groff kerns."""
    with pymupdf.open() as document:
        page = document.new_page()
        page.insert_text((50, 100), "Tw")
        page.insert_text((50 + pymupdf.get_text_length("Tw") - pymupdf.get_text_length(" "), 100), " o options")
        places = page_words._Places(page.rect.width, page.rect.height, page.rotation)

        assert [plain_line_words(line, places.place(0), 0) for line in layout_of(page)] == [None]
        assert [word.text for word in page_words.read_planes(page)[0].words] == ["Two", "options"]


@pytest.fixture
def pages() -> list[pymupdf.Page]:
    drawn = pymupdf.open()
    page = drawn.new_page()
    for number, text in enumerate(LINES):
        page.insert_text((50, 100 + 20 * number), text)
    page.set_rotation(90)
    found = [page]
    for path in sorted(CORPUS.glob("*.pdf")):
        found += whole_pages(path)
    return found


def whole_pages(path: Path) -> list[pymupdf.Page]:
    try:
        document = pymupdf.open(path)
        pages = [] if document.needs_pass else [document[n] for n in range(min(FEW_PAGES, document.page_count))]
        for page in pages:
            page.get_text()
    except Exception:  # noqa: BLE001 - damaged on purpose
        return []
    return pages


def test_leaves_type_of_fixed_width_with_a_gap_that_is_no_column() -> None:
    """MuPDF takes it for a blank, which the long way takes out: LaTeX spreads the letters of listings over columns."""
    with pymupdf.open() as document:
        page = document.new_page()
        page.insert_text((50, 100), "i=", fontname="cour")
        page.insert_text((50 + pymupdf.get_text_length("i=", "cour") + 3, 100), "4.", fontname="cour")
        (line,) = layout_of(page)
        places = page_words._Places(page.rect.width, page.rect.height, page.rotation)

        assert "".join(letter["c"] for span in line["spans"] for letter in span["chars"]) == "i= 4."
        assert plain_line_words(line, places.place(0), 0) is None
        assert [word.text for plane in page_words.read_planes(page) for word in plane.words] == ["i=4."]
