"""Tables -> Markdown: with pipes if no cell spans, as HTML otherwise.

GFM's pipe tables have one header row and no spans; a cell is one line of inline Markdown. A table that has more is
written as HTML without blank lines, which CommonMark passes on as it is.
"""

import html
from collections.abc import Callable, Sequence

from ocrmill.pipeline.text.paragraphs import join_lines
from ocrmill.pipeline.text.tables.table import Cell, Lines, Table
from ocrmill.pipeline.text.words import Rise, Word

CellText = Callable[[Lines], str]
"""Writes the lines of a cell as one line of Markdown."""

_SCRIPTS = {Rise.SUBSCRIPT: "sub", Rise.SUPERSCRIPT: "sup"}


def table_to_markdown(
    table: Table, cell_text: CellText | None = None, join: Callable[[Sequence[str]], str] = join_lines
) -> str:
    """Write a table. `cell_text` writes cells between pipes; `join` makes one line of several in HTML."""
    if table.has_spans or table.header_rows > 1:
        return _html(table, join)
    write = cell_text or (lambda lines: _plain(lines, join))
    rows = [["" for _ in range(table.columns)] for _ in range(table.rows)]
    for cell in table.cells:
        rows[cell.row][cell.column] = _in_pipes(write(cell.lines))
    rows.insert(1, ["---"] * table.columns)
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _in_pipes(text: str) -> str:
    """Put a backslash before pipes that have none: within a cell they would end it, in code too."""
    return " ".join(text.split()).replace("\\|", "|").replace("|", "\\|")


def _plain(lines: Lines, join: Callable[[Sequence[str]], str]) -> str:
    """Write words without emphasis, so that no character of theirs is taken for markup."""
    return join([" ".join("".join(_escaped(p.text) for p in word.pieces) for word in line) for line in lines])


def _escaped(text: str) -> str:
    return "".join(f"\\{character}" if character in "\\`*_<&[~" else character for character in text)


def _html(table: Table, join: Callable[[Sequence[str]], str]) -> str:
    written = ["<table>"]
    for row in range(table.rows):
        cells = "".join(_html_cell(cell, row < table.header_rows, join) for cell in table.cells if cell.row == row)
        written.append(f"<tr>{cells}</tr>")
    return "\n".join([*written, "</table>"])


def _html_cell(cell: Cell, is_header: bool, join: Callable[[Sequence[str]], str]) -> str:
    tag = "th" if is_header else "td"
    rows = f' rowspan="{cell.row_span}"' if cell.row_span > 1 else ""
    columns = f' colspan="{cell.column_span}"' if cell.column_span > 1 else ""
    text = join([" ".join(_html_word(word) for word in line) for line in cell.lines])
    return f"<{tag}{rows}{columns}>{text}</{tag}>"


def _html_word(word: Word) -> str:
    written = ""
    for piece in word.pieces:
        tag = _SCRIPTS.get(piece.rise)
        text = html.escape(piece.text, quote=False)
        written += f"<{tag}>{text}</{tag}>" if tag else text
    return written
