"""Words of a region -> tables. None comes out where the words do not lie in rows and columns without doubt."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from statistics import median

from ocrmill.pipeline.text.reading_order import Box, enclosing
from ocrmill.pipeline.text.tables.chunks import Borders, Chunk, chunks_of, parted, text_lines, usual_blank
from ocrmill.pipeline.text.tables.columns import Columns, find_columns
from ocrmill.pipeline.text.tables.doubts import has_fused_columns, is_doubtful
from ocrmill.pipeline.text.tables.headers import count_header_rows
from ocrmill.pipeline.text.tables.independent import STACKED_ROWS, are_independent, independent_parts
from ocrmill.pipeline.text.tables.places import Place, Rectangle, merged_places
from ocrmill.pipeline.text.tables.rows import Line, leading_lines, lines_of, row_starts
from ocrmill.pipeline.text.tables.ruled import find_ruled_tables
from ocrmill.pipeline.text.tables.rules import Rules
from ocrmill.pipeline.text.tables.table import Cell, Lines, Table
from ocrmill.pipeline.text.words import Word

_UNDERLINE = 0.35  # of the type: a rule that lies so close below words and is as long as they are is their underline
_ENDS = 0.3  # of the type: as far an underline's ends lie from those of its words
_FRAME = 3.0  # of the type: a frame is no farther from its text, and a row is no higher
_BETWEEN = 0.2  # of the step between rows: a line farther from both baselines stands between them
_WIDE_STEP = 1.3  # times the usual step between rows
_RULED_ROWS = 0.5  # of the rows have a rule below them
_WIDEST = 0.9  # of the widest step of a table
_SHARED = 0.3  # of a line's height: a floating line that shares so much with a row stands in it

Hint = Callable[[], tuple[Sequence[float], Sequence[float]]]
"""Asks a layout model for borders: the ys between rows and the xs between columns."""


def build_tables(
    words: Sequence[Word],
    rules: Rules,
    hint: Hint | None = None,
    *,
    right_to_left: bool = False,
) -> list[Table] | None:
    """Lay out the words of a region as a table, or as several, one for each ruled grid or beside each other.

    Every word lies in one cell of one table. None if that leaves doubt: the words are no table then. `hint` is asked
    where words and rules alone do not decide.
    """
    words = [word for word in words if word.text]
    if not words:
        return None
    size = median(word.size for word in words)
    parts = _by_grids(words, find_ruled_tables(words, rules.within(_around(words), _FRAME * size)), size)
    rules = _without_underlines(rules.within(_around(words), size), words)
    tables = []
    for part in [table for grid in parts or [] for table in independent_parts(grid, rules)]:
        built = _build_stacked(part, rules.within(_around(part), size), hint, right_to_left=right_to_left)
        if built is None:
            return None
        tables += built
    if not tables:
        return None
    return tables[::-1] if right_to_left else tables


def _around(words: Sequence[Word]) -> Box:
    return enclosing([word.box for word in words])


def _by_grids(words: list[Word], grids: Sequence[Box], size: float) -> list[list[Word]] | None:
    """Return the words of each ruled grid; all of them if there is one at most. None if there is text between them.

    A grid that goes on below a row without vertical rules is one.
    """
    apart: list[Box] = []
    for grid in grids:
        above = apart[-1] if apart else None
        if above and max(abs(grid.x0 - above.x0), abs(grid.x1 - above.x1), grid.y0 - above.y1) <= _FRAME * size:
            apart[-1] = enclosing([above, grid])
        else:
            apart.append(grid)
    grids = apart
    if len(grids) < 2:  # noqa: PLR2004
        return [words]
    parts = [[word for word in words if grid.contains_centre_of(word.box)] for grid in grids]
    return parts if sorted(id(word) for part in parts for word in part) == sorted(map(id, words)) else None


def _build_table(words: Sequence[Word], rules: Rules, hint: Hint | None, *, right_to_left: bool) -> Table | None:
    hinted_rows: Borders = tuple if hint is None else lambda: hint()[0]
    hinted_columns: Borders = tuple if hint is None else lambda: hint()[1]
    left, right = min(word.box.x0 for word in words), max(word.box.x1 for word in words)
    if any(left + 1 < rule.x0 < right - 1 for rule in rules.vertical):  # they are the borders
        hinted_columns = tuple
    text = text_lines(words)
    chunks = chunks_of(text, rules, hinted_columns)
    columns = find_columns(chunks, rules, hinted_columns)
    size = median(word.size for word in words)
    blank = usual_blank(text, size) / size
    cut = [part for chunk in chunks for part in parted(chunk, columns.gutters, blank)]
    if len(cut) > len(chunks):
        chunks = cut
        columns = find_columns(chunks, rules, hinted_columns)
    lines = lines_of(chunks, columns)
    if len(columns.columns) < 2 or len(lines) < 2:  # noqa: PLR2004
        return None
    rows = _rows(lines, columns, rules, hinted_rows)
    if len(rows) < 2:  # noqa: PLR2004
        return None
    places = _places(lines, rows, rules)
    merged = merged_places(rows, columns, places, rules)
    cells = _cells(merged, places, words)
    if right_to_left:
        last = len(columns.columns)
        cells = sorted(
            (Cell(c.row, last - c.column - c.column_span, c.row_span, c.column_span, c.lines) for c in cells),
            key=lambda cell: (cell.row, cell.column),
        )
    table = Table(
        len(rows),
        len(columns.columns),
        count_header_rows(cells, rows, columns, rules),
        tuple(cells),
        _around(words),
    )
    return None if is_doubtful(table, words, columns, lines, rules, is_hinted=hint is not None) else table


def _build_stacked(
    words: Sequence[Word], rules: Rules, hint: Hint | None, *, right_to_left: bool
) -> list[Table] | None:
    """Build one table, or those that stand below each other.

    They do if numbers of two columns would lie in one cell, or, where no rules part rows, if white space parts some
    whose columns stand at other places.
    """
    table = _build_table(words, rules, hint, right_to_left=right_to_left)
    return None if table is None else _parted_below(table, words, rules, hint, right_to_left=right_to_left)


def _parted_below(
    table: Table, words: Sequence[Word], rules: Rules, hint: Hint | None, *, right_to_left: bool
) -> list[Table] | None:
    """Return a table, or those that it is made of; None if it is of several that cannot be told apart."""
    is_fused = has_fused_columns(table)
    if not is_fused and _has_ruled_rows(table, rules):
        return [table]
    own: Hint | None = None if is_fused or hint is None else lambda: (hint()[0], ())  # its columns are of all tables
    for upper, lower in _stacks(words) if is_fused else _wide_stacks(words):
        parts = [(_build_table(part, rules, own, right_to_left=right_to_left), part) for part in (upper, lower)]
        found = [(built, part) for built, part in parts if built is not None and not has_fused_columns(built)]
        if len(found) == len(parts) and (is_fused or are_independent(*(built for built, _ in found))):
            return [
                one
                for built, part in found
                for one in _parted_below(built, part, rules, own, right_to_left=right_to_left) or [built]
            ]
    return None if is_fused else [table]


def _has_ruled_rows(table: Table, rules: Rules) -> bool:
    """Tell if rules part the columns, or most rows, not only the header and the ends."""
    starts = [min(line[0].baseline for line in row) for n in range(table.rows) if (row := _lines_of_row(table, n))]
    between = sum(any(upper < rule.y0 < lower for rule in rules.horizontal) for upper, lower in pairwise(starts))
    return bool(rules.vertical) or between > _RULED_ROWS * len(starts)


def _lines_of_row(table: Table, row: int) -> list[tuple[Word, ...]]:
    return [line for cell in table.cells if cell.row == row for line in cell.lines]


def _stacks(words: Sequence[Word]) -> Iterator[tuple[list[Word], list[Word]]]:
    """Give the words above and below each place where a table may begin: before a line of bold type, or a wide step."""
    lines = text_lines(words)
    steps = [lower[0].baseline - upper[0].baseline for upper, lower in pairwise(lines)]
    for n, step in enumerate(steps, 1):
        bold = all(word.bold for word in lines[n]) and not all(word.bold for word in lines[n - 1])
        if bold or step > _WIDE_STEP * median(steps):
            yield _parted_at(n, lines)


def _wide_stacks(words: Sequence[Word]) -> Iterator[tuple[list[Word], list[Word]]]:
    """Give the words above and below each of the widest steps of a table, if others are clearly narrower."""
    lines = text_lines(words)
    if len(lines) < 2 * STACKED_ROWS:
        return
    steps = [lower[0].baseline - upper[0].baseline for upper, lower in pairwise(lines)]
    least = max(_WIDE_STEP * median(steps), _WIDEST * max(steps))
    for n in range(STACKED_ROWS, len(lines) - STACKED_ROWS + 1):
        if steps[n - 1] > least:
            yield _parted_at(n, lines)


def _parted_at(n: int, lines: Sequence[Sequence[Word]]) -> tuple[list[Word], list[Word]]:
    return [word for line in lines[:n] for word in line], [word for line in lines[n:] for word in line]


def _without_underlines(rules: Rules, words: Sequence[Word]) -> Rules:
    """Drop horizontal rules of single lines: those that underline words, and leaders from one word to the next."""
    ordered = sorted(words, key=lambda word: word.baseline)
    baselines = [word.baseline for word in ordered]
    reach = _UNDERLINE * max(word.size for word in words)
    kept = [
        rule
        for rule in rules.horizontal
        if not _is_underline(
            rule, ordered[bisect_left(baselines, rule.y0 - reach) : bisect_right(baselines, rule.y0 + reach)]
        )
    ]
    return Rules(tuple(kept), rules.vertical)


def _is_underline(rule: Box, near: Sequence[Word]) -> bool:
    """Tell if a rule lies right below words and ends with them, or between two that stand at its ends."""
    above = sorted(
        (
            word
            for word in near
            if -0.05 * word.size <= rule.y0 - word.baseline <= _UNDERLINE * word.size
            and word.box.x0 < rule.x1
            and word.box.x1 > rule.x0
        ),
        key=lambda word: word.box.x0,
    )
    if not above:
        return _is_leader(rule, near)
    ends = _ENDS * above[0].size
    x0, x1 = above[0].box.x0, max(word.box.x1 for word in above)
    closed = all(after.box.x0 - before.box.x1 <= before.size for before, after in pairwise(above))
    return closed and abs(x0 - rule.x0) <= ends and abs(x1 - rule.x1) <= ends


def _is_leader(rule: Box, near: Sequence[Word]) -> bool:
    """Tell if a rule fills the gap between two words of one line, at their feet."""
    near = [word for word in near if -0.1 * word.size <= rule.y0 - word.baseline <= _UNDERLINE * word.size]
    before = [word for word in near if 0 <= rule.x0 - word.box.x1 <= word.size]
    after = [word for word in near if 0 <= word.box.x0 - rule.x1 <= word.size]
    return any(abs(one.baseline - other.baseline) <= _ENDS * one.size for one in before for other in after)


def _rows(lines: Sequence[Line], columns: Columns, rules: Rules, hinted: Borders) -> list[list[Line]]:
    """Group the lines that do not overlap into rows."""
    chosen = leading_lines(lines, rules)
    leading = [lines[n] for n in chosen]
    floating = [line for n, line in enumerate(lines) if n not in chosen]
    rows = [[leading[0]]]
    for line, starts in zip(leading[1:], row_starts(leading, floating, columns, rules, hinted), strict=True):
        if starts:
            rows.append([line])
        else:
            rows[-1].append(line)
    return rows


def _places(lines: Sequence[Line], rows: Sequence[Sequence[Line]], rules: Rules) -> list[Place]:
    """Return for each chunk the rows and columns that it stands in; none reaches over a rule across it."""
    row_of = {id(line): n for n, row in enumerate(rows) for line in row}
    places = []
    for line in lines:
        home = row_of.get(id(line))
        for chunk, (first, last) in zip(line.chunks, line.spans, strict=True):
            beside = (home, home) if home is not None else _rows_beside(chunk, first, last, rows)
            top, bottom = _on_its_side(chunk, *beside, rows, rules)
            places.append(Place(chunk, top, bottom, first, last))
    return places


def _rows_beside(chunk: Chunk, first: int, last: int, rows: Sequence[Sequence[Line]]) -> tuple[int, int]:
    """Return the first and the last row that a chunk between lines stands beside."""
    below = sum(row[0].baseline < chunk.baseline for row in rows)
    near = [n for n in (below - 1, below) if 0 <= n < len(rows)]
    own = set(range(first, last + 1))
    free = [n for n in near if not any(own & line.columns for line in rows[n])]
    if len(free) == 2:  # noqa: PLR2004
        upper, lower = rows[below - 1][-1].baseline, rows[below][0].baseline
        if upper + _BETWEEN * (lower - upper) <= chunk.baseline <= lower - _BETWEEN * (lower - upper):
            return below - 1, below
    shares = [
        max(min(chunk.bottom, line.bottom) - max(chunk.top, line.top) for line in row) / (chunk.bottom - chunk.top)
        for row in rows
    ]
    beside = [n for n, share in enumerate(shares) if share >= _SHARED] or [max(near, key=lambda n: shares[n])]
    return beside[0], beside[-1]


def _on_its_side(chunk: Chunk, top: int, bottom: int, rows: Sequence[Sequence[Line]], rules: Rules) -> tuple[int, int]:
    """Leave of the rows beside a chunk those on its side of the rules that are as long as it."""
    for n in range(top, bottom):
        low, high = rows[n][-1].baseline, rows[n + 1][0].baseline
        for rule in rules.horizontal:
            if low <= rule.y0 <= high and rule.x0 <= chunk.x0 and chunk.x1 <= rule.x1:
                return (top, n) if chunk.baseline < rule.y0 else _on_its_side(chunk, n + 1, bottom, rows, rules)
    return top, bottom


def _cells(rectangles: Sequence[Rectangle], places: Sequence[Place], words: Sequence[Word]) -> list[Cell]:
    order = {id(word): n for n, word in enumerate(words)}
    owners = {place: area for area in rectangles for place in area.places}
    held: dict[Rectangle, list[Chunk]] = {}
    for place in places:
        held.setdefault(owners[place.top, place.left], []).append(place.chunk)
    cells = []
    for area in rectangles:
        chunks = held.get(area, [])
        lines: dict[int, list[Word]] = {}
        for chunk in sorted(chunks, key=lambda chunk: (chunk.line, chunk.x0)):
            lines.setdefault(chunk.line, []).extend(chunk.words)
        cells.append(Cell(area.row, area.column, area.row_span, area.column_span, _in_order(lines.values(), order)))
    return cells


def _in_order(lines: Iterable[list[Word]], order: dict[int, int]) -> Lines:
    """Put words of one line of the layer into its order, which is that of reading; others go from left to right."""
    return tuple(
        tuple(sorted(line, key=lambda word: order[id(word)]) if len({word.line for word in line}) == 1 else line)
        for line in lines
    )
