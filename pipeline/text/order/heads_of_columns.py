"""Headings that stand in the first of several columns and are those of all, as articles of a newspaper have them."""

from collections.abc import Sequence

from ocrmill.pipeline.text.contents.part import Part
from ocrmill.pipeline.text.reading_order import Box, enclosing

_HEADINGS = frozenset({"title", "heading"})
_LEVEL = 0.25  # of a line's height: first lines of columns stand so close to one height


def heads_columns(heading: Part, parts: Sequence[Part]) -> bool:
    """Tell if columns end above a heading and begin again below it, all of them at one height.

    Nothing stands beside it then. A heading within one of two columns has the lines of the other beside it.
    """
    if heading.label not in _HEADINGS:
        return False
    boxes = [box for part in parts if part is not heading for box in (_lines(part) or [part.box])]
    own = heading.box
    if any(box.y0 < own.y1 and box.y1 > own.y0 for box in boxes):
        return False
    above = [box for box in boxes if box.y1 <= own.y0 and not _is_over(box, own)]
    below = [box for box in boxes if box.y0 >= own.y1]
    first = min((box for box in below if _is_over(box, own)), key=lambda box: box.y0, default=None)
    others = [box for box in below if not _is_over(box, own)]
    if first is None or not others or not above:
        return False
    beside = min(others, key=lambda box: box.y0)
    is_above = any(_is_over(box, beside) for box in above)
    return is_above and first.x1 <= beside.x0 and abs(first.y0 - beside.y0) <= _LEVEL * first.height


def over_all_columns(heading: Part, parts: Sequence[Part]) -> list[Box]:
    """Boxes of a heading's lines, as wide as the page's text."""
    whole = enclosing([part.box for part in parts])
    return [Box(whole.x0, box.y0, whole.x1, box.y1) for box in _lines(heading)]


def _lines(part: Part) -> list[Box]:
    return [line.box for line in part.lines]


def _is_over(one: Box, other: Box) -> bool:
    return one.x0 < other.x1 and one.x1 > other.x0
