"""Tells cheaply of most pages that a reader sees all of their text, and each letter of it once.

In a log of what the page draws, no run of text is unpainted, tiny, cut off, light, painted over, or of the colour of
what lies under it. No letter of the layer lies nearly on the same letter: letters are only compared where lines
overlap, or a line is drawn in both directions. Where this does not hold, hidden_text.py judges letter by letter what is
drawn, at three times the price.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import chain, pairwise
from typing import Any, NamedTuple

import numpy as np

from ocrmill.pipeline.pages.drawing_log import EVERYWHERE, Area, DrawingLog, Rect, TextRun
from ocrmill.pipeline.text.contents.repeated_letters import NEAR, NEAR_WIDTH, Floats, Mask, repeated_letters

FAINTEST = 0.01  # opacity; the next two are bounds of what is seen
SMALLEST = 1.0  # points
LIGHT = 0.9  # of full strength, in each of red, green and blue: on white it may be unseen
_LIKE = 0.05  # of full strength; more than the difference of two ways to convert a colour
_MOST_PAIRS = 1_000_000  # of runs and areas
_SLACK = 0.05  # of the type size; the parts of a ligature overlap by less
_OVERHANG = 0.1  # of the type size, by which a letter may reach over an edge: most of each is seen
_SLOP = 1.0  # points by which MuPDF takes the outlines of text for larger
_MET = 0.1  # of the type size: lines that come so near to each other may hold a letter twice
_DOUBLE = re.compile(r"(\S)(?=\1)")


def is_plainly_seen(layout: Mapping[str, Any], log: DrawingLog, shown: Rect) -> bool:
    """Tell if nothing of a page's `rawdict` can be hidden or drawn twice; False if that would take a closer look.

    `shown` is what is displayed of the page. Watermarks are not looked for.
    """
    runs = log.runs
    if not log.whole or not all(map(_is_painted, runs)):
        return False
    return not runs or (_is_uncovered(runs, log.areas, shown) and not (_may_repeat(layout) and _repeats(layout)))


def _is_painted(run: TextRun) -> bool:
    """Tell if a run is drawn so that it is seen on white."""
    if run.colour is None or run.opacity < FAINTEST or not run.shown:
        return False
    return run.own_colours or (run.height >= SMALLEST and min(run.colour) < LIGHT)


def _is_uncovered(runs: Sequence[TextRun], areas: Sequence[Area], shown: Rect) -> bool:
    """Tell if every run lies in its clip path and on the page, under no area, and on none of its own colour."""
    boxes = np.array([run.box for run in runs], np.float64)
    windows = np.array([run.clip for run in runs], np.float64)
    low, high = np.maximum(windows[:, :2], shown[:2]), np.minimum(windows[:, 2:], shown[2:])
    slack = _SLOP + _OVERHANG * np.array([run.height for run in runs])[:, np.newaxis]
    if ((boxes[:, :2] < low - slack) | (boxes[:, 2:] > high + slack)).any():
        return False
    hiding = [area for area in areas if area.opaque and area.solid]
    if not hiding:
        return True
    if len(runs) * len(hiding) > _MOST_PAIRS:
        return False
    places = np.array([area.box for area in hiding], np.float64)
    touched = _touching(boxes, places)
    later = np.array([area.order for area in hiding]) > np.array([run.order for run in runs])[:, np.newaxis]
    if (touched & later).any():
        return False
    return not any(
        _is_like(runs[run].colour, hiding[area].colour) and not runs[run].own_colours
        for run, area in np.argwhere(touched).tolist()
    )


def _touching(boxes: Floats, others: Floats) -> Mask:
    """Tell for each box and each other one if they share a point."""
    x0, y0, x1, y1 = (column[:, np.newaxis] for column in boxes.T)
    touched = (x0 <= others[:, 2]) & (x1 >= others[:, 0]) & (y0 <= others[:, 3]) & (y1 >= others[:, 1])
    return np.asarray(touched)


def _is_like(one: Sequence[float] | None, other: Sequence[float] | None) -> bool:
    return one is not None and other is not None and all(abs(a - b) <= _LIKE for a, b in zip(one, other, strict=True))


class _Stretch(NamedTuple):
    """The place that the origins of a line's letters take: across is where its baseline lies."""

    low: float  # across
    high: float
    start: float  # along
    end: float
    size: float


def _may_repeat(layout: Mapping[str, Any]) -> bool:
    """Tell if a letter may be drawn a second time, nearly at the same place."""
    stretches: dict[int, list[_Stretch]] = {0: [], 1: []}
    for line in (line for block in layout["blocks"] for line in block["lines"]):
        along, across = line["dir"]
        if abs(along) != 1.0 and abs(across) != 1.0:
            return True
        axis = int(abs(across) == 1.0)
        letters = [letter for span in line["spans"] for letter in span["chars"]]
        if not letters:
            continue
        origins = list(zip(*[letter["origin"] for letter in letters], strict=True))
        places, levels = origins[axis], origins[1 - axis]
        size = max([span["size"] for span in line["spans"]])
        low, high = min(places), max(places)
        if _turns_back(places, _SLACK * size):
            return True
        if any(_overlaps(letters[n], letters[n + 1], axis, size) for n in _doubles(letters)):
            return True
        stretches[axis].append(_Stretch(min(levels), max(levels), low, high, size))
    return any(_some_meet(sorted(found)) for found in stretches.values())


def _turns_back(places: Sequence[float], slack: float) -> bool:
    """Tell if the letters of a line run to both sides."""
    given, ascending = list(places), sorted(places)
    if given == ascending or given[::-1] == ascending:
        return False
    steps = [after - before for before, after in pairwise(places)]
    return min(steps) < -slack and max(steps) > slack


def _doubles(letters: Sequence[Mapping[str, Any]]) -> list[int]:
    """The places of letters that are followed by the same letter."""
    return [found.start() for found in _DOUBLE.finditer("".join([letter["c"] for letter in letters]))]


def _overlaps(one: Mapping[str, Any], other: Mapping[str, Any], axis: int, size: float) -> bool:
    apart = abs(one["origin"][axis] - other["origin"][axis])
    return bool(apart < min(NEAR * size, NEAR_WIDTH * (one["bbox"][axis + 2] - one["bbox"][axis])))


def _some_meet(lines: Sequence[_Stretch]) -> bool:
    """Tell if two lines, which come in the order of their baselines, lie nearly on each other."""
    largest = max((line.size for line in lines), default=0.0)
    for n, line in enumerate(lines):
        for other in lines[n + 1 :]:
            if other.low - line.high > NEAR * largest:
                break
            size = max(line.size, other.size)
            between = max(line.start, other.start) - min(line.end, other.end)
            if other.low - line.high <= NEAR * size and between < _MET * size:
                return True
    return False


def _repeats(layout: Mapping[str, Any]) -> bool:
    """Tell if a letter of a page's `rawdict` is there a second time, nearly at the same place."""
    characters: list[Mapping[str, Any]] = []
    sizes: list[float] = []
    widths: list[float] = []
    for line in (line for block in layout["blocks"] for line in block["lines"]):
        along, across = map(abs, line["dir"])
        for span in line["spans"]:
            own = span["chars"]
            characters += own
            sizes += [span["size"]] * len(own)
            boxes = [character["bbox"] for character in own]
            widths += [along * (x1 - x0) + across * (y1 - y0) for x0, y0, x1, y1 in boxes]
    text = "".join([character["c"] for character in characters])
    origins = finite_rows([character["origin"] for character in characters], 2)
    blank = np.array([letter.isspace() for letter in text], bool)
    return bool(repeated_letters(text, origins, np.array(sizes), np.array(widths), ~blank).any())


def finite_rows(rows: Sequence[tuple[float, ...]], columns: int) -> Floats:
    """Make an array of tuples of so many numbers, what is endless cut to `EVERYWHERE`."""
    flat = np.fromiter(chain.from_iterable(rows), np.float64, columns * len(rows))
    return np.nan_to_num(flat, posinf=EVERYWHERE[2], neginf=EVERYWHERE[0]).reshape(-1, columns)
