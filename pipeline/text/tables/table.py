"""A table as a grid of cells that hold words."""

from collections.abc import Iterator
from dataclasses import dataclass

from ocrmill.pipeline.text.reading_order import Box
from ocrmill.pipeline.text.words import Word

Lines = tuple[tuple[Word, ...], ...]
"""The lines of a cell from top to bottom, the words of each in the order of reading."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A rectangle of the grid and the words in it; `row` and `column` count from 0."""

    row: int
    column: int
    row_span: int
    column_span: int
    lines: Lines

    @property
    def words(self) -> Iterator[Word]:
        """Give its words in the order of reading."""
        return (word for line in self.lines for word in line)


@dataclass(frozen=True, slots=True)
class Table:
    """Cells that cover the grid, each place once, row by row from left to right."""

    rows: int
    columns: int
    header_rows: int  # from the top; 0 if nothing shows that there are any
    cells: tuple[Cell, ...]
    box: Box  # around its words

    @property
    def words(self) -> Iterator[Word]:
        """Give all words, cell by cell."""
        return (word for cell in self.cells for word in cell.words)

    @property
    def has_spans(self) -> bool:
        """Tell if a cell covers more than one place of the grid."""
        return any(cell.row_span > 1 or cell.column_span > 1 for cell in self.cells)
