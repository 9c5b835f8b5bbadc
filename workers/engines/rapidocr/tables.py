"""Recognized lines that stand in rows and columns of numbers -> tables.

A run of rows is looked for, each with several lines beside each other. It is laid out by the rules for text layers
(pipeline/text/tables/), which find no table where one is in doubt: the lines then stay paragraphs, row by row, and the
page is flagged. Not covered: tables of words or of two columns, which stay paragraphs without a flag, those beside
other text, and rules, which are pixels here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from ocrmill.pipeline.text.paragraphs import Line, Written, paragraphs, to_written
from ocrmill.pipeline.text.reading_order import Box, enclosing
from ocrmill.pipeline.text.tables.grid import build_tables
from ocrmill.pipeline.text.tables.rules import Rules
from ocrmill.pipeline.text.tables.table_markdown import table_to_markdown
from ocrmill.pipeline.text.words import Piece, Word

_COLUMNS = 3  # lines beside each other in a row of a table; two are often a name and its value
_ROWS = 3  # such rows; fewer may be a heading with two numbers
_NUMBERS = 0.5  # of the lines of a run: the rest are names and headings
_DIGITS = 0.5  # of a number's letters and digits
_APART = 2.5  # heights of a line: rows farther from each other are of two tables
_TYPE = 0.75  # of the height of a line's box, which is larger than its letters
_BASELINE = 0.3  # of the height of a box, below its middle
_TOUCHING = 0.5  # of the height: boxes beside each other overlap by less
# Of the height: middles of one row differ by less, and a star by so much; those in the middle of two rows by half.
_UNEVEN = 0.45


@dataclass(frozen=True, slots=True)
class _Run:
    """Rows from the top to the bottom of what may be a table, or of text; each from left to right."""

    rows: list[list[Line]]
    is_table: bool

    @property
    def lines(self) -> list[Line]:
        """Return the lines of all rows."""
        return [line for row in self.rows for line in row]


def written_lines(lines: Sequence[Line], heading_ratio: float) -> tuple[list[Written], bool]:
    """Write lines as paragraphs, headings and tables in reading order; tell if a table is in doubt.

    Text between two tables is read as a page of its own; a page without tables stays whole, so that its columns do.
    Sizes and places are in points. `heading_ratio` is that of `paragraphs`.
    """
    written: list[Written] = []
    text: list[Line] = []
    doubtful = False

    def write_text() -> None:
        found = paragraphs(text, right_to_left=False, heading_ratio=heading_ratio, typical=lines)
        written.extend(to_written(found))
        text.clear()

    for run in _runs(lines):
        tables = _tables(run.rows) if run.is_table else []
        if tables:
            write_text()
            written += tables
        else:
            doubtful = doubtful or run.is_table
            text += run.lines
    write_text()
    return written, doubtful


def _runs(lines: Sequence[Line]) -> Iterator[_Run]:
    """Cut a page into what may be tables and what lies between them, from top to bottom."""
    height = median(line.box.height for line in lines) if lines else 0.0
    rows = _rows(lines, height)
    first = 0
    while first < len(rows):
        after = _end(rows, first, height)
        yield _Run(rows[first:after], is_table=_is_table(rows[first:after]))
        first = after


def _rows(lines: Sequence[Line], height: float) -> list[list[Line]]:
    """Put lines into rows: those near the height of the first one, and beside each other."""
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: line.box.middle):
        near = bool(rows) and line.box.middle - rows[-1][0].box.middle < _UNEVEN * height
        if near and not any(_lie_below(line, one) for one in rows[-1]):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [sorted(row, key=lambda line: line.box.x0) for row in rows]


def _lie_below(one: Line, other: Line) -> bool:
    return min(one.box.x1, other.box.x1) - max(one.box.x0, other.box.x0) > _TOUCHING * one.box.height


def _end(rows: Sequence[Sequence[Line]], first: int, height: float) -> int:
    """Return the row after those that may be one table: rows of cells, lines of wrapped cells between them."""
    if len(rows[first]) < _COLUMNS:
        return first + 1
    last = first
    for n in range(first + 1, len(rows)):
        if min(line.box.y0 for line in rows[n]) - max(line.box.y1 for line in rows[n - 1]) > _APART * height:
            break
        if len(rows[n]) >= _COLUMNS:
            last = n
        elif not _lie_in_cells(rows[n], rows[first : last + 1]):
            break
    return last + 1


def _lie_in_cells(row: Sequence[Line], above: Sequence[Sequence[Line]]) -> bool:
    """Tell if none of a short row's lines reaches into two columns of the rows above."""
    widest = max(above, key=len)
    return all(sum(cell.box.x0 < line.box.x1 and line.box.x0 < cell.box.x1 for cell in widest) < 2 for line in row)  # noqa: PLR2004


def _is_table(rows: Sequence[Sequence[Line]]) -> bool:
    lines = [line for row in rows for line in row]
    numbers = sum(map(_is_number, lines))
    return sum(len(row) >= _COLUMNS for row in rows) >= _ROWS and numbers >= _NUMBERS * len(lines)


def _is_number(line: Line) -> bool:
    letters = sum(map(str.isalnum, line.text))
    return letters > 0 and sum(map(str.isdecimal, line.text)) >= _DIGITS * letters


def _tables(rows: Sequence[Sequence[Line]]) -> list[Written]:
    """Lay out rows as tables; none if that leaves doubt."""
    height = median(line.box.height for row in rows for line in row)
    words: list[Word] = []
    places: dict[int, Box] = {}
    for row in rows:
        baseline = median(line.box.middle for line in row) + _BASELINE * height
        for line in row:
            found = _words(line, baseline, _TYPE * height, len(words))
            places |= {id(word): line.shown for word in found}
            words += found
    tables = build_tables(words, Rules()) or []
    return [
        Written(table_to_markdown(table), "table", enclosing([places[id(word)] for word in table.words]))
        for table in tables
    ]


def _words(line: Line, baseline: float, size: float, number: int) -> list[Word]:
    """Return the words of a line, each as wide as its share of the characters."""
    texts = line.text.split()
    step = line.box.width / max(1, sum(map(len, texts)) + len(texts) - 1)
    x, words = line.box.x0, []
    for text in texts:
        box = Box(x, baseline - size, x + step * len(text), baseline)
        words.append(Word((Piece(text, box, size),), box, baseline, number))
        x = box.x1 + step
    return words
