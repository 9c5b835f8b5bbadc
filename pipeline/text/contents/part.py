"""A part of a page: lines of words that belong together, and what they are."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from ocrmill.pipeline.text.layout_model import Region
from ocrmill.pipeline.text.paragraphs import Line, body_size
from ocrmill.pipeline.text.reading_order import Box, enclosing
from ocrmill.pipeline.text.tables.table import Table
from ocrmill.pipeline.text.words import Word

_MONO_SHARE = 0.8  # of the letters of program text
_PROSE_SHARE = 0.1  # of a page's characters, between listings


@dataclass(frozen=True, slots=True)
class WordLine(Line):
    """A line with its words, in logical order."""

    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """Lines that belong together, in their order."""

    label: str
    lines: tuple[WordLine, ...]
    box: Box  # of all lines but those that go on elsewhere
    level: int = 0  # of a heading whose level its lines tell
    region: Region | None = None
    table: Table | None = None  # of a table whose rows and columns are beyond doubt
    note: str = ""  # label of a footnote that has a mark on the page
    elsewhere: tuple[Box, ...] = ()  # where a paragraph goes on, in the next columns


def lines_of(words: Iterable[Word]) -> list[WordLine]:
    """The lines of the layer. Words that follow each other in one line stay together."""
    return [_line(list(group)) for _, group in groupby(words, key=lambda word: word.line)]


def lines_by_row(lines: Iterable[WordLine]) -> list[list[WordLine]]:
    """Lines by rows: pieces of a line that stand on one row, in the lines' order."""
    rows: list[list[WordLine]] = []
    for line in lines:
        if rows and rows[-1][-1].box.shares_row(line.box):
            rows[-1].append(line)
        else:
            rows.append([line])
    return rows


def rows_of(lines: Iterable[WordLine]) -> list[list[Word]]:
    """Words by rows, in the lines' order."""
    return [[word for line in row for word in line.words] for row in lines_by_row(lines)]


def prose_size(lines: Sequence[WordLine]) -> float:
    """Return the type size of most text that is not set in type of fixed width; of all text if there is little else."""
    prose = [line for line in lines if not is_listing([line])]
    enough = sum(len(line.text) for line in prose) >= _PROSE_SHARE * sum(len(line.text) for line in lines)
    return body_size(prose if enough else lines)


def is_listing(lines: Sequence[WordLine]) -> bool:
    """Tell if nearly all letters are in type of fixed width."""
    letters = mono = 0
    for line in lines:
        for word in line.words:
            for piece in word.pieces:
                letters += len(piece.text)
                mono += len(piece.text) * piece.mono
    return mono >= _MONO_SHARE * letters > 0


def _line(words: list[Word]) -> WordLine:
    boxes = [word.box for word in words]
    widths = [right - left for left, _, right, _ in boxes]
    box = enclosing(boxes)
    widest = words[widths.index(max(widths))]
    return WordLine(" ".join([word.text for word in words]), box, widest.size, box, tuple(words))
