"""Large first letters that stand over several lines of a paragraph become part of the word that they begin.

Numbers that stand there, those of chapters of scripture and of steps, come before it.
"""

from collections.abc import Iterator, Sequence

from ocrmill.pipeline.text.reading_order import Box
from ocrmill.pipeline.text.words import Rise, Word

_ONE_LETTER_WORDS = frozenset("AIO")
_QUOTES = "\"'\u201c\u2018\u201e\u201a\u00ab\u2039"  # that open a speech, large with its first letter
_DIGITS = 3  # of a number, at most
_DROP_CAP = 1.8  # times the type of its paragraph
_HEIGHT = 0.75  # of its type: no line that begins so far above its baseline is its first one
_ON_ROW = 0.3  # of the type


def with_drop_caps(words: Sequence[Word]) -> list[Word]:
    """Put a large first letter onto the word that begins beside its upper edge, unless it is a word itself.

    A quotation mark may stand before it. The word may be in capitals if a second line stands beside the letter.
    """
    caps = [word for word in words if len(letter := word.text.lstrip(_QUOTES)) == 1 and letter.isupper()]
    out = list(words)
    for cap in caps:
        beside = list(_beside(cap, out))
        if not beside:
            continue
        first = min(beside, key=lambda word: (word.baseline, word.box.x0))
        if not first.text[0].islower() and not _is_in_capitals(cap, first, beside):
            continue
        if cap.text[-1] in _ONE_LETTER_WORDS and any(word.text == first.text for word in words if word is not first):
            continue
        pieces = (first.pieces[0]._replace(text=cap.text + first.pieces[0].text), *first.pieces[1:])
        out[out.index(first)] = first._replace(pieces=pieces)
        out.remove(cap)
    return _with_numbers(out)


def _with_numbers(words: list[Word]) -> list[Word]:
    """Put a large number onto the first of two or more lines that begin beside it, as a word of its type."""
    out = list(words)
    for number in [word for word in words if len(word.text) <= _DIGITS and word.text.isdecimal()]:
        beside = list(_beside(number, out))
        first = min(beside, key=lambda word: (word.baseline, word.box.x0), default=None)
        if first is None or not any(word.baseline - first.baseline > _ON_ROW * first.size for word in beside):
            continue
        box = Box(number.box.x0, first.box.y0, min(number.box.x1, first.box.x0), first.box.y1)
        piece = first.pieces[0]._replace(text=number.text, box=box, rise=Rise.NONE)
        out.remove(number)
        out.insert(out.index(first), first._replace(pieces=(piece,), box=box))
    return out


def _beside(cap: Word, words: Sequence[Word]) -> Iterator[Word]:
    """Give the words in smaller type that begin at a letter's right side, or on it: some programs print over it."""
    top = max(cap.box.y0, cap.baseline - _HEIGHT * cap.size)
    for word in words:
        if (
            word.size * _DROP_CAP < cap.size
            and cap.box.x0 - word.size / 2 <= word.box.x0 < cap.box.x1 + word.size
            and top <= word.box.middle <= cap.box.y1
        ):
            yield word


def _is_in_capitals(cap: Word, first: Word, beside: Sequence[Word]) -> bool:
    """Tell if a word in capitals goes on from a letter that stands over several lines and is no word."""
    lines = any(word.baseline - first.baseline > _ON_ROW * first.size for word in beside)
    capitals = len(first.text) > 1 and first.text.isalpha() and first.text.isupper()
    return lines and capitals and cap.text[-1] not in _ONE_LETTER_WORDS
