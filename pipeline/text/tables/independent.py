"""Parts a region into tables that stand beside each other and share no rows."""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from ocrmill.pipeline.text.tables.chunks import text_lines
from ocrmill.pipeline.text.tables.rules import Rules
from ocrmill.pipeline.text.words import Word

_GAP = 1.0  # of the type: white space between tables is no narrower
_SAME_ROW = 0.15  # of the type: baselines so close are one
_SHARED_ROWS = 0.35  # of the lines of the side with fewer: tables that share no rows meet by chance
_FEWEST = 3  # lines of a table that can be told from a cell beside it
_ALIKE = 1.6  # times as many lines: beside fewer stand cells of several rows
_DOUBLE = 2.0  # points between the edges of two frames; closer rules are one
_COMMON_RULES = 2  # across both tables: above them, and below
_OWN_HEIGHTS = 0.5  # of the rules across one table lie where the other has some
_CELLS = 0.5  # of the lines of a table have a gap


def independent_parts(words: Sequence[Word], rules: Rules) -> list[list[Word]]:
    """Return the words of each table from left to right, in their order; all of them if there is one."""
    size = median(word.size for word in words)
    for left, right in _gaps(words, size):
        crossing = sum(rule.x0 < left and rule.x1 > right for rule in rules.horizontal)
        before = [word for word in words if word.box.x1 <= left]
        after = [word for word in words if word.box.x0 >= right]
        apart = crossing == 0 and _share_no_rows(before, after, size)
        if apart or (crossing <= _COMMON_RULES and _have_own_frames(left, right, rules)):
            return [*independent_parts(before, rules), *independent_parts(after, rules)]
    return [list(words)]


def _gaps(words: Sequence[Word], size: float) -> list[tuple[float, float]]:
    """Return the strips that no word enters, the widest first."""
    found = []
    end: float | None = None
    for word in sorted(words, key=lambda word: word.box.x0):
        if end is not None and word.box.x0 - end >= _GAP * size:
            found.append((end, word.box.x0))
        end = word.box.x1 if end is None else max(end, word.box.x1)
    return sorted(found, key=lambda gap: gap[0] - gap[1])


def _share_no_rows(before: Sequence[Word], after: Sequence[Word], size: float) -> bool:
    left, right = text_lines(before), text_lines(after)
    fewer, more = sorted((left, right), key=len)
    if len(fewer) < _FEWEST or len(more) > _ALIKE * len(fewer) or not (_has_cells(left) and _has_cells(right)):
        return False
    ys = [line[0].baseline for line in more]
    met = sum(min(abs(line[0].baseline - y) for y in ys) <= _SAME_ROW * size for line in fewer)
    return met <= _SHARED_ROWS * len(fewer)


def _have_own_frames(left: float, right: float, rules: Rules) -> bool:
    """Tell if two upright rules stand in a gap, and most rules across on its two sides lie at heights of their own."""
    upright = [rule.x0 for rule in rules.vertical if left <= rule.x0 <= right]
    if not upright or max(upright) - min(upright) < _DOUBLE:
        return False
    middle = (max(upright) + min(upright)) / 2
    before = [rule.y0 for rule in rules.horizontal if rule.x1 <= middle]
    after = [rule.y0 for rule in rules.horizontal if rule.x0 >= middle]
    if min(len(before), len(after)) < _FEWEST:
        return False
    met = sum(min(abs(y - other) for other in after) < _DOUBLE for y in before)
    return met <= _OWN_HEIGHTS * len(before)


def _has_cells(lines: Sequence[Sequence[Word]]) -> bool:
    gaps = sum(
        any(after.box.x0 - before.box.x1 > _GAP * after.size for before, after in pairwise(line)) for line in lines
    )
    return gaps >= _CELLS * len(lines)
