"""Measure the rows of tables, and count tables whose rows differ: cells are missing, doubled, or of the wrong row.

A row is as long as its cells with their `colspan`, and with those that reach into it from above by their `rowspan`. The
length of a table is that of most of its rows. Rows without any cell count, too; a table of one row cannot be ragged.
Tables in Markdown are looked at as tables in HTML are.

Not covered: a cell that stands in a wrong column of a row of the right length.
"""

import re
from collections import Counter

_TAG = re.compile(r"<(/?)(table|tr|td|th)\b([^<>]{0,300})>", re.IGNORECASE)
_SPAN = {name: re.compile(rf"{name}\s*=\s*[\"']?\s*(\d{{1,4}})", re.IGNORECASE) for name in ("colspan", "rowspan")}
_CELLS = {"td", "th"}
_MOST_SPAN = 1000  # as HTML has it
_PIPE_RULE = re.compile(r"\s{0,3}\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*")
_PIPE = re.compile(r"(?<!\\)\|")
_LEAST_ROWS = 2


def count_ragged_tables(markdown: str) -> int:
    """Count the tables of a text, nested ones too, whose rows are not all of one length. Linear in the text."""
    return sum(map(_is_ragged, [*_html_tables(markdown), *_pipe_tables(markdown)]))


def html_row_length(row: str) -> int:
    """Count the columns of one row of HTML, by the spans of its cells."""
    cells = (attributes for closing, name, attributes in _TAG.findall(row) if not closing and name.lower() in _CELLS)
    return sum(_span("colspan", attributes) for attributes in cells)


def pipe_cells(row: str) -> list[str]:
    """Return the cells of one row of a table in Markdown, white space included."""
    return _PIPE.split(row.strip().removeprefix("|").removesuffix("|"))


def find_pipe_table(markdown: str) -> int | None:
    """Return the place where the first table in Markdown begins; None if there is none."""
    before, at = "", 0
    for line in markdown.split("\n"):
        if _begins_table(before, line):
            return at - len(before) - 1
        before, at = line, at + len(line) + 1
    return None


def _is_ragged(lengths: list[int]) -> bool:
    if len(lengths) < _LEAST_ROWS:
        return False
    (usual, _), *_ = Counter(lengths).most_common(1)
    return any(length != usual for length in lengths)


class _Table:
    """The lengths of the rows of a table, as far as it was read."""

    def __init__(self) -> None:
        self.lengths: list[int] = []
        self._reaching: list[tuple[int, int]] = []  # cells from above: how wide, for how many rows yet

    def begin_row(self) -> None:
        """Begin a row with the cells that reach into it."""
        self.lengths.append(sum(width for width, _ in self._reaching))
        self._reaching = [(width, rows - 1) for width, rows in self._reaching if rows > 1]

    def add_cell(self, attributes: str) -> None:
        """Add a cell; before the first row it begins one."""
        if not self.lengths:
            self.begin_row()
        width, rows = (_span(name, attributes) for name in ("colspan", "rowspan"))
        self.lengths[-1] += width
        if rows > 1:
            self._reaching.append((width, rows - 1))


def _span(name: str, attributes: str) -> int:
    found = _SPAN[name].search(attributes)
    return min(_MOST_SPAN, max(1, int(found[1]))) if found else 1


def _html_tables(markdown: str) -> list[list[int]]:
    if "<" not in markdown:
        return []
    done: list[_Table] = []
    opened: list[_Table] = []
    for closing, name, attributes in _TAG.findall(markdown):
        match name.lower():
            case "table" if not closing:
                opened.append(_Table())
            case "table" if opened:
                done.append(opened.pop())
            case "tr" if opened and not closing:
                opened[-1].begin_row()
            case cell if cell in _CELLS and opened and not closing:
                opened[-1].add_cell(attributes)
    return [table.lengths for table in (*done, *opened)]


def _pipe_tables(markdown: str) -> list[list[int]]:
    """Lengths of the rows of each table in Markdown: the line above its rule, and those below until one has no bar."""
    if "|" not in markdown:
        return []
    lines = markdown.split("\n")
    tables: list[list[int]] = []
    in_table = False
    for before, line in zip(["", *lines], lines, strict=False):
        if not in_table and _begins_table(before, line):
            tables.append([len(pipe_cells(before))])
            in_table = True
        elif in_table and "|" in line:
            tables[-1].append(len(pipe_cells(line)))
        else:
            in_table = False
    return tables


def _begins_table(header: str, line: str) -> bool:
    return "|" in line and "|" in header and "-" in line and _PIPE_RULE.fullmatch(line) is not None
