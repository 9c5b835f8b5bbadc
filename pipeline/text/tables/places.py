"""Merges places of a grid into cells that span: where text crosses a border, and where a rule between them is missing.

Rules part the cells of one border only in some columns if other cells span it: a rule below a heading of several
columns, the missing rule inside a cell that is two rows high.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

from ocrmill.pipeline.text.tables.chunks import Chunk
from ocrmill.pipeline.text.tables.columns import Columns
from ocrmill.pipeline.text.tables.rows import NUMBER, Line
from ocrmill.pipeline.text.tables.rules import Rules, covered

_RULED, _OPEN = 0.6, 0.2  # share of a place's edge along which there is a rule, and none
_CENTRED = 0.06  # of the table's width: text so near its centre is set there
_AT_BORDER = 2.5  # points
_LINED = 0.6  # of the borders between rows have rules, if a missing one means something
_HEADINGS = 3  # rows that can hold headings of several columns
_LABELS = 3  # of a form, below each other
_ALIKE = 2  # texts of a column that begin or end below another: it is set in the column
_OFF_CENTRE = 0.4  # of the type
_ALIGNED = 0.15  # of the type


@dataclass(frozen=True, slots=True)
class Place:
    """A chunk with the first and last row and column that it stands in."""

    chunk: Chunk
    top: int
    bottom: int
    left: int
    right: int


@dataclass(frozen=True, slots=True)
class Rectangle:
    """Places of the grid that are one cell."""

    row: int
    column: int
    row_span: int
    column_span: int

    @property
    def places(self) -> Iterator[tuple[int, int]]:
        """Give the row and the column of each of its places."""
        return product(range(self.row, self.row + self.row_span), range(self.column, self.column + self.column_span))


class _Grid:
    """The cells so far: each place knows its rectangle."""

    def __init__(self, rows: int, columns: int) -> None:
        self.owner = {(r, c): Rectangle(r, c, 1, 1) for r in range(rows) for c in range(columns)}

    def merge(self, top: int, bottom: int, left: int, right: int) -> None:
        """Make one cell of a rectangle of places and of all cells that reach into it."""
        while True:
            inside = {self.owner[r, c] for r in range(top, bottom + 1) for c in range(left, right + 1)}
            grown = (
                min(cell.row for cell in inside),
                max(cell.row + cell.row_span for cell in inside) - 1,
                min(cell.column for cell in inside),
                max(cell.column + cell.column_span for cell in inside) - 1,
            )
            if grown == (top, bottom, left, right):
                break
            top, bottom, left, right = grown
        cell = Rectangle(top, left, bottom - top + 1, right - left + 1)
        for r in range(top, bottom + 1):
            for c in range(left, right + 1):
                self.owner[r, c] = cell

    def cells(self) -> list[Rectangle]:
        """Return its cells row by row."""
        return sorted(set(self.owner.values()), key=lambda cell: (cell.row, cell.column))


def merged_places(
    rows: Sequence[Sequence[Line]], columns: Columns, places: Sequence[Place], rules: Rules
) -> list[Rectangle]:
    """Return the cells of a grid, row by row."""
    grid = _Grid(len(rows), len(columns.columns))
    for place in places:
        grid.merge(place.top, place.bottom, place.left, place.right)
    _merge_lone_text(grid, rows, columns, places, rules)
    _merge_centred_headings(grid, rows, columns, places)
    _merge_over_short_rules(grid, rows, columns, places, rules)
    _merge_unruled_rows(grid, rows, columns, places, rules)
    _merge_unruled_columns(grid, rows, columns, places, rules)
    return grid.cells()


def _filled(grid: _Grid, places: Iterable[Place]) -> dict[Rectangle, list[Chunk]]:
    """Return the chunks of each cell that has any."""
    found: dict[Rectangle, list[Chunk]] = {}
    for place in places:
        found.setdefault(grid.owner[place.top, place.left], []).append(place.chunk)
    return found


def _merge_lone_text(
    grid: _Grid, rows: Sequence[Sequence[Line]], columns: Columns, places: Sequence[Place], rules: Rules
) -> None:
    """Let a text that is alone in its row span it, if it crosses a border, is centred, or vertical rules stop there."""
    left, right = columns.columns[0].x0, columns.columns[-1].x1
    last = len(columns.columns) - 1
    for n in range(len(rows)):
        held = [place for place in places if place.top <= n <= place.bottom]
        if not held or len({(place.top, place.left) for place in held}) > 1 or held[0].top != held[0].bottom:
            continue
        crosses = held[0].left == 0 and max(place.right for place in held) > 0
        centred = (
            n > 0
            and held[0].left > 0
            and all(abs(place.chunk.middle - (left + right) / 2) <= _CENTRED * (right - left) for place in held)
            and sum(_is_set_like(place, held[0]) for place in places if place not in held) < _ALIKE
        )
        if crosses or centred or _lacks_rules(rows[n], columns, rules):
            grid.merge(n, n, 0, last)


def _lacks_rules(row: Sequence[Line], columns: Columns, rules: Rules) -> bool:
    """Tell if borders have vertical rules, and none of them goes through this row."""
    return any(columns.ruled) and not any(
        _ruled_height(row, x, rules) > _OPEN for x, ruled in zip(columns.borders, columns.ruled, strict=True) if ruled
    )


def _ruled_height(row: Sequence[Line], x: float, rules: Rules) -> float:
    """Return the share of a row's height along which a rule stands at x."""
    spans = [(rule.y0, rule.y1) for rule in rules.vertical if abs(rule.x0 - x) <= _AT_BORDER]
    return covered(spans, row[0].top, row[-1].bottom)


def _is_set_like(one: Place, other: Place) -> bool:
    """Tell if two texts of a column begin or end below each other."""
    near = _ALIGNED * other.chunk.size
    return (one.left, one.right) == (other.left, other.right) and (
        abs(one.chunk.x0 - other.chunk.x0) <= near or abs(one.chunk.x1 - other.chunk.x1) <= near
    )


def _merge_centred_headings(
    grid: _Grid, rows: Sequence[Sequence[Line]], columns: Columns, places: Sequence[Place]
) -> None:
    """Let a heading span the columns that it is centred over, if nothing else stands there and it fits no column."""
    filled = _filled(grid, places)
    for n in range(min(_HEADINGS, len(rows) - 1)):
        for place in places:
            cell = grid.owner[place.top, place.left]
            if place.top != n or cell.row_span > 1 or len(filled[cell]) > 1 or _is_aligned(place, columns):
                continue
            free = [
                c for c in range(len(columns.columns)) if grid.owner[n, c] == cell or grid.owner[n, c] not in filled
            ]
            ranges = [
                (abs(place.chunk.middle - (columns.columns[a].x0 + columns.columns[b].x1) / 2), a, b)
                for a in free
                for b in free
                if a <= place.left and place.right <= b and a < b and set(range(a, b + 1)) <= set(free)
            ]
            if ranges and min(ranges)[0] <= _OFF_CENTRE * place.chunk.size:
                grid.merge(n, n, *min(ranges)[1:])
                filled = _filled(grid, places)


def _is_aligned(place: Place, columns: Columns) -> bool:
    """Tell if a text is set to an edge or the middle of the columns that it stands in."""
    x0, x1 = columns.columns[place.left].x0, columns.columns[place.right].x1
    chunk, near = place.chunk, _ALIGNED * place.chunk.size
    return abs(chunk.x0 - x0) <= near or abs(chunk.x1 - x1) <= near or abs(chunk.middle - (x0 + x1) / 2) <= near


def _merge_over_short_rules(
    grid: _Grid, rows: Sequence[Sequence[Line]], columns: Columns, places: Sequence[Place], rules: Rules
) -> None:
    """Let a heading span the columns above which it stands alone, if a rule below it is as long as they are."""
    for n, (upper, lower) in enumerate(pairwise(rows)):
        low, high = _between(upper, lower)
        for rule in rules.horizontal:
            under = [
                c
                for c, column in enumerate(columns.columns)
                if low <= rule.y0 <= high and covered([(rule.x0, rule.x1)], column.x0, column.x1) >= _RULED
            ]
            if not 1 < len(under) < len(columns.columns):
                continue
            for group in _groups(under, places, n):
                if _is_alone(places, n, group[0], group[-1]):
                    grid.merge(n, n, group[0], group[-1])


def _groups(under: Sequence[int], places: Sequence[Place], row: int) -> list[Sequence[int]]:
    """Part columns with one rule below their headings evenly, if the next row has a text in each; rules may touch."""
    held = [place for place in places if place.top == row and under[0] <= place.left <= under[-1]]
    below = {place.left for place in places if place.top == row + 1 and place.left == place.right}
    width = len(under) // max(1, len(held))
    if width < 2 or width * len(held) != len(under) or not below >= set(under):  # noqa: PLR2004
        return [under]
    return [under[n : n + width] for n in range(0, len(under), width)]


def _is_alone(places: Sequence[Place], row: int, first: int, last: int) -> bool:
    """Tell if one text stands in these columns of a row, and nowhere else."""
    held = [
        place for place in places if place.top <= row <= place.bottom and place.left <= last and place.right >= first
    ]
    within = all(place.top == place.bottom and first <= place.left and place.right <= last for place in held)
    return within and len({place.left for place in held}) == 1


def _merge_unruled_rows(
    grid: _Grid, rows: Sequence[Sequence[Line]], columns: Columns, places: Sequence[Place], rules: Rules
) -> None:
    """Merge what stands above and below a border that is ruled in other columns only.

    Where few borders have rules, a cell of two rows has one below it: the end of a header. Without, the rule belongs to
    what the other columns hold, such as a table beside this one or the cells of a header that end lower.
    """
    ruled = [_ruled_shares(upper, lower, columns, rules) for upper, lower in pairwise(rows)]
    is_lined = any(columns.ruled) or sum(max(shares) >= _RULED for shares in ruled) >= _LINED * len(ruled)
    labels = _label_columns(rows, columns, ruled)
    for n, shares in enumerate(ruled):
        if max(shares) < _RULED:
            continue
        for c, share in enumerate(shares):
            upper, lower = grid.owner[n, c], grid.owner[n + 1, c]
            alike = (upper.column, upper.column_span) == (lower.column, lower.column_span)
            if share > _OPEN or upper == lower or not alike or c in labels:
                continue
            filled = _filled(grid, places)
            above, below = filled.get(upper, []), filled.get(lower, [])
            is_closed = any(later[c] >= _RULED for later in ruled[n + 1 : n + 1 + _HEADINGS])
            if (is_lined or (above and below and is_closed)) and not (_is_number(above) and _is_number(below)):
                grid.merge(n, n + 1, c, c)


def _label_columns(rows: Sequence[Sequence[Line]], columns: Columns, ruled: Sequence[Sequence[float]]) -> set[int]:
    """Return columns without any rule that have a text on each row, as labels of a form have beside ruled values."""
    return {
        c
        for c in range(len(columns.columns))
        if len(rows) >= _LABELS
        and all(shares[c] <= _OPEN for shares in ruled)
        and all(row[0].in_column(c) for row in rows)
    }


def _merge_unruled_columns(
    grid: _Grid, rows: Sequence[Sequence[Line]], columns: Columns, places: Sequence[Place], rules: Rules
) -> None:
    """Merge an empty place with its neighbour if the border between them has a rule in other rows only."""
    for c, x in enumerate(columns.borders):
        if not columns.ruled[c]:
            continue
        for n, row in enumerate(rows):
            left, right = grid.owner[n, c], grid.owner[n, c + 1]
            open_edge = _ruled_height(row, x, rules) <= _OPEN
            if not open_edge or left == right or (left.row, left.row_span) != (right.row, right.row_span):
                continue
            filled = _filled(grid, places)
            if (left in filled) != (right in filled):
                grid.merge(n, n, c, c + 1)


def _ruled_shares(upper: Sequence[Line], lower: Sequence[Line], columns: Columns, rules: Rules) -> list[float]:
    """Return for each column the share of its width along which a rule parts two rows."""
    low, high = _between(upper, lower)
    spans = [(rule.x0, rule.x1) for rule in rules.horizontal if low <= rule.y0 <= high]
    return [covered(spans, column.x0, column.x1) for column in columns.columns]


def _between(upper: Sequence[Line], lower: Sequence[Line]) -> tuple[float, float]:
    """Return the heights between which a rule parts two rows."""
    above, below = upper[-1], lower[0]
    return above.baseline - 0.1 * above.size, below.baseline - 0.4 * below.size


def _is_number(chunks: Iterable[Chunk]) -> bool:
    texts = [" ".join(word.text for word in chunk.words) for chunk in chunks]
    return bool(texts) and all(NUMBER.match(text) for text in texts)
