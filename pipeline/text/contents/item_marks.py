"""Marks with which items of lists begin: bullets, dashes, numbers and letters."""

import re
import unicodedata
from collections.abc import Sequence
from itertools import groupby

from ocrmill.pipeline.text.layer.blanks import RIGHT_TO_LEFT
from ocrmill.pipeline.text.words import BULLETS, PRIVATE_BULLETS, Word

_CHECKS = "\u2610-\u2612\u2713\u2714\u2717\u2718"  # boxes and ticks say something of their item
_ARROWS = "\u2794\u2756\u2751\u2752\u274d\u2b27\u2b25"  # and other bullets
_MARKS = BULLETS + PRIVATE_BULLETS + _CHECKS + _ARROWS
DASHES = ("-", "\u2013", "\u2014", "*", "+")
BULLET = re.compile(rf"[{_MARKS}]")
CHECK = re.compile(rf"[{_CHECKS}]")
_LETTERS = "a-zA-Z\u0391-\u03a9\u03b1-\u03c9\u0410-\u044f"  # Latin, Greek and Cyrillic
MARK = re.compile(
    rf"[{_MARKS}]|[-\u2013\u2014*+]|\(?(?:\d{{1,3}}|[{_LETTERS}]|[ivxIVX]{{1,5}})[.)]|\d{{1,2}}(?:\.\d{{1,2}}){{1,3}}\.?"
)
_BESIDE = 0.6  # of the type: cells of tables are farther apart
_FAR = 2.5  # ... but not from a bullet that nothing stands left of
_LEVEL = 0.3
_FIRST = re.compile("\\(?[1aAiI\u03b1\u0391\u0430\u0410][.)]")
_ANNOUNCED = re.compile("[:?\u2013\u2014]$")
_ROMAN = ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii")
_TURNED = re.compile(r"[.)]\d{1,3}")  # a mark as a line from right to left shows it
_NUMBERED = re.compile(r"\d{1,3}[.)]")
_ENTRY = re.compile(r"\[\d{1,3}\]")
_COUNTED = re.compile(r"\(?((?:\d{1,3}\.)*)(\d{1,3})[.)]?")


def mark_of(words: Sequence[Word]) -> str | None:
    """Return the mark with which a line's words begin an item, if they do: a bullet, a dash, a number or a letter."""
    first = words[0].text
    if len(words) > 1 and MARK.fullmatch(first):
        return first
    return first[0] if BULLET.match(first) and len(first) > 1 else None


def entry_mark(words: Sequence[Word]) -> str | None:
    """Return the mark of an item, or the number in brackets of an entry in a list of references, if words have one."""
    return words[0].text if len(words) > 1 and _ENTRY.fullmatch(words[0].text) else mark_of(words)


def begins_list(above: Sequence[Word], words: Sequence[Word]) -> bool:
    """Tell if a line has the first mark of a list, which the line above announces by a colon, dash or question mark."""
    first = bool(_FIRST.fullmatch(mark_of(words) or ""))
    return first and words[0].box.x0 > above[0].box.x0 and _ANNOUNCED.search(above[-1].text) is not None


def is_counted(words: Sequence[Word]) -> bool:
    """Tell if a line begins with a bullet, or with a number and a point or bracket."""
    mark = mark_of(words) or ""
    return bool(BULLET.match(mark) or _NUMBERED.fullmatch(mark))


def follow(one: str, other: str) -> bool:
    """Tell if two marks are of one list: the same sign, numbers that count on, letters of one kind."""
    if one == other:
        return not one[0].isalnum()
    first, second = (_COUNTED.fullmatch(mark) for mark in (one, other))
    if first and second:
        return first[1] == second[1] and abs(int(first[2]) - int(second[2])) == 1
    kinds = [mark.strip("().").isalpha() and mark.strip("().").islower() for mark in (one, other)]
    return not (first or second) and one[-1] == other[-1] and one[-1] in ".)" and kinds[0] == kinds[1]


def counts_on(one: str, other: str) -> bool:
    """Tell if a mark is the next one after another: `2.` after `1.`, `B)` after `A)`, `(ii)` after `(i)`, `[4]` too."""
    first, second = one.strip("()[]."), other.strip("()[].")
    if not (first and second) or one.replace(first, "", 1) != other.replace(second, "", 1):
        return False
    if first.isdecimal() and second.isdecimal():
        return int(second) == int(first) + 1
    if first.lower() in _ROMAN[:-1] and second.lower() == _ROMAN[_ROMAN.index(first.lower()) + 1]:
        return True
    return len(first) == len(second) == 1 and first.isalpha() and ord(second) == ord(first) + 1


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
    for line in lines.values():
        mark = line[0]
        if len(line) > 1 or not MARK.fullmatch(mark.text):
            continue
        level = [head for head in heads.values() if abs(head.baseline - mark.baseline) < _LEVEL * head.size]
        beside = [head for head in level if head is not mark and _begins_with(head, mark, level)]
        if beside:
            head = min(beside, key=lambda head: abs(head.box.x0 - mark.box.x0))
            out.remove(mark)
            place = next(n for n, word in enumerate(out) if word is head)
            out.insert(place, mark._replace(line=head.line))
    return out


def _begins_with(head: Word, mark: Word, level: Sequence[Word]) -> bool:
    """Tell if a mark stands close before the first word of a line; `level` are those of all lines on its row."""
    if _runs_to_left(head):
        gap, is_outermost = mark.box.x0 - head.box.x1, not any(other.box.x0 >= mark.box.x1 for other in level)
    else:
        gap, is_outermost = head.box.x0 - mark.box.x1, not any(other.box.x1 <= mark.box.x0 for other in level)
    is_far = is_outermost and BULLET.fullmatch(mark.text) and not CHECK.match(mark.text)
    return 0 <= gap < (_FAR if is_far else _BESIDE) * head.size


def _runs_to_left(word: Word) -> bool:
    return any(unicodedata.bidirectional(character) in RIGHT_TO_LEFT for character in word.text)


def with_turned_marks(words: Sequence[Word]) -> list[Word]:
    """Return `1.` for marks on lines of their own that lines from right to left show as `.1`."""
    out = list(words)
    for n, mark in enumerate(words):
        if (
            _TURNED.fullmatch(mark.text)
            and len(mark.pieces) == 1
            and (n == 0 or words[n - 1].line != mark.line)
            and (n + 1 == len(words) or words[n + 1].line != mark.line)
            and any(_is_left_of(other, mark) for other in words)
        ):
            piece = mark.pieces[0]._replace(text=mark.text[1:] + mark.text[0])
            out[n] = mark._replace(pieces=(piece,))
    return out


def _is_left_of(head: Word, mark: Word) -> bool:
    """Tell if a word from right to left stands close left of a mark."""
    level = abs(head.baseline - mark.baseline) < _LEVEL * head.size
    return level and 0 <= mark.box.x0 - head.box.x1 < _BESIDE * head.size and _runs_to_left(head)
