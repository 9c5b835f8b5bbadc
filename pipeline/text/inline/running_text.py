"""Lines of words -> running text in Markdown: hyphens at line ends, emphasis, links, sub- and superscripts."""

import re
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from ocrmill.pipeline.text.inline.escapes import escape
from ocrmill.pipeline.text.inline.hyphens import KnownWords, is_own_hyphen, is_suspended
from ocrmill.pipeline.text.inline.links import link, punctuation_around
from ocrmill.pipeline.text.inline.numbers import is_broken_number
from ocrmill.pipeline.text.words import HANGUL, SOFT_HYPHEN, Rise, Word

_HYPHENS = "-\u2010"
_CLOSED_DASH = re.compile(r"\d[\u2012\u2013]\d|\w\u2014\w")  # a range, or a dash set without blanks
# Addresses break within; after a slash a word of prose may follow, unless that is all of it so far.
_CUT_ADDRESS = re.compile(r"(?:https?:/|www\.|doi:|\b10\.\d{4,9}/)\S*[-/=&?_%]$", re.IGNORECASE)
_PATH = re.compile(r"\S*[./\d_=%?-]\w")
# Scripts that are written without spaces between words.
UNSPACED = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3000-\u30ff\u3100-\u312f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    r"\uf900-\ufaff\uff01-\uff60\uff65-\uff9f\U00020000-\U0003ffff]"
)
_FIRST_HAN = "\u3001"
_HAN_BLANK = 0.5  # of the type; stretched lines have less between ideographs
_NEVER_FIRST = frozenset(
    "\u30fc\u3005ぁぃぅぇぉっゃゅょァィゥェォッャュョ"
)  # of a word: long vowels, marks of repetition, small kana
_HAN_END = re.compile(rf"[{_FIRST_HAN}-\u30ff\u3400-\u9fff\uff01-\uff60]")


# Signs around a word that may stand in plain type where the word does not; a line goes on after other ones, or breaks.
_OPENING = re.compile("[(\\[{\"'\u2018\u201c\u201e\u00ab\u00bf\u00a1\uff08\u300c\u300e\u300a]+")
_CLOSING = re.compile(
    "[)\\]}\"'\u2019\u201d\u201c\u00bb.,:;!?\u2026\uff09\u300d\u300f\u300b\u3002\uff0c\u3001\uff1a\uff1b\uff01\uff1f]+"
)


class _Style(NamedTuple):
    bold: bool
    italic: bool

    def wrap(self, text: str) -> str:
        """Put the marks of emphasis around text that neither begins nor ends with a blank."""
        mark = "***" if self.bold and self.italic else "**" if self.bold else "_" if self.italic else ""
        return f"{mark}{text}{mark}"


class _Piece(NamedTuple):
    """Words of one style and link."""

    style: _Style
    link: str
    text: str
    is_apart: bool = True  # from the piece before it, by a blank


_PLAIN = _Style(bold=False, italic=False)
_STYLES = {(bold, italic): _Style(bold, italic) for bold in (False, True) for italic in (False, True)}
NO_WORDS = KnownWords()


def join_lines(texts: Sequence[str], known: KnownWords = NO_WORDS) -> str:
    """Lines as running text: hyphenation mended, no space where the script has none."""
    joined = ""
    for text in (" ".join(text.split()) for text in texts):
        if joined and text:
            joined, blank = _joint(joined, text, known)
            joined += blank
        joined += text
    return joined


def running_text(lines: Sequence[Sequence[Word]], known: KnownWords, *, emphasis: bool = True) -> str:
    """Words in lines as one line of Markdown, without an escape of its start.

    Emphasis covers whole words, with or without the signs around them; where all are alike in it, as in a heading, the
    caller leaves it out.
    """
    parts: list[_Piece] = []
    goes_on = False
    for number, line in enumerate(lines):
        for position, word in enumerate(line):
            piece, *rest = _pieces_of(word) if emphasis else [_Piece(_PLAIN, word.link, word_markdown(word))]
            if not parts:
                parts += [piece, *rest]
                continue
            before = parts[-1]
            if position == 0 and number > 0:
                is_rest = goes_on and HANGUL.match(word.text)
                is_whole = is_rest or _is_cut_code(lines, number) or _is_cut_address(lines, number)
                cut, blank = (before.text, "") if is_whole else _joint(before.text, piece.text, known)
                if before.link != piece.link and before.text.endswith("/"):  # two addresses
                    blank = " "
                parts[-1:] = [before, piece] if blank else _glue(before._replace(text=cut), piece)
            elif _is_one_text(line, position):
                parts[-1:] = _glue(before, piece)
            else:
                parts.append(piece)
            parts += rest
        goes_on = bool(line) and line[-1].goes_on
    return _linked(parts)


def _is_cut_code(lines: Sequence[Sequence[Word]], number: int) -> bool:
    """Tell if code within prose breaks at the end of the line before, at a hyphen: typesetters add none to it."""
    cut = lines[number - 1][-1] if lines[number - 1] else None
    if cut is None or not (cut.mono and lines[number][0].mono and cut.text[-1] in _HYPHENS):
        return False
    return cut.text[-2:-1].isalnum() and not all(word.mono for line in lines for word in line)


def _is_cut_address(lines: Sequence[Sequence[Word]], number: int) -> bool:
    """Tell if the words around the end of the line before are one in the address that both lead to."""
    cut, after = lines[number - 1][-1] if lines[number - 1] else None, lines[number][0]
    if cut is None or not cut.link or cut.link != after.link:
        return False
    return (cut.text + after.text).rstrip(".,;:)]") in cut.link


def _pieces_of(word: Word) -> list[_Piece]:
    """Return a word as one piece; as two or three if only signs at its ends differ from it in their emphasis."""
    own = word.pieces
    if len(own) == 1:
        return [_Piece(_STYLES[own[0].bold, own[0].italic], word.link, word_markdown(word))]
    style = _STYLES[word.bold, word.italic]
    if style == _PLAIN and not word.link:
        styles = [_STYLES[piece.bold, piece.italic] for piece in own]
        first = 1 if _OPENING.fullmatch(own[0].text) and styles[0] == _PLAIN else 0
        last = len(own) - 1 if _CLOSING.fullmatch(own[-1].text) and styles[-1] == _PLAIN else len(own)
        inner = set(styles[first:last])
        if len(inner) == 1 and _PLAIN not in inner:
            runs = [(styles[first], own[first:last]), *[(_PLAIN, own[last:])] * (last < len(own))]
            runs = [*[(_PLAIN, own[:first])] * first, *runs]
            texts = [(kind, word_markdown(word._replace(pieces=pieces))) for kind, pieces in runs]
            return [_Piece(kind, word.link, text, is_apart=not n) for n, (kind, text) in enumerate(texts)]
    return [_Piece(style, word.link, word_markdown(word))]


def _glue(before: _Piece, after: _Piece) -> list[_Piece]:
    """Put two pieces together without a blank; with emphasis, if both have it."""
    style = before.style if before.style == after.style else _PLAIN
    if before.link == after.link:
        return [before._replace(style=style, text=before.text + after.text)]
    return [before._replace(style=style), after._replace(style=style, is_apart=False)]


def _linked(pieces: Sequence[_Piece]) -> str:
    """Write pieces, those of one link as one, over the ends of lines, too."""
    written = ""
    for target, group in groupby(pieces, key=lambda piece: piece.link):
        run = list(group)
        blank = " " if written and run[0].is_apart else ""
        text = _emphasized(run)
        if target:
            is_plain = all(piece.style == _PLAIN for piece in run)
            before, text, after = punctuation_around(text) if is_plain else ("", text, "")
            if (before or written)[-1:] == "!" and not blank:
                written = f"{written[:-1]}\\!"  # `![` begins a picture
            text = f"{before}{link(text, target)}{after}"
        written += blank + text
    return written


def _emphasized(pieces: Sequence[_Piece]) -> str:
    written = ""
    for style, group in groupby(pieces, key=lambda piece: piece.style):
        run = list(group)
        text = "".join([run[0].text, *(f"{' ' * piece.is_apart}{piece.text}" for piece in run[1:])])
        written += " " * (bool(written) and run[0].is_apart) + style.wrap(text)
    return written


def word_markdown(word: Word) -> str:
    """One word, its scripts in tags, marks of footnotes as such, the rest escaped."""
    if len(word.pieces) == 1 and word.pieces[0].rise is Rise.NONE:
        return escape(word.pieces[0].text)
    written = ""
    for (rise, note), pieces in groupby(word.pieces, key=lambda piece: (piece.rise, piece.note)):
        if note:
            written += f"[^{note}]"
            continue
        text = escape("".join(piece.text for piece in pieces))
        tag = {Rise.SUPERSCRIPT: "sup", Rise.SUBSCRIPT: "sub"}.get(rise)
        written += f"<{tag}>{text}</{tag}>" if tag else text
    return written


def _is_one_text(line: Sequence[Word], position: int) -> bool:
    """Tell if a blank of the layer before a word of a line is none: ideographs set apart, or stretched at a sign.

    Names and keywords stand half an ideograph apart, or more, and have several; in a title each may stand so.
    """
    before, after = line[position - 1], line[position]
    if before.text[-1] < _FIRST_HAN or not (_HAN_END.match(before.text[-1]) and _HAN_END.match(after.text[0])):
        return False
    is_apart = after.box.x0 - before.box.x1 >= _HAN_BLANK * max(before.size, after.size)
    goes_on = not (before.text[-1].isalnum() and after.text[0].isalnum()) or after.text[0] in _NEVER_FIRST
    return not is_apart or goes_on or all(len(word.text) == 1 for word in line)


def _joint(before: str, after: str, known: KnownWords) -> tuple[str, str]:
    """The end of a line as it is before the start of the next one, and what stands between the two."""
    if before.endswith(SOFT_HYPHEN):
        is_own = not after[0].islower() and len(before) > 1 and is_own_hyphen(f"{before[:-1]}-", after, known)
        return f"{before[:-1]}-" if is_own else before[:-1], ""
    if _CUT_ADDRESS.search(before) and (not before.endswith("/") or before.endswith("//") or _PATH.match(after)):
        return before, ""
    if before[-1] in _HYPHENS and len(before) > 1 and before[-2].isalnum():
        if is_suspended(before, after, known):
            return before, " "
        return (before, "") if is_own_hyphen(before, after, known) else (before[:-1], "")
    is_one = _CLOSED_DASH.search(before[-2:] + after[0]) or (UNSPACED.match(before[-1]) and UNSPACED.match(after[0]))
    return before, "" if is_one or is_broken_number(before, after) else " "
