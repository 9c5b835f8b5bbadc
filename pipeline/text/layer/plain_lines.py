"""Reads the words of lines in which nothing is to be mended, which most lines are: a third of the time for a page.

The words are the same as page_words.py makes of such a line character by character; a test holds the two together.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from ocrmill.pipeline.text.layer.blanks import (
    BOLD,
    ITALIC,
    LEAST_BLANK,
    SPACED_LETTERS,
    is_kerning,
    is_mono,
    is_narrower_than_a_column,
)
from ocrmill.pipeline.text.layer.symbol_fonts import is_sign_font
from ocrmill.pipeline.text.reading_order import Box, enclosing
from ocrmill.pipeline.text.words import Piece, Word

Place = Callable[[tuple[float, ...]], Box]
"""From the page before its rotation to the reading plane."""

# Letters, digits and signs that stand for themselves in every font but Wingdings, and carry no accent beside them:
# Latin, Greek, Cyrillic, punctuation and bullets, kana, Han, hangul and full-width forms.
_PLAIN = re.compile(
    "[ -_a-~\u00a1-\u00a7\u00a9-\u00ac\u00ae\u00b0-\u00b3\u00b5-\u00b7\u00b9-\u017f\u0386-\u03ff"
    "\u0400-\u0481\u048a-\u052f\u2010-\u2015\u2018-\u201f\u2022\u2026\u2030\u20ac"
    "\u3001-\u3029\u3030-\u303d\u3041-\u3096\u30a0-\u30ff\u4e00-\u9fff\uac00-\ud7a3\uff01-\uff60]*"
)
_SYMBOLS = ("wing", "zapf", "webd", "symbol")


def plain_line_words(line: dict[str, Any], place: Place, number: int) -> list[Word] | None:
    """Return the words of one of MuPDF's lines; None if something in it may have to be mended.

    That is so if it does not run to the right, has type of several sizes, gaps that may be blanks, letters set apart,
    or signs that are not always what they seem.
    """
    if line["dir"] != (1.0, 0.0) or line["wmode"]:
        return None
    spans = [span for span in line["spans"] if span["chars"]]
    if not spans or len({round(span["size"], 1) for span in spans}) > 1:
        return None
    runs = [_Run(span) for span in spans]
    text = "".join([run.text for run in runs])
    if not _PLAIN.fullmatch(text) or any(run.is_odd for run in runs):
        return None
    if sum([len(word) == 1 for word in text.split(" ")]) >= SPACED_LETTERS or _has_odd_gaps(runs):
        return None
    return _words(runs, place, number)


def _has_odd_gaps(runs: list["_Run"]) -> bool:
    """Tell if a gap within a word may be a blank, a blank may be none, or letters run to the left or have no width."""
    before, right, is_blank, was_mono = 0.0, 0.0, True, False
    most = LEAST_BLANK * max([run.size for run in runs])
    for run in runs:
        for letter, (left, _, end, _) in zip(run.text, run.boxes, strict=True):
            if letter == " ":
                is_blank = True
                continue
            if left == end:
                return True
            if is_blank:
                if right > 0 and (
                    is_kerning(left - right, run.size)
                    or (run.mono and was_mono and is_narrower_than_a_column(left - right, run.size))
                ):
                    return True
            elif left - right > most or before - end > most:
                return True
            before, right, is_blank, was_mono = left, end, False, run.mono
    return False


@lru_cache(maxsize=4096)
def _is_symbol_font(font: str) -> bool:
    return is_sign_font(font) or any(name in font.lower() for name in _SYMBOLS)


class _Run:
    """A span and what is the same for all its characters."""

    __slots__ = ("bold", "boxes", "characters", "is_odd", "italic", "mono", "size", "text")

    def __init__(self, span: dict[str, Any]) -> None:
        self.characters = span["chars"]
        self.text = "".join([character["c"] for character in self.characters])
        self.boxes = [character["bbox"] for character in self.characters]
        self.size = span["size"]
        flags = span["flags"]
        self.bold, self.italic, self.mono = bool(flags & BOLD), bool(flags & ITALIC), is_mono(span)
        self.is_odd = _is_symbol_font(span["font"]) or len(self.text) != len(self.characters)


def _words(runs: list[_Run], place: Place, number: int) -> list[Word]:
    words: list[Word] = []
    pieces: list[Piece] = []
    baseline = 0.0
    for run in runs:
        end = -1
        for text in run.text.split(" "):
            start, end = end + 1, end + 1 + len(text)
            if start and pieces:  # a blank stands before it
                words.append(_word(pieces, baseline, number))
                pieces = []
            if text:
                if not pieces:
                    x, y = run.characters[start]["origin"]
                    baseline = place((x, y, x, y)).y0
                box = place(enclosing(run.boxes[start:end]))
                pieces.append(Piece(text, box, run.size, run.bold, run.italic, run.mono))
    if pieces:
        words.append(_word(pieces, baseline, number))
    return words


def _word(pieces: list[Piece], baseline: float, number: int) -> Word:
    box = pieces[0].box if len(pieces) == 1 else enclosing([piece.box for piece in pieces])
    return Word(tuple(pieces), box, baseline, number)
