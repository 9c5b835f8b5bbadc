"""The ground truth of a document: its Markdown, as a reader should write it, and the HTML of its tables.

Running headers and footers are not in it; footnotes stand at its end.
"""

import html
import re
from dataclasses import dataclass, field
from itertools import count

from bench.quality.document import (
    Beside,
    Block,
    Display,
    Document,
    Formula,
    Fraction,
    Heading,
    ItemList,
    Leaders,
    Listing,
    Paragraph,
    Root,
    Sign,
    Spans,
    Table,
)

_MARKS = {"bold": "**", "italic": "*", "mono": "`"}


@dataclass(frozen=True, slots=True)
class Truth:
    """The right reading of a document."""

    markdown: str
    header: str
    footer: str
    tables: list[str] = field(default_factory=list)
    listings: list[str] = field(default_factory=list)
    formulas: list[str] = field(default_factory=list)  # LaTeX


def truth_of(document: Document) -> Truth:
    """Return the ground truth of a document."""
    notes = count(1)
    parts = [_block(block, notes) for block in document.blocks]
    parts += [f"[^{number}]: {_escaped(text)}" for number, text in enumerate(document.footnotes(), 1)]
    return Truth(
        markdown="\n\n".join(parts) + "\n",
        header=document.header,
        footer=document.footer,
        tables=[table_html(table) for table in document.tables()],
        listings=["\n".join(block.lines) for block in document.blocks if isinstance(block, Listing)],
        formulas=[latex(block.formula) for block in document.blocks if isinstance(block, Display)],
    )


def latex(formula: Formula) -> str:
    """Write a formula as LaTeX."""
    written = []
    for part in formula:
        if isinstance(part, Sign):
            written.append(part.latex)
        elif isinstance(part, Fraction):
            written.append(rf"\frac{{{latex(part.above)}}}{{{latex(part.below)}}}")
        elif isinstance(part, Root):
            written.append(rf"\sqrt{{{latex(part.inside)}}}")
        else:
            sub = f"_{{{latex(part.sub)}}}" if part.sub else ""
            sup = f"^{{{latex(part.sup)}}}" if part.sup else ""
            written.append(f"{part.base.latex}{sub}{sup}")
    return " ".join(written)


def table_html(table: Table) -> str:
    """Write a table as HTML."""
    rows = []
    for row in table.rows:
        cells = []
        for cell in row:
            spans = "".join(
                f' {name}="{number}"'
                for name, number in (("colspan", cell.columns), ("rowspan", cell.rows))
                if number > 1
            )
            cells.append(f"<td{spans}>{html.escape(cell.text, quote=False)}</td>")
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return f"<table>{''.join(rows)}</table>"


def _block(block: Block, notes: "count[int]") -> str:
    if isinstance(block, Heading):
        return f"{'#' * (block.level + 1)} {_escaped(block.text)}"
    if isinstance(block, Paragraph):
        return _inline(block.spans, notes)
    if isinstance(block, ItemList):
        return "\n".join(_items(block, notes, ""))
    if isinstance(block, Listing):
        return "```\n" + "\n".join(block.lines) + "\n```"
    if isinstance(block, Display):
        return f"$$\n{latex(block.formula)}\n$$"
    return _tabular(block)


def _tabular(block: Leaders | Beside | Table) -> str:
    if isinstance(block, Leaders):
        return "\n\n".join(f"{_escaped(title)} {number}" for title, number in block.lines)
    if isinstance(block, Beside):
        return f"{_table(block.left)}\n\n{_table(block.right)}"
    return _table(block)


def _table(table: Table) -> str:
    if table.style == "pairs":
        return "\n\n".join(_escaped(" ".join(cell.text for cell in row)) for row in table.rows)
    return table_html(table) if table.has_spans else _pipes(table)


def _items(items: ItemList, notes: "count[int]", indent: str) -> list[str]:
    lines = []
    for number, item in enumerate(items.items, 1):
        mark = f"{number}." if items.ordered else "-"
        lines.append(f"{indent}{mark} {_inline(item.spans, notes)}")
        if item.below:
            lines += _items(item.below, notes, indent + " " * (len(mark) + 1))
    return lines


def _inline(spans: Spans, notes: "count[int]") -> str:
    written = ""
    for span in spans:
        if span.style == "footnote":
            written += f"[^{next(notes)}]"
        elif span.style in {"super", "sub"}:
            written += f"<{span.style[:3]}>{span.text}</{span.style[:3]}>"
        else:
            mark = _MARKS.get(span.style, "")
            written += f"{mark}{span.text if span.style == 'mono' else _escaped(span.text)}{mark}"
    return written


def _pipes(table: Table) -> str:
    rows = ["|" + "|".join(_escaped(cell.text).replace("|", r"\|") for cell in row) + "|" for row in table.rows]
    return "\n".join([rows[0], "|" + "---|" * len(table.widths), *rows[1:]])


def _escaped(text: str) -> str:
    """Keep CommonMark from reading the text as markup."""
    text = re.sub(r"([\\`*_\[\]<>#|~$])", r"\\\1", text)
    return re.sub(r"^([-+])(?=\s)|^(\d+)([.)])(?=\s)", lambda m: f"\\{m[1]}" if m[1] else f"{m[2]}\\{m[3]}", text)
