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
_CELLS = 0.5  # of the lines of a table have a gap


def independent_parts(words: Sequence[Word], rules: Rules) -> list[list[Word]]:
    """Return the words of each table from left to right, in their order; all of them if there is one."""
    size = median(word.size for word in words)
    for left, right in _gaps(words, size):
        if any(rule.x0 < left and rule.x1 > right for rule in rules.horizontal):
            continue
        before = [word for word in words if word.box.x1 <= left]
        after = [word for word in words if word.box.x0 >= right]
        if _share_no_rows(before, after, size):
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


def _has_cells(lines: Sequence[Sequence[Word]]) -> bool:
    gaps = sum(
        any(after.box.x0 - before.box.x1 > _GAP * after.size for before, after in pairwise(line)) for line in lines
    )
    return gaps >= _CELLS * len(lines)
