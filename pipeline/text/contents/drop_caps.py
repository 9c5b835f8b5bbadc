"""Large first letters that stand over several lines of a paragraph become part of the word that they begin.

Numbers that stand there, those of chapters of scripture and of steps, and letters that are words come before it.
"""

from collections.abc import Iterator, Sequence

from ocrmill.pipeline.text.reading_order import Box
from ocrmill.pipeline.text.words import Rise, Word

_ONE_LETTER_WORDS = frozenset("AIO")
_QUOTES = "\"'\u201c\u2018\u201e\u201a\u00ab\u2039"  # that open a speech, large with its first letter
_APOSTROPHES = "'\u2019"
_DIGITS = 3  # of a number, at most
_DROP_CAP = 1.8  # times the type of its paragraph
_HEIGHT = 0.75  # of its type: no line that begins so far above its baseline is its first one
_ON_ROW = 0.3  # of the type


def with_drop_caps(words: Sequence[Word]) -> list[Word]:
    """Put a large first letter onto the word that begins beside its upper edge, unless it is a word itself.

    A quotation mark may stand before it. The word may be in capitals if a second line stands beside the letter.
    """
    out = list(words)
    large = [word for word in words if len(word.text) <= _DIGITS and word.text.isdecimal()]
    for cap in [word for word in words if len(letter := word.text.lstrip(_QUOTES)) == 1 and letter.isupper()]:
        beside = list(_beside(cap, out))
        if not beside:
            continue
        first = min(beside, key=lambda word: (word.baseline, word.box.x0))
        if not _goes_on(first, beside) or _is_word(cap, first, words):
            large.append(cap)
            continue
        pieces = (first.pieces[0]._replace(text=cap.text + first.pieces[0].text), *first.pieces[1:])
        out[out.index(first)] = first._replace(pieces=pieces)
        out.remove(cap)
    return _with_large(large, out)


def _with_large(large: Sequence[Word], words: list[Word]) -> list[Word]:
    """Put large words onto the first of two or more lines that begin beside them, in the type of these."""
    out = list(words)
    for word in large:
        beside = list(_beside(word, out))
        first = min(beside, key=lambda word: (word.baseline, word.box.x0), default=None)
        if first is None or not _are_lines(first, beside):
            continue
        box = Box(word.box.x0, first.box.y0, min(word.box.x1, first.box.x0), first.box.y1)
        piece = first.pieces[0]._replace(text=word.text, box=box, rise=Rise.NONE)
        out.remove(word)
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


def _are_lines(first: Word, beside: Sequence[Word]) -> bool:
    return any(word.baseline - first.baseline > _ON_ROW * first.size for word in beside)


def _goes_on(first: Word, beside: Sequence[Word]) -> bool:
    """Tell if a word goes on from a letter: with a small letter, an apostrophe, or in capitals beside two lines."""
    text = first.text
    if text[0].islower() or (text[0] in _APOSTROPHES and text[1:2].islower()):
        return True
    return text.isalpha() and text.isupper() and _are_lines(first, beside)


def _is_word(cap: Word, first: Word, words: Sequence[Word]) -> bool:
    """Tell if a letter is a word before another one: before capitals, if other words begin with the same two letters.

    What the page says elsewhere tells first: the two as one word, or the other one.
    """
    rest = _letters(first)
    if cap.text[-1] not in _ONE_LETTER_WORDS:
        return first.text.isupper() and len(rest) == 1
    others = {_letters(word) for word in words if word is not first}
    if cap.text[-1].casefold() + rest in others:
        return False
    return rest in others or (first.text.isupper() and any(word.startswith(rest[:2]) for word in others if rest[1:]))


def _letters(word: Word) -> str:
    return "".join(filter(str.isalpha, word.text)).casefold()
