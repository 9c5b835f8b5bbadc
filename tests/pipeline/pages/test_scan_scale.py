"""A page image has the pixels of the scan on it, if the page is small."""

import io

import pymupdf
import pytest
from PIL import Image

from ocrmill.pipeline.pages.mupdf import displayed_geometry, page_scale


def scale_of(size: tuple[float, float], picture: tuple[int, int], cover: float = 1.0) -> float:
    """Scale for a page with a picture over its upper part."""
    document = pymupdf.open()
    page = document.new_page(width=size[0], height=size[1])
    image = io.BytesIO()
    Image.new("L", picture, 200).save(image, "PNG")
    page.insert_image(pymupdf.Rect(0, 0, size[0], size[1] * cover), stream=image.getvalue(), keep_proportion=False)
    return page_scale(page, displayed_geometry(page), 144, 4096)


def test_a_small_page_with_a_large_scan_gets_its_pixels() -> None:
    """A scan of 1,200 by 1,500 pixels on a page of 96 by 120 pt is rendered at 12.5 pixels a point, not at 2."""
    assert scale_of((96, 120), (1200, 1500)) == pytest.approx(12.5)


def test_it_is_no_larger_than_a_letter_page() -> None:
    """A scan of 6,000 pixels is rendered at 1,584, as a Letter page is at 144 dpi."""
    assert scale_of((96, 120), (4800, 6000)) * 120 == pytest.approx(1584)


@pytest.mark.parametrize(
    ("size", "picture", "cover"),
    [
        ((612, 792), (5100, 6600), 1.0),  # Letter, scanned at 600 dpi
        ((842, 1191), (5000, 7000), 1.0),  # A3
        ((96, 120), (1200, 600), 0.4),  # a picture in the page
        ((96, 120), (96, 120), 1.0),  # a picture of few pixels
    ],
)
def test_others_are_rendered_at_the_dpi_of_the_settings(
    size: tuple[int, int], picture: tuple[int, int], cover: float
) -> None:
    """Ordinary pages, pictures that are a part of the page, and coarse ones change nothing."""
    assert scale_of(size, picture, cover) == pytest.approx(2.0)
