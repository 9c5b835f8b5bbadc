"""Pictures cut out of a page. Off by default: JPEGs outweigh the text many times."""

import io
import math
from collections.abc import Sequence

from PIL import Image

from ocrmill.pipeline.pages.raster_size import POINTS_PER_INCH
from ocrmill.pipeline.records import PICTURE, RGB, Block, Figure, PageGeometry

_JPEG_QUALITY = 90
_MOST_COVER = 4  # times the area of the page, in all; a model that loops draws the same picture for ever


def has_pictures(blocks: Sequence[Block]) -> bool:
    """Tell if there is a picture to cut out."""
    return any(block.label == PICTURE for block in blocks)


def cut_figures(image: RGB, blocks: Sequence[Block], geometry: PageGeometry) -> tuple[Figure, ...]:
    """The pictures of a page, in the order of their blocks, in the size that they have on the page at its dpi.

    Each is called `block-N.jpg` after the place of its block, from 1. A picture without area is none, nor is one that
    comes when those before cover the page four times.

    Args:
        image: The page, of any size, stretched or not.
        blocks: Of the page, their boxes within it.
        geometry: Of the page, with the dpi that it was rendered at.
    """
    figures = []
    left = _MOST_COVER * image.shape[0] * image.shape[1]
    for number, block in enumerate(blocks, 1):
        crop = _crop(image, block, geometry)
        pixels = crop.shape[0] * crop.shape[1]
        if block.label == PICTURE and 0 < pixels <= left:
            left -= pixels
            jpeg = _jpeg(crop, _size(block, geometry))
            figures.append(Figure(f"block-{number}.jpg", block.x0, block.y0, block.x1, block.y1, jpeg))
    return tuple(figures)


def _crop(image: RGB, block: Block, geometry: PageGeometry) -> RGB:
    """All pixels that the box touches; none if it has no area."""
    if block.x0 >= block.x1 or block.y0 >= block.y1:
        return image[:0, :0]
    height, width = image.shape[:2]
    across, down = width / geometry.width_pt, height / geometry.height_pt
    rows = slice(math.floor(block.y0 * down), math.ceil(block.y1 * down))
    columns = slice(math.floor(block.x0 * across), math.ceil(block.x1 * across))
    return image[rows, columns]


def _size(block: Block, geometry: PageGeometry) -> tuple[int, int]:
    """Width and height in pixels at the page's dpi."""
    scale = geometry.dpi / POINTS_PER_INCH
    return max(1, round((block.x1 - block.x0) * scale)), max(1, round((block.y1 - block.y0) * scale))


def _jpeg(crop: RGB, size: tuple[int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(crop).resize(size, Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=_JPEG_QUALITY)
    return buffer.getvalue()
