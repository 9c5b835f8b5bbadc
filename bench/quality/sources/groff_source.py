"""A document as groff source with the ms macros and tbl, for documents in English."""

import re

from bench.quality.document import (
    Beside,
    Block,
    Display,
    Document,
    Heading,
    ItemList,
    Leaders,
    Listing,
    Paragraph,
    Spans,
    Table,
    footer_parts,
)

_STYLES = {
    "bold": r"\fB{}\fP",
    "italic": r"\fI{}\fP",
    "mono": r"\f[CR]{}\fP",
    "super": r"\*{{{}\*}}",
    "sub": r"\s-3\d{}\u\s0",
}


def groff_source(document: Document) -> str:
    """Write the document."""
    before, after = (_text(part) for part in footer_parts(document.footer))
    lines = [
        f".nr PS {document.size}",
        f".nr VS {1.35 * document.size:.1f}",
        ".nr HM 1i",
        ".nr LL 6.3i",
        ".nr GROWPS 3",
        ".nr PSINCR 2p",
        ".nr FF 1",
    ]
    lines += [f".ds LH {_text(document.header)}", ".ds CH", ".ds RH"]
    lines += [f".ds CF {before}\\\\n%{after}" if document.footer else ".ds CF", ".P1"]
    lines += [".fam H"] * document.sans + [".ad l"] * (not document.justified)
    title, *blocks = document.blocks
    lines += _block(title)
    if document.columns > 1:
        lines.append(".2C")
    for block in blocks:
        lines += _block(block)
    return "\n".join(lines) + "\n"


def _block(block: Block) -> list[str]:
    if isinstance(block, Heading):
        text = _text(block.text)
        return [".TL", text] if block.level == 0 else [f".SH {block.level}", text]
    if isinstance(block, Paragraph):
        return [".LP", *_inline(block.spans)]
    if isinstance(block, ItemList):
        return _items(block)
    if isinstance(block, Listing):
        return [".DS L", ".ft CR", ".ps 9", *(_text(line) for line in block.lines), ".ps", ".ft", ".DE"]
    if isinstance(block, Leaders):
        return [
            ".LP",
            ".nf",
            *(f"{_text(title)} {'.' * (70 - len(title))} {number}" for title, number in block.lines),
            ".fi",
        ]
    if isinstance(block, Display | Beside):
        raise TypeError(f"groff gets no {type(block).__name__}")
    return _table(block)


def _items(items: ItemList) -> list[str]:
    lines = []
    for number, item in enumerate(items.items, 1):
        lines += [f".IP {number}. 3" if items.ordered else r".IP \(bu 2", *_inline(item.spans)]
        if item.below:
            lines += [".RS", *_items(item.below), ".RE"]
    return lines


def _inline(spans: Spans) -> list[str]:
    written = ""
    for span in spans:
        text = _text(span.text)
        if span.style == "footnote":
            written += f"\\**\n.FS\n{text}\n.FE\n"
        else:
            written += _STYLES.get(span.style, "{}").format(text)
    return [line.strip() for line in written.split("\n") if line.strip()]


def _table(table: Table) -> list[str]:
    grid = table.grid()
    rule = "allbox " if table.style == "ruled" else ""
    formats, rows = [], []
    for y, cells in enumerate(grid):
        kinds, row = [], []
        x = 0
        while x < len(cells):
            cell = cells[x]
            if cell is None:
                kinds.append("^")
                row.append("")
                x += 1
                continue
            kind = "r" if x in table.right and cell.columns == 1 else "l"
            kinds += [kind + ("w(3.6i)" if table.widths[x] else ""), *["s"] * (cell.columns - 1)]
            text = _text(cell.text)
            row.append(f"T{{\n{text}\nT}}" if table.widths[x] or cell.columns == len(cells) else text)
            x += cell.columns
        formats.append(" ".join(kinds))
        rows.append("|".join(row))
        if table.style == "booktabs" and y == 0:
            rows.append("_")
    if table.style == "booktabs":
        rows = ["_", *rows, "_"]
    return [".KS", ".TS", f"{rule}tab(|);", "\n".join(formats) + ".", *rows, ".TE", ".KE"]


def _text(text: str) -> str:
    """Escape text; hyphens and minus signs stay what they are."""
    text = text.replace("\\", r"\e").replace("\N{EN DASH}", r"\[en]")
    text = re.sub(r"(?<![A-Za-z])-(?=\d)|(?<=\s)--|^--", lambda found: found[0].replace("-", r"\-"), text)
    return re.sub(r"^([.'])", r"\\&\1", text)
