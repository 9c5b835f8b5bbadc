"""Tables of a Markdown as grids with their headings, read as olmOCR-bench reads them.

A pipe table's first row and first column are headings. In HTML, `<th>` makes its row and its columns headings; a cell
over several rows stands in each of them, one over several columns in the first only; a heading over several columns
counts for all columns to its right.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from bs4 import BeautifulSoup

Headings = dict[int, list[str]]
_RULE_SIGNS = frozenset("- :")
_MIN_LINES = 2


@dataclass(slots=True)
class Grid:
    """The cells of a table, and the texts that head each column and row."""

    rows: list[list[str]]
    header_rows: set[int] = field(default_factory=set)
    header_columns: set[int] = field(default_factory=set)
    column_headings: Headings = field(default_factory=dict)
    row_headings: Headings = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Fill short rows up."""
        width = max(map(len, self.rows), default=0)
        self.rows = [row + [""] * (width - len(row)) for row in self.rows]


def pipe_grids(markdown: str) -> list[Grid]:
    """Read the pipe tables: neighbouring lines with a `|`, two or more."""
    grids, lines = [], []
    for line in [*markdown.strip().split("\n"), ""]:
        if "|" in line:
            lines.append(line)
            continue
        if len(lines) >= _MIN_LINES and (rows := _pipe_rows(lines)):
            grid = Grid(rows, {0}, {0})
            grid.column_headings = {at: [text] for at, text in enumerate(grid.rows[0])}
            grid.row_headings = {at: [row[0]] for at, row in enumerate(grid.rows) if at}
            grids.append(grid)
        lines = []
    return grids


def _pipe_rows(lines: Iterable[str]) -> list[list[str]]:
    rows, seen_rule = [], False
    for line in lines:
        inside = line.replace("|", "").strip()
        is_rule = bool(inside) and set(inside) <= _RULE_SIGNS
        if (is_rule and not seen_rule) or (line.strip() and set(line) <= _RULE_SIGNS | {"|"}):
            seen_rule = seen_rule or is_rule
            continue
        cells = [cell.strip() for cell in line.split("|")]
        cells = cells[1:] if cells and not cells[0] else cells
        cells = cells[:-1] if cells and not cells[-1] else cells
        if cells:
            rows.append(cells)
    return rows


def html_grids(markdown: str) -> list[Grid]:
    """Read the HTML tables.

    Raises:
        ValueError: A cell has a span that is no number.
    """
    return [_Reader(table).grid() for table in BeautifulSoup(markdown, "html.parser").find_all("table")]


class _Reader:
    """One HTML table while it is read."""

    def __init__(self, table: Any) -> None:
        self._lines = table.find_all("tr")
        self._header_rows: set[int] = set()
        if head := table.find("thead"):
            self._header_rows |= {self._lines.index(line) for line in head.find_all("tr")}
        self._header_columns: set[int] = set()
        self._columns: Headings = {}
        self._rows: Headings = {}
        self._spanned: dict[tuple[int, int], str] = {}  # places that cells from above or from the left cover
        self._wide: dict[str, int] = {}  # headings over several columns, and the first of these
        self._tall: dict[str, set[int]] = {}

    def grid(self) -> Grid:
        cells = [self._read_row(at) for at in range(len(self._lines))]
        for text, first in self._wide.items():
            width = max((len(row) for at, row in enumerate(cells) if at not in self._header_rows), default=0)
            for column in range(first, width):
                _add(self._columns, column, text)
        for text, rows in self._tall.items():
            for row in rows:
                if row < len(cells):
                    _add(self._rows, row, text)
        for column in self._header_columns:
            for at, line in enumerate(cells):
                if column < len(line) and line[column].strip():
                    _add(self._rows, at, line[column])
        return Grid(cells, self._header_rows, self._header_columns, self._columns, self._rows)

    def _read_row(self, at: int) -> list[str]:
        line = self._lines[at]
        if line.find("th"):
            self._header_rows.add(at)
        row: list[str] = []
        column = 0
        for cell in line.find_all(["th", "td"]):
            while (at, column) in self._spanned:
                row.append(self._spanned[at, column])
                column += 1
            for line_break in cell.find_all("br"):
                line_break.replace_with("\n")
            text = cell.get_text().strip()
            rows, columns = (int(cell.get(name, 1)) for name in ("rowspan", "colspan"))
            row.append(text)
            for down in range(rows):
                for right in range(columns):
                    if down or right:
                        self._spanned[at + down, column + right] = "" if right else text
            self._read_heading(cell.name, text, (at, column), (rows, columns))
            column += columns
        return row

    def _read_heading(self, name: str, text: str, place: tuple[int, int], spans: tuple[int, int]) -> None:
        (at, column), (rows, columns) = place, spans
        below = [row for row in range(at + 1, at + rows) if row < len(self._lines)]
        if name == "td":
            if column in self._header_columns:
                for row in below:
                    self._rows.setdefault(row, []).append(text)
            return
        self._header_columns |= set(range(column, column + columns))
        self._header_rows |= set(below)
        for covered in range(column, column + columns):
            self._columns.setdefault(covered, []).append(text)
        if text and columns > 1:
            self._wide[text] = min(column, self._wide.get(text, column))
        if text and rows > 1:
            self._tall.setdefault(text, set()).update(range(at, at + rows))


def _add(headings: Headings, at: int, text: str) -> None:
    if text not in headings.setdefault(at, []):
        headings[at].append(text)
