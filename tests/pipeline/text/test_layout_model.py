"""The layout model names the regions of a page."""

import random

import pymupdf
import pytest
from real_pdfs import CORPUS, needs_corpus

from ocrmill.pipeline.pages.drawing_log import read_drawing_log
from ocrmill.pipeline.text.layout_model import find_regions, has_scattered_marks
from ocrmill.pipeline.text.reading_order import Box
from ocrmill.pipeline.text.text_layer import read_text_layer

PARAGRAPH = "The miller never worked by the sun, for high water comes about fifty minutes later every day. " * 4


def drawn() -> pymupdf.Document:
    document = pymupdf.open()
    page = document.new_page()
    page.insert_text((72, 90), "The Hours of the Mill", fontsize=16, fontname="hebo")
    for top in (110, 220, 330):
        page.insert_textbox((72, top, 540, top + 100), PARAGRAPH, fontsize=11, fontname="tiro")
    return pymupdf.open(stream=document.tobytes())


def test_regions_hold_the_text_of_a_page() -> None:
    """A heading and three paragraphs are four regions, from top to bottom, each around its text."""
    document = drawn()
    regions = sorted(find_regions(document[0]), key=lambda region: region.box.y0)

    assert [region.label for region in regions] == ["heading", "text", "text", "text"]
    for word in document[0].get_text("words"):
        assert sum(region.box.contains_centre_of(Box(*word[:4])) for region in regions) == 1, word


def test_boxes_that_pymupdf_reports_stay_as_they_were() -> None:
    """The model wants glyph boxes of another kind; nobody else sees them."""
    before = pymupdf.TOOLS.unset_quad_corrections()
    find_regions(drawn()[0])

    assert pymupdf.TOOLS.unset_quad_corrections() == before


@needs_corpus
@pytest.mark.parametrize(("name", "index"), [("2305.03393v1-pg9.pdf", 0), ("lots_of_sci_tables.pdf", 0)])
def test_tables_come_with_a_grid(name: str, index: int) -> None:
    """The borders of rows and columns are in ascending order, within the region."""
    tables = [
        region for region in find_regions(pymupdf.open(CORPUS / name)[index]) if region.label == "table" and region.grid
    ]

    assert tables
    for table in tables:
        assert table.grid is not None
        rows, columns = table.grid()
        assert list(rows) == sorted(rows)
        assert list(columns) == sorted(columns)
        assert (rows[0], columns[0], rows[-1], columns[-1]) == (table.box.y0, table.box.x0, table.box.y1, table.box.x1)


def plotted(count: int) -> pymupdf.Document:
    """A page with this many points of a plot below its paragraphs."""
    document = drawn()
    page = document[0]
    points, shape = random.Random(7), page.new_shape()
    for _ in range(count):
        x, y = points.uniform(72, 540), points.uniform(430, 760)
        shape.draw_rect((x, y, x + 1, y + 1))
        shape.finish(fill=(0, 0, 0), width=0)
    shape.commit()
    return pymupdf.open(stream=document.tobytes())


@pytest.mark.timeout(60)
def test_a_page_with_the_points_of_a_plot_is_read_in_time() -> None:
    """MuPDF's segmentation takes time by the square of scattered marks: minutes for these."""
    document = plotted(3000)

    assert has_scattered_marks(read_drawing_log(document[0]).drawn)
    text = read_text_layer(document, 0, right_to_left=False)
    assert text.markdown.startswith("## The Hours of the Mill\n\nThe miller never worked by the sun")


def test_marks_in_rows_and_columns_are_not_scattered() -> None:
    """Dashed rules of a table are many small things, on a few lines; so are a page's few bullets."""
    across = [
        ("fill-path", (72.0 + 3 * n, 100.0 + row, 74.0 + 3 * n, 100.5 + row)) for n in range(150) for row in (0, 60)
    ]
    few = [("fill-path", (72.0 + 5 * n, 90.0 + 7 * n, 74.0 + 5 * n, 92.0 + 7 * n)) for n in range(90)]

    assert not has_scattered_marks(across)
    assert not has_scattered_marks(few)
