"""The words of a page or of a region, as tables are built from them."""

import pymupdf

from ocrmill.pipeline.text.layer.page_words import read_planes
from ocrmill.pipeline.text.reading_order import Box
from ocrmill.pipeline.text.words import Word


def words_of(page: pymupdf.Page, region: Box | None = None) -> list[Word]:
    """The words of the page's main direction, in the layer's order; of a region, those with their centre inside."""
    planes = read_planes(page)
    words = planes[0].words if planes else ()
    return [word for word in words if region is None or region.contains_centre_of(word.box)]
