"""The content of a Markdown in one normal form: words, headings, tables, listings, formulas.

Markdown is read by a CommonMark parser with pipe tables; HTML tables are read too. Text is NFKC without regard to case,
with one kind of hyphen, without soft hyphens, dotted leaders, `_{}`, zero-width and direction marks. A word is what
stands between blanks, without punctuation around it but with its sign and percent sign; in Han, kana and Thai it is a
character. Formulas are no words.
"""

import re
import unicodedata
from dataclasses import dataclass, field
from html.parser import HTMLParser

from markdown_it import MarkdownIt
from markdown_it.token import Token

_PARSER = MarkdownIt("commonmark").enable("table")
_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2212"), "-")
_QUOTES = {0x2018: "'", 0x2019: "'", 0x201C: '"', 0x201D: '"'}
_DROPPED = dict.fromkeys([0xAD, 0xFEFF, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x206A)])
_TABLE = _DASHES | _QUOTES | _DROPPED
_SCRIPTED = re.compile(r"[_^]\{([^{}]*)\}")
_LEADERS = re.compile(r"(?:\. ?){4,}")
# One word a character: Thai, kana, Han.
_UNSPACED = "\u0e01-\u0e4e\u3041-\u30ff\u3400-\u9fff\uf900-\ufaff"
_PIECES = re.compile(f"[{_UNSPACED}]|[^{_UNSPACED}]+")
_BLANK_WITHIN = re.compile(r"\s+")
_SOFT_HYPHENS = re.compile("[\xad\ufffe]")  # PDFium has the second one for a hyphen at the end of a line
_NOTE_MARKS = re.compile(r"\[\^[^\]\s]+\]:?")
_FORMULAS = re.compile(r"\$\$(.+?)\$\$|\\\[(.+?)\\\]|\\\((.+?)\\\)", re.DOTALL)
_LATEX_SIGNS = {
    r"\alpha": "α",
    r"\beta": "β",
    r"\lambda": "λ",
    r"\mu": "μ",
    r"\sum": "∑",
    r"\le": "≤",
    r"\leq": "≤",
    r"\cdot": "⋅",
}
Row = tuple["Place", ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A cell: its text in normal form, and how many columns and rows it covers."""

    text: str
    columns: int = 1
    rows: int = 1


@dataclass(slots=True)
class Content:
    """All that is scored in one text."""

    words: list[str] = field(default_factory=list)
    headings: list[tuple[int, str]] = field(default_factory=list)
    tables: list[list[Row]] = field(default_factory=list)
    listings: list[str] = field(default_factory=list)
    formulas: list[str] = field(default_factory=list)
    signs: str = ""  # every character but blanks, for formulas

    def add(self, text: str) -> None:
        """Add a block's text."""
        self.words += words(text)
        self.signs += signs(text)


def normal(text: str) -> str:
    """Return a text in normal form."""
    text = unicodedata.normalize("NFKC", _SOFT_HYPHENS.sub("", text)).casefold()
    return _SCRIPTED.sub(r"\1", unicodedata.normalize("NFKC", text).translate(_TABLE))


def words(text: str) -> list[str]:
    """List the words of a plain text."""
    pieces = (piece for part in _LEADERS.sub(" ", normal(text)).split() for piece in _PIECES.findall(part))
    return [word for piece in pieces if (word := _bare(piece))]


def signs(text: str) -> str:
    """Return the characters of a text or of LaTeX, without blanks and markup."""
    text = re.sub(r"\\[A-Za-z]+", lambda found: _LATEX_SIGNS.get(found[0], ""), text)
    return re.sub(r"[\s{}_^\\$]", "", normal(text))


def plain_content(text: str) -> Content:
    """Read a plain text."""
    content = Content()
    content.add(text)
    return content


def markdown_content(markdown: str) -> Content:
    """Read a Markdown."""
    content = Content()

    def formula(found: re.Match[str]) -> str:
        content.formulas.append(next(group for group in found.groups() if group))
        return f"\n\n$${len(content.formulas) - 1}$$\n\n"

    text = _FORMULAS.sub(formula, _NOTE_MARKS.sub("", markdown))
    tokens = _PARSER.parse(text)
    position = 0
    while position < len(tokens):
        token = tokens[position]
        if token.type == "table_open":
            position = _read_table(tokens, position, content)
        elif token.type in {"fence", "code_block"}:
            content.listings.append(token.content)
            content.add(token.content)
        elif token.type == "html_block":
            _read_html(token.content, content)
        elif token.type == "list_item_open" and token.info:
            content.add(token.info)
        elif token.type == "inline":
            _read_inline(token, tokens[position - 1], content)
        position += 1
    return content


def _read_inline(token: Token, opening: Token, content: Content) -> None:
    text = _inline_text(token)
    if found := re.fullmatch(r"\$\$(\d+)\$\$", text):
        content.signs += signs(content.formulas[int(found[1])])
        return
    if opening.type == "heading_open":
        content.headings.append((int(opening.tag[1]), " ".join(words(text))))
    content.add(text)


def _inline_text(token: Token) -> str:
    written = ""
    for child in token.children or ():
        if child.type in {"text", "code_inline"}:
            written += child.content
        elif child.type in {"softbreak", "hardbreak"} or re.match(r"<br", child.content):
            written += " "
        elif child.type == "image":
            written += child.content
    return written


def _read_table(tokens: list[Token], position: int, content: Content) -> int:
    rows: list[Row] = []
    while tokens[position].type != "table_close":
        if tokens[position].type == "tr_open":
            rows.append(())
        elif tokens[position].type == "inline":
            text = _inline_text(tokens[position])
            rows[-1] += (Place(" ".join(words(text))),)
            content.add(text)
        position += 1
    content.tables.append(rows)
    return position


def _read_html(text: str, content: Content) -> None:
    reader = _Tables()
    reader.feed(text)
    reader.close()
    content.tables += reader.tables
    content.add(reader.text)


class _Tables(HTMLParser):
    """Collect text and tables of HTML."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[list[Row]] = []
        self.text = ""
        self._cell: tuple[int, int, int] | None = None  # where its text begins, its columns and rows

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.tables.append([])
        elif tag == "tr" and self.tables:
            self.tables[-1].append(())
        elif tag in {"td", "th"}:
            columns, rows = (int(dict(attrs).get(name) or 1) for name in ("colspan", "rowspan"))
            self._cell = (len(self.text), columns, rows)
        if tag not in {"b", "i", "em", "strong", "sub", "sup", "code", "span"}:
            self.text += " "

    def handle_endtag(self, tag: str) -> None:
        if tag in {"td", "th"} and self._cell and self.tables and self.tables[-1]:
            start, columns, rows = self._cell
            place = Place(" ".join(words(self.text[start:])), columns, rows)
            self.tables[-1][-1] += (place,)
            self._cell = None
        if tag in {"td", "th", "tr", "table", "p", "div", "li"}:
            self.text += " "

    def handle_data(self, data: str) -> None:
        self.text += data


def _bare(piece: str) -> str:
    """Take the punctuation from around a word; a sign before a digit and a percent sign after one stay."""
    start, end = 0, len(piece)
    while start < end and not _is_word(piece[start]):
        start += 1
    while end > start and not _is_word(piece[end - 1]):
        end -= 1
    if start < end and piece[start].isdigit() and start and piece[start - 1] in "+-":
        start -= 1
    if end < len(piece) and start < end and piece[end - 1].isdigit() and piece[end] == "%":
        end += 1
    return piece[start:end]


def _is_word(character: str) -> bool:
    return unicodedata.category(character)[0] in "LNM"
