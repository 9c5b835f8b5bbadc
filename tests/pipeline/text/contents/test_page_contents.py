"""Formulas and text in pictures are found on a page, and what only looks like them is not."""

import io

import numpy as np
import pymupdf
import pytest
from PIL import Image, ImageDraw, ImageFont
from real_pdfs import CASES, CORPUS, needs_cases, needs_corpus

from ocrmill.pipeline.text.contents.figure_text import has_figure_text
from ocrmill.pipeline.text.contents.formulas import has_formulas
from ocrmill.pipeline.text.layer.page_words import read_layout
from ocrmill.pipeline.text.text_layer import Manner, read_text_layer

PROSE = "The mill of the town ground rye and wheat for a fee of 5 to 7 pence a sack in 1790-1795."


@pytest.fixture
def page() -> pymupdf.Page:
    page = pymupdf.open().new_page()
    for number in range(12):
        page.insert_text((72, 80 + 14 * number), PROSE)
    return page


def png_of(picture: Image.Image) -> bytes:
    kept = io.BytesIO()
    picture.save(kept, "PNG")
    return kept.getvalue()


def written(*lines: str) -> bytes:
    picture = Image.new("L", (900, 60 + 60 * len(lines)), 250)
    for number, line in enumerate(lines):
        ImageDraw.Draw(picture).text((30, 30 + 60 * number), line, fill=20, font=ImageFont.load_default(34))
    return png_of(picture)


def photograph() -> bytes:
    """Soft shapes under noise, as on a photograph of leaves."""
    random = np.random.default_rng(5)
    coarse = Image.fromarray(random.integers(0, 255, (45, 60), np.uint8)).resize((900, 680), Image.Resampling.BICUBIC)
    noise = random.normal(0, 12, (680, 900))
    return png_of(Image.fromarray(np.clip(np.asarray(coarse) + noise, 0, 255).astype(np.uint8)))


def shows_text(page: pymupdf.Page) -> bool:
    return has_figure_text(page, read_layout(page), page.get_bboxlog())


def shows_formulas(page: pymupdf.Page) -> bool:
    return has_formulas(read_layout(page), page.get_bboxlog())


@pytest.mark.parametrize("rotation", [0, 90, 180])
def test_finds_text_in_a_picture_however_the_page_is_turned(page: pymupdf.Page, rotation: int) -> None:
    """Four lines in a picture are found; what a page's rotation turns by 180 degrees is still in lines."""
    page.insert_image(
        (72, 300, 400, 500), stream=written("Oak   12   34", "Elm   56   78", "Ash   90   11", "Yew  1   2")
    )
    page.set_rotation(rotation)
    assert shows_text(page)


def test_takes_no_photograph_and_no_logo_for_text(page: pymupdf.Page) -> None:
    """Neither a photograph nor a picture of under a fiftieth of the page counts."""
    page.insert_image((72, 300, 400, 500), stream=photograph())
    page.insert_image((450, 20, 520, 50), stream=written("Millers of the town and county"))
    assert not shows_text(page)


def test_counts_no_letters_of_the_layer_on_a_picture(page: pymupdf.Page) -> None:
    """Text that the layer has is in the Markdown, though it stands on a picture."""
    page.insert_image((72, 300, 500, 600), stream=png_of(Image.new("L", (300, 300), 230)))
    for number in range(10):
        page.insert_text((90, 330 + 20 * number), PROSE[:60])
    assert not shows_text(page)


def test_finds_fractions_by_where_they_stand(page: pymupdf.Page) -> None:
    """Text above and below a bar beside `=` is a fraction, in whatever font."""
    for y in (400, 500):
        page.insert_text((100, y), "v =")
        page.insert_text((125, y - 8), "a + b")
        page.insert_text((135, y + 8), "t")
        page.draw_line((123, y - 4), (153, y - 4), width=0.5)
    assert shows_formulas(page)


def test_takes_no_rules_of_a_table_for_fractions(page: pymupdf.Page) -> None:
    """Cells above and below a rule, and underlined words, are no fractions."""
    for row in range(6):
        y = 400 + 16 * row
        for column in range(3):
            page.insert_text((100 + 90 * column, y), f"{row}{column} = 4.5")
            page.draw_line((96 + 90 * column, y + 4), (180 + 90 * column, y + 4), width=0.5)
    assert not shows_formulas(page)


@needs_corpus
@pytest.mark.parametrize(
    ("name", "number", "expected"),
    [
        ("DeepSeek_OCR2_paper", 7, True),
        ("test_4435", 3, True),
        ("DeepSeek_OCR2_paper", 10, False),  # arrows in heads of a table's columns
        ("form_dd0293", 1, False),  # fields with rules
        ("tracemonkey", 6, False),  # names set in a font for mathematics
    ],
)
def test_finds_the_formulas_of_real_pages(name: str, number: int, expected: bool) -> None:
    """Pages of mathematics are found, pages that use its fonts or rules for other things are not."""
    with pymupdf.open(CORPUS / f"{name}.pdf") as document:
        assert shows_formulas(document[number - 1]) is expected


@needs_cases
@pytest.mark.parametrize("manner", Manner)
def test_flags_a_picture_of_a_table_inside_a_page_of_text(manner: Manner) -> None:
    """The page whose picture holds a table of four lines says so, whichever way it is written."""
    with pymupdf.open(CASES / "pages" / "34-text-outside-the-layer-lost.pdf") as document:
        assert "figure_text" in read_text_layer(document, 0, right_to_left=False, manner=manner).notes
