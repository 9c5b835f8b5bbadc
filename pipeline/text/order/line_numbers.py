"""Numbers of lines in the margin of a text, as manuscripts and pleadings have them: they are read apart from it.

They count the lines of running text. Numbers before rows of a table, items or verses begin lines that do not go on from
each other, and stay where they are; so do those of listings.

Not covered: numbers between columns, and those that begin again within the page.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from ocrmill.pipeline.text.contents.item_marks import mark_of
from ocrmill.pipeline.text.contents.part import Part, lines_of, rows_of
from ocrmill.pipeline.text.layer.page_words import TextPlane
from ocrmill.pipeline.text.layout_model import Region
from ocrmill.pipeline.text.reading_order import enclosing
from ocrmill.pipeline.text.words import SOFT_HYPHEN, Word

_LEAST = 5  # numbers
_LEAST_ROUND, _ROUND = 3, frozenset((5, 10))  # numbers, if every fifth or tenth line has one
_MOST_DIGITS = 5
_EDGE = 1.0  # points: numbers of a margin end, or begin, so close to each other
_AWAY = 0.4  # of the type: so far from the text, at least
_MOST_ROWS = 1.25  # rows for each number: items and rows of tables have more
_GO_ON = 0.3  # of the lines of text begin within a sentence; of verses and rows few do
_CELL_GAP = 1.5  # of the type: words of a text are closer
_FEW_GAPS = 0.2  # of the lines


def without_line_numbers(plane: TextPlane) -> tuple[TextPlane, list[Part]]:
    """Return a plane without the numbers of its lines, and these as a part of their own, if it has any."""
    columns = sorted(_columns(plane.words), key=len, reverse=True)  # those of one length end where longer ones begin
    numbers = next((column for column in columns if _stand_beside_text(column, plane.words)), [])
    if not numbers:
        return plane, []
    ids = {id(word) for word in numbers}
    kept = tuple(word for word in plane.words if id(word) not in ids)
    lines = tuple(lines_of(word._replace(line=numbers[0].line) for word in numbers))
    return replace(plane, words=kept), [Part("footer", lines, enclosing([word.box for word in numbers]))]


def without_numbered_lines(regions: Sequence[Region], words: Sequence[Word]) -> list[Region]:
    """Drop lists whose lines have no marks: the layout model takes the numbers of lines for those of items."""
    return [region for region in regions if region.label != "list" or _has_mark(region, words)]


def _has_mark(region: Region, words: Sequence[Word]) -> bool:
    lines = lines_of(word for word in words if region.box.contains_centre_of(word.box))
    return any(mark_of(line.words) for line in lines)


def _columns(words: Sequence[Word]) -> Iterator[list[Word]]:
    """Give numbers that end or begin below each other and count on by one step."""
    numbers = [word for word in words if len(word.pieces) == 1 and _is_number(word.pieces[0].text)]
    if len(numbers) < _LEAST:
        return
    for edge in ("x1", "x0"):
        column: list[Word] = []
        for word in [*sorted(numbers, key=lambda word: float(getattr(word.box, edge))), None]:
            if word and column and getattr(word.box, edge) - getattr(column[-1].box, edge) <= _EDGE:
                column.append(word)
                continue
            ordered = sorted(column, key=lambda word: word.baseline)
            steps = {int(lower.text) - int(upper.text) for upper, lower in pairwise(ordered)}
            if len(steps) == 1 and min(steps) > 0 and len(ordered) >= _fewest(int(ordered[0].text), min(steps)):
                yield ordered
            column = [word] if word else []


def _fewest(first: int, step: int) -> int:
    """Return how many numbers are those of lines, at least."""
    return _LEAST_ROUND if step in _ROUND and first % step == 0 else _LEAST


def _is_number(text: str) -> bool:
    return text.isdecimal() and len(text) <= _MOST_DIGITS


def _stand_beside_text(numbers: Sequence[Word], words: Sequence[Word]) -> bool:
    """Tell if numbers stand in the margin beside running text."""
    box, size = enclosing([word.box for word in numbers]), numbers[0].size
    away, ids = _AWAY * size, {id(word) for word in numbers}
    beside = [word for word in words if box.y0 - size < word.box.middle < box.y1 + size and id(word) not in ids]
    if not beside or not (
        all(word.box.x0 >= box.x1 + away for word in beside) or all(word.box.x1 <= box.x0 - away for word in beside)
    ):
        return False
    rows = rows_of(lines_of(beside))
    gaps = sum(
        any(after.box.x0 - before.box.x1 > _CELL_GAP * before.size for before, after in pairwise(row)) for row in rows
    )
    going_on = sum(
        lower[0].text[0].islower() or upper[-1].text[-1] in "-" + SOFT_HYPHEN for upper, lower in pairwise(rows)
    )
    step = int(numbers[1].text) - int(numbers[0].text)
    is_listing = all(piece.mono for word in beside for piece in word.pieces)
    return (
        len(numbers) - 1 <= len(rows) / step <= _MOST_ROWS * len(numbers)
        and gaps <= _FEW_GAPS * len(rows)
        and going_on >= _GO_ON * len(rows)
        and not is_listing
    )
