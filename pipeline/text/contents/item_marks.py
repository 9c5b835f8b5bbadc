"""Marks with which items of lists begin: bullets, dashes, numbers and letters."""

import re
from collections.abc import Sequence
from itertools import groupby

from ocrmill.pipeline.text.words import BULLETS, PRIVATE_BULLETS, Word

_CHECKS = "\u2610-\u2612\u2713\u2714\u2717\u2718"  # boxes and ticks say something of their item
_ARROWS = "\u2794\u2756\u2751\u2752\u274d\u2b27\u2b25"  # and other bullets
_MARKS = BULLETS + PRIVATE_BULLETS + _CHECKS + _ARROWS
DASHES = ("-", "\u2013", "\u2014", "*", "+")
BULLET = re.compile(rf"[{_MARKS}]")
CHECK = re.compile(rf"[{_CHECKS}]")
MARK = re.compile(
    rf"[{_MARKS}]|[-\u2013\u2014*+]|\(?(?:\d{{1,3}}|[a-zA-Z]|[ivxIVX]{{1,5}})[.)]|\d{{1,2}}(?:\.\d{{1,2}}){{1,3}}\.?"
)
_BESIDE = 0.6  # of the type: cells of tables are farther apart
_LEVEL = 0.3
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
    pieces = ((head._replace(text=head.text[len(mark) :]),) if len(head.text) > len(mark) else ()) + first.pieces[1:]
    return [first._replace(pieces=pieces), *words[1:]]


def with_item_marks(words: Sequence[Word]) -> list[Word]:
    """Put marks that the layer has on lines of their own before the words close beside them: some draw them last."""
    lines = {number: list(group) for number, group in groupby(words, key=lambda word: word.line)}
    heads = {line[0].line: line[0] for line in lines.values()}
    out = list(words)
    for mark in [line[0] for line in lines.values() if len(line) == 1 and MARK.fullmatch(line[0].text)]:
        beside = [
            head
            for head in heads.values()
            if 0 <= head.box.x0 - mark.box.x1 < _BESIDE * head.size
            and abs(head.baseline - mark.baseline) < _LEVEL * head.size
        ]
        if beside and (head := min(beside, key=lambda head: head.box.x0)) is not mark:
            out.remove(mark)
            place = next(n for n, word in enumerate(out) if word is head)
            out.insert(place, mark._replace(line=head.line))
    return out
