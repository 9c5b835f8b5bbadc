"""A document as HTML, for WeasyPrint, Chromium and LibreOffice.

WeasyPrint sets footnotes at the foot of the page; the others get them as notes at the end. Only Chromium sets MathML.
"""

import html
import re
from dataclasses import dataclass, field

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
    Scripted,
    Sign,
    Spans,
    Table,
    footer_parts,
    is_kept_whole,
)

FONTS = "{latin}, 'Noto Sans Arabic', 'Noto Sans Hebrew', 'Noto Sans Devanagari', 'Noto Sans Thai', {cjk}, serif"
CJK = {"ja": "'Noto Sans CJK JP'", "ko": "'Noto Sans CJK KR'", "zh": "'Noto Sans CJK SC'"}
_STYLE = """
@page {{ size: A4; margin: 22mm 20mm; {running} }}
body {{ font: {size}pt/1.4 {fonts}; margin: 0; hyphens: auto; text-align: {align}; {columns} }}
.whole {{ white-space: nowrap }} .beside table {{ display: inline-table; vertical-align: top }}
.beside table + table {{ margin: 1.1em 0 0 9mm }}
h1, h2, h3, h4 {{ text-align: start; line-height: 1.2; margin: .8em 0 .4em; hyphens: none; break-after: avoid }}
h1 {{ font-size: 1.9em; column-span: all }}
h2 {{ font-size: 1.43em }} h3 {{ font-size: 1.19em }} h4 {{ font-size: 1.05em }}
p {{ margin: 0 0 .6em }}
pre, code {{ font-family: 'DejaVu Sans Mono', monospace; font-size: .86em }}
pre {{ hyphens: none; line-height: 1.25; margin: .5em 1em }} li {{ margin-bottom: .2em }}
.byline {{ font-style: italic }} .caption {{ font-size: .86em; margin: .8em 0 .3em }}
.dropcap {{ float: left; font-size: 3.2em; line-height: .9; padding-right: 2pt }}
.smallcaps {{ font-variant: small-caps }} .letterspaced {{ letter-spacing: .22em; hyphens: none }}
.footnote {{ float: footnote; font-size: .8em }} .notes {{ font-size: .8em; margin-top: 2em }}
sup, sub {{ line-height: 0; font-size: 70% }}
table {{ break-inside: avoid; border-collapse: collapse; font-size: .9em; margin: .3em 0 1em }}
table {{ text-align: start; hyphens: none }}
td {{ padding: 2pt 7pt; vertical-align: top }} .ruled td {{ border: .6pt solid #000 }}
.booktabs {{ border-top: 1.2pt solid #000; border-bottom: 1.2pt solid #000 }}
.booktabs tr:first-child td {{ border-bottom: .6pt solid #000 }} td.right {{ text-align: right }}
"""


def html_source(document: Document, *, foot: bool, running: bool) -> str:
    """Write the document; `foot`: footnotes at the foot, `running`: running headers and footers."""
    return _Writer(document, foot=foot, running=running).page()


@dataclass
class _Writer:
    document: Document
    foot: bool
    running: bool
    notes: list[str] = field(default_factory=list)

    def page(self) -> str:
        document = self.document
        body = "\n".join(self.block(block) for block in document.blocks)
        if self.notes:
            notes = "".join(f"<p><sup>{n}</sup> {_quoted(text)}</p>" for n, text in enumerate(self.notes, 1))
            body += f'\n<div class="notes">{notes}</div>'
        running = ""
        if self.running and document.header:
            before, after = (f'"{part}"' for part in footer_parts(document.footer))
            running = f'@top-left {{ content: "{document.header}"; font-size: 8.5pt }}'
            running += f"@bottom-center {{ content: {before} counter(page) {after}; font-size: 8.5pt }}"
        latin = "'Noto Sans'" if document.sans else "'Noto Serif'"
        fonts = FONTS.format(latin=latin, cjk=CJK.get(document.language, CJK["zh"]))
        vertical = "writing-mode: vertical-rl;" if document.vertical else ""
        columns = f"columns: {document.columns}; column-gap: 8mm;" if document.columns > 1 else vertical
        align = "justify" if document.justified else "start"
        style = _STYLE.format(running=running, fonts=fonts, columns=columns, size=document.size, align=align)
        direction = "rtl" if document.right_to_left else "ltr"
        head = f'<head><meta charset="utf-8"><title>x</title><style>{style}</style></head>'
        return f'<!DOCTYPE html>\n<html lang="{document.language}" dir="{direction}">{head}<body>{body}</body></html>\n'

    def block(self, block: Block) -> str:
        if isinstance(block, Heading):
            css = ' class="letterspaced"' if block.letterspaced else ""
            return f"<h{block.level + 1}{css}>{_quoted(block.text)}</h{block.level + 1}>"
        if isinstance(block, Paragraph):
            text = self.inline(block.spans)
            if block.drop_cap:
                text = f'<span class="dropcap">{text[0]}</span>{text[1:]}'
            return f'<p class="{block.style}">{text}</p>'
        if isinstance(block, ItemList):
            return self.items(block)
        if isinstance(block, Listing):
            return "<pre>" + _quoted("\n".join(block.lines)) + "</pre>"
        if isinstance(block, Display):
            return f'<math display="block"><mrow>{_mathml(block.formula)}</mrow></math>'
        return _tabular(block, wide=not self.running)

    def items(self, items: ItemList) -> str:
        tag = "ol" if items.ordered else "ul"
        written = (
            f"<li>{self.inline(item.spans)}{self.items(item.below) if item.below else ''}</li>" for item in items.items
        )
        return f"<{tag}>{''.join(written)}</{tag}>"

    def inline(self, spans: Spans) -> str:
        tags = {"bold": "b", "italic": "i", "mono": "code", "super": "sup", "sub": "sub"}
        written = ""
        for span in spans:
            text = _quoted(span.text)
            if span.style == "footnote" and not self.foot:
                self.notes.append(span.text)
                text = f"<sup>{len(self.notes)}</sup>"
            elif span.style in tags:
                text = f"<{tags[span.style]}>{text}</{tags[span.style]}>"
            elif span.style:
                text = f'<span class="{span.style}">{text}</span>'
            written += text
        return written


def _tabular(block: Leaders | Beside | Table, *, wide: bool) -> str:
    if isinstance(block, Leaders):
        return "".join(f"<p>{_quoted(title)} {'.' * (80 - len(title))} {number}</p>" for title, number in block.lines)
    if isinstance(block, Beside):
        return f'<div class="beside">{_table(block.left, wide=False)}{_table(block.right, wide=False)}</div>'
    return _table(block, wide=wide)


def _table(table: Table, *, wide: bool) -> str:
    """Write a table; a wide one fills the line, as LibreOffice breaks numbers in narrow cells."""
    rows = []
    for cells in table.grid():
        row = ""
        for x, cell in enumerate(cells):
            if cell is None:
                continue
            css = ' class="right"' if x in table.right and cell.columns == 1 else ""
            width = ' width="60%"' if table.widths[x] and cell.columns == 1 else ""
            row += f'<td colspan="{cell.columns}" rowspan="{cell.rows}"{css}{width}>{_quoted(cell.text)}</td>'
        rows.append(f"<tr>{row}</tr>")
    border = ' border="1" cellspacing="0"' if table.style == "ruled" else ""
    width = ' width="100%"' if wide else ""
    return f'<table class="{table.style}"{border}{width}>{"".join(rows)}</table>'


def _mathml(formula: Formula) -> str:
    written = ""
    for part in formula:
        if isinstance(part, Sign):
            tag = "mn" if part.shown.isdigit() else "mi" if part.shown.isalpha() else "mo"
            written += f"<{tag}>{_quoted(part.shown)}</{tag}>"
        elif isinstance(part, Fraction):
            written += f"<mfrac><mrow>{_mathml(part.above)}</mrow><mrow>{_mathml(part.below)}</mrow></mfrac>"
        elif isinstance(part, Root):
            written += f"<msqrt>{_mathml(part.inside)}</msqrt>"
        elif isinstance(part, Scripted):
            sub, sup = (f"<mrow>{_mathml(script)}</mrow>" if script else "" for script in (part.sub, part.sup))
            place = ("under", "over") if part.base.shown == "∑" else ("sub", "sup")
            tag = "m" + (place[0] if sub else "") + (place[1] if sup else "")
            written += f"<{tag}>{_mathml((part.base,))}{sub}{sup}</{tag}>"
    return written


def _quoted(text: str) -> str:
    text = html.escape(text, quote=False)
    if is_kept_whole(text):
        return re.sub(r"\S+", r'<span class="whole">\g<0></span>', text)
    return text
