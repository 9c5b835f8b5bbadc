"""Words that are torn: Indic syllables at a vowel sign, numbers from the percent sign to their left, leaders, Korean.

A sign such as the Devanagari i is drawn before its letter and stands after it in the text. MuPDF gives it no width,
takes what it is wide for white space, and begins a new line. So it does between a subscript and the superscript behind
it, as in ions, and in a line from right to left before a percent sign. The first and the last dot of a leader it gives
to the words that they touch, so that a page is `.71`.

Korean has blanks between words, and lines that end within them. Some programs write the blank at a line's end, so that
a line without one ends within a word; of others nothing tells.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from ocrmill.pipeline.text.layer.blanks import PRE_BASE
from ocrmill.pipeline.text.reading_order import Box, enclosing
from ocrmill.pipeline.text.words import HANGUL, Word

_NEAR = 1.2  # of the type: a letter is no wider
_TOUCHES = 0.15  # of the type
_LEVEL = 0.1  # of the type
_THIN = 0.01  # points
_SCRIPT = 0.9  # of the type: scripts are smaller
_SAME_SIZE, _ENDS = 0.03, 0.05  # of the type
_RAISED = (0.3, 1.5)  # of the type of two scripts: from one baseline to the other
_BETWEEN = 6  # words that the layer may have between a number and its sign, at most
_SIGNS = frozenset("%\u066a\u2030")
_DOTS = re.compile(r"\.{3,}")  # of a leader
_DOT = 0.25  # of the type: the width of a dot
_AS_FAR = 0.1  # of the type: dots of a leader are evenly far from each other
_LED = re.compile(r".*[^\W_][)\]\u201d\u2019]?\.")  # a word that a leader follows, with the first dot
_PAGE = re.compile(r"\.\d.*")  # the number to which it leads, with the last one

_BLANK_ENDS, _BLANK_SHARE = 5, 0.15  # lines, and of the lines that end with hangul; of HWP's pages 0.2 to 0.4
_LONG = 6  # of the type: lines of cells are shorter, and broken by will
_INDENT = 0.5  # of the type
_AT_MARGIN, _MARGIN_LINES = 0.6, 4  # of the type: lines that end so close to each other end at a margin


def joined_lines(lines: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return lines of MuPDF, those as one that it tears after a vowel sign, or between two scripts."""
    out: list[dict[str, Any]] = []
    for line in lines:
        if out and _goes_on(out[-1], line):
            out[-1] = {**out[-1], "spans": [*out[-1]["spans"], *line["spans"]]}
        else:
            out.append(line)
    return out


def _goes_on(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    last, first = one["spans"][-1], other["spans"][0]
    if not last["chars"] or not first["chars"]:
        return False
    sign, letter = last["chars"][-1], first["chars"][0]
    if one["dir"] == other["dir"] == (1.0, 0.0) and last["size"] < _SCRIPT * max(span["size"] for span in one["spans"]):
        size, low, high = last["size"], *_RAISED
        return bool(
            abs(first["size"] - size) <= _SAME_SIZE * size
            and abs(letter["bbox"][0] - sign["bbox"][2]) <= _ENDS * size
            and low * size <= abs(letter["origin"][1] - sign["origin"][1]) <= high * size
        )
    return bool(
        sign["c"] in PRE_BASE
        and not letter["c"].isspace()
        and one["dir"] == other["dir"]
        and sign["bbox"][2] - sign["bbox"][0] < _THIN
        and 0 <= letter["bbox"][0] - sign["bbox"][2] < _NEAR * last["size"]
        and abs(letter["origin"][1] - sign["origin"][1]) < _LEVEL * last["size"]
    )


def begins_in_blank(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tell if a line begins within the blank that ends another one: LibreOffice squeezes blanks of Indic lines.

    MuPDF takes the step back, from the end of the blank, for a new line. Both have letters.
    """
    blank = one["spans"][-1]["chars"][-1:]
    if one["dir"] != (1.0, 0.0) or other["dir"] != (1.0, 0.0) or not blank or not blank[0]["c"].isspace():
        return False
    first, its_size = next((each, span["size"]) for span in other["spans"] for each in span["chars"])
    (letter, size), (blank,) = _last_letter(one), blank
    return bool(
        letter["bbox"][2] - _ENDS * size <= first["bbox"][0] <= blank["bbox"][2] + _ENDS * size
        and abs(first["origin"][1] - letter["origin"][1]) < _LEVEL * size
        and abs(its_size - size) <= _SAME_SIZE * size
    )


def unfinished_lines(lines: Sequence[Mapping[str, Any]]) -> set[int]:
    """Number the lines that end at a margin within a Korean word, on a page that has blanks at the ends of others."""
    finished: list[float] = []  # right edges of the last letters
    unfinished: dict[int, tuple[float, float]] = {}  # and the size of their type
    for n, line in enumerate(lines):
        letter, size = _last_letter(line)
        if not HANGUL.match(letter["c"]) or line["dir"] != (1.0, 0.0):
            continue
        if next(each for span in reversed(line["spans"]) for each in reversed(span["chars"])) is not letter:
            finished.append(letter["bbox"][2])
        elif letter["bbox"][2] - _starts(line)[0] >= _LONG * size and not _is_first(lines[n + 1 : n + 2], line, size):
            unfinished[n] = letter["bbox"][2], size
    rights = sorted([*finished, *(right for right, _ in unfinished.values())])
    if len(finished) < max(_BLANK_ENDS, _BLANK_SHARE * len(rights)):
        return set()
    near = {
        n: bisect_right(rights, right + _AT_MARGIN * size) - bisect_left(rights, right - _AT_MARGIN * size)
        for n, (right, size) in unfinished.items()
    }
    return {n for n, count in near.items() if count >= _MARGIN_LINES}


def _last_letter(line: Mapping[str, Any]) -> tuple[Mapping[str, Any], float]:
    """Return the last character of a line that is no blank, and the size of its type."""
    return next(
        (each, span["size"])
        for span in reversed(line["spans"])
        for each in reversed(span["chars"])
        if not each["c"].isspace()
    )


def _starts(line: Mapping[str, Any]) -> tuple[float, float]:
    """Return where a line's first word begins, and its second one, which may follow the mark of an item."""
    characters = [character for span in line["spans"] for character in span["chars"]]
    begins = [
        n
        for n, each in enumerate(characters)
        if not each["c"].isspace() and (not n or characters[n - 1]["c"].isspace())
    ]
    return characters[begins[0]]["bbox"][0], characters[begins[min(1, len(begins) - 1)]]["bbox"][0]


def _is_first(below: Sequence[Mapping[str, Any]], line: Mapping[str, Any], size: float) -> bool:
    """Tell if the line below another is indented, as the first one of a paragraph is."""
    left, second = _starts(line)
    starts = [_starts(lower)[0] for lower in below if lower["bbox"][1] > line["bbox"][1]]  # not in the next column
    return any(start > left + _INDENT * size and abs(start - second) > _INDENT * size for start in starts)


def with_percent_signs(words: list[Word]) -> list[Word]:
    """Return words of a direction, with each percent sign after the number that it touches."""
    if not any(word.text[0] in _SIGNS for word in words):
        return words
    out: list[Word] = []
    for word in words:
        near = range(len(out) - 1, max(-1, len(out) - 1 - _BETWEEN), -1)
        host = next((n for n in near if _is_number_of(out[n], word)), None) if word.text[0] in _SIGNS else None
        if host is None:
            out.append(word)
        else:
            number = out[host]
            box = enclosing([number.box, word.box])
            out[host] = number._replace(pieces=(*number.pieces, *word.pieces), box=box)
    return out


def _is_number_of(number: Word, sign: Word) -> bool:
    """Tell if a word ends with a digit, and a percent sign touches it on its line."""
    near = _TOUCHES * number.size
    touches = min(abs(sign.box.x1 - number.box.x0), abs(sign.box.x0 - number.box.x1)) <= near
    is_level = abs(sign.baseline - number.baseline) <= near
    return touches and is_level and number.text[-1].isdecimal()


def with_leaders_apart(words: list[Word]) -> list[Word]:
    """Return words of a direction, with the first and the last dot of a leader in it and not in what they touch."""
    out = list(words)
    for n in [n for n, word in enumerate(words) if _DOTS.fullmatch(word.text)]:
        dots = out[n]
        pitch = (dots.box.width - _DOT * dots.size) / (len(dots.text) - 1)
        gap, near = pitch - _DOT * dots.size, _AS_FAR * dots.size
        if n and _LED.fullmatch(out[n - 1].text) and abs(dots.box.x0 - out[n - 1].box.x1 - gap) < near:
            led = out[n - 1]
            edge = led.box.x1 - _DOT * dots.size
            last = led.pieces[-1]
            kept = (last._replace(text=last.text[:-1], box=last.box._replace(x1=edge)),) if len(last.text) > 1 else ()
            out[n - 1] = led._replace(pieces=led.pieces[:-1] + kept, box=led.box._replace(x1=edge))
            dots = _longer(dots, dots.box._replace(x0=edge))
        if n + 1 < len(out) and _PAGE.fullmatch(out[n + 1].text) and abs(out[n + 1].box.x0 - dots.box.x1 - gap) < near:
            page = out[n + 1]
            edge = page.box.x0 + _DOT * dots.size
            first = page.pieces[0]
            kept = (
                (first._replace(text=first.text[1:], box=first.box._replace(x0=edge)),) if len(first.text) > 1 else ()
            )
            out[n + 1] = page._replace(pieces=kept + page.pieces[1:], box=page.box._replace(x0=edge))
            dots = _longer(dots, dots.box._replace(x1=edge))
        out[n] = dots
    return out


def _longer(dots: Word, box: Box) -> Word:
    piece = dots.pieces[0]
    return dots._replace(pieces=(piece._replace(text=dots.text + ".", box=box),), box=box)
