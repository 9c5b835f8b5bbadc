"""Lines that their author broke: verses, addresses, signatures, rows of labels and values.

In running text a line ends where the next word has no room. Where it has, the author ended the line.
"""

import re
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from ocrmill.pipeline.text.words import SOFT_HYPHEN, Word

HARD_BREAK = "  \n"
_BLANK = 0.3  # of the type: a wide blank
_ROWS = 3  # fewer say nothing, so many only if each has room
_SHARE = 0.5  # of the line ends that have room for the next word
_VERSE_SHARE, _CLEAR = 0.33, 0.1  # of those that have that much of the widest line left besides, without a full stop
_USUAL_WORDS, _MOST_WORDS = 9, 14  # in a line that is short by itself
_WORDS, _CAPITALS = 6, 0.6  # in a line of an address, at most; of its words: in German prose it is a third
_SAME_SIZE, _AS_WIDE = 0.05, 1.2  # of the type; times the width of a stanza
_FREE = 0.25  # of the width of a column
_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+|(?:https?://|www\.)\S+")
_SAME_LEFT, _WIDEST_INDENT = 0.2, 6.0  # of the type; letters over four lines are that wide
_HYPHENS = ("-", "\u2010", SOFT_HYPHEN)
_ENDS, _STOP_SHARE, _VERSE_WORDS = 5, 0.8, 4  # line ends; those with a stop, in prose one of seven; words in a line
_STOP = re.compile(r"[.,!?:;\u2013\u2014]['\")\]\u201d\u2019]*$")
_SENTENCE_END = re.compile(r"[.!?:;]['\")\]\u201d\u2019]*$")
_ENTRY = re.compile(r", \d+(?:[\u2013-]\d+)?$")  # of an index
_LABEL = re.compile(r"^(?:[^\s:]+ ){0,3}[^\s:]+ ?:(?:\s|$)")  # up to four words and a colon


def are_kept(rows: Sequence[Sequence[Word]]) -> bool:
    """Tell if the rows of a paragraph are lines of their own, and not running text."""
    texts = [" ".join(word.text for word in row) for row in rows]
    if len(rows) < 2 or any(text.endswith(_HYPHENS) for text in texts):  # noqa: PLR2004
        return False
    if median(map(len, rows)) > _USUAL_WORDS or max(map(len, rows)) > _MOST_WORDS:
        return False
    if all(map(_ENTRY.search, texts)) or _are_labelled(texts):
        return True
    return len(rows) >= _ROWS and (_are_names(rows) or _have_room(rows, texts) or _end_with_stops(rows, texts))


def _are_labelled(texts: Sequence[str]) -> bool:
    """Tell if each line is a label with its value; one of several may be an address of e-mail or of the web."""
    others = [text for text in texts if not _LABEL.search(text)]
    return not others or (len(texts) >= _ROWS and len(others) == 1 and _ADDRESS.fullmatch(others[0]) is not None)


def _end_with_stops(rows: Sequence[Sequence[Word]], texts: Sequence[str]) -> bool:
    """Tell if nearly all lines end with a sentence or a part of one, at several places: verses of even length do."""
    ends = [row[-1].box.x1 for row in rows[:-1]]
    stops = sum(_STOP.search(text) is not None for text in texts[:-1])
    is_ragged = max(ends) - min(ends) > rows[0][0].size / 2
    return (
        is_ragged and len(ends) >= _ENDS and stops >= _STOP_SHARE * len(ends) and median(map(len, rows)) >= _VERSE_WORDS
    )


def kept_paragraphs(paragraphs: Sequence[Sequence[Sequence[Word]]]) -> list[bool]:
    """Tell of each paragraph in its rows if these are lines of their own.

    Stanzas beside one whose lines are kept are like it in their rows, left edge, type and width: verses of even length
    have no room to tell by. Two lines of names are known by the column around them, before whose edge the first ends.
    """
    kept = [are_kept(rows) or _are_names_in_column(rows, paragraphs) for rows in paragraphs]
    for turn in (range(1, len(kept)), range(len(kept) - 2, -1, -1)):
        step = -turn.step
        for n in turn:
            kept[n] = kept[n] or (kept[n + step] and _are_stanzas(paragraphs[n], paragraphs[n + step]))
    return kept


def _are_stanzas(one: Sequence[Sequence[Word]], other: Sequence[Sequence[Word]]) -> bool:
    """Tell if two paragraphs have as many rows, and lie below each other in one type, about as wide."""
    if len(one) != len(other) or len(one) < _ROWS or any(row[-1].text.endswith(_HYPHENS) for row in one):
        return False
    size = one[0][0].size
    lefts, rights = (
        [min(row[0].box.x0 for row in rows) for rows in (one, other)],
        [max(row[-1].box.x1 for row in rows) for rows in (one, other)],
    )
    widths = sorted(right - left for left, right in zip(lefts, rights, strict=True))
    is_below = abs(lefts[0] - lefts[1]) <= _BLANK * size and abs(other[0][0].size - size) <= _SAME_SIZE * size
    return is_below and widths[1] <= _AS_WIDE * widths[0]


def _are_names(rows: Sequence[Sequence[Word]]) -> bool:
    """Tell if rows are short, and begin, as most of their words do, with a capital or a digit."""
    words = [word.text[0] for row in rows for word in row if word.text[0].isalnum()]
    capitals = sum(first.isupper() or first.isdecimal() for first in words)
    starts = all(row[0].text[0].isupper() or row[0].text[0].isdecimal() for row in rows)
    return starts and max(map(len, rows)) <= _WORDS and capitals >= _CAPITALS * len(words)


def _are_names_in_column(rows: Sequence[Sequence[Word]], paragraphs: Sequence[Sequence[Sequence[Word]]]) -> bool:
    """Tell if a line of a name ends far from the edge of the text around it, with a line of another one below it."""
    if len(rows) != _ROWS - 1 or not _are_names(rows) or rows[0][-1].text.endswith(_HYPHENS):
        return False
    left, size = rows[0][0].box.x0, rows[0][0].size
    column = [
        max(word.box.x1 for row in other for word in row)
        for other in paragraphs
        if len(other) >= _ROWS and abs(min(row[0].box.x0 for row in other) - left) <= size
    ]
    room = max(column, default=0.0) - rows[0][-1].box.x1 - _BLANK * size - rows[1][0].box.width
    return bool(column) and room >= _FREE * (max(column) - left)


def _have_room(rows: Sequence[Sequence[Word]], texts: Sequence[str]) -> bool:
    """Tell if so many lines have room for the first word of the next one that they were ended by will."""
    lefts, rights = (
        [min(word.box.x0 for word in row) for row in rows],
        [max(word.box.x1 for word in row) for row in rows],
    )
    starts = [min(lefts)] * len(rows) if _have_one_indent(lefts, rows[0][0].size) else lefts
    widths = [right - left for left, right in zip(starts, rights, strict=True)]
    room = [
        max(widths) - width - _BLANK * lower[0].size - lower[0].box.width
        for width, (_, lower) in zip(widths, pairwise(rows), strict=False)
    ]
    if sum(left >= 0 for left in room) >= (_SHARE if len(rows) > _ROWS else 1) * len(room):
        return True
    clear = sum(
        left >= _CLEAR * max(widths) and not _SENTENCE_END.search(text) for left, text in zip(room, texts, strict=False)
    )
    return len(rows) > _ROWS and clear >= _VERSE_SHARE * len(room)


def _have_one_indent(lefts: Sequence[float], size: float) -> bool:
    """Tell if rows begin at an edge or set in from it by one width, as beside a large first letter.

    Centred rows do not, nor those of a paragraph that goes on in the next column.
    """
    inside = [left for left in lefts if left - min(lefts) > _SAME_LEFT * size]
    one = not inside or max(inside) - min(inside) <= _SAME_LEFT * size
    return one and max(lefts) - min(lefts) <= _WIDEST_INDENT * size
