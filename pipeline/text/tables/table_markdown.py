"""Tables -> Markdown: with pipes if no cell spans, else as HTML.

GFM's pipe tables have one header row and no spans; a cell is one line of inline Markdown. A table that has more, or a
list within a list in a cell, is written as HTML without blank lines, which CommonMark passes on as it is. Lines of a
cell are joined; a break is kept where an item of a list begins.
"""

import html
from collections.abc import Sequence

from ocrmill.pipeline.text.contents.cell_lists import CellItem, cell_items, is_nested
from ocrmill.pipeline.text.inline.hyphens import KnownWords
from ocrmill.pipeline.text.inline.links import html_link
from ocrmill.pipeline.text.inline.running_text import NO_WORDS, join_lines, running_text
from ocrmill.pipeline.text.tables.table import Cell, Table
from ocrmill.pipeline.text.words import Rise, Word

_SCRIPTS = {Rise.SUBSCRIPT: "sub", Rise.SUPERSCRIPT: "sup"}


def table_to_markdown(table: Table, known: KnownWords = NO_WORDS) -> str:
    """Write a table. `known`: words that tell hyphens at line ends."""
    if table.has_spans or table.header_rows > 1 or any(is_nested(cell_items(cell.lines)) for cell in table.cells):
        return _html(table, known)
    rows = [["" for _ in range(table.columns)] for _ in range(table.rows)]
    for cell in table.cells:
        items = [running_text(item.lines, known, emphasis=cell.row > 0) for item in cell_items(cell.lines)]
        rows[cell.row][cell.column] = "<br>".join(items).replace("|", "\\|")
    rows.insert(1, ["---"] * table.columns)
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _html(table: Table, known: KnownWords) -> str:
    written = ["<table>"]
    for row in range(table.rows):
        tag = "th" if row < table.header_rows else "td"
        cells = "".join(_html_cell(cell, tag, known) for cell in table.cells if cell.row == row)
        written.append(f"<tr>{cells}</tr>")
    return "\n".join([*written, "</table>"])


def _html_cell(cell: Cell, tag: str, known: KnownWords) -> str:
    rows = f' rowspan="{cell.row_span}"' if cell.row_span > 1 else ""
    columns = f' colspan="{cell.column_span}"' if cell.column_span > 1 else ""
    items = cell_items(cell.lines)
    text = _nested(items, known) if is_nested(items) else "<br>".join(_html_item(i.lines, known) for i in items)
    return f"<{tag}{rows}{columns}>{text}</{tag}>"


def _nested(items: Sequence[CellItem], known: KnownWords) -> str:
    """Write items as lists within lists, after the text before them."""
    written, depth = "", 0  # lists that are open; each has an item that is
    for item in items:
        text = _html_item(item.text_lines, known)
        if not item.mark:
            written += text
        elif item.level == depth:
            written += f"<ul><li>{text}"
            depth += 1
        else:
            written += f"{'</li></ul>' * (depth - item.level - 1)}</li><li>{text}"
            depth = item.level + 1
    return written + "</li></ul>" * depth


def _html_item(lines: Sequence[Sequence[Word]], known: KnownWords) -> str:
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
