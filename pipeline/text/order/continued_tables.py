"""Tables that break off at the end of a column and go on at the head of the next one: they are one table.

The rest must have as many columns, at the same places, and no header: one that repeats its header is written as a table
of its own, so that no word is lost. Tables that begin at one height and have no header stand beside each other.
"""

from collections.abc import Sequence
from dataclasses import replace

from ocrmill.pipeline.text.contents.part import Part
from ocrmill.pipeline.text.tables.table import Table

_SHARED = 0.5  # of the narrower column, that lies over the other
_LINE = 8.0  # points, by which the rest begins higher


def with_continued_tables(parts: Sequence[Part], *, right_to_left: bool) -> list[Part]:
    """Join each table with its rest in the next column."""
    out: list[Part] = []
    for part in parts:
        before = out[-1] if out else None
        if before and before.table and part.table and _goes_on(before, part, right_to_left=right_to_left):
            out[-1] = replace(
                before,
                lines=before.lines + part.lines,
                table=_joined(before.table, part.table),
                elsewhere=(*before.elsewhere, part.box),
            )
        else:
            out.append(part)
    return out


def _goes_on(one: Part, other: Part, *, right_to_left: bool) -> bool:
    upper, lower = one.table, other.table
    if upper is None or lower is None or lower.header_rows or upper.columns != lower.columns:
        return False
    last = (one.elsewhere or (one.box,))[-1]
    is_beside = other.box.x1 <= last.x0 if right_to_left else other.box.x0 >= last.x1
    is_higher = other.box.y0 < last.y0 - _LINE
    return is_beside and other.box.y0 < last.y1 and (is_higher or upper.header_rows > 0) and _are_alike(upper, lower)


def _are_alike(one: Table, other: Table) -> bool:
    """Tell if the columns of two tables lie at the same places, from their left edges."""
    first, second = _columns(one), _columns(other)
    shared = set(first) & set(second)
    return len(shared) == one.columns and all(
        min(first[n][1], second[n][1]) - max(first[n][0], second[n][0])
        >= _SHARED * min(first[n][1] - first[n][0], second[n][1] - second[n][0])
        for n in shared
    )


def _columns(table: Table) -> dict[int, tuple[float, float]]:
    """Return where the words of each column begin and end, from the table's left edge."""
    found: dict[int, tuple[float, float]] = {}
    for cell in table.cells:
        for word in cell.words if cell.column_span == 1 else ():
            start, end = word.box.x0 - table.box.x0, word.box.x1 - table.box.x0
            before = found.get(cell.column, (start, end))
            found[cell.column] = min(before[0], start), max(before[1], end)
    return found


def _joined(one: Table, other: Table) -> Table:
    moved = [replace(cell, row=cell.row + one.rows) for cell in other.cells]
    return replace(one, rows=one.rows + other.rows, cells=(*one.cells, *moved))
