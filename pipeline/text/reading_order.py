"""The order in which the boxes of a page are read: columns, headings across them, rows of tables.

A column gap is a vertical strip that few boxes cross. Those that do (headings, figures across the page) cut the
region into bands; a band without them is read column by column if its two sides look like columns of text, and row
by row if they look like a table. Both sides are then ordered in the same way.

Not covered: text that runs vertically, and prose set around a figure in its midst.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import NamedTuple

# In heights of the median line. A gap is narrower than the gutters of two-column papers (1 to 2) because boxes that a
# text detector finds are larger than their text.
_MIN_GAP = 0.3
_SHRINK = 0.1  # boxes that touch by so little do not overlap
_ROW = 0.5  # of the lower line's height
_SAME_ROW = 0.2  # centres so close stand on one baseline; of unrelated lines a third do
_BESIDE = 0.3  # so much of a line beside another one is beside it: boxes of fonts reach into the next line
_BAND_SPACE = 2.5  # white space across columns that ends them
_BAND_GAP = 1.0  # crossing boxes closer than this belong to one band
_PIECE_GAP = 1.0  # pieces of a line are closer than columns of a table
_COLUMN_LINE = 8.0  # lines of prose are at least so wide: some 16 Latin letters; cells are narrower
_COLUMN_FILL = 0.85  # ... and nearly as long as the longest; what stands in cells differs more
_MIN_COLUMN = 2  # boxes; one beside others is read on its row
_LINES = 4  # boxes of a column that goes on after white space; fewer may be a heading of what follows
_ALIGNED = 0.6  # from this share of boxes with a neighbour on their row, narrow boxes are cells
_CANDIDATES = 8  # gaps that are tried in a region
_MAX_DEPTH = 24  # of nested regions; what lies deeper is read row by row


class Box(NamedTuple):
    """A rectangle with y down; x0 <= x1 and y0 <= y1, in any unit.

    A page makes thousands: a tuple is made in less than half the time of a frozen dataclass.
    """

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def width(self) -> float:
        """Never negative."""
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        """Never negative."""
        return self.y1 - self.y0

    @property
    def middle(self) -> float:
        """Its vertical centre."""
        return (self.y0 + self.y1) / 2

    def clipped(self, to: "Box") -> "Box":
        """Return the part of it inside another box; if there is none, a box without area on the other's edge."""
        x0, x1 = (min(max(x, to.x0), to.x1) for x in (self.x0, self.x1))
        y0, y1 = (min(max(y, to.y0), to.y1) for y in (self.y0, self.y1))
        return Box(x0, y0, x1, y1)

    def share_inside(self, other: "Box") -> float:
        """Return the share of its area that lies in the other; 0 if it has none."""
        part, area = self.clipped(other), self.width * self.height
        return part.width * part.height / area if area else 0.0

    def shares_row(self, other: "Box") -> bool:
        """Tell if two lines stand on one row: their centres are closer than `_ROW` of the lower line's height."""
        return abs(self.middle - other.middle) < _ROW * min(self.height, other.height)

    def contains_centre_of(self, other: "Box") -> bool:
        """Tell if the other's centre lies in it."""
        left, top, right, bottom = self
        x0, y0, x1, y1 = other
        return left <= (x0 + x1) / 2 <= right and top <= (y0 + y1) / 2 <= bottom


@dataclass(frozen=True, slots=True)
class _Gap:
    x0: float
    x1: float
    merit: int  # boxes on the poorer side, less those that cross it

    @property
    def x(self) -> float:
        """Its middle."""
        return (self.x0 + self.x1) / 2


@dataclass(frozen=True, slots=True)
class _Band:
    """Boxes between two heights of a region: two columns, or all of them in `left`."""

    left: list[int]
    right: list[int]
    columns: bool


def enclosing(boxes: Sequence[Box]) -> Box:
    """The smallest box around at least one."""
    if len(boxes) == 1:
        return boxes[0]
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return Box(min(lefts), min(tops), max(rights), max(bottoms))


def turned(box: Box, degrees: int, width: float, height: float) -> Box:
    """Return the box after a page of this size is turned clockwise by a multiple of 90 degrees."""
    match degrees % 360:
        case 90:
            return Box(height - box.y1, box.x0, height - box.y0, box.x1)
        case 180:
            return Box(width - box.x1, height - box.y1, width - box.x0, height - box.y0)
        case 270:
            return Box(box.y0, width - box.x1, box.y1, width - box.x0)
        case _:
            return box


def reading_order(boxes: Sequence[Box], *, right_to_left: bool = False) -> list[int]:
    """The indices of `boxes`, each once, in the order of reading. Right to left mirrors left to right."""
    if right_to_left:
        boxes = [Box(-box.x1, box.y0, -box.x0, box.y1) for box in boxes]
    if not boxes:
        return []
    line = median(box.height for box in boxes) or 1.0
    return _Page(boxes, line).order(list(range(len(boxes))), 0)


class _Page:
    """The boxes of a page, and the height of its usual line as the unit of all tolerances."""

    def __init__(self, boxes: Sequence[Box], line: float) -> None:
        self._boxes = boxes
        self._middles = [(y0 + y1) / 2 for _, y0, _, y1 in boxes]  # asked for some thirty times each
        self._line = line

    def order(self, region: list[int], depth: int) -> list[int]:
        """Order the boxes of a region."""
        bands = self._best_cut(region) if depth < _MAX_DEPTH and len(region) > _MIN_COLUMN else None
        if bands is None:
            return [i for row in self._rows(region) for i in row]
        ordered = []
        for band in bands:
            ordered += self.order(band.left, depth + 1) + self.order(band.right, depth + 1)
        return ordered

    def _best_cut(self, region: list[int]) -> list[_Band] | None:
        """The gap that puts most boxes into columns, as the bands it makes; None if there is none."""
        best: tuple[int, float] | None = None
        best_bands = None
        gaps = self._gaps(region)
        downwards = sorted(region, key=self._middles.__getitem__) if gaps else []
        for gap in gaps:
            bands = self._bands(downwards, gap.x)
            gain = sum(min(len(band.left), len(band.right)) for band in bands if band.columns)
            if gain and (best is None or (gain, gap.x1 - gap.x0) > best):
                best, best_bands = (gain, gap.x1 - gap.x0), bands
        return best_bands

    def _gaps(self, region: list[int]) -> list[_Gap]:
        """The strips that divide most boxes and cross few, the best first, each a line's height from the others."""
        shrink = _SHRINK * self._line
        starts = sorted(self._boxes[i].x0 + shrink for i in region)
        ends = sorted(max(self._boxes[i].x1 - shrink, self._boxes[i].x0 + shrink) for i in region)
        edges = sorted({*starts, *ends})
        found = []
        for x0, x1 in pairwise(edges):
            before, after = bisect_right(ends, x0), len(region) - bisect_right(starts, x0)
            if x1 - x0 >= _MIN_GAP * self._line and min(before, after) >= _MIN_COLUMN:
                crossing = len(region) - before - after
                found.append(_Gap(x0, x1, min(before, after) - crossing))
        gaps: list[_Gap] = []
        for gap in sorted(found, key=lambda gap: (-gap.merit, gap.x0 - gap.x1)):
            if all(abs(gap.x - other.x) > self._line for other in gaps):
                gaps.append(gap)
            if len(gaps) == _CANDIDATES:
                break
        return gaps

    def _bands(self, downwards: list[int], x: float) -> list[_Band]:
        """Cut a region, its boxes from top to bottom, along x where nothing crosses; leave it whole elsewhere."""
        shrink, boxes = _SHRINK * self._line, self._boxes
        spans = self._merged_spans([i for i in downwards if boxes[i].x0 + shrink < x < boxes[i].x1 - shrink])
        members: list[list[int]] = [[] for _ in range(2 * len(spans) + 1)]  # free, crossed, free, crossed, ... free
        at = 0
        for i in downwards:
            middle = self._middles[i]
            while at < len(spans) and middle > spans[at][1]:
                at += 1
            inside = at < len(spans) and middle >= spans[at][0]
            members[2 * at + inside].append(i)
        bands: list[_Band] = []
        for n, part in enumerate(members):
            for piece in [part] if n % 2 else self._column_ends_joined(self._spaced_parts(part), x):
                band = self._band(piece, x, free=n % 2 == 0)
                if bands and not band.columns and not bands[-1].columns:
                    bands[-1] = _Band(bands[-1].left + piece, [], columns=False)
                else:
                    bands.append(band)
        return bands

    def _spaced_parts(self, part: list[int]) -> list[list[int]]:
        """Cut at white space across the whole part: what is above it is read before what is below it."""
        parts: list[list[int]] = []
        bottom, most = -math.inf, _BAND_SPACE * self._line
        for i in sorted(part, key=lambda i: self._boxes[i].y0):
            _, top, _, end = self._boxes[i]
            if top - bottom > most:
                parts.append([])
            parts[-1].append(i)
            bottom = max(bottom, end)
        return parts

    def _column_ends_joined(self, parts: list[list[int]], x: float) -> list[list[int]]:
        """Join prose that is left of x alone to what is above: the left column goes on below the right one."""
        joined: list[list[int]] = []
        for part in parts:
            goes_on = len(part) >= _LINES and all(self._boxes[i].x1 <= x for i in part) and self._is_prose(part)
            if joined and goes_on:
                joined[-1] = joined[-1] + part
            else:
                joined.append(part)
        return joined

    def _merged_spans(self, crossing: list[int]) -> list[tuple[float, float]]:
        """The heights that crossing boxes take, those close to each other as one."""
        spans: list[tuple[float, float]] = []
        for box in sorted((self._boxes[i] for i in crossing), key=lambda box: box.y0):
            if spans and box.y0 - spans[-1][1] < _BAND_GAP * self._line:
                spans[-1] = (spans[-1][0], max(spans[-1][1], box.y1))
            else:
                spans.append((box.y0, box.y1))
        return spans

    def _band(self, part: list[int], x: float, *, free: bool) -> _Band:
        if free:
            left: list[int] = []
            right: list[int] = []
            for i in part:
                x0, _, x1, _ = self._boxes[i]
                (left if x0 + x1 < 2 * x else right).append(i)
            if self._are_columns(left, right):
                return _Band(left, right, columns=True)
        return _Band(part, [], columns=False)

    def _are_columns(self, left: list[int], right: list[int]) -> bool:
        if min(len(left), len(right)) < _MIN_COLUMN or not self._beside(left, right):
            return False
        if self._is_prose(left) and self._is_prose(right):
            return True
        fewer, more = sorted((left, right), key=len)
        return self._aligned_share(fewer, more) < _ALIGNED

    def _beside(self, left: list[int], right: list[int]) -> bool:
        """Tell if the two sides stand next to each other, and not in turn below each other, as indented lines do."""
        top = max(min(self._boxes[i].y0 for i in side) for side in (left, right))
        bottom = min(max(self._boxes[i].y1 for i in side) for side in (left, right))
        if bottom - top <= self._line:
            return False
        fewer, more = sorted((left, right), key=len)
        spans = [(self._boxes[i].y0, self._boxes[i].y1) for i in more]
        shared = _BESIDE * self._line
        return any(min(self._boxes[i].y1, y1) - max(self._boxes[i].y0, y0) > shared for i in fewer for y0, y1 in spans)

    def _is_prose(self, side: list[int]) -> bool:
        """Tell if half of all characters stand in lines that are long, and as long as the long ones."""
        widths = self._line_widths(side)
        usual, full = _reached(widths, 0.5), _reached(widths, 0.1)
        return usual >= _COLUMN_LINE * self._line and usual >= _COLUMN_FILL * full

    def _line_widths(self, side: list[int]) -> list[float]:
        """Return the widths of lines. A change of type or an odd space may have split a line into several boxes."""
        widths: list[float] = []
        gap = _PIECE_GAP * self._line
        for row in self._rows(side):
            end = -math.inf
            for i in row:
                left, _, right, _ = self._boxes[i]
                if left - end < gap:
                    widths[-1] += max(0.0, right - end)
                else:
                    widths.append(right - left)
                end = max(end, right)
        return widths

    def _aligned_share(self, fewer: list[int], more: list[int]) -> float:
        """The share of `fewer` with a box of `more` on the same row."""
        middles = sorted([self._middles[i] for i in more])
        near = _SAME_ROW * self._line
        aligned = sum([_any_within(middles, self._middles[i], near) for i in fewer])
        return aligned / len(fewer)

    def _rows(self, region: list[int]) -> list[list[int]]:
        """Boxes on one baseline from left to right, the baselines from top to bottom."""
        rows: list[list[int]] = []
        first, tall = -math.inf, 0.0  # middle and height of the first box of the row
        for i in sorted(region, key=lambda i: (self._middles[i], self._boxes[i].x0)):
            middle, height = self._middles[i], self._boxes[i].height
            if rows and middle - first <= _ROW * min(height, tall):
                rows[-1].append(i)
            else:
                rows.append([i])
                first, tall = middle, height
        return [row if len(row) == 1 else sorted(row, key=lambda i: self._boxes[i].x0) for row in rows]


def _reached(widths: list[float], share: float) -> float:
    """Return the width that lines with this share of all characters reach; labels of figures hold few."""
    held, needed = 0.0, share * sum(widths)
    for width in sorted(widths, reverse=True):
        held += width
        if held >= needed:
            return width
    return 0.0


def _any_within(ascending: list[float], value: float, tolerance: float) -> bool:
    at = bisect_left(ascending, value - tolerance)
    return at < len(ascending) and ascending[at] <= value + tolerance
