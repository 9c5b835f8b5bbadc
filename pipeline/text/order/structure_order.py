"""The order that a tagged PDF gives to its parts, where it is plausible.

It is the author's, and knows what places do not tell: where a box or a note belongs, which column is read first. But
many tags are wrong. They are followed if nearly all text has some, each part's are its own, hardly any part of a
column is read before one above it, and they agree with the order in which the page draws its text at least as well as
the order of places does. Headers and footers, which tags leave out, stay where they are. Not covered: rotated pages
and text.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations, pairwise
from statistics import median

import numpy as np
import numpy.typing as npt

from ocrmill.pipeline.pages.drawing_log import TextRun
from ocrmill.pipeline.text.contents.part import Part

_TAGGED = 0.9  # of the letters
_MIXED = 0.1  # of the parts: so many may have tags between those of another
_COLUMN = 0.5  # of the narrower part: so much of it lies over the other
_UPWARDS = 0.1  # of the parts: so many steps may lead up in their column
_EDGES = frozenset({"header", "footer"})


def in_structure_order(parts: Sequence[Part], runs: Sequence[TextRun]) -> list[Part]:
    """Return parts in the order of their tags if that is plausible, else as they are.

    Places of both are points of the page as displayed.
    """
    paths = sorted({run.structure for run in runs if run.structure})
    if len(paths) < 2:  # noqa: PLR2004
        return list(parts)
    number = {path: n for n, path in enumerate(paths)}
    tagged = [run for run in runs if run.structure]
    boxes = np.array([run.box for run in tagged], np.float64).T
    numbers = [number[run.structure] for run in tagged]
    body = [part for part in parts if part.label not in _EDGES]
    spans = {id(part): _numbers(part, boxes, numbers) for part in body}
    letters = sum(_letters(part) for part in body)
    if sum(_letters(part) for part in body if spans[id(part)]) < _TAGGED * letters:
        return list(parts)
    ranks: dict[int, float] = {}
    rank = -1.0
    for part in body:  # one without tags, a picture, stays behind the one before it
        rank = ranks[id(part)] = median(found) if (found := spans[id(part)]) else rank
    ordered = sorted(body, key=lambda part: ranks[id(part)])
    if _is_mixed([spans[id(part)] for part in ordered]) or _leads_upwards(ordered):
        return list(parts)
    drawn = {run.structure: run.order for run in reversed(runs)}
    orders = {id(part): median(drawn[paths[n]] for n in found) for part in body if (found := spans[id(part)])}
    if _swaps(ordered, orders) > _swaps(body, orders):
        return list(parts)
    left = iter(ordered)
    return [part if part.label in _EDGES else next(left) for part in parts]


def _swaps(parts: Sequence[Part], orders: Mapping[int, float]) -> int:
    """Count pairs of parts that are not drawn in their order."""
    known = [orders[id(part)] for part in parts if id(part) in orders]
    return sum(before > after for before, after in combinations(known, 2))


def _letters(part: Part) -> int:
    return sum(len(line.text) for line in part.lines)


def _numbers(part: Part, boxes: npt.NDArray[np.float64], numbers: Sequence[int]) -> list[int]:
    """Return the places, in the order of the tags, of what is drawn where the part's lines begin and end.

    `boxes` has x0, y0, x1 and y1 of everything with a tag as its rows. All boxes are compared at once: one by one takes
    longer.
    """
    x0, y0, x1, y1 = boxes
    found = []
    for line in part.lines:
        for box in (line.words[0].box, line.words[-1].box):
            x, y = (box.x0 + box.x1) / 2, box.middle
            inside = (x0 <= x) & (x <= x1) & (y0 <= y) & (y <= y1)
            first = int(inside.argmax())
            if inside[first]:
                found.append(numbers[first])
    return found


def _is_mixed(spans: Sequence[Sequence[int]]) -> bool:
    """Tell if the tags of too many parts lie among those of the part before."""
    known = [(min(span), max(span)) for span in spans if span]
    mixed = sum(after[0] < before[1] for before, after in pairwise(known))
    return mixed > _MIXED * len(known)


def _leads_upwards(ordered: Sequence[Part]) -> bool:
    """Tell if too many parts stand in one column with the part before them, and above it."""
    steps = sum(
        after.box.y1 <= before.box.y0
        and min(before.box.x1, after.box.x1) - max(before.box.x0, after.box.x0)
        > _COLUMN * min(before.box.width, after.box.width)
        for before, after in pairwise(ordered)
    )
    return steps > _UPWARDS * len(ordered)
