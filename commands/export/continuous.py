"""The pages of a document as one text that reads on: without furniture, and with what a page break cuts joined.

Headings are in order (heading_levels.py).

A paragraph goes on if the page before ends without the end of a sentence and the next one begins in the middle of one.
A word that is hyphenated at the break becomes one. A table goes on if both sides say so: the next page repeats its
header, or has no header, or a caption that says `continued`. What stands between the two halves of a paragraph (notes,
pictures, tables and captions) moves before or behind it. Nothing else changes its place, and no word is lost but the
headers and captions that are there twice.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ocrmill.commands.export.pieces import APART, TABLE, Piece
from ocrmill.commands.export.table_joins import join_tables
from ocrmill.pipeline.pages.scripts import script_of
from ocrmill.pipeline.records import PICTURE
from ocrmill.pipeline.text.inline.hyphens import KnownWords, is_own_hyphen
from ocrmill.pipeline.text.markup.heading_levels import Outline

_FLOATS = frozenset({TABLE, PICTURE, "caption", "footnote"})  # do not interrupt a paragraph
_PROSE = frozenset({"text", None})
_CONTINUED = re.compile(
    r"\b(?:continued|cont['\u2019]?d|cont\.|fortsetzung|forts\.|suite|continuaci\u00f3n|continua\u00e7\u00e3o|continua|"
    r"vervolg)|\u7eed\u8868|\u7e8c\u8868|\uff08\u7eed\uff09|\(\u7eed\)|\u7d9a\u304d",
    re.IGNORECASE,
)
_CAPTION = re.compile(
    r"[*_\s]*(?:figure|fig\.?|table|tab\.|abbildung|abb\.|tabelle|tableau|figura|tabla|tabela|\u56fe|\u5716|\u56f3|\u8868)"
    r"\s*[A-Z]?\.?\d",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(
    r"[.!?\u2026\u3002\uff01\uff1f\uff1a\uff1b\u061f\u06d4\u0964][\"'\u201d\u2019\u00bb)\]*_\s\u300d\u300f\d]*$"
)
_MARKUP = re.compile(r"[#>|`]|[-*+] |\d+[.)] |<|!\[|\$\$|\\\[")  # what does not begin the rest of a paragraph
_BEFORE_LETTER = "*_([\"'\u201c\u2018\u00ab\u201e"
_HYPHENS = "-\u2010\u00ad"
_WITHOUT_BLANKS = frozenset({"han", "kana", "thai", "lao", "khmer"})
# A shorter piece without a full stop is no paragraph that is cut off, but a title or a word of a figure.
_FEWEST_WORDS = 3
_FEWEST_CHARACTERS = 20  # of scripts without capital letters, which show no beginning of a sentence


@dataclass(frozen=True, slots=True)
class ContinuousText:
    """The text of a document, and where each page is in it: page number -> start and end, in characters."""

    text: str
    spans: dict[int, tuple[int, int]]


def join_pages(pages: Iterable[Sequence[Piece] | None], outline: Outline | None = None) -> ContinuousText:
    """Join the pages of a document, in their order.

    Args:
        pages: The pieces of each page, without furniture; null for a page that could not be read: nothing is joined
            over it.
        outline: The headings of the pages before; none by default.
    """
    flow: list[Piece] = []
    tail = 0  # where the pieces of the page before begin in `flow`
    for page in pages:
        if page is None:
            tail = len(flow)
        elif page:
            pieces = [replace(page[0], gap=APART), *page[1:]]
            before = flow[tail:]
            _join_tables(before, pieces)
            _join_paragraphs(before, pieces)
            flow[tail:] = before
            joined = bool(before) and before[-1].parts[-1][0] == page[0].parts[0][0]
            tail = len(flow) - joined  # what was joined may go on once more
            flow += pieces
    return _as_text(flow, outline or Outline())


def _join_tables(before: list[Piece], after: list[Piece]) -> None:
    """Join a table with which a page ends with the one with which the next begins, if both say that they are one."""
    last = [at for at, piece in enumerate(before) if piece.label != "footnote"][-1:]
    captions = int(after[0].label == "caption")
    continued = bool(captions) and bool(_CONTINUED.search(after[0].text))
    if not last or before[last[0]].label != TABLE or len(after) <= captions or after[captions].label != TABLE:
        return
    if captions and not continued:
        return
    table, rest = before[last[0]], after[captions]
    joined = join_tables(table.text, rest.text, continued=continued)
    if joined is not None:
        kept, added = joined
        notes = before[last[0] + 1 :]
        del before[last[0] :]
        before += [*notes, Piece(TABLE, [*_cut_to(table.parts, len(kept)), (rest.parts[0][0], added)], table.gap)]
        del after[: captions + 1]


def _cut_to(parts: Sequence[tuple[int, str]], length: int) -> list[tuple[int, str]]:
    """Return the parts without what exceeds a length at their end."""
    kept = []
    for page_number, text in parts:
        kept.append((page_number, text[:length]))
        length -= len(kept[-1][1])
    return kept


def _join_paragraphs(before: list[Piece], after: list[Piece]) -> None:
    """Join the last paragraph of a page with the first of the next, if it goes on there."""
    first = next((at for at, piece in enumerate(before[::-1]) if not _floats(piece)), None)
    second = next((at for at, piece in enumerate(after) if not _floats(piece)), None)
    if first is None or second is None:
        return
    open_at = len(before) - 1 - first
    start, rest = before[open_at], after[second]
    joint = _joint(start, rest)
    if joint is None:
        return
    cut, between = joint
    parts = [*_cut_to(start.parts, len(start.text.rstrip()) - cut)]
    joined = Piece(start.label, [*parts, (rest.parts[0][0], between + rest.text.lstrip())], start.gap)
    before[open_at:] = [*before[open_at + 1 :], joined]
    del after[second]


def _floats(piece: Piece) -> bool:
    """Tell if a piece may stand in the middle of a paragraph; some captions are in blocks of text."""
    return piece.label in _FLOATS or (piece.label in _PROSE and _CAPTION.match(piece.text) is not None)


def _joint(start: Piece, rest: Piece) -> tuple[int, str] | None:
    """Return how many characters to cut off a paragraph, and the text before its rest; None if they stay apart."""
    one, other = start.text.rstrip(), rest.text.lstrip()
    begun = other.lstrip(_BEFORE_LETTER)[:1]
    if not (start.label in _PROSE and rest.label in _PROSE and one and begun.isalpha()):
        return None
    if _MARKUP.match(one) or _MARKUP.match(other) or _SENTENCE_END.search(one):
        return None
    if one[-1] in _HYPHENS and one[-2:-1].isalpha() and begun.islower():
        words = set(re.findall(r"[\w-]+", f"{one} {other}"))
        own = one[-1] == "-" and is_own_hyphen(one, other, KnownWords(words))
        return (0 if own else 1), ""
    script = script_of(begun)
    if script in _WITHOUT_BLANKS and script_of(one[-1]) in _WITHOUT_BLANKS:
        return (0, "") if len(one) >= _FEWEST_CHARACTERS else None
    if begun.lower() == begun.upper():
        goes_on = len(one) >= _FEWEST_CHARACTERS
    else:
        goes_on = (begun.islower() or one.endswith(",")) and len(one.split()) >= _FEWEST_WORDS
    return (0, " ") if goes_on else None


def _as_text(flow: Sequence[Piece], outline: Outline) -> ContinuousText:
    texts: list[str] = []
    spans: dict[int, tuple[int, int]] = {}
    length = 0
    for piece in flow:
        gap = piece.gap if texts else ""
        texts.append(gap)
        length += len(gap)
        for page_number, part in piece.parts:
            text = outline.in_order(part)
            start = spans.get(page_number, (length, 0))[0]
            texts.append(text)
            length += len(text)
            spans[page_number] = start, length
    return ContinuousText("".join(texts), spans)
