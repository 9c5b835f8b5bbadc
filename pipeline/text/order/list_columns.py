"""Lists that stand beside each other: each is read to its end before the next one."""

from collections.abc import Sequence
from itertools import groupby

from ocrmill.pipeline.text.contents.item_marks import BULLET
from ocrmill.pipeline.text.contents.part import Part, WordLine

_SAME_LEFT = 0.5  # of a line's height: bullets of one list
_INDENT = 2.5  # of a heading's height, by which the list below it is set in
_ITEMS = 2  # in a list


def by_list_columns(parts: Sequence[Part]) -> list[Part]:
    """Put lists that stand beside each other one after the other, each with the heading that stands above it."""
    out: list[Part] = []
    for marked, group in groupby(
        parts, key=lambda part: part.label in ("text", "list") and BULLET.match(part.lines[0].text) is not None
    ):
        run = list(group)
        columns = list_columns([part.lines[0] for part in run]) if marked else []
        if len(columns) <= 1:
            out += run
            continue
        owners = {id(part.lines[0]): part for part in run}
        heads = out[-len(columns) :]
        are_above = len(heads) == len(columns) and all(
            head.lines and abs(head.box.x0 - min(line.box.x0 for line in column)) < _INDENT * head.lines[0].box.height
            for head, column in zip(heads, columns, strict=True)
        )
        if are_above:
            del out[-len(columns) :]
        for n, column in enumerate(columns):
            out += [*([heads[n]] if are_above else []), *(owners[id(line)] for line in column)]
    return out


def list_columns(lines: Sequence[WordLine]) -> list[Sequence[WordLine]]:
    """Part lines into columns where bullets stand on one row, two or more of each below each other.

    The lines as they are if there are no such bullets, or if a line crosses the border between two columns.
    """
    marked = [line for line in lines if BULLET.match(line.text)]
    second = [
        line
        for line in marked
        if any(line.box.shares_row(other.box) and other.box.x1 <= line.box.x0 for other in marked)
    ]
    if len(second) < _ITEMS:
        return [lines]
    border = min(line.box.x0 for line in second) - _SAME_LEFT * second[0].box.height
    left = [line for line in lines if line.box.x1 <= border]
    right = [line for line in lines if line.box.x0 >= border]
    if len(left) + len(right) < len(lines):
        return [lines]
    return [left, *list_columns(right)]
