"""Finds the images of a page that are pictures: large enough, and not the paper that it is printed on."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ocrmill.pipeline.text.reading_order import Box, enclosing, turned

if TYPE_CHECKING:
    import pymupdf

_LEAST, _MOST = 0.003, 0.9  # of the page's area: bullets and logos of a letter's size; backgrounds
_THIN = 8.0  # points; rules drawn as images are thinner
_TOUCH = 1.0  # points between the strips in which programs store a picture
_MANY = 500  # images on a page, from which it is drawn in pieces: maps, patterns


def image_boxes(page: "pymupdf.Page") -> list[Box]:
    """Boxes of a page's pictures, in points of the page as displayed; strips of one picture are put together.

    Empty for a page of more than 500 images. Raises what PyMuPDF raises.
    """
    width, height = page.rect.width, page.rect.height
    unrotated = (height, width) if page.rotation in (90, 270) else (width, height)
    images = [turned(Box(*info["bbox"]), page.rotation, *unrotated) for info in page.get_image_info()]
    return pictures_of(images, width, height)


def pictures_of(images: Sequence[Box], width: float, height: float) -> list[Box]:
    """Make pictures of the images of a page of this size. Empty for more than 500."""
    if len(images) > _MANY:
        return []
    displayed = Box(0, 0, width, height)
    boxes = joined(image.clipped(displayed) for image in images)
    area = width * height
    return [
        box
        for box in boxes
        if min(box.width, box.height) > _THIN and _LEAST * area <= box.width * box.height <= _MOST * area
    ]


def joined(images: Iterable[Box]) -> list[Box]:
    """Put strips of one picture together: boxes that touch."""
    boxes: list[Box] = []
    for image in images:
        box = image
        while touching := [other for other in boxes if _touch(box, other)]:
            boxes = [other for other in boxes if other not in touching]
            box = enclosing([box, *touching])
        boxes.append(box)
    return boxes


def _touch(one: Box, other: Box) -> bool:
    return (
        max(one.x0, other.x0) - min(one.x1, other.x1) <= _TOUCH
        and max(one.y0, other.y0) - min(one.y1, other.y1) <= _TOUCH
    )
