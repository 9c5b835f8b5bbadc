"""The orders in which the words of a page's tables may be read: line by line, or cell by cell."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from ocrmill.pipeline.records import Block
from ocrmill.pipeline.text.reading_order import Box

_MOST_TABLES = 20  # whose rows are looked at

Line = list[int]  # places of words that stand on one line, from left to right
Cell = list[int]


def tables_by_lines(words: Sequence[Box], tables: Sequence[Box]) -> list[int]:
    """The words' own order, but those of each table line by line, where the table's first word stands."""
    return _with_tables(words, tables, lambda lines: [n for line in lines for n in line])


def tables_by_cells(words: Sequence[Box], tables: Sequence[Box]) -> list[int]:
    """The words' own order, but those of each table cell by cell, where the table's first word stands.

    A line of a table goes on with the cells above it if it has fewer cells than their first line had, each below one
    of these: so stands the second line of a long cell. A line that fills as many columns begins a row.
    """
    return _with_tables(words, tables, lambda lines: [n for row in _rows(words, lines) for cell in row for n in cell])


def inside_any(boxes: npt.NDArray[np.float64], blocks: Sequence[Block | Box]) -> npt.NDArray[np.bool_]:
    """Select boxes whose centre is in a block, or beside it by no more than half the smaller side of the box."""
    x, y = (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2
    slack = np.minimum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]) / 2
    inside = np.zeros(len(boxes), dtype=np.bool_)
    for block in blocks:
        across = (x >= block.x0 - slack) & (x <= block.x1 + slack)
        inside |= across & (y >= block.y0 - slack) & (y <= block.y1 + slack)
    return inside


def _with_tables(words: Sequence[Box], tables: Sequence[Box], read: Callable[[list[Line]], list[int]]) -> list[int]:
    boxes = np.array(words, dtype=np.float64).reshape(-1, 4)
    order = list(range(len(words)))
    for table in tables[:_MOST_TABLES]:
        inside = np.flatnonzero(inside_any(boxes, [table])).tolist()
        left = set(inside)
        at = next((place for place, n in enumerate(order) if n in left), 0)
        of_table = read(_lines(words, inside))
        order = [n for n in order[:at] if n not in left] + of_table + [n for n in order[at:] if n not in left]
    return order


def _lines(words: Sequence[Box], inside: Sequence[int]) -> list[Line]:
    lines: list[Line] = []
    for n in sorted(inside, key=lambda n: words[n].middle):
        if lines and words[lines[-1][0]].y1 > words[n].middle:
            lines[-1].append(n)
        else:
            lines.append([n])
    return [sorted(line, key=lambda n: words[n].x0) for line in lines]


def _rows(words: Sequence[Box], lines: Sequence[Line]) -> list[list[Cell]]:
    rows: list[list[Cell]] = []
    for cells in (_cells(words, line) for line in lines):
        above = [_cell_above(words, rows[-1], cell) for cell in cells] if rows and len(cells) < len(rows[-1]) else []
        if above and None not in above:
            for cell, at in zip(cells, above, strict=True):
                rows[-1][at or 0].extend(cell)
        else:
            rows.append(cells)
    return rows


def _cells(words: Sequence[Box], line: Line) -> list[Cell]:
    """Part a line where a gap is wider than its words are high."""
    cells = [[line[0]]]
    for n in line[1:]:
        before = words[cells[-1][-1]]
        if words[n].x0 - before.x1 > max(before.height, words[n].height):
            cells.append([n])
        else:
            cells[-1].append(n)
    return cells


def _cell_above(words: Sequence[Box], row: Sequence[Cell], cell: Cell) -> int | None:
    """The place of the first cell of a row that stands above or below another one."""
    start, end = words[cell[0]].x0, words[cell[-1]].x1
    for at, other in enumerate(row):
        if min(words[n].x0 for n in other) < end and start < max(words[n].x1 for n in other):
            return at
    return None
