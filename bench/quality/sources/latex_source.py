"""A document as LaTeX source for XeLaTeX, with the packages of texlive-latex-recommended and texlive-xetex only.

These have none for lines from right to left.
"""

import re

from bench.quality.document import (
    Beside,
    Block,
    Cell,
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
from bench.quality.sources.markdown_source import latex

_FONTS = {  # the font and its options; without an entry, Latin Modern
    "el": ("Noto Serif", ""),
    "ru": ("Noto Serif", ""),
    "zh": ("Noto Sans CJK SC", ""),
    "ja": ("Noto Sans CJK JP", ""),
    "ko": ("Noto Sans CJK KR", ""),
}
_BREAKS = {"zh": "zh", "ja": "ja"}  # where lines break without blanks
_PREAMBLE = r"""\documentclass[%dpt,a4paper%s]{article}
\usepackage[margin=22mm]{geometry}
\usepackage{fontspec,graphicx,booktabs,array,fancyhdr,fancyvrb}
\usepackage{amsmath}
%s
\setlength{\headheight}{14pt}\setlength{\parindent}{0pt}\setlength{\parskip}{5pt}\emergencystretch=3em
\setcounter{secnumdepth}{0}
\pagestyle{%s}
\begin{document}
"""
_COMMANDS = {
    "bold": r"\textbf{%s}",
    "italic": r"\textit{%s}",
    "smallcaps": r"\textsc{%s}",
    "mono": r"\texttt{%s}",
    "super": r"\textsuperscript{%s}",
    "sub": r"\textsubscript{%s}",
    "letterspaced": r"{\apart %s}",
    "footnote": r"\footnote{%s}",
}
_HEADINGS = (r"{\LARGE\bfseries %s\par}", r"\section{%s}", r"\subsection{%s}", r"\subsubsection{%s}")


def latex_source(document: Document) -> str:
    """Write the document."""
    language = document.language
    setup = "\\newfontfamily\\apart{lmroman10-regular.otf}[LetterSpace=22]\n"
    if language in _FONTS:
        name, options = _FONTS[language]
        setup += f"\\setmainfont{{{name}}}{options}\\def\\bfdefault{{m}}\n"
    if language in _BREAKS:
        setup += f'\\XeTeXlinebreaklocale "{_BREAKS[language]}"\\XeTeXlinebreakskip=0pt plus 1pt\n'
    if document.header:
        before, after = footer_parts(document.footer)
        setup += rf"\fancyhf{{}}\fancyhead[L]{{\small {_text(document.header)}}}"
        setup += rf"\fancyfoot[C]{{\small {_text(before)}\thepage{_text(after)}}}" + "\n"
    if document.sans and language not in _FONTS:
        setup += "\\renewcommand{\\familydefault}{\\sfdefault}\n"
    if not document.justified:
        setup += "\\AtBeginDocument{\\raggedright}\n"
    style = "fancy" if document.header else "empty"
    head = _PREAMBLE % (document.size, ",twocolumn" if document.columns > 1 else "", setup, style)
    blocks = [_block(block) for block in document.blocks]
    if document.columns > 1:
        blocks[0] = rf"\twocolumn[{blocks[0]}\vspace{{8mm}}]"
    return head + "\n\n".join(blocks) + "\n\\end{document}\n"


def _block(block: Block) -> str:
    if isinstance(block, Heading):
        text = _text(block.text)
        return _HEADINGS[block.level] % (_COMMANDS["letterspaced"] % text if block.letterspaced else text)
    if isinstance(block, Paragraph):
        text = _inline(block.spans)
        if block.drop_cap:
            text = (
                rf"\hangindent=9mm\hangafter=-2\noindent\llap{{\smash{{\lower1.15\baselineskip\hbox to 9mm"
                rf"{{\fontsize{{32}}{{32}}\selectfont {text[0]}\hss}}}}}}{text[1:]}"
            )
        styles = {"caption": r"{\small %s\par}", "byline": r"{\itshape %s\par}"}
        return styles.get(block.style, "%s\n") % text
    if isinstance(block, ItemList):
        return _items(block)
    if isinstance(block, Listing):
        return "\\begin{Verbatim}[fontsize=\\small]\n" + "\n".join(block.lines) + "\n\\end{Verbatim}"
    if isinstance(block, Display):
        return rf"\[ {latex(block.formula)} \]"
    return _tabular(block)


def _tabular(block: Leaders | Beside | Table) -> str:
    if isinstance(block, Leaders):
        return "\n\n".join(rf"\noindent {_text(title)}\dotfill {number}" for title, number in block.lines)
    if isinstance(block, Beside):
        return rf"{_table(block.left)}\hspace{{9mm}}\raisebox{{-6pt}}{{{_table(block.right)}}}\par"
    return (rf"\rotatebox{{90}}{{{_table(block)}}}" if block.turned else _table(block)) + r"\par"


def _items(items: ItemList) -> str:
    name = "enumerate" if items.ordered else "itemize"
    # Deeper numbers are digits too, as the ground truth has them.
    setup = "".join(
        rf"\renewcommand{{\label{each}}}{{\arabic{{{each}}}.}}"
        for each in ("enumi", "enumii", "enumiii")
        if items.ordered
    )
    lines = [
        rf"\item {_inline(item.spans)}" + (f"\n{_items(item.below)}" if item.below else "") for item in items.items
    ]
    return "\n".join([rf"\begin{{{name}}}{setup}", *lines, rf"\end{{{name}}}"])


def _inline(spans: Spans) -> str:
    return "".join(_COMMANDS.get(span.style, "%s") % _text(span.text) for span in spans)


def _table(table: Table) -> str:
    ruled = "|" if table.style == "ruled" else ""
    kinds = ["p{0.6\\linewidth}" if w else "r" if x in table.right else "l" for x, w in enumerate(table.widths)]
    lines = []
    grid = table.grid()
    for y, cells in enumerate(grid):
        row, x = [], 0
        while x < len(cells):
            cell = cells[x]
            wide = cell.columns if cell else 1
            text = _text(cell.text) if cell else ""
            full = r"p{0.7\linewidth}|" if ruled and wide == len(cells) else f"l{ruled}"
            row.append(rf"\multicolumn{{{wide}}}{{{ruled if x == 0 else ''}{full}}}{{{text}}}" if wide > 1 else text)
            x += wide
        lines.append(" & ".join(row) + r" \\")
        if ruled:
            below = grid[y + 1] if y + 1 < len(grid) else None
            lines.append(_rules(table, below, y + 1))
        elif table.style == "booktabs" and y == 0:
            lines.append(r"\midrule")
    top, bottom = {"ruled": (r"\hline", ""), "booktabs": (r"\toprule", r"\bottomrule")}.get(table.style, ("", ""))
    columns = ruled + ruled.join(kinds) + ruled
    return "\n".join([rf"{{\small\begin{{tabular}}[t]{{{columns}}}{top}", *lines, rf"{bottom}\end{{tabular}}}}"])


def _rules(table: Table, below: "list[Cell | None] | None", y: int) -> str:
    """Draw the rule below a row, left out where a cell goes on into the next one."""
    covered = {
        x for top, row in enumerate(table.grid()) for x, cell in enumerate(row) if cell and top < y < top + cell.rows
    }
    if below is None or not covered:
        return r"\hline"
    return "".join(rf"\cline{{{x + 1}-{x + 1}}}" for x in range(len(table.widths)) if x not in covered)


def _text(text: str) -> str:
    special = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "-": "-{}"}
    return re.sub(r"[\\{}$&#^_%~]|-(?=-)", lambda found: special.get(found[0], "\\" + found[0]), text)
