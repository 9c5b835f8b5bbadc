"""Finds the columns of a table from chunks of text that stand below each other, and from vertical rules.

Chunks that overlap from line to line belong to one column, unless that would join two columns that stand beside each
other in some line: such a chunk spans them. A border that more chunks cross than respect is none.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ocrmill.pipeline.text.tables.chunks import Borders, Chunk
from ocrmill.pipeline.text.tables.rules import Rules, distinct

_TOUCH = 1.0  # points: a text that reaches so far over a rule stands beside it
_RULE_APART = 2.5  # points; double rules are one border
_RULED_LINES = 0.3  # of the lines have a vertical rule beside them, if it is a border of columns
_FEW_LINES = 2  # a column of so few beside one that it never meets is a heading set aside


@dataclass(slots=True)
class Column:
    """The width that the text of a column takes, chunks that span several left out."""

    x0: float
    x1: float
    lines: set[int]  # that have a chunk in it

    def overlaps(self, other: "Column") -> bool:
        """Tell if they share more than an edge."""
        return min(self.x1, other.x1) - max(self.x0, other.x0) > 0

    def joined(self, other: "Column") -> "Column":
        """Return one that holds both."""
        return Column(min(self.x0, other.x0), max(self.x1, other.x1), self.lines | other.lines)


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns from left to right with the borders between them."""

    columns: tuple[Column, ...]
    borders: tuple[float, ...]  # one fewer than columns
    ruled: tuple[bool, ...]  # for each border, if a vertical rule stands there

    @property
    def gutters(self) -> list[tuple[float, float]]:
        """Return the white space between neighbours that no rule parts."""
        pairs = zip(pairwise(self.columns), self.ruled, strict=True)
        return [(left.x1, right.x0) for (left, right), ruled in pairs if not ruled]

    def span(self, chunk: Chunk) -> tuple[int, int]:
        """Return the first and the last column that a chunk stands in."""
        touched = [n for n, column in enumerate(self.columns) if _enters(chunk, column)]
        if not touched:
            home = sum(chunk.middle > border for border in self.borders)
            return home, home
        return touched[0], touched[-1]


def find_columns(chunks: Sequence[Chunk], rules: Rules, hinted: Borders) -> Columns:
    """Find the columns of a region; one column if it has no more."""
    ruled = _ruled_borders(chunks, rules)
    columns = _clusters(chunks, ruled)
    columns = _without_crossed_borders(columns, chunks, ruled, hinted)
    columns = _with_headings_set_aside(columns, ruled, hinted)
    if _is_boxed(ruled, rules, chunks):
        columns = _one_a_box(columns, ruled)
    borders = []
    at_rule = []
    for left, right in pairwise(columns):
        rule = _rule_between(left, right, ruled)
        at_rule.append(rule is not None)
        borders.append((left.x1 + right.x0) / 2 if rule is None else rule)
    return Columns(tuple(columns), tuple(borders), tuple(at_rule))


def _enters(chunk: Chunk, column: Column) -> bool:
    shared = min(column.x1, chunk.x1) - max(column.x0, chunk.x0)
    return shared > min(0.15 * min(column.x1 - column.x0, chunk.x1 - chunk.x0), 0.25 * chunk.size)


def _ruled_borders(chunks: Sequence[Chunk], rules: Rules) -> list[float]:
    """Return the xs of vertical rules that stand beside many lines, with text on both sides."""
    lines = {chunk.line: chunk.baseline - 0.3 * chunk.size for chunk in chunks}
    needed = min(max(2.0, _RULED_LINES * len(lines)), len(lines))
    low, high = min(chunk.middle for chunk in chunks), max(chunk.middle for chunk in chunks)
    found = []
    for x in distinct((rule.x0 for rule in rules.vertical), _RULE_APART):
        pieces = [rule for rule in rules.vertical if abs(rule.x0 - x) <= _RULE_APART]
        beside = sum(any(rule.y0 <= y <= rule.y1 for rule in pieces) for y in lines.values())
        if low < x < high and beside >= needed:
            found.append(x)
    return found


def _clusters(chunks: Sequence[Chunk], ruled: Sequence[float]) -> list[Column]:
    columns: list[Column] = []
    for chunk in sorted(chunks, key=lambda chunk: chunk.x1 - chunk.x0):
        if any(chunk.x0 + _TOUCH < x < chunk.x1 - _TOUCH for x in ruled):
            continue
        x0 = max([chunk.x0, *(x for x in ruled if x <= chunk.x0 + _TOUCH)])
        x1 = min([chunk.x1, *(x for x in ruled if x >= chunk.x1 - _TOUCH)])
        together = Column(x0, x1, {chunk.line})
        met = [column for column in columns if column.overlaps(together)]
        if len(met) > 1 and _stand_beside(met):
            continue
        for column in met:
            together = together.joined(column)
            columns.remove(column)
        columns.append(together)
    return sorted(columns, key=lambda column: column.x0)


def _stand_beside(columns: Sequence[Column]) -> bool:
    """Tell if two of them have text on one line."""
    counts = Counter(line for column in columns for line in column.lines)
    return counts.most_common(1)[0][1] > 1


def _rule_between(left: Column, right: Column, ruled: Sequence[float]) -> float | None:
    return next((x for x in ruled if left.x1 - _TOUCH <= x <= right.x0 + _TOUCH), None)


def _without_crossed_borders(
    columns: list[Column], chunks: Sequence[Chunk], ruled: Sequence[float], hinted: Borders
) -> list[Column]:
    """Join columns whose border is crossed by as many chunks as there are lines with text on both sides of it."""
    while len(columns) > 1:
        worst, excess = None, 0.0
        for n, (left, right) in enumerate(pairwise(columns)):
            if _rule_between(left, right, ruled) is not None:
                continue
            x = (left.x1 + right.x0) / 2
            crossing = sum(chunk.x0 < x < chunk.x1 for chunk in chunks)
            support = float(len(left.lines & right.lines)) or _support(chunks, x) / 2
            if not crossing or crossing - support < excess:
                continue
            if any(left.x1 - 2 <= hint <= right.x0 + 2 for hint in hinted()):
                support = 1.5 * support + 0.5
            if crossing - support >= excess:
                worst, excess = n, crossing - support
        if worst is None:
            break
        columns[worst : worst + 2] = [columns[worst].joined(columns[worst + 1])]
    return columns


def _support(chunks: Sequence[Chunk], x: float) -> float:
    """Count the lines with text on both sides of x."""
    left = {chunk.line for chunk in chunks if chunk.x1 <= x}
    return len(left & {chunk.line for chunk in chunks if chunk.x0 >= x})


def _with_headings_set_aside(columns: list[Column], ruled: Sequence[float], hinted: Borders) -> list[Column]:
    """Join a column of a line or two to the nearer neighbour that it never stands beside."""
    columns = _with_headings_in_turn(columns)
    n = 0
    while n < len(columns) and len(columns) > 2:  # noqa: PLR2004
        sides = [
            (columns[max(n, m)].x0 - columns[min(n, m)].x1, min(n, m))
            for m in (n - 1, n + 1)
            if 0 <= m < len(columns) and _is_set_aside(columns[n], columns[m])
        ]
        few = len(columns[n].lines) <= _FEW_LINES
        sides = [side for side in sides if few and not _parted(columns[side[1]], columns[side[1] + 1], ruled, hinted)]
        if sides:
            low = min(sides)[1]
            columns[low : low + 2] = [columns[low].joined(columns[low + 1])]
            n = max(0, low - 1)
        else:
            n += 1
    return columns


def _with_headings_in_turn(columns: list[Column]) -> list[Column]:
    """Join headings that stand beside their columns, if the first line has one for each: the first is of the first.

    So it is where headings are centred over cells set to the right: each may be nearer to the cells before its own.
    """
    first = min((line for column in columns for line in column.lines), default=0)
    headings = [column for column in columns if first in column.lines]
    cells = [column for column in columns if column.lines - {first}]
    if len(headings) != len(cells) or len(cells) == len(columns):
        return columns
    pairs = [(heading, cell) for heading, cell in zip(headings, cells, strict=True) if heading is not cell]
    if any(len(cell.lines) <= _FEW_LINES and not _are_neighbours(heading, cell, columns) for heading, cell in pairs):
        return columns
    taken = [column for pair in pairs for column in pair]
    return sorted(
        [column for column in columns if column not in taken] + [one.joined(other) for one, other in pairs],
        key=lambda column: column.x0,
    )


def _are_neighbours(one: Column, other: Column, columns: Sequence[Column]) -> bool:
    return abs(columns.index(one) - columns.index(other)) == 1


def _is_set_aside(column: Column, beside: Column) -> bool:
    return not beside.lines & column.lines and len(beside.lines) > len(column.lines)


def _parted(left: Column, right: Column, ruled: Sequence[float], hinted: Borders) -> bool:
    """Tell if a rule or a layout model parts two neighbours."""
    return _rule_between(left, right, ruled) is not None or any(left.x1 <= hint <= right.x0 for hint in hinted())


def _is_boxed(ruled: Sequence[float], rules: Rules, chunks: Sequence[Chunk]) -> bool:
    """Tell if vertical rules stand at both sides of the text and within it: they are all borders that there are."""
    left, right = min(chunk.x0 for chunk in chunks), max(chunk.x1 for chunk in chunks)
    size = max(chunk.size for chunk in chunks)
    xs = [rule.x0 for rule in rules.vertical]
    return bool(ruled) and any(x <= left + 1 for x in xs) and any(x >= right - 0.25 * size for x in xs)


def _one_a_box(columns: list[Column], ruled: Sequence[float]) -> list[Column]:
    """Join columns that no rule parts."""
    joined: list[Column] = []
    for column in columns:
        if joined and _rule_between(joined[-1], column, ruled) is None:
            joined[-1] = joined[-1].joined(column)
        else:
            joined.append(column)
    return joined
