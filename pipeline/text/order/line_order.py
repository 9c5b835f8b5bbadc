"""The words of a line as they are read, where it runs from right to left.

A viewer shows such a line by the Unicode bidirectional algorithm (UAX 9): numbers and Latin words run to the right in
it, a point, hyphen or bracket at one of their ends stands on the other side, and of a range with a dash the end comes
before the start. MuPDF gives the order of what is shown.

Not covered: words of both directions in one.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from itertools import groupby, pairwise

from ocrmill.pipeline.text.layer.blanks import FIRST_MARKED, RIGHT_TO_LEFT, Character
from ocrmill.pipeline.text.reading_order import enclosing
from ocrmill.pipeline.text.words import Word

_LEFT_TO_RIGHT = frozenset({"L", "EN", "AN"})
_DIGITS = frozenset({"EN", "AN"})
_STEP = 1.0  # of the type: digits of a number stand closer to each other
_PERCENT = frozenset("%\u066a\u2030")
_SIGNS = frozenset("+-\u2212\u00b1")
_DASHES = frozenset("\u2012\u2013\u2014")
_MIRRORED = {"(": ")", ")": "(", "[": "]", "]": "[", "{": "}", "}": "{"}
_OPENING = frozenset("([{")
_HEAD, _GROUP = re.compile(r"\d{1,3}"), re.compile(r"\d{3}(?:[.,\u066b]\d+)?")  # of a number with blanks: `1 234,5`
_TOUCHES = 0.05  # of the type: the narrowest blank is wider

LeftEdge = Callable[[Character], float]
"""Gives the left edge of a character on the upright page."""


def runs_to_left(characters: Sequence[Character]) -> bool:
    """Tell if most letters of a line run from right to left; numbers stand in either direction."""
    kinds = [unicodedata.bidirectional(character.text[0]) for character in characters]
    return sum(kind in RIGHT_TO_LEFT for kind in kinds) >= kinds.count("L")


def with_digits_in_order(characters: Sequence[Character], left: LeftEdge) -> list[Character]:
    """Return a line with the digits of each number from left to right, as a reader sees them in any script.

    Some programs draw a line from right to left glyph by glyph, its numbers too, and XeTeX Arabic numbers in any line.
    """
    to_left = left(characters[0]) > left(characters[-1])
    if not to_left and max([character.text for character in characters]) < FIRST_MARKED:
        return list(characters)
    ordered: list[Character] = []
    run: list[Character] = []
    for character in [*characters, None]:
        kind = unicodedata.bidirectional(character.text[0]) if character else ""
        if character and (kind in _DIGITS or (run and kind == "CS" and not character.text.isspace())):
            run.append(character)
            continue
        after = [run.pop()] if run and unicodedata.bidirectional(run[-1].text[0]) == "CS" else []
        is_turned = (to_left or not "".join([each.text for each in run]).isascii()) and _runs_leftwards(run, left)
        ordered += (run[::-1] if is_turned else run) + after
        run = []
        if character:
            ordered.append(character)
    return ordered


def _runs_leftwards(digits: Sequence[Character], left: LeftEdge) -> bool:
    """Tell if each digit stands close to the left of the one before."""
    steps = [(left(before) - left(after)) / (before.span["size"] or 1.0) for before, after in pairwise(digits)]
    return bool(steps) and all(0 < step < _STEP for step in steps)


def with_signs_in_order(word: Sequence[Character], left: LeftEdge, *, is_arabic: bool) -> list[Character]:
    """Return a number or Latin word of a line from right to left with the signs at its ends where they are read.

    What is shown to its right comes before it, what is shown to its left after it. A percent sign always follows its
    number. A sign or currency on the left, and a currency on the right outside Arabic (`is_arabic`), was written there.
    """
    kinds = [unicodedata.bidirectional(character.text[0]) for character in word]
    strong = [character for character, kind in zip(word, kinds, strict=True) if kind in _LEFT_TO_RIGHT]
    if RIGHT_TO_LEFT & set(kinds):
        return list(word) if strong else _spans_in_order(word, left)
    if not strong or len(strong) == len(word):
        return list(word)
    first, last = min(map(left, strong)), max(map(left, strong))
    core = [character for character in word if first <= left(character) <= last]
    before = sorted((character for character in word if left(character) > last), key=left, reverse=True)
    after = sorted((character for character in word if left(character) < first), key=left, reverse=True)
    percent = [character for character in before if character.text in _PERCENT]
    before = [character for character in before if character.text not in _PERCENT]
    if after and (after[0].text in _SIGNS or _is_currency(after[0])):
        core = [after.pop(0), *core]
    if before and _is_currency(before[-1]) and not is_arabic:
        core = [*core, before.pop()]
    return [*map(_opening, before), *_range_in_order(core), *percent, *map(_closing, after)]


def _spans_in_order(word: Sequence[Character], left: LeftEdge) -> list[Character]:
    """Return a word of letters from right to left with a sign of another font between them where it is shown.

    MuPDF turns the letters of each font round, and leaves these runs and signs such as gershayim as they are drawn.
    """
    spans = [list(run) for _, run in groupby(word, key=lambda character: id(character.span))]
    if len(spans) == 1 or any(unicodedata.bidirectional(run[0].text[0]) == "NSM" for run in spans):
        return list(word)
    spans.sort(key=lambda run: min(map(left, run)), reverse=True)
    return [character for run in spans for character in run]


def _range_in_order(core: Sequence[Character]) -> list[Character]:
    """Return numbers with dashes between them, which a line from right to left shows in reverse; others as they are."""
    if any(unicodedata.bidirectional(character.text[0]) == "L" for character in core):
        return list(core)
    runs = [list(run) for _, run in groupby(core, key=lambda character: character.text in _DASHES)]
    return [character for run in reversed(runs) for character in run]


def in_logical_order(words: list[Word]) -> list[Word]:
    """Return the words of a line as they are read, whatever the order in which they are drawn."""
    if max("".join([word.text for word in words]), default="") < FIRST_MARKED:
        return words
    directions = [_direction(word.text) for word in words]
    if "R" not in directions:
        return words
    right_to_left = _letters(words, directions, "R") >= _letters(words, directions, "L")
    shown = sorted(zip(words, directions, strict=True), key=lambda item: item[0].box.x0, reverse=right_to_left)
    against = "LE" if right_to_left else "R"
    ordered: list[Word] = []
    run: list[tuple[Word, str]] = []
    for item in [*shown, None]:
        if item is not None and (item[1] in against or (run and item[1] in "NE")):
            run.append(item)
            continue
        tail = []
        while run and run[-1][1] not in against:
            tail.append(run.pop()[0])
        ordered += _run_in_order(run) + tail[::-1]
        run = []
        if item is not None:
            ordered.append(item[0])
    return _joined(ordered) if right_to_left else ordered


def _letters(words: Sequence[Word], directions: Sequence[str], direction: str) -> int:
    return sum(
        sum(map(str.isalpha, word.text)) for word, own in zip(words, directions, strict=True) if own == direction
    )


def _run_in_order(run: Sequence[tuple[Word, str]]) -> list[Word]:
    """Return words that run against their line, in their own order: numbers alone do not, but for groups of one."""
    words = [word for word, _ in run]
    if not run or any(direction in "LR" for _, direction in run):
        return words[::-1]
    ordered: list[Word] = []
    while len(ordered) < len(words):  # from the right: groups of three come before the head of their number
        left = words[len(ordered) :]
        groups = next((n for n, word in enumerate(left) if not _GROUP.fullmatch(word.text)), len(left) - 1)
        ordered += left[groups::-1] if _HEAD.fullmatch(left[groups].text) else left[: groups + 1]
    return ordered


def _joined(words: Sequence[Word]) -> list[Word]:
    """Put words together between which the line leaves no blank: a letter before a number, a comma after one.

    Programs lose the blank between Latin and Arabic letters; those stay apart.
    """
    out: list[Word] = []
    for word in words:
        both = {_direction(out[-1].text), _direction(word.text)} if out else set()
        if out and abs(out[-1].box.x0 - word.box.x1) <= _TOUCHES * word.size and both != {"L", "R"}:
            before = out[-1]
            box = enclosing([before.box, word.box])
            out[-1] = before._replace(pieces=(*before.pieces, *word.pieces), box=box)
        else:
            out.append(word)
    return out


def _direction(text: str) -> str:
    """R or L by the first letter that has a direction, E for a number, else N."""
    kinds = [unicodedata.bidirectional(character) for character in text]
    first = next((kind for kind in kinds if kind in RIGHT_TO_LEFT or kind in _LEFT_TO_RIGHT), "")
    if first in RIGHT_TO_LEFT:
        return "R"
    return "L" if "L" in kinds else "E" if first else "N"


def _is_currency(character: Character) -> bool:
    return unicodedata.category(character.text[0]) == "Sc"


def _opening(character: Character) -> Character:
    """Return a character that stands before a word: a bracket opens there."""
    text = character.text
    return character._replace(text=_MIRRORED[text]) if text in _MIRRORED and text not in _OPENING else character


def _closing(character: Character) -> Character:
    return character._replace(text=_MIRRORED[character.text]) if character.text in _OPENING else character
