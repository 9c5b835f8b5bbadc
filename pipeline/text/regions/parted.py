"""Parts regions of text that a layout model drew around too much: another region between their lines, two columns.

The words of such a region would be read as one text, and the other region before or after all of it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ocrmill.pipeline.text.layout_model import Region
from ocrmill.pipeline.text.reading_order import Box
from ocrmill.pipeline.text.words import Word

_TEXTS = frozenset({"text", "list"})
_IN_COLUMNS = _TEXTS | {"title", "heading", "footnote", "caption"}
_INSIDE = 0.9  # of a region's area, from which it lies in another one
_MOST_INSIDE = 4  # regions; one around more is no text of its own
_START = 1.0  # of a word's height: lines of a column begin no farther from its edge
_ROWS = 2  # lines that a column has, at least


def parted_regions(regions: Sequence[Region], words: Sequence[Word]) -> list[Region]:
    """Return the regions, those of text cut above and below others that stand between their lines, and at gutters."""
    out: list[Region] = []
    for region in regions:
        if region.label not in _TEXTS:
            out.append(region)
            continue
        others = [other for other in regions if other is not region]
        inner = sorted(
            (other.box for other in others if other.box.share_inside(region.box) >= _INSIDE), key=lambda box: box.y0
        )
        if len(inner) > _MOST_INSIDE:
            out.append(region)
            continue
        for piece in _without_inner(region, inner, words) if inner else [region]:
            out += _by_columns(piece, others, words)
    return out


def _without_inner(region: Region, inner: Sequence[Box], words: Sequence[Word]) -> list[Region]:
    """Return what lies above and below the boxes inside a region, if all of its own words do; else the region."""
    own = [word for word in _words_in(region.box, words) if not any(box.contains_centre_of(word.box) for box in inner)]
    if any(box.y0 < word.box.middle < box.y1 for box in inner for word in own):
        return [region]
    x0, y0, x1, y1 = region.box
    heights = [y0, *(y for box in inner for y in (box.y0, box.y1)), y1]
    pieces = [Box(x0, top, x1, bottom) for top, bottom in zip(heights[::2], heights[1::2], strict=True) if top < bottom]
    return [replace(region, box=box) for box in pieces if _words_in(box, own)] or [region]


def _by_columns(region: Region, others: Sequence[Region], words: Sequence[Word]) -> list[Region]:
    """Return a region's columns if no word crosses the gutter between two that stand side by side elsewhere."""
    box = region.box
    gutters = sorted((x0, x1) for x0, x1 in _gutters(others) if box.x0 < x0 and x1 < box.x1)
    rest = _words_in(box, words) if gutters else []
    columns, start = [box], box.x0
    for x0, x1 in gutters:
        middle = (x0 + x1) / 2
        left = [word for word in rest if word.box.x1 <= middle]
        right = [word for word in rest if word.box.x0 >= middle]
        if len(left) + len(right) == len(rest) and _begins_lines_at(x1, right) and _begins_lines_at(start, left):
            whole = columns.pop()
            columns += [Box(whole.x0, box.y0, middle, box.y1), Box(middle, box.y0, box.x1, box.y1)]
            rest, start = right, x1
    return [replace(region, box=column) for column in columns]


def _gutters(others: Sequence[Region]) -> Iterator[tuple[float, float]]:
    """Give the strips between neighbours of text that stand side by side: where one ends, and the next one begins."""
    texts = sorted((other.box for other in others if other.label in _IN_COLUMNS), key=lambda box: box.x0)
    for n, left in enumerate(texts):
        beside = [box for box in texts[n + 1 :] if box.y0 < left.y1 and left.y0 < box.y1]
        right = next((box for box in beside if box.x0 > left.x1), None)
        if right is not None and not any(box.x0 < right.x0 for box in beside if box is not right):
            yield left.x1, right.x0


def _begins_lines_at(x: float, words: Sequence[Word]) -> bool:
    """Tell if words are lines of text, and most of these begin at a column's edge."""
    starts: list[Word] = []
    for word in sorted(words, key=lambda word: (word.baseline, word.box.x0)):
        if starts and abs(word.baseline - starts[-1].baseline) < word.box.height / 2:
            starts[-1] = min(starts[-1], word, key=lambda each: each.box.x0)
        else:
            starts.append(word)
    at_edge = sum(abs(word.box.x0 - x) <= _START * word.box.height for word in starts)
    return at_edge >= _ROWS and 2 * at_edge > len(starts)


def _words_in(box: Box, words: Sequence[Word]) -> list[Word]:
    return [word for word in words if box.contains_centre_of(word.box)]
