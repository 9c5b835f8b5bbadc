"""Counts the header rows of a table by a rule below them, by their type, or by numbers that begin below them."""

from collections.abc import Sequence

from ocrmill.pipeline.text.tables.columns import Columns
from ocrmill.pipeline.text.tables.rows import FULL_RULE, NUMBER, PARTIAL_RULE, Line
from ocrmill.pipeline.text.tables.rules import Rules, covered
from ocrmill.pipeline.text.tables.table import Cell

_MOST = 4  # rows of a header
_GRID = 0.5  # of the borders have a rule: rules say nothing of headers
_NUMBERS = 0.6  # of a column's cells


def count_header_rows(cells: Sequence[Cell], rows: Sequence[Sequence[Line]], columns: Columns, rules: Rules) -> int:
    """Return how many rows from the top are headers; 0 if nothing shows it."""
    count = _above_rule(rows, columns, rules) or _in_bold(cells, len(rows)) or _above_numbers(cells)
    grown = count
    while True:
        for cell in cells:
            if cell.row < grown < cell.row + cell.row_span:
                grown = cell.row + cell.row_span
        if grown == count:
            break
        count = grown
    return count if count < len(rows) else 0


def _above_rule(rows: Sequence[Sequence[Line]], columns: Columns, rules: Rules) -> int:
    """Return the rows above the first rule over the whole width; 0 if rules part most rows, or cells in boxes."""
    left, right = columns.columns[0].x0, columns.columns[-1].x1
    least = PARTIAL_RULE if any(columns.ruled) else FULL_RULE
    ruled, parted = [], 0
    for n in range(len(rows) - 1):
        above, below = rows[n][-1], rows[n + 1][0]
        low, high = above.baseline - 0.1 * above.size, below.baseline - 0.4 * below.size
        spans = [(rule.x0, rule.x1) for rule in rules.horizontal if low <= rule.y0 <= high]
        share = covered(spans, left, right)
        parted += share >= least
        if share >= FULL_RULE:
            ruled.append(n + 1)
    if not ruled or ruled[0] > _MOST or (len(rows) > 2 and parted >= _GRID * (len(rows) - 1)):  # noqa: PLR2004
        return 0
    return ruled[0]


def _in_bold(cells: Sequence[Cell], rows: int) -> int:
    """Return how many rows from the top are all bold; a row with one text below others is the name of a section."""
    for row in range(rows):
        filled = [cell for cell in cells if cell.row == row and cell.lines]
        words = [word for cell in filled for word in cell.words]
        if not words or not all(word.bold for word in words) or (row > 0 and len(filled) == 1):
            return row if row <= _MOST else 0
    return 0


def _above_numbers(cells: Sequence[Cell]) -> int:
    """Return 1 if the first row has no number, and a column below it has little else."""
    texts = {(cell.row, cell.column): " ".join(word.text for word in cell.words) for cell in cells}
    if any(NUMBER.match(text) for (row, _), text in texts.items() if row == 0):
        return 0
    for column in {column for row, column in texts if row == 0 and column > 0}:
        below = [text for (row, c), text in texts.items() if row > 0 and c == column and text]
        if below and sum(bool(NUMBER.match(text)) for text in below) >= _NUMBERS * len(below) and texts[0, column]:
            return 1
    return 0
