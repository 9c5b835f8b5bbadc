"""Bullets that a page draws as shapes or pictures become words, so that the lines they mark are items.

A bullet is a small thing close before a line's first word, at the height of its letters; one of the same size stands as
far from another line, straight above or below. Chromium and slides draw such circles, squares and triangles.

Not covered: lines thinner than half a point, text without regions, text from the left on a page from right to left.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from ocrmill.pipeline.pages.drawing_log import DrawingLog
from ocrmill.pipeline.text.contents.item_marks import mark_of
from ocrmill.pipeline.text.contents.part import lines_of, prose_size
from ocrmill.pipeline.text.layer.page_words import TextPlane
from ocrmill.pipeline.text.layout_model import Region
from ocrmill.pipeline.text.page_parts import HEADING_RATIO
from ocrmill.pipeline.text.reading_order import Box, enclosing, turned
from ocrmill.pipeline.text.tables.chunks import text_lines
from ocrmill.pipeline.text.visible.plainly_seen import LIGHT
from ocrmill.pipeline.text.words import Piece, Word

if TYPE_CHECKING:
    import pymupdf

_BULLET = "\u2022"
_MARKED = frozenset({"text", "list"})
_LARGEST_SHAPE = 20.0  # points
_MOST_SHAPES = 2_000  # so small; more are those of a plot or a map
# In sizes of the type of the marked line.
_LEAST, _MOST = 0.2, 0.7  # of a bullet's longer side
_LOW, _HIGH = 0.05, 0.7  # its middle above the baseline
_FARTHEST = 2.0  # from it to the first word
_ALIKE = 0.1  # the difference of two bullets of one list


class _Marked(NamedTuple):
    """A line's first word with the shape to its left."""

    head: Word
    shape: Box
    gap: float  # between the two
    region: int


def small_shapes(page: "pymupdf.Page", log: DrawingLog, turn: int) -> list[Box]:
    """Return the boxes of small things that are drawn and no text, in the reading plane that this turn makes."""
    shown = page.rect
    width, height, rotation = shown.width, shown.height, page.rotation
    before = (height, width) if rotation in (90, 270) else (width, height)
    boxes = [Box(*(area.path or area.box)) for area in log.areas if area.colour is None or min(area.colour) < LIGHT]
    small = [box for box in boxes if max(box.width, box.height) <= _LARGEST_SHAPE]
    return [turned(turned(box, rotation, *before), turn, width, height) for box in small]


def with_drawn_bullets(
    plane: TextPlane, regions: Sequence[Region], shapes: Sequence[Box], *, right_to_left: bool = False
) -> tuple[TextPlane, list[Region]]:
    """Put a bullet before each line that a shape marks, and let the line's region reach as far as it.

    `shapes` are boxes in points of the plane. Lines in type of headings get none, nor those that have a mark.
    """
    if not 1 < len(shapes) <= _MOST_SHAPES:
        return plane, list(regions)
    ordered = sorted(shapes, key=lambda shape: shape.middle)
    found = list(_marked_lines(plane, regions, ordered, right_to_left=right_to_left))
    bullets = {
        id(one.head): one for one in found if any(_are_of_one_list(one, other) for other in found if other is not one)
    }
    words: list[Word] = []
    out = list(regions)
    for word in plane.words:
        if bullet := bullets.get(id(word)):
            piece = Piece(_BULLET, bullet.shape, word.size)
            words.append(Word((piece,), bullet.shape, word.baseline, word.line))
            region = out[bullet.region]
            out[bullet.region] = replace(region, box=enclosing([region.box, bullet.shape]))
        words.append(word)
    return replace(plane, words=tuple(words)), out


def _marked_lines(
    plane: TextPlane, regions: Sequence[Region], shapes: Sequence[Box], *, right_to_left: bool
) -> Iterator[_Marked]:
    """Give the lines of text with a shape where a bullet would stand; `shapes` come from top to bottom."""
    middles = [shape.middle for shape in shapes]
    body = prose_size(lines_of(plane.words))
    for number, region in enumerate(regions):
        if region.label not in _MARKED:
            continue
        words = [word for word in plane.words if region.box.contains_centre_of(word.box)]
        for line in text_lines(words) if words else ():
            head = line[-1 if right_to_left else 0]
            size = head.size
            if size >= HEADING_RATIO * body or mark_of(line[::-1] if right_to_left else line) is not None:
                continue
            first = bisect_left(middles, head.baseline - _HIGH * size)
            last = bisect_right(middles, head.baseline - _LOW * size)
            beside = [
                (gap, shape)
                for shape in shapes[first:last]
                if _LEAST * size <= max(shape.width, shape.height) <= _MOST * size
                and 0
                <= (gap := shape.x0 - head.box.x1 if right_to_left else head.box.x0 - shape.x1)
                <= _FARTHEST * size
            ]
            if beside:
                gap, shape = min(beside)
                yield _Marked(head, shape, gap, number)


def _are_of_one_list(one: _Marked, other: _Marked) -> bool:
    near = _ALIKE * one.head.size
    return (
        abs(one.shape.x0 - other.shape.x0) <= near
        and abs(one.shape.x1 - other.shape.x1) <= near
        and abs(one.shape.height - other.shape.height) <= near
        and abs(one.gap - other.gap) <= near
    )
