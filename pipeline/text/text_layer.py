"""A page's own text -> Markdown with boxes.

The words come from the page's characters (page_words.py); a layout model says only what its regions are
(layout_model.py). So no word is lost, cut or moved by what the model errs in. Pages that are too much for the model,
and those that run vertically, are written as paragraphs in reading order.

The model's library writes into the document it reads (rotation, structure tree) and walks all of its pages for every
page; it therefore gets a copy that holds one page.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ocrmill.pipeline.records import PageText
from ocrmill.pipeline.text.hidden_text import HIDDEN_TEXT, HiddenText, find_hidden_text
from ocrmill.pipeline.text.layer.page_copy import copy_of_page
from ocrmill.pipeline.text.layer.page_images import image_boxes
from ocrmill.pipeline.text.layer.page_words import TextPlane, clean_text, read_layout, read_planes
from ocrmill.pipeline.text.layout_model import Region, find_regions, with_images
from ocrmill.pipeline.text.page_parts import lines_of, parts_by_regions, plain_parts
from ocrmill.pipeline.text.paragraphs import Written, assemble, body_size
from ocrmill.pipeline.text.part_markdown import PageContext, write_parts
from ocrmill.pipeline.text.reading_order import Box, turned

if TYPE_CHECKING:
    import pymupdf

__all__ = ["clean_text", "read_text_layer"]

_MAX_LINES = 1500  # the model takes 3 s and 0.6 GB for so many, 45 s and 2.2 GB for 6,000
_FEW_WORDS = 20  # that run another way than the page's text: a note in the margin has no regions
FORMULA_AS_TEXT = "formula_as_text"
FORMULA = "formula"


def read_text_layer(
    document: "pymupdf.Document", page_index: int, *, right_to_left: bool, hidden: HiddenText | None = None
) -> PageText:
    """Markdown and blocks of a page from its own text, form fields and annotations included.

    Text that no reader sees is left out, and the page is flagged; `hidden` is `find_hidden_text` of the page if that
    was asked before.
    Boxes are in points of the page as displayed; `markdown[block.start:block.end]` is a block's text. The document is
    not written to. Raises what PyMuPDF raises for a page that it cannot load.
    """
    page = document[page_index]
    width, height = page.rect.width, page.rect.height
    layout = read_layout(page)
    hidden = find_hidden_text(page) if hidden is None else hidden
    raised = {HIDDEN_TEXT: hidden.remove_from(layout)}
    planes = read_planes(page, layout)
    written: list[Written] = []
    for n, plane in enumerate(planes):
        asked = n == 0 or len(plane.words) >= _FEW_WORDS
        regions = _regions(document, page_index, plane) if asked else []
        if regions and n == 0:
            images = [turned(box, plane.turn, width, height) for box in image_boxes(page)]
            regions = with_images(regions, images)
        size = (height, width) if plane.turn in (90, 270) else (width, height)
        written += [
            replace(block, box=turned(block.box, -plane.turn, *size))
            for block in _write(plane, regions, right_to_left=right_to_left)
        ]
    displayed = Box(0, 0, width, height)
    markdown, blocks = assemble([replace(part, box=part.box.clipped(displayed)) for part in written])
    raised[FORMULA_AS_TEXT] = any(block.label == FORMULA for block in blocks)
    return PageText(markdown, blocks=blocks, notes=tuple(flag for flag, is_raised in raised.items() if is_raised))


def _regions(document: "pymupdf.Document", page_index: int, plane: TextPlane) -> list[Region]:
    """Return the regions that the layout model finds; none if it fails, or is not asked."""
    if plane.vertical or len(lines_of(plane.words)) > _MAX_LINES:
        return []
    try:
        with copy_of_page(document, page_index, plane.turn) as copy:
            return find_regions(copy[0])
    except Exception:  # noqa: BLE001 - whatever ails the model or the copy, the page's words are there
        return []


def _write(plane: TextPlane, regions: Sequence[Region], *, right_to_left: bool) -> list[Written]:
    lines = lines_of(plane.words)
    if regions:
        parts = parts_by_regions(plane, regions, right_to_left=right_to_left)
    else:
        parts = plain_parts(lines, right_to_left=right_to_left)
    known = frozenset(word.text.strip(".,;:()[]\u201c\u201d\"'!?") for word in plane.words)
    return write_parts(parts, PageContext(known, body_size(lines)))
