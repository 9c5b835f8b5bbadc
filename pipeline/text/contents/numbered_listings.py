"""Program text with a number before each line, in whatever type the numbers are set."""

from collections.abc import Iterator, Sequence

from ocrmill.pipeline.text.contents.part import Part, rows_of
from ocrmill.pipeline.text.reading_order import enclosing
from ocrmill.pipeline.text.words import Word

_LINES = 3  # that count on, from which they are a listing
_PROGRAM_SHARE = 0.5  # of the lines; others are empty
_LABELS = frozenset({"code", "list", "text"})


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
