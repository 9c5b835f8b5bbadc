"""Marks with which items of lists begin: bullets, dashes, numbers and letters."""

import re
from collections.abc import Sequence
from dataclasses import replace

from ocrmill.pipeline.text.words import BULLETS, PRIVATE_BULLETS, Word

_CHECKS = "\u2713\u2717\u2610-\u2612\u2794\u2756\u2751\u2752\u274d\u2b27\u2b25"  # and arrows
_MARKS = BULLETS + PRIVATE_BULLETS + _CHECKS
DASHES = ("-", "\u2013", "\u2014", "*", "+")
BULLET = re.compile(rf"[{_MARKS}]")
MARK = re.compile(
    rf"[{_MARKS}]|[-\u2013\u2014*+]|\(?(?:\d{{1,3}}|[a-zA-Z]|[ivxIVX]{{1,5}})[.)]|\d{{1,2}}(?:\.\d{{1,2}}){{1,3}}\.?"
)
_COUNTED = re.compile(r"\(?((?:\d{1,3}\.)*)(\d{1,3})[.)]?")


def mark_of(words: Sequence[Word]) -> str | None:
    """Return the mark with which a line's words begin an item, if they do: a bullet, a dash, a number or a letter."""
    first = words[0].text
    if len(words) > 1 and MARK.fullmatch(first):
        return first
    return first[0] if BULLET.match(first) and len(first) > 1 else None


def follow(one: str, other: str) -> bool:
    """Tell if two marks are of one list: the same sign, numbers that count on, letters of one kind."""
    if one == other:
        return not one[0].isalnum()
    first, second = (_COUNTED.fullmatch(mark) for mark in (one, other))
    if first and second:
        return first[1] == second[1] and abs(int(first[2]) - int(second[2])) == 1
    kinds = [mark.strip("().").isalpha() and mark.strip("().").islower() for mark in (one, other)]
    return not (first or second) and one[-1] == other[-1] and one[-1] in ".)" and kinds[0] == kinds[1]


def without_mark(words: list[Word], mark: str) -> list[Word]:
    """Return the words of an item's first row after its mark, which may be glued to the first of them."""
    first = words[0]
    if first.text == mark:
        return words[1:]
    head = first.pieces[0]
    pieces = ((replace(head, text=head.text[len(mark) :]),) if len(head.text) > len(mark) else ()) + first.pieces[1:]
    return [replace(first, pieces=pieces), *words[1:]]
