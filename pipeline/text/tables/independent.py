"""Tells the tables of a region apart: beside each other without common rows, below each other with own columns."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from ocrmill.pipeline.text.reading_order import enclosing
from ocrmill.pipeline.text.tables.chunks import text_lines
from ocrmill.pipeline.text.tables.rows import NUMBER
from ocrmill.pipeline.text.tables.rules import Rules, covered, distinct
from ocrmill.pipeline.text.tables.table import Cell, Table
from ocrmill.pipeline.text.words import Word

_GAP = 1.0  # of the type: white space between tables is no narrower
_SAME_ROW = 0.15  # of the type: baselines so close are one
_SHARED_ROWS = 0.35  # of the lines of the side with fewer: tables that share no rows meet by chance
_FEWEST = 3  # lines of a table that can be told from a cell beside it
_ALIKE = 1.6  # times as many lines: beside fewer stand cells of several rows
_DOUBLE = 2.0  # points between the edges of two frames; closer rules are one
_WHOLE = 0.8  # of a strip's height, that a rule which parts it is long
_COMMON_RULES = 2  # across both tables: above them, and below
_OWN_HEIGHTS = 0.5  # of the rules across one table lie where the other has some
_CELLS = 0.5  # of the lines of a table have a gap
STACKED_ROWS = 3  # of each of two tables below each other; fewer may be a header, or a sum
_SAME_EDGE = 0.15  # of the type
_SAME_COLUMNS = 0.5  # of the columns after the first, that stand below each other in one table
_OVER = 0.5  # of the narrower column: numbers set by their points share so much
_NUMBERS = 0.6  # of the cells of a column of numbers


def independent_parts(words: Sequence[Word], rules: Rules) -> list[list[Word]]:
    """Return the words of each table from left to right, in their order; all of them if there is one."""
    stacked = _framed_parts(words, rules)
    if len(stacked) > 1:
        return [one for part in stacked for one in independent_parts(part, rules)]
    size = median(word.size for word in words)
    for left, right in _gaps(words, size):
        crossing = sum(rule.x0 < left and rule.x1 > right for rule in rules.horizontal)
        before = [word for word in words if word.box.x1 <= left]
        after = [word for word in words if word.box.x0 >= right]
        apart = crossing == 0 and _share_no_rows(before, after, size)
        if apart or (crossing <= _COMMON_RULES and _have_own_frames(left, right, rules)):
            return [*independent_parts(before, rules), *independent_parts(after, rules)]
    return [list(words)]


def _framed_parts(words: Sequence[Word], rules: Rules) -> list[list[Word]]:
    """Return the words of each block of rows, as of invoices: below rules across everything stand other columns.

    Blocks of one line are rows of a form.
    """
    if not rules.vertical:
        return [list(words)]
    left, right = min(rule.x0 for rule in rules.vertical), max(rule.x0 for rule in rules.vertical)
    across = [rule.y0 for rule in rules.horizontal if rule.x0 <= left + _DOUBLE and rule.x1 >= right - _DOUBLE]
    ys = distinct(across, _DOUBLE)
    strips = [_inner_rules(rules, top, bottom, left, right) for top, bottom in pairwise(ys)]
    parts: list[list[Word]] = []
    rest = list(words)
    for y, upper, lower in zip(ys[1:], strips, strips[1:], strict=False):
        above = [word for word in rest if word.box.middle < y]
        below = [word for word in rest if word.box.middle >= y]
        if not above or not below or not _have_other_columns(upper, lower):
            continue
        if min(len(text_lines(above)), len(text_lines(below))) > 1:
            parts.append(above)
            rest = below
    return [*parts, rest]


def _inner_rules(rules: Rules, top: float, bottom: float, left: float, right: float) -> list[float]:
    """Return the xs of rules that part a strip from top to bottom, its frame left out."""
    inner = [rule for rule in rules.vertical if left + _DOUBLE < rule.x0 < right - _DOUBLE]
    found = []
    for x in distinct((rule.x0 for rule in inner), _DOUBLE):
        pieces = [(rule.y0, rule.y1) for rule in inner if abs(rule.x0 - x) <= _DOUBLE]
        if covered(pieces, top, bottom) >= _WHOLE:
            found.append(x)
    return found


def _have_other_columns(upper: Sequence[float], lower: Sequence[float]) -> bool:
    """Tell if rules part two strips at no common place, one of them into three columns or more."""
    met = any(abs(x - other) <= _DOUBLE for x in upper for other in lower)
    return bool(upper) and bool(lower) and max(len(upper), len(lower)) > 1 and not met


def are_independent(upper: Table, lower: Table) -> bool:
    """Tell if rows below each other are of two tables: columns stand at other places, or both begin with names."""
    if min(upper.rows, lower.rows) < STACKED_ROWS:
        return False
    if _begins_with_names(upper) and _begins_with_names(lower):
        return True
    one, other = _columns(upper)[1:], _columns(lower)[1:]
    fewer, more = sorted((one, other), key=len)
    met = sum(any(_stand_below(column, below) for below in more) for column in fewer)
    return met < _SAME_COLUMNS * len(fewer)


def _begins_with_names(table: Table) -> bool:
    """Tell if the first row is a header with a name for each column, none a number, or a text that comes again."""
    first = [cell for cell in table.cells if cell.row == 0 and cell.lines]
    if table.header_rows != 1 or len(first) < table.columns:
        return False
    texts = Counter((cell.column, *(word.text for word in cell.words)) for cell in table.cells)
    is_new = all(texts[cell.column, *(word.text for word in cell.words)] == 1 for cell in first)
    return is_new and not any(NUMBER.match(word.text) for cell in first for word in cell.words)


def _columns(table: Table) -> list[list[Cell]]:
    """Return the cells of each column that span no other, those without text left out."""
    columns = [
        [cell for cell in table.cells if cell.column == n and cell.column_span == 1 and cell.lines]
        for n in range(table.columns)
    ]
    return [column for column in columns if column]


def _stand_below(one: Sequence[Cell], other: Sequence[Cell]) -> bool:
    """Tell if cells begin, end or have their middles where those of another column do; numbers, if most lie below each.

    Numbers may be set by their points.
    """
    upper, lower = (enclosing([word.box for cell in cells for word in cell.words]) for cells in (one, other))
    shared = min(upper.x1, lower.x1) - max(upper.x0, lower.x0)
    if _are_numbers(one) and _are_numbers(other) and shared >= _OVER * min(upper.width, lower.width):
        return True
    apart = min(abs(upper.x0 - lower.x0), abs(upper.x1 - lower.x1), abs(_centre(one) - _centre(other)))
    return apart <= _SAME_EDGE * next(one[0].words).size


def _are_numbers(cells: Sequence[Cell]) -> bool:
    texts = [" ".join(word.text for word in cell.words) for cell in cells]
    return sum(NUMBER.match(text) is not None for text in texts) >= _NUMBERS * len(texts)


def _centre(cells: Sequence[Cell]) -> float:
    boxes = [enclosing([word.box for word in line]) for cell in cells for line in cell.lines]
    return median((box.x0 + box.x1) / 2 for box in boxes)


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
