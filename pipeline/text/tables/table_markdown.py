"""Tables -> Markdown: with pipes if no cell spans, else as HTML.

GFM's pipe tables have one header row and no spans; a cell is one line of inline Markdown. A table that has more is
written as HTML without blank lines, which CommonMark passes on as it is. Lines of a cell are joined; a break is kept
where an item of a list begins.
"""

import html
import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from itertools import pairwise

from ocrmill.pipeline.text.inline.links import html_link
from ocrmill.pipeline.text.inline.running_text import join_lines, running_text
from ocrmill.pipeline.text.tables.table import Cell, Lines, Table
from ocrmill.pipeline.text.words import BULLETS, Rise, Word

_SCRIPTS = {Rise.SUBSCRIPT: "sub", Rise.SUPERSCRIPT: "sup"}
_BULLET = re.compile(f"[{BULLETS}]")


def table_to_markdown(table: Table, known: AbstractSet[str] = frozenset()) -> str:
    """Write a table. `known`: words of the page, to tell hyphens of words from those of line ends."""
    if table.has_spans or table.header_rows > 1:
        return _html(table, known)
    rows = [["" for _ in range(table.columns)] for _ in range(table.rows)]
    for cell in table.cells:
        items = [running_text(lines, known, emphasis=cell.row > 0) for lines in _items(cell.lines)]
        rows[cell.row][cell.column] = "<br>".join(items).replace("|", "\\|")
    rows.insert(1, ["---"] * table.columns)
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _items(lines: Lines) -> list[list[Sequence[Word]]]:
    """Return the lines of each item, if a cell holds several that begin with bullets; else all lines as one."""
    starts = [n for n, line in enumerate(lines) if _BULLET.match(line[0].text)]
    if len(starts) < 2:  # noqa: PLR2004
        return [list(lines)] if lines else []
    borders = sorted({0, *starts, len(lines)})
    return [list(lines[start:end]) for start, end in pairwise(borders)]


def _html(table: Table, known: AbstractSet[str]) -> str:
    written = ["<table>"]
    for row in range(table.rows):
        tag = "th" if row < table.header_rows else "td"
        cells = "".join(_html_cell(cell, tag, known) for cell in table.cells if cell.row == row)
        written.append(f"<tr>{cells}</tr>")
    return "\n".join([*written, "</table>"])


def _html_cell(cell: Cell, tag: str, known: AbstractSet[str]) -> str:
    rows = f' rowspan="{cell.row_span}"' if cell.row_span > 1 else ""
    columns = f' colspan="{cell.column_span}"' if cell.column_span > 1 else ""
    items = [_html_item(lines, known) for lines in _items(cell.lines)]
    return f"<{tag}{rows}{columns}>{'<br>'.join(items)}</{tag}>"


def _html_item(lines: Sequence[Sequence[Word]], known: AbstractSet[str]) -> str:
    """Write lines of words, which are a link if all of them lead to one target."""
    text = join_lines([" ".join(_html_word(word) for word in line) for line in lines], known)
    targets = {word.link for line in lines for word in line}
    return html_link(text, target) if len(targets) == 1 and (target := targets.pop()) else text


def _html_word(word: Word) -> str:
    written = ""
    for piece in word.pieces:
        tag = _SCRIPTS.get(piece.rise)
        text = html.escape(piece.text, quote=False)
        written += f"<{tag}>{text}</{tag}>" if tag else text
    return written
