"""An invisible layer, as OCR leaves it below a scan, has lines of one size: no scripts, and no headings by chance."""

import pymupdf
import pytest

from ocrmill.pages import read_text_layer
from ocrmill.pipeline.text.layer.page_words import read_planes
from ocrmill.pipeline.text.words import Rise

LINES = (
    "The harbour office keeps a book of all vessels that enter",
    "in the first week of the year, and of those that leave it;",
    "each is entered with its master, its cargo and its dues,",
    "and the book is closed at noon on the last day of March.",
)
INVISIBLE = 3  # PDF's mode of rendering


def layer(mode: int, font: str = "helv") -> pymupdf.Page:
    """Draw a title and lines whose letters vary in size, as OCR measures them, over what they are read from."""
    page = pymupdf.open().new_page()
    if mode == INVISIBLE:
        page.insert_image(page.rect, pixmap=layer(0, font).get_pixmap(dpi=100))
    page.insert_text((72, 80), "The harbour book", fontsize=18, fontname=font, render_mode=mode)
    for n, line in enumerate(LINES):
        x = 72.0
        for m, word in enumerate(line.split()):
            size = (10.0, 8.5, 11.5)[(n + m) % 3]
            place = (x, 110 + 14 * n - (m % 3) * 0.8)
            page.insert_text(place, f"{word} ", fontsize=size, fontname=font, render_mode=mode)
            x += pymupdf.get_text_length(f"{word} ", fontname=font, fontsize=size)
    return page


def test_letters_of_an_invisible_layer_are_no_scripts() -> None:
    """Seen letters in smaller type above the baseline are."""
    for mode, scripts in ((INVISIBLE, False), (0, True)):
        pieces = [piece for plane in read_planes(layer(mode)) for word in plane.words for piece in word.pieces]
        assert any(piece.rise is not Rise.NONE for piece in pieces) is scripts


@pytest.mark.parametrize("font", ["helv", "cour"])
def test_an_invisible_layer_has_a_title_and_one_paragraph(font: str) -> None:
    """Type of about the size of the page is that of the page, larger type is a heading, and Courier is no listing."""
    text = read_text_layer(layer(INVISIBLE, font).parent.tobytes(), 1)

    assert text.markdown.lstrip("# ") == f"The harbour book\n\n{' '.join(LINES)}"
    assert text.markdown.startswith("#")


def test_blanks_that_are_drawn_alone_stay_between_the_words_of_an_invisible_layer() -> None:
    """OCR may give each blank a size of its own, so narrow that letters beside it look like one word."""
    document = pymupdf.open()
    page = document.new_page()
    page.insert_image(page.rect, pixmap=layer(0).get_pixmap(dpi=100))
    x = 72.0
    for word in LINES[0].split():
        page.insert_text((x, 110), word, fontsize=10.0, render_mode=INVISIBLE)
        x += pymupdf.get_text_length(word, fontsize=10.0)
        page.insert_text((x, 110), " ", fontsize=5.5, render_mode=INVISIBLE)
        x += pymupdf.get_text_length(" ", fontsize=5.5)

    assert read_text_layer(document.tobytes(), 1).markdown == LINES[0]
