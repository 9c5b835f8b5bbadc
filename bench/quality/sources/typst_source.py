"""A document as Typst source. Text stands in strings, so that nothing in it is read as markup."""

import json

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

_FONTS = (
    '{latin}, "Noto Serif", "Noto Sans Arabic", "Noto Sans Hebrew", "Noto Sans Devanagari", "Noto Sans Thai", {cjk}'
)
_CJK = {"ja": '"Noto Sans CJK JP"', "ko": '"Noto Sans CJK KR"', "zh": '"Noto Sans CJK SC"'}
_HYPHENATED = frozenset({"en", "fr", "el", "ru"})  # others it breaks within words, without a hyphen
_PREAMBLE = """#set page(paper: "a4", margin: (x: 20mm, y: 24mm){running}{columns})
#set text(font: ({fonts}), size: {size}pt, lang: "{language}", hyphenate: {hyphenate})
#set par(justify: {justified})
#show heading.where(level: 1): set text(size: 1.9em)
#show heading.where(level: 2): set text(size: 1.43em)
#show heading.where(level: 3): set text(size: 1.19em)
#show heading.where(level: 4): set text(size: 1.05em)
#show heading: set text(hyphenate: false)
"""


def typst_source(document: Document) -> str:
    """Write the document."""
    running = ""
    if document.header:
        before, after = footer_parts(document.footer)
        running = f", header: text(size: 8.5pt, {_string(document.header)})"
        number = f"{_string(before)} + context counter(page).display() + {_string(after)}"
        running += f", footer: align(center, text(size: 8.5pt, {number}))"
    columns = f", columns: {document.columns}" if document.columns > 1 else ""
    latin = '"Noto Sans"' if document.sans else '"Libertinus Serif"'
    fonts = _FONTS.format(latin=latin, cjk=_CJK.get(document.language, _CJK["zh"]))
    head = _PREAMBLE.format(
        running=running,
        columns=columns,
        fonts=fonts,
        language=document.language,
        size=document.size,
        hyphenate=str(document.language in _HYPHENATED).lower(),
        justified=str(document.justified).lower(),
    )
    title, *rest = document.blocks
    top = _block(title)
    if document.columns > 1:
        top = f'#place(top + center, scope: "parent", float: true)[\n{top}\n]'
    return "\n\n".join([head, top, *(_block(block) for block in rest)]) + "\n"


def _block(block: Block) -> str:
    if isinstance(block, Heading):
        text = _string(block.text)
        spaced = f"text(tracking: 0.22em, {text})" if block.letterspaced else text
        return f"#heading(level: {block.level + 1}, {spaced})"
    if isinstance(block, Paragraph):
        styles = {"caption": "#block(text(size: 0.86em)[{}])", "byline": "#emph[{}]"}
        return styles.get(block.style, "{}").format(_inline(block.spans))
    if isinstance(block, ItemList):
        return f"#{_items(block)}"
    if isinstance(block, Listing):
        return f"#raw({_string(chr(10).join(block.lines))}, block: true)"
    if isinstance(block, Display):
        return f"$ {_math(block.formula)} $"
    return _tabular(block)


def _tabular(block: Leaders | Beside | Table) -> str:
    if isinstance(block, Leaders):
        dots = "#box(width: 1fr, repeat[.])"
        return " \\\n".join(f"#{_string(title)};{dots}#{_string(number)};" for title, number in block.lines)
    if isinstance(block, Beside):
        return f"#grid(columns: 2, gutter: 9mm, {_table(block.left)}, pad(top: 6pt, {_table(block.right)}))"
    return f"#rotate(-90deg, reflow: true, {_table(block)})" if block.turned else f"#{_table(block)}"


def _items(items: ItemList) -> str:
    written = [f"[{_inline(item.spans)}{'#' + _items(item.below) if item.below else ''}]" for item in items.items]
    return f"{'enum' if items.ordered else 'list'}({', '.join(written)})"


def _inline(spans: Spans) -> str:
    calls = {
        "bold": "strong({})",
        "italic": "emph({})",
        "smallcaps": "smallcaps({})",
        "mono": "raw({})",
        "super": "super({})",
        "sub": "sub({})",
        "letterspaced": "text(tracking: 0.22em, {})",
        "footnote": "footnote({})",
    }
    return "".join(f"#{calls.get(span.style, '{}').format(_text(span.text))};" for span in spans)


def _table(table: Table) -> str:
    columns = ", ".join(f"{width}fr" if width else "auto" for width in table.widths)
    stroke = "0.6pt" if table.style == "ruled" else "none"
    align = ", ".join("right" if x in table.right else "left" for x in range(len(table.widths)))
    cells = [
        f"table.cell(colspan: {cell.columns}, rowspan: {cell.rows}, {_string(cell.text)})"
        for row in table.rows
        for cell in row
    ]
    if table.style == "booktabs":
        width = len(table.widths)
        cells = ["table.hline()", *cells[:width], "table.hline(stroke: 0.5pt)", *cells[width:], "table.hline()"]
    options = f"columns: ({columns}), stroke: {stroke}, align: ({align})"
    whole = f"block(breakable: false, table({options}, {', '.join(cells)}))"
    return f"{{ set par(justify: false); set text(size: 0.9em); {whole} }}"


def _math(formula: Formula) -> str:
    written = []
    for part in formula:
        if isinstance(part, Sign):
            written.append(part.shown)
        elif isinstance(part, Fraction):
            written.append(f"frac({_math(part.above)}, {_math(part.below)})")
        elif isinstance(part, Root):
            written.append(f"sqrt({_math(part.inside)})")
        elif isinstance(part, Scripted):
            sub = f"_({_math(part.sub)})" if part.sub else ""
            sup = f"^({_math(part.sup)})" if part.sup else ""
            written.append(f"{part.base.shown}{sub}{sup}")
    return " ".join(written)


def _text(text: str) -> str:
    if is_kept_whole(text):
        return "[" + " ".join(f"#box({_string(word)});" for word in text.split()) + "]"
    return _string(text)


def _string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
