r"""Bring a page's Markdown and its text layer to words that can be compared: the same rules for both.

Markdown goes through a CommonMark parser with tables first, so that what a reader of the Markdown would see counts: an
unescaped `> 60` is a quotation without its sign, `\*` is a star, a link is its text, `[^p7-1]` is 1, code is kept as
it is. HTML tables and tags leave their text; `<sup>`, `<sub>` and marks of type join what they stand between, other
tags part it. `_{}` and `^{}` leave what they hold. Numbers of lists count, their bullets and boxes to tick do not.

A word is what stands between white space, in these rules:

- NFKC (ligatures, full-width letters, accents of two characters), without soft hyphens, other invisible characters,
  private ones and U+FFFD. Case and quotes stay.
- Punctuation and symbols at its edges go, and words of nothing else (bullets, rules, leaders). What stays, because a
  text means something else without it: a sign, a point or a comma before a number, `%`, currency and mathematical
  signs (`>`, `=`, `+`, also alone), and a hyphen or a slash at the end, as an en dash there after a digit.
- Leaders and rules part words (three or more equal dots, lines, dashes or stars), and so do long dashes.
- Operators and relations (`=`, `<`, a minus that is no sign) are a word each: the blanks around them are typesetting.
- Characters of scripts written without blanks (Han, kana, Thai, Lao, Khmer, Burmese) are a word each.

Not covered: parentheses around negative numbers, which are punctuation like any other, and a dash alone, which may be a
bullet or a sign.
"""

import html
import re
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005\u3007\u3040-\u30ff\u3100-\u312f\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_HAS_UNSPACED = re.compile(f"[{_UNSPACED}]")
_UNSPACED_PIECES = re.compile(f"[{_UNSPACED}]|[^{_UNSPACED}]+")
_PARTING = re.compile(r"([.\u00b7\u2022_=*~\u2010-\u2015-])\1{2,}|--|[\u2014\u2015]")  # leaders, rules, long dashes
_TWICE = re.compile(
    "([\u093e-\u094c\u09be-\u09cc\u0a3e-\u0a4c\u0abe-\u0acc])\\1+"
)  # Indic vowel signs that Chromium says twice
_OPERATOR = re.compile("[=<>\u00d7\u00f7\u2190-\u2211\u2213-\u22ff\u2a00-\u2aff]|\u2212(?![\\d.,])")
_SCRIPTS_OF_TYPE = re.compile(r"[_^]\{([^{}]{0,80})\}")
_MARKUP = re.compile(r"[\\`*_\[\]<>&!]")  # without any of them a run of text is itself
_JOINING_TAG = re.compile(r"</?(?:sup|sub|b|i|u|s|em|strong|mark|small|span|a|font|code)\b[^<>]*>")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_TICK_BOX = re.compile(r"^\[[ xX]\](?=\s)")
_NOTE = re.compile(r"(?<!\\)\[\^p\d{1,9}-(\d{1,3})\](:?)")  # a footnote or its mark, by our label
_KEPT_MARKS = frozenset("%\u2030")  # belong to the number before them
_LOOSE_SYMBOLS = frozenset("|~\u2219\u22c5\u2218\u25b7\u25c1")  # mathematical by Unicode, but rules and bullets
_SIGNS = frozenset("-\u2010\u2212\u2013")
_POINTS = frozenset(".,")
_GO_ON = frozenset("-\u2010/")  # at the end of a word: it may go on in the next line,
_EN_DASH = "\u2013"  # and so may a range
# Accents that stand alone: NFKC would put a blank before them.
_ACCENTS = str.maketrans(
    {
        "\u00b4": "\u0301", "\u00a8": "\u0308", "\u00b8": "\u0327", "\u00af": "\u0304", "\u02c6": "\u0302",
        "\u02c7": "\u030c", "\u02d8": "\u0306", "\u02d9": "\u0307", "\u02da": "\u030a", "\u02db": "\u0328",
        "\u02dc": "\u0303", "\u02dd": "\u030b",
    }
)  # fmt: skip


class PlainWord(NamedTuple):
    """A word of the Markdown, and the line of the Markdown on which it stands, from 0."""

    text: str
    line: int


def note_numbers(markdown: str) -> set[str]:
    """Return the numbers of the footnotes that are tied to their marks."""
    return {found[1] for found in _NOTE.finditer(markdown) if found[2]} if "[^p" in markdown else set()


def words_of_markdown(markdown: str) -> list[PlainWord]:
    """The words that a reader of the rendered Markdown sees, in their order."""
    found = []
    if "[^p" in markdown:
        markdown = _NOTE.sub(r"\1", markdown)
    for text, line in _runs(markdown):
        for number, part in enumerate(_SCRIPTS_OF_TYPE.sub(r"\1", text).split("\n"), line):
            found += [PlainWord(word, number) for piece in part.split() for word in plain_words(piece)]
    return found


@lru_cache(maxsize=1 << 14)
def plain_words(piece: str) -> tuple[str, ...]:
    """The words in a piece of text without blanks: mostly one, none in punctuation."""
    if piece.isascii() and piece.isalnum():
        return (piece,)
    if piece[-1] == "\u00ad":  # a hyphen that is only there at the end of a line
        piece = piece[:-1] + "-"
    piece = unicodedata.normalize("NFKC", piece.translate(_ACCENTS))
    piece = "".join(character for character in piece if not _is_invisible(character))
    piece = _TWICE.sub(r"\1", piece)
    piece = _PARTING.sub(" ", _SCRIPTS_OF_TYPE.sub(r"\1", piece))
    parts = _OPERATOR.sub(r" \g<0> ", piece).split()
    if _HAS_UNSPACED.search(piece):
        parts = [small for part in parts for small in _UNSPACED_PIECES.findall(part)]
    return tuple(filter(None, map(_without_edges, parts)))


def _is_invisible(character: str) -> bool:
    return character == "\N{REPLACEMENT CHARACTER}" or unicodedata.category(character)[0] == "C"


def _without_edges(word: str) -> str:
    start, end = 0, len(word)
    while start < end and _is_edge(word[start]):
        start += 1
    while end > start and _is_edge(word[end - 1]):
        end -= 1
    if start == end:
        return ""
    if end < len(word) and (
        (word[end] in _GO_ON and word[end - 1].isalnum()) or (word[end] == _EN_DASH and word[end - 1].isdigit())
    ):
        end += 1
    if word[start].isdigit():
        start -= start > 0 and word[start - 1] in _POINTS
        start -= start > 0 and word[start - 1] in _SIGNS
    return word[start:end].replace("\u2010", "-")


@cache
def _is_edge(character: str) -> bool:
    category = unicodedata.category(character)
    if character in _KEPT_MARKS:
        return False
    return category[0] == "P" or category in {"So", "Sk"} or character in _LOOSE_SYMBOLS


@cache
def _parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark").enable("table").disable("inline")  # runs of text are parsed below, if at all


def _runs(markdown: str) -> Iterator[tuple[str, int]]:
    """Pieces of text without markup, each with the line of the Markdown on which it begins."""
    line, in_item = 0, False
    for token in _parser().parse(markdown):
        if token.map and token.type != "table_open":
            line = token.map[0]
        if token.type == "list_item_open":
            in_item = True
            if token.info:
                yield token.info, line
        elif token.type == "inline":
            content = _TICK_BOX.sub("", token.content) if in_item else token.content
            in_item = False
            yield _inline_text(content), line
        elif token.type in {"fence", "code_block"}:
            yield token.content, line + (token.type == "fence")
        elif token.type == "html_block":
            yield (
                html.unescape(_TAG.sub(_lines_of, _JOINING_TAG.sub(_breaks_of, _without_comments(token.content)))),
                line,
            )


def _without_comments(text: str) -> str:
    """HTML without comments, but with their line breaks."""
    before, *parts = text.split("<!--")
    kept = [before]
    for part in parts:  # one that does not end goes on in the next part
        comment, end, after = part.partition("-->")
        kept += ["\n" * comment.count("\n"), after if end else ""]
    return "".join(kept)


def _breaks_of(tag: re.Match[str]) -> str:
    return "\n" * tag[0].count("\n")


def _lines_of(tag: re.Match[str]) -> str:
    return _breaks_of(tag) or " "


def _inline_text(content: str) -> str:
    if not _MARKUP.search(content):
        return content
    parser = _parser()
    tokens: list[Token] = []
    parser.inline.parse(content, parser, {}, tokens)
    return "".join(map(_text_of, tokens))


def _text_of(token: "Token") -> str:
    match token.type:
        case "text" | "text_special" | "code_inline":
            return token.content
        case "softbreak" | "hardbreak":
            return "\n"
        case "html_inline":
            return "" if token.content.startswith("<!--") or _JOINING_TAG.fullmatch(token.content) else " "
        case "image":
            return "".join(map(_text_of, token.children or ()))
        case _:
            return ""
