"""The parts of a page, plane by plane, as one Markdown; and a page that no layout model sees."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from ocrmill.pipeline.records import PageGeometry, PageText
from ocrmill.pipeline.text.contents.part import Part, lines_of, prose_size, rows_of
from ocrmill.pipeline.text.inline.hyphens import KnownWords
from ocrmill.pipeline.text.layer.page_images import pictures_of
from ocrmill.pipeline.text.layer.page_words import TextPlane, planes_of
from ocrmill.pipeline.text.layout_model import with_images
from ocrmill.pipeline.text.page_parts import parts_by_regions, plain_parts, with_heads
from ocrmill.pipeline.text.paragraphs import Written, assemble
from ocrmill.pipeline.text.part_markdown import PageContext, write_parts
from ocrmill.pipeline.text.reading_order import Box, turned
from ocrmill.pipeline.text.words import Word

HIDDEN_TEXT = "hidden_text"  # flag of a page whose Markdown lacks text of its layer that no reader sees
TABLE_UNCERTAIN = "table_uncertain"  # flag of a page with a table whose rows and columns are in doubt

_ROWS = 2  # from which words in rows may be a table
_CELL_GAP = 1.5  # of the type


def write_plane(
    parts: Sequence[Part],
    plane: TextPlane,
    width: float,
    height: float,
    document: Callable[[], Mapping[str, int]] = dict,
) -> list[Written]:
    """Write the parts of a plane, with their boxes on the page as displayed, which has this size.

    `document` gives counts of the document's words, in lower case.
    """
    size = (height, width) if plane.turn in (90, 270) else (width, height)
    written = write_parts(parts, _context(plane, document))
    return [_placed(block, lambda box: turned(box, -plane.turn, *size)) for block in written]


def _placed(block: Written, place: Callable[[Box], Box]) -> Written:
    return replace(block, box=place(block.box), elsewhere=tuple(map(place, block.elsewhere)))


def place_among(written: Sequence[Written], aside: Sequence[Written]) -> int:
    """Return where blocks that run another way are read: after the last one that ends above all of them."""
    top = min((block.box.y0 for block in aside), default=0.0)
    above = [n for n, block in enumerate(written) if block.label != "footer" and block.box.y1 <= top]
    return above[-1] + 1 if above else len(written)


def page_text(written: Sequence[Written], width: float, height: float, notes: Sequence[str]) -> PageText:
    """Put blocks together as a page of this size."""
    displayed = Box(0, 0, width, height)
    markdown, blocks = assemble([_placed(part, lambda box: box.clipped(displayed)) for part in written])
    return PageText(markdown, blocks=blocks, notes=tuple(dict.fromkeys(notes)))


def write_without_model(
    layout: Mapping[str, Any],
    images: Sequence[Box],
    geometry: PageGeometry,
    *,
    right_to_left: bool,
    notes: Sequence[str] = (),
) -> PageText:
    """Write a page as paragraphs in reading order, with its images where they stand; flag it if it may hold a table.

    Places in the layout, a `rawdict`, and those of the images are points of the page as displayed.
    """
    width, height = geometry.width_pt, geometry.height_pt
    written: list[Written] = []
    notes = list(notes)
    for n, plane in enumerate(planes_of(layout, width, height)):
        pictures = [turned(box, plane.turn, width, height) for box in pictures_of(images, width, height)]
        regions = with_images([], pictures) if n == 0 else []
        if regions:
            parts = parts_by_regions(plane, regions, right_to_left=right_to_left)
        else:
            parts = plain_parts(lines_of(with_heads(plane.words)), right_to_left=right_to_left)
        if sum(_is_row_of_cells(row) for part in parts for row in rows_of(part.lines)) >= _ROWS:
            notes.append(TABLE_UNCERTAIN)
        written += write_plane(parts, plane, width, height)
    return page_text(written, width, height, notes)


def _is_row_of_cells(row: Sequence[Word]) -> bool:
    return any(after.box.x0 - before.box.x1 > _CELL_GAP * before.size for before, after in pairwise(row))


def _context(plane: TextPlane, document: Callable[[], Mapping[str, int]]) -> PageContext:
    words = [word.text.strip(".,;:()[]\u201c\u201d\"'!?") for word in plane.words]
    return PageContext(KnownWords(words, document), lambda: prose_size(lines_of(plane.words)))
