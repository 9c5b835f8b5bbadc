"""A page's Markdown cut into pieces: paragraphs, formulas, tables, each with its place.

The places are those that OmniDocBench's evaluator gives: characters from the start, counted again in the text that is
left once pipe tables are HTML and HTML tables are blanks, and without the breaks between paragraphs.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from ocrmill.commands.eval.omnidocbench.markdown_tables import PIPES, tables_as_html


class Kind(StrEnum):
    """The kind of a piece."""

    TEXT = "text"
    FORMULA = "formula"  # displayed
    INLINE = "inline formula"  # it stays in its paragraph, too
    TABLE = "table"


@dataclass(frozen=True, slots=True)
class Piece:
    """A paragraph, a formula or a table of the prediction."""

    kind: Kind
    content: str
    position: int


@dataclass(frozen=True, slots=True)
class Prediction:
    """The pieces of a page."""

    pieces: tuple[Piece, ...]  # paragraphs and formulas: inline formulas last
    tables: tuple[Piece, ...]  # HTML, those of pipes included
    latex_tables: int


_IMAGE = re.compile(r"!\[.*?\]\(.*?\)")
_FENCES = (re.compile(r"^```(?:markdown|html|latex)\n?", re.MULTILINE), re.compile(r"```\n?$", re.MULTILINE))
_LATEX_TABLE = re.compile(r"\\begin\{table\}.*?\\end\{table\}", re.DOTALL)
_MATH = re.compile(r"\$\$(.*?)\$\$|\\\[(.*?)\\\]|\$(.*?)\$|\\\((.*?)\\\)", re.DOTALL)
_DELIMITED = re.compile(r"\$\$(.*?)\$\$|\$(.*?)\$|\\\((.*?)\\\)", re.DOTALL)
_HTML_TABLE = re.compile(r"<table.*?</table>", re.DOTALL)
_CODE = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
_LATEX_HEADS = re.compile(r"\\(?:title|text|section\*?)\s*\{\s*(.*?)\s*\}", re.DOTALL)
_PIPE_TABLE_ROWS = 2


def read_prediction(markdown: str) -> Prediction:
    """Cut a page's Markdown into pieces."""
    text = _IMAGE.sub("", markdown)
    for fence in _FENCES:
        text = fence.sub("", text)
    text = re.sub(r" {4,}", "    ", re.sub(r"_{4,}", "____", text))
    text = re.sub(r"</?(?:html|body)>", "", text)
    text, latex_tables = _without_latex_tables(text)
    pieces: list[Piece] = []
    text = _take(text, outer_spans(text, r"<table[^>]*>", "</table>"), Kind.TABLE, pieces)
    text = _take_formulas(text, pieces)
    if len(PIPES.findall(f"{text}\n")) >= _PIPE_TABLE_ROWS:
        text = tables_as_html(text)
        text = _take(text, [found.span() for found in _HTML_TABLE.finditer(text)], Kind.TABLE, pieces)
    for found in list(_CODE.finditer(text)):
        pieces.append(Piece(Kind.TEXT, found[2].strip(), found.start()))
        text = _blanked(text, *found.span())
    pieces += _paragraphs(_LATEX_HEADS.sub(r"\1", text))
    return _sorted(pieces, latex_tables)


def _sorted(pieces: list[Piece], latex_tables: int) -> Prediction:
    in_place = sorted(pieces, key=lambda piece: piece.position)
    classes: dict[bool | None, list[Piece]] = {}  # texts, formulas, tables: in the order of their first pieces
    for piece in in_place:
        key = None if piece.kind is Kind.TABLE else piece.kind is Kind.TEXT
        classes.setdefault(key, []).append(piece)
    tables = tuple(classes.pop(None, ()))
    return Prediction(in_order([piece for some in classes.values() for piece in some]), tables, latex_tables)


def in_order(pieces: list[Piece]) -> tuple[Piece, ...]:
    """Sort pieces by place, inline formulas last."""
    return tuple(sorted(pieces, key=lambda piece: (piece.kind is Kind.INLINE, piece.position)))


def _blanked(text: str, start: int, end: int) -> str:
    return text[:start] + " " * (end - start) + text[end:]


def _take(text: str, spans: list[tuple[int, int]], kind: Kind, pieces: list[Piece]) -> str:
    """Move spans of the text to the pieces; blanks stay behind."""
    for start, end in spans:
        pieces.append(Piece(kind, text[start:end].strip(), start))
        text = _blanked(text, start, end)
    return text


def outer_spans(text: str, opening: str, closing: str) -> list[tuple[int, int]]:
    """Return where the outermost environments begin and end; one that is not closed is passed over."""
    spans: list[tuple[int, int]] = []
    open_at: list[int] = []
    for found in re.finditer(f"(?P<opening>{opening})|{closing}", text):
        if found["opening"] is not None:
            open_at.append(found.start())
        elif open_at:
            start = open_at.pop()
            if not open_at:
                spans.append((start, found.end()))
    if open_at:
        offset = open_at[0] + 1
        spans += [(start + offset, end + offset) for start, end in outer_spans(text[offset:], opening, closing)]
    return spans


def _without_latex_tables(text: str) -> tuple[str, int]:
    """Blank LaTeX's tables; their evaluator gives each no points."""
    spans = [found.span() for found in _LATEX_TABLE.finditer(text)]
    for start, end in spans:
        text = _blanked(text, start, end)
    tabulars = outer_spans(text, r"\\begin\{tabular\}", r"\\end\{tabular\}")
    for start, end in tabulars:
        text = _blanked(text, start, end)
    return text, len(spans) + len(tabulars)


def _take_formulas(text: str, pieces: list[Piece]) -> str:
    """Move displayed formulas to the pieces; inline ones are copied, and stay in their paragraphs."""
    for found in list(_MATH.finditer(text)):
        line = " ".join(found[0].strip().split("\n"))
        delimited = _DELIMITED.search(line)
        if delimited is not None and not delimited[1]:
            pieces.append(Piece(Kind.INLINE, _DELIMITED.sub(r"\\[\2\3\\]", line), found.start()))
            continue
        if delimited is not None:
            line = _DELIMITED.sub(r"\\[\1\\]", line)
        pieces.append(Piece(Kind.FORMULA, line, found.start()))
        text = _blanked(text, *found.span())
    return text


def _paragraphs(text: str) -> list[Piece]:
    """Cut a text at blank lines, or at every line if it has none."""
    parts = text.split("\n\n")
    if len(parts) == 1:
        parts = text.split("\n")
    pieces, position = [], 0
    for part in parts:
        lines = "\n".join(line.strip() for line in part.split("\n") if line.strip())
        if lines.startswith("<table") and lines.endswith("</table>"):
            pieces.append(Piece(Kind.TABLE, lines, position))
        elif lines.startswith("$") and lines.endswith("$"):
            if lines.replace("$", "").strip():
                pieces.append(Piece(Kind.FORMULA, lines, position))
        elif lines:
            pieces.append(Piece(Kind.TEXT, lines, position))
        position += len(part)
    return pieces
