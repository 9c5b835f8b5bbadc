"""Lists that stand beside each other, each read to its end before the next one, and answers to choose from in turn."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby, pairwise

from ocrmill.pipeline.text.contents.item_marks import BULLET, counts_on, mark_of
from ocrmill.pipeline.text.contents.part import Part, WordLine, lines_by_row
from ocrmill.pipeline.text.reading_order import enclosing

_SAME_LEFT = 0.5  # of a line's height: bullets of one list
_INDENT = 2.5  # of a heading's height, by which the list below it is set in
_ITEMS = 2  # in a list
_ANSWER = re.compile(r"\(?[a-hA-H][.)]")
_TEXTS = frozenset({"text", "list"})
_FIRST_ANSWERS = ("a", "A")
_ANSWERS, _MOST_ROWS = 4, 8  # of one question
_WRAPPED = 3.5  # of a line's height, between rows: answers have few lines


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


def with_answers_in_turn(parts: Sequence[Part]) -> list[Part]:
    """Put answers to choose from that stand in rows and columns in the order of their letters, each as a part.

    Their places do not tell if `A B` stands above `C D` or `A C` above `B D`. They come where the first of them is.
    """
    marked = [line for part in parts if part.label in _TEXTS for line in part.lines if _is_answer(line)]
    grids = list(_counted(marked)) if len(marked) >= _ANSWERS else []
    if not grids:
        return list(parts)
    grid_of = {id(line): n for n, grid in enumerate(grids) for line in grid}
    answers: dict[int, Part] = {}
    places: list[list[Part]] = [[] for _ in grids]
    out: list[list[Part]] = []
    for part in parts:
        for piece in _cut_at_marks(part) if any(id(line) in grid_of for line in part.lines) else [part]:
            first = id(piece.lines[0]) if piece.lines else 0
            if first not in grid_of:
                out.append([piece])
                continue
            place = places[grid_of[first]]
            if not any(place is other for other in out):
                out.append(place)
            answers[first] = piece
    for place, grid in zip(places, grids, strict=True):
        place += [answers[id(line)] for line in grid]
    return [part for place in out for part in place]


def _is_answer(line: WordLine) -> bool:
    return _ANSWER.fullmatch(mark_of(line.words) or "") is not None


def _counted(marked: Sequence[WordLine]) -> Iterator[list[WordLine]]:
    """Give the answers of each question that count on from `A`, row by row or column by column, in their order."""
    downwards = sorted(marked, key=lambda line: line.box.middle)
    rows = [sorted(row, key=lambda line: line.box.x0) for row in lines_by_row(downwards)]
    n = 0
    while n < len(rows):
        for end in range(min(n + _MOST_ROWS, len(rows)), n + 1, -1):
            if found := _in_turn(rows[n:end]):
                yield found
                n = end - 1
                break
        n += 1


def _in_turn(rows: Sequence[Sequence[WordLine]]) -> list[WordLine]:
    """Return answers in the order in which they count on; none if they do not, or stand in one column."""
    lines = [line for row in rows for line in row]
    gaps = (lower[0].box.y0 - upper[0].box.y1 for upper, lower in pairwise(rows))
    if len(lines) < _ANSWERS or len(lines) == len(rows) or max(gaps) > _WRAPPED * lines[0].box.height:
        return []
    edges = [line.box.x0 - line.box.height for line in rows[0]]
    by_columns = sorted(lines, key=lambda line: sum(edge <= line.box.x0 for edge in edges))
    for ordered in (lines, by_columns):
        marks = [mark_of(line.words) or "" for line in ordered]
        if marks[0].strip("().") in _FIRST_ANSWERS and all(map(counts_on, marks, marks[1:])):
            return ordered
    return []


def _cut_at_marks(part: Part) -> Iterator[Part]:
    """Give the lines of a part up to the next one that begins with a mark, each as a part."""
    group: list[WordLine] = []
    for line in part.lines:
        if group and mark_of(line.words) is not None:
            yield replace(part, lines=tuple(group), box=enclosing([each.box for each in group]))
            group = []
        group.append(line)
    yield replace(part, lines=tuple(group), box=enclosing([each.box for each in group]))
