"""Two pages of a book side by side on one page of a PDF: each is read as a page of its own.

The page is wider than high, no word and no table crosses its fold, and both sides hold running text. Columns
of one wide page without a heading across them are read in the same order.
"""

from collections.abc import Sequence
from dataclasses import replace

from ocrmill.pipeline.text.contents.part import lines_of
from ocrmill.pipeline.text.layer.page_words import TextPlane
from ocrmill.pipeline.text.layout_model import TABLE, Region
from ocrmill.pipeline.text.reading_order import Box
from ocrmill.pipeline.text.words import Word

_WIDE = 1.15  # times as wide as high; two pages of A4 have 1.41
_MIDDLE = 0.06  # of the width: so far from the middle the fold may lie
_FOLD = 0.04  # of the width, without a word; inner margins have 0.08 and more
_LINES = 5  # of running text, on each side
_LONG = 0.25  # of the width of a side's text; it may have two columns
_LINE = 12.0  # times the type: a line of running text is no shorter
_RUNNING = 0.5  # of a side's letters are in long lines
_FAR = 1e6

Side = tuple[TextPlane, list[Region]]
"""The words and the regions of one page of a book."""


def facing_pages(
    plane: TextPlane, regions: Sequence[Region], width: float, height: float, *, right_to_left: bool
) -> list[Side]:
    """Return each of two pages, in the order of reading; all as one if there are no two.

    Width and height are those of the reading plane.
    """
    whole = (plane, list(regions))
    fold = _fold(plane.words, width) if width >= _WIDE * height and not plane.vertical else None
    if fold is None or any(region.label == TABLE and region.box.x0 < fold < region.box.x1 for region in regions):
        return [whole]
    left = [word for word in plane.words if word.box.x0 < fold]
    right = [word for word in plane.words if word.box.x0 >= fold]
    if not (_is_running_text(left) and _is_running_text(right)):
        return [whole]
    sides = [
        (replace(plane, words=tuple(words)), _clipped(regions, box))
        for words, box in ((left, Box(-_FAR, -_FAR, fold, _FAR)), (right, Box(fold, -_FAR, _FAR, _FAR)))
    ]
    return sides[::-1] if right_to_left else sides


def _fold(words: Sequence[Word], width: float) -> float | None:
    """Return the x of the widest strip without words that lies in the middle of the page; None if there is none."""
    low, high = (0.5 - _MIDDLE) * width, (0.5 + _MIDDLE) * width
    end = 0.0
    found: list[tuple[float, float]] = []
    for word in sorted(words, key=lambda word: word.box.x0):
        if word.box.x0 - end >= _FOLD * width and low <= (middle := (end + word.box.x0) / 2) <= high:
            found.append((word.box.x0 - end, middle))
        end = max(end, word.box.x1)
    return max(found)[1] if found else None


def _is_running_text(words: Sequence[Word]) -> bool:
    """Tell if most letters are in lines that are long for the type and for the side."""
    lines = lines_of(words)
    if not lines:
        return False
    width = max(line.box.x1 for line in lines) - min(line.box.x0 for line in lines)
    long = [line for line in lines if line.box.width >= max(_LONG * width, _LINE * line.size)]
    letters = sum(len(line.text) for line in lines)
    return len(long) >= _LINES and sum(len(line.text) for line in long) >= _RUNNING * letters


def _clipped(regions: Sequence[Region], box: Box) -> list[Region]:
    cut = [replace(region, box=region.box.clipped(box)) for region in regions]
    return [region for region in cut if region.box.width > 0]
