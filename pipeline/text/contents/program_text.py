"""Program text that the layout model takes for something else.

It is part of a paragraph to the model where it is set in between lines of prose, and items or paragraphs where each of
its lines has a number before it, in whatever type that is set.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

from ocrmill.pipeline.text.contents.item_marks import mark_of
from ocrmill.pipeline.text.contents.part import Part, WordLine, lines_by_row, rows_of
from ocrmill.pipeline.text.reading_order import enclosing
from ocrmill.pipeline.text.words import Word

_LINES = 3  # that count on, from which they are a listing
_PROGRAM_SHARE = 0.5  # of the lines; others are empty
_LABELS = frozenset({"code", "list", "text"})
_INDENT = 0.9  # of a line's height; first lines of paragraphs are set in by as much or more, and are no program text
_SHORT = 3.0  # heights of a line, by which a line ends before its text does: the next one begins something else
_CLOSED = re.compile(r"[.!?:;,)][\"')\]\u201d\u2019\u00bb]*$")  # the end of a line after which a listing may stand
_ADDRESS = re.compile(r"://|^www\.|\S@\S")  # the second line of many an entry


def parted_at_listings(lines: Sequence[WordLine]) -> list[tuple[list[WordLine], bool]]:
    """Cut the lines of a region where program text begins and ends, and tell which of the pieces is such.

    Its lines are wholly in type of fixed width, and begin further in than the prose above and below. A word of code
    that fills a line of its sentence does not, and no program text stands in the second line of an entry.
    """
    rows = lines_by_row(lines)
    if not any(map(_is_typed, rows)):
        return [(list(lines), False)]
    right = max(line.box.x1 for line in lines)
    pieces: list[tuple[list[WordLine], bool]] = []
    start = 0
    for typed, group in groupby(rows, key=_is_typed):
        run = list(group)
        end = start + len(run)
        is_cut = typed and _stands_apart(rows[max(0, start - 1) : start], run, rows[end : end + 1], right)
        found = [line for row in run for line in row]
        if pieces and not is_cut and not pieces[-1][1]:
            pieces[-1] = (pieces[-1][0] + found, False)
        else:
            pieces.append((found, is_cut))
        start = end
    return pieces


def _is_typed(row: Sequence[WordLine]) -> bool:
    words = [word for line in row for word in line.words]
    return all(word.mono for word in words) and mark_of(words) is None


def _stands_apart(
    above: Sequence[list[WordLine]], run: Sequence[list[WordLine]], below: Sequence[list[WordLine]], right: float
) -> bool:
    """Tell if lines of code are set in from the row above and that below, and do not go on what stands above.

    Where nothing does, they are no first line of a paragraph, which reaches the right end.
    """
    if not (above or below) or any(_ADDRESS.search(line.text) for row in run for line in row):
        return False
    if any(row[0].box.y1 > lower[0].box.middle for row, lower in pairwise([*above, *run, *below])):
        return False  # beside it
    start, height = min(row[0].box.x0 for row in run), run[0][0].box.height
    last = (above[-1] if above else run[-1])[-1]
    ends = right - last.box.x1 > _SHORT * height or (above and _CLOSED.search(last.text.rstrip()))
    return bool(ends) and all(start - _text_start(row) >= _INDENT * height for row in (*above, *below))


def _text_start(row: Sequence[WordLine]) -> float:
    """Return where the text of a row begins: of an item, behind its mark."""
    words = [word for line in row for word in line.words]
    return words[1 if mark_of(words) is not None and len(words) > 1 else 0].box.x0


def with_numbered_listings(parts: Sequence[Part]) -> list[Part]:
    """Put lines that count on by one, and else hold type of fixed width or nothing, into one listing."""
    out: list[Part] = []
    n = 0
    while n < len(parts):
        run = list(_run_from(parts[n:]))
        rows = [row for part in run for row in rows_of(part.lines)]
        if len(run) > 1 and len(rows) >= _LINES and sum(len(row) > 1 for row in rows) >= _PROGRAM_SHARE * len(rows):
            lines = tuple(line for part in run for line in part.lines)
            out.append(Part("code", lines, enclosing([part.box for part in run]), region=run[0].region))
        else:
            run = run[:1] or [parts[n]]
            out += run
        n += len(run)
    return out


def _run_from(parts: Sequence[Part]) -> Iterator[Part]:
    """Give the parts from the first one whose rows count on."""
    expected: int | None = None
    for part in parts:
        rows = rows_of(part.lines) if part.label in _LABELS else []
        for row in rows:
            number = _number_of(row)
            if number is None or (expected is not None and number != expected):
                return
            expected = number + 1
        if not rows:
            return
        yield part


def _number_of(row: Sequence[Word]) -> int | None:
    """Return the number at the start of a line of a program; None if the line is none."""
    first, *rest = row
    is_program = first.text.isdecimal() and all(piece.mono for word in rest for piece in word.pieces)
    return int(first.text) if is_program else None
