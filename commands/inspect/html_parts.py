"""HTML within Markdown as texts and tables, for a terminal. Spans of cells are kept by empty cells."""

from html.parser import HTMLParser

MOST_COLUMNS = 40
MOST_ROWS_SPANNED = 1000
Rows = list[list[str]]
"""A table: rows of cells."""


def read_parts(html: str) -> list[str | Rows]:
    """Return texts and tables in their order; a table within a table is text of its cell. Runs of blanks are one."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return [part for part in reader.parts if part]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str | Rows] = []
        self._depth = 0  # of tables within each other
        self._cell: list[str] | None = None  # the row of the cell that is open, its last
        self._spanned: dict[int, int] = {}  # by column: rows below that a cell above covers

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self._depth += 1
            if self._depth == 1:
                self.parts.append([])
                self._spanned, self._cell = {}, None
        elif self._depth == 1 and tag == "tr":
            self._rows.append([])
            self._cell = None
        elif self._depth == 1 and tag in {"td", "th"}:
            self._begin_cell(_span(attrs, "colspan", MOST_COLUMNS), _span(attrs, "rowspan", MOST_ROWS_SPANNED))

    def handle_endtag(self, tag: str) -> None:
        if tag == "table" and self._depth:
            self._depth -= 1
        if tag in {"td", "th", "tr", "table"} and self._depth <= 1:
            self._cell = None

    def handle_data(self, data: str) -> None:
        words = " ".join(data.split())
        if self._cell is not None:
            self._cell[-1] = f"{self._cell[-1]} {words}".strip()
        elif words and not self._depth:
            self.parts.append(words)

    @property
    def _rows(self) -> Rows:
        last = self.parts[-1]
        assert isinstance(last, list)
        return last

    def _begin_cell(self, columns: int, rows: int) -> None:
        row = self._rows[-1] if self._rows else []
        if not self._rows:
            self._rows.append(row)
        while self._spanned.get(len(row), 0):
            self._spanned[len(row)] -= 1
            row.append("")
        for _ in range(columns - 1):  # the text goes into the last of the columns that it spans
            row.append("")
        row.append("")
        for column in range(len(row) - columns, len(row)):
            self._spanned[column] = rows - 1
        self._cell = row


def _span(attrs: list[tuple[str, str | None]], name: str, most: int) -> int:
    value = dict(attrs).get(name) or ""
    return max(1, min(int(value[:4]), most)) if value.isascii() and value.isdecimal() else 1
