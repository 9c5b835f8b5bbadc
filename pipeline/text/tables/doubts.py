"""Reasons not to take words for a table: prose in columns, lists, contents pages, rows or lines that overlap."""

import re
from collections.abc import Iterable, Sequence
from itertools import combinations, pairwise

from ocrmill.pipeline.text.tables.chunks import LEADER, are_figures
from ocrmill.pipeline.text.tables.columns import Columns
from ocrmill.pipeline.text.tables.rows import Line
from ocrmill.pipeline.text.tables.rules import Rules
from ocrmill.pipeline.text.tables.table import Table
from ocrmill.pipeline.text.words import Word

_DOTS = re.compile(r"[.\u2026\u00b7_]+")
_LEADERS = 4  # words or characters of a row of dots
_LED, _SOME_LED = 0.5, 0.25  # of the rows of a contents page, that have such dots
_PAGE, _PAGES = re.compile(r"\d{1,4}|[ivxlc]{1,7}"), 4  # of an entry; entries that tell by their order
_MARKER = re.compile(
    r"^(?:[\ufffd\u2022\u2023\u2043\u25a0-\u25ff\u27a2\ue000-\uf8ff\u00b7*\u2013\u2014-]+|[(\[]?(?:\d{1,3}|[a-zA-Z]|[ivxIVX]{1,5})[.)\]]|\[\d{1,3}\])$"
)
_PROSE_WORDS = 5  # of a line; cells of wrapped text have fewer
_PROSE_FILL = 0.75  # of the column's width
_PROSE_LINES = 4
_RULES_OF_BOXES, _RULED_SHARE = 3, 0.3  # rules across, with and without vertical ones, that make cells of text
_RUNNING_FILL, _RUNNING_LINES = 0.88, 8  # lines of one column that are all full: running text beside notes
_UNRULED_ROWS = 3  # of fewer, nothing says that they are a table
_FILLED = 0.3  # of the grid is under text in nearly every table
_DECIMALS, _FEW_DIGITS = re.compile(r"\d[.,]\d+$"), re.compile(r"\d{1,2}%?")
_FUSED = 0.2  # of the cells of a column
_TWO_COLUMNS = 1.0  # of the type, between two numbers of one row
_NUMBER_ENDS = frozenset("0123456789%)")
_CROSSED = 2  # pairs of cells; one may be by chance
_FULL = 0.95  # of the widest line of a column
_APART = 0.6  # of the type, between baselines of a cell


def is_doubtful(
    table: Table, words: Sequence[Word], columns: Columns, lines: Sequence[Line], rules: Rules, *, is_hinted: bool
) -> bool:
    """Tell if a table may be none, or does not hold each word once. `is_hinted`: a layout model sees its grid."""
    return (
        sorted(map(id, table.words)) != sorted(map(id, words))
        or table.rows < 2  # noqa: PLR2004
        or table.columns < 2  # noqa: PLR2004
        or _rows_interleave(table)
        or _lines_overlap(table)
        or _is_sparse(table, is_grid=all(columns.ruled) and len(rules.horizontal) > table.rows)
        or _is_list(table, columns)
        or has_leaders([[word for chunk in line.chunks for word in chunk.words] for line in lines])
        or _has_only_entries(lines)
        or _is_prose(table, lines, columns, rules)
        or (not is_hinted and not rules.horizontal and not any(columns.ruled) and table.rows < _UNRULED_ROWS)
    )


def may_break_numbers(table: Table) -> bool:
    """Tell if a number may go on in the next line of its cell: decimals as wide as the column, one or two digits below.

    Not where half of a column is like that: there an error stands below each value.
    """
    for column in range(table.columns):
        cells = [cell for cell in table.cells if cell.column == column and cell.column_span == 1 and cell.lines]
        widest = max((_end(line) - _start(line) for cell in cells for line in cell.lines), default=0.0)
        broken = sum(
            len(upper) == len(lower) == 1
            and bool(_DECIMALS.search(upper[0].text) and _FEW_DIGITS.fullmatch(lower[0].text))
            and upper[0].box.width >= _FULL * widest
            for cell in cells
            for upper, lower in pairwise(cell.lines)
        )
        if 0 < broken < len(cells) / 2:
            return True
    return False


def has_rows_of_own(table: Table) -> bool:
    """Tell if cells beside each other begin and end in each other's midst: their columns are lists with own rows.

    Cells that span hold all rows of those beside them.
    """
    spans = sorted({(cell.row, cell.row + cell.row_span) for cell in table.cells if cell.row_span > 1})
    crossed = sum(start < other < end < other_end for (start, end), (other, other_end) in combinations(spans, 2))
    return crossed >= _CROSSED


def has_fused_columns(table: Table) -> bool:
    """Tell if a column holds two numbers apart from each other in many of its cells: they are of two columns."""
    for column in range(table.columns):
        cells = [cell for cell in table.cells if cell.column == column and cell.column_span == 1 and cell.lines]
        fused = sum(any(_are_two_numbers(line) for line in cell.lines) for cell in cells)
        if fused > max(1, _FUSED * len(cells)):
            return True
    return False


def _are_two_numbers(line: Sequence[Word]) -> bool:
    return any(
        after.box.x0 - before.box.x1 > _TWO_COLUMNS * after.size
        and before.text[-1:] in _NUMBER_ENDS
        and any(map(str.isdecimal, before.text))
        and any(map(str.isdecimal, after.text))
        for before, after in pairwise(line)
    )


def _rows_interleave(table: Table) -> bool:
    """Tell if a row's last line stands below the next row's first, cells of several rows left out."""
    baselines: dict[int, list[float]] = {}
    for cell in table.cells:
        if cell.row_span == 1:
            baselines.setdefault(cell.row, []).extend(line[0].baseline for line in cell.lines)
    ordered = [baselines[row] for row in sorted(baselines) if baselines[row]]
    return any(max(upper) >= min(lower) for upper, lower in pairwise(ordered))


def _lines_overlap(table: Table) -> bool:
    return any(
        lower[0].baseline - upper[0].baseline < _APART * min(upper[0].size, lower[0].size)
        and min(_end(upper), _end(lower)) > max(_start(upper), _start(lower))
        for cell in table.cells
        for upper, lower in pairwise(cell.lines)
    )


def _start(line: Sequence[Word]) -> float:
    return min(word.box.x0 for word in line)


def _end(line: Sequence[Word]) -> float:
    return max(word.box.x1 for word in line)


def _is_sparse(table: Table, *, is_grid: bool) -> bool:
    """Tell if most places are empty, or fewer than two rows have text in two cells.

    One such row is enough where rules part all rows and columns: the rest of a table that began on the page before.
    """
    filled = [cell for cell in table.cells if cell.lines]
    taken = sum(cell.row_span * cell.column_span for cell in filled)
    rows = [sum(cell.row <= row < cell.row + cell.row_span for cell in filled) for row in range(table.rows)]
    return taken < _FILLED * table.rows * table.columns or sum(count > 1 for count in rows) < (1 if is_grid else 2)


def _is_list(table: Table, columns: Columns) -> bool:
    """Tell if the first of two columns holds bullets and numbers of items only."""
    if table.columns > 2 or any(columns.ruled):  # noqa: PLR2004
        return False
    marks = ["".join(word.text for word in cell.words) for cell in table.cells if cell.column == 0]
    marks = list(filter(None, marks))
    if all(map(_MARKER.match, marks)):
        return True
    texts = [sum(1 for _ in cell.words) for cell in table.cells if cell.column == 1]
    counted = all(mark.isdecimal() for mark in marks) and all(
        int(after) - int(before) == 1 for before, after in pairwise(marks)
    )
    return counted and sum(texts) >= _PROSE_WORDS * len(texts)


def has_leaders(rows: Sequence[Sequence[Word]]) -> bool:
    """Tell if half of the rows have dots that lead to a number: a contents page.

    Some of them are enough if the others have a page in the same place, and pages follow each other.
    """
    led = sum(map(leads, rows))
    if led >= _LED * len(rows):
        return True
    ended = entries_of(rows) if led >= _SOME_LED * len(rows) else []
    pages = [int(row[-1].text) for row, ends in zip(rows, ended, strict=False) if ends and row[-1].text.isdecimal()]
    return sum(ended) >= _LED * len(rows) and len(pages) >= _PAGES and pages == sorted(pages)


def entries_of(rows: Sequence[Sequence[Word]]) -> list[bool]:
    """Tell of each row of a contents page if it ends an entry: with dots that lead, or a page below theirs."""
    led = [leads(row) for row in rows]
    ends = [row[-1].box.x1 for row, leading in zip(rows, led, strict=True) if leading]
    return [
        leading or (_ends_apart(row) and any(abs(row[-1].box.x1 - end) < row[-1].size / 2 for end in ends))
        for row, leading in zip(rows, led, strict=True)
    ]


def _has_only_entries(lines: Sequence[Line]) -> bool:
    """Tell if all lines that have several cells are entries of a contents page, with one number behind their dots."""
    rows = [[word for chunk in line.chunks for word in chunk.words] for line in lines if len(line.chunks) > 1]
    return bool(rows) and all(
        leads(row) and _DOTS.search(row[-2].text[-1]) and _PAGE.fullmatch(row[-1].text) for row in rows
    )


def _ends_apart(row: Sequence[Word]) -> bool:
    """Tell if a row ends with a number far from what is before it."""
    last = row[-1]
    return len(row) > 1 and _PAGE.fullmatch(last.text) is not None and last.box.x0 - row[-2].box.x1 >= last.size


def leads(words: Iterable[Word]) -> bool:
    """Tell if a row has dots that lead the eye, nothing between them, and not to several numbers, as in a table."""
    dots, row = 0, list(words)
    for n, word in enumerate(row, 1):
        runs = _DOTS.findall(word.text)  # at its end, or between an entry and its page if no blank parts them
        longest = max(map(len, runs), default=0)
        is_leader = LEADER.match(word.text) is not None
        if longest >= _LEADERS or (is_leader and dots + longest >= _LEADERS):
            return not are_figures(row[n:])
        dots = dots + longest if is_leader else 0
    return False


def _is_prose(table: Table, lines: Sequence[Line], columns: Columns, rules: Rules) -> bool:
    """Tell if two columns hold running text, or one whose lines are nearly all full, with no rules between rows."""
    few = _RULES_OF_BOXES if any(columns.ruled) else _RULED_SHARE * len(lines)
    if len(rules.horizontal) >= few:
        return False
    prose = 0
    for n, column in enumerate(columns.columns):
        chunks = [chunk for chunk in (line.in_column(n) for line in lines) if chunk is not None]
        width = column.x1 - column.x0
        full = [
            chunk for chunk in chunks if len(chunk.words) >= _PROSE_WORDS and chunk.x1 - chunk.x0 >= _PROSE_FILL * width
        ]
        prose += len(full) >= max(_PROSE_LINES, 0.5 * len(chunks))
    return prose > 1 or any(_runs_on(table, n, column.x1 - column.x0) for n, column in enumerate(columns.columns))


def _runs_on(table: Table, column: int, width: float) -> bool:
    """Tell if a column has one full line in most rows: running text beside notes in the margin."""
    cells = [cell for cell in table.cells if cell.column == column and cell.lines]
    full = [
        cell
        for cell in cells
        if len(cell.lines) == 1
        and len(cell.lines[0]) >= _PROSE_WORDS
        and _end(cell.lines[0]) - _start(cell.lines[0]) >= _RUNNING_FILL * width
    ]
    return len(full) >= max(_RUNNING_LINES, 0.6 * len(cells))
