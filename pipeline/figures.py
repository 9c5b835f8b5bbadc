"""Pictures cut out of a page, and links to them in its Markdown. Off by default: JPEGs outweigh the text many times."""

import io
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from PIL import Image

from pipeline.markdown import PICTURE
from pipeline.records import RGB, Block, PageGeometry, PageText

_JPEG_QUALITY = 90
_MOST_COVER = 4  # times the area of the page, in all; a model that loops draws the same picture for ever


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture cut out of a page. Box in PDF points of the page as displayed, origin top left, y down."""

    name: str  # figure-1.jpg: the link target in the page's Markdown, unique within the page
    x0: float
    y0: float
    x1: float
    y1: float
    jpeg: bytes


def cut_figures(image: RGB, text: PageText, geometry: PageGeometry) -> tuple[PageText, tuple[Figure, ...]]:
    """The page's text with a link in each picture's block, and the figures behind the links.

    Links and figures are one to one, numbered in the order of the blocks. A picture without area gets neither, nor does
    one that comes when those before cover the page four times. The link stands before what text the block has.

    Args:
        image: The page, of any size.
        text: What was read from it; its blocks are in the order of the Markdown, their boxes within the page.
        geometry: Of the same page.
    """
    figures: dict[int, Figure] = {}
    budget = _MOST_COVER * image.shape[0] * image.shape[1]
    for index, block in enumerate(text.blocks):
        crop = _crop(image, block, geometry)
        pixels = crop.shape[0] * crop.shape[1]
        if block.label == PICTURE and 0 < pixels <= budget:
            budget -= pixels
            name = f"figure-{len(figures) + 1}.jpg"
            figures[index] = Figure(name, block.x0, block.y0, block.x1, block.y1, _jpeg(crop))
    return _linked(text, figures), tuple(figures.values())


def _crop(image: RGB, block: Block, geometry: PageGeometry) -> RGB:
    """All pixels that the box touches; none if it has no area."""
    if block.x0 >= block.x1 or block.y0 >= block.y1:
        return image[:0, :0]
    height, width = image.shape[:2]
    across, down = width / geometry.width_pt, height / geometry.height_pt
    rows = slice(math.floor(block.y0 * down), math.ceil(block.y1 * down))
    columns = slice(math.floor(block.x0 * across), math.ceil(block.x1 * across))
    return image[rows, columns]


def _jpeg(crop: RGB) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(crop).save(buffer, "JPEG", quality=_JPEG_QUALITY)
    return buffer.getvalue()


def _linked(text: PageText, figures: Mapping[int, Figure]) -> PageText:
    parts: list[str] = []
    blocks = []
    copied = moved = 0  # characters of the old Markdown that are in `parts`, and those that came in between
    for index, block in enumerate(text.blocks):
        parts.append(text.markdown[copied : block.start])
        copied = block.start
        start, end = block.start + moved, block.end + moved
        if index in figures:
            link = f"![]({figures[index].name})"
            if block.end > block.start or (block.start == 0 and text.markdown):  # text comes right after it
                before, after = "", "\n\n"
            else:  # an empty span is where the text before it ends
                before, after = "\n\n" if start else "", ""
            parts += [before, link, after]
            moved += len(before) + len(link) + len(after)
            start += len(before)
            end = block.end + moved if block.end > block.start else start + len(link)
        blocks.append(replace(block, start=start, end=end))
    parts.append(text.markdown[copied:])
    return replace(text, markdown="".join(parts), blocks=tuple(blocks))
