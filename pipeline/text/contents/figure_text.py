"""Tells if the pictures of a page show text that its layer does not have.

Only pictures that together cover a real share of the page are looked at, at the resolution at which pages are read.
Letters of the layer that stand on a picture do not count. Not covered: letters drawn as outlines, which are no picture
(`uncovered_ink_share` sees a page of them), handwriting, and words of fewer than four letters that stand alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ocrmill.pipeline.pages.drawing_log import before_rotation
from ocrmill.pipeline.text.contents.formulas import Drawn
from ocrmill.pipeline.text.contents.written_lines import Grey, count_written_letters
from ocrmill.pipeline.text.layer.page_images import joined
from ocrmill.pipeline.text.reading_order import Box

if TYPE_CHECKING:
    import pymupdf

_LEAST_COVER = 0.02  # of the page; a logo has less
_LEAST_LETTERS = 24  # of all pictures: a caption, the labels of a chart's axes
_THIN = 8.0  # points
_MANY = 500  # pictures on a page, from which it is drawn in pieces: maps, patterns
_SCALE = 2.0  # pixels to a point
_MOST_PIXELS = 4_000_000


def has_figure_text(page: "pymupdf.Page", layout: Mapping[str, Any], drawn: Drawn) -> bool:
    """Tell if the pictures of a page show text. `layout` is its `rawdict`. Raises what MuPDF raises."""
    boxes = _pictures(page, drawn)
    if not boxes:
        return False
    letters = [
        character["bbox"]
        for block in layout["blocks"]
        for line in block.get("lines", ())
        for span in line["spans"]
        for character in span["chars"]
    ]
    found = 0
    for box in boxes:
        picture, taken = _rendered(page, box, letters)
        found += count_written_letters(picture, taken) or count_written_letters(np.rot90(picture), np.rot90(taken))
        if found >= _LEAST_LETTERS:
            return True
    return False


def _pictures(page: "pymupdf.Page", drawn: Drawn) -> list[Box]:
    """Boxes of the pictures before the page's rotation, the largest first; none if they cover little."""
    shown = page.rect * before_rotation(page)
    whole = Box(*shown.normalize())
    images = [Box(*box).clipped(whole) for kind, box in drawn if kind in ("fill-image", "fill-imgmask")]
    area = whole.width * whole.height
    if len(images) > _MANY or sum(box.width * box.height for box in images) < _LEAST_COVER * area:
        return []
    boxes = [box for box in joined(images) if min(box.width, box.height) > _THIN]
    if sum(box.width * box.height for box in boxes) < _LEAST_COVER * area:
        return []
    return sorted(boxes, key=lambda box: -box.width * box.height)


def _rendered(page: "pymupdf.Page", box: Box, letters: Iterable[Sequence[float]]) -> tuple[Grey, np.ndarray]:
    """A picture as it is seen, grey, and the pixels that the layer's letters take."""
    import pymupdf

    turn = ~before_rotation(page)
    part = pymupdf.Rect(box.x0, box.y0, box.x1, box.y1) * turn
    scale = min(_SCALE, (_MOST_PIXELS / max(part.width * part.height, 1.0)) ** 0.5)
    pixmap = page.get_pixmap(matrix=pymupdf.Matrix(scale, scale), clip=part, colorspace=pymupdf.csGRAY, alpha=False)
    pixels = np.frombuffer(pixmap.samples_mv, np.uint8).reshape(pixmap.height, pixmap.width).copy()
    taken = np.zeros(pixels.shape, bool)
    for left, top, right, bottom in letters:
        if left < box.x1 and right > box.x0 and top < box.y1 and bottom > box.y0:
            x0, y0, x1, y1 = pymupdf.Rect(left, top, right, bottom) * turn * scale
            taken[
                max(int(y0) - pixmap.y, 0) : max(int(y1) + 1 - pixmap.y, 0),
                max(int(x0) - pixmap.x, 0) : max(int(x1) + 1 - pixmap.x, 0),
            ] = True
    return pixels, taken
