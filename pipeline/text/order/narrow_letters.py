"""Letters from right to left that MuPDF gives without width: those of ligatures, and alefs that stand on their lam.

A ligature is one glyph for several letters. MuPDF gives the second one no width, and reverses the glyphs of a line, its
letters along with them: the second one comes first. Noto Naskh and its like draw the alef of lam-alef as a glyph of its
own without width; it comes behind its lam, where it was written.

Chromium gives a letter and its mark the places of two glyphs. MuPDF gives neither a width if the mark is set higher: it
finds a blank where the letter is drawn, and the mark before it.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from ocrmill.pipeline.text.layer.blanks import RIGHT_TO_LEFT, Character

_THIN = 0.01  # points
_LAM = "\u0644"
_ALEFS = frozenset("\u0627\u0622\u0623\u0625\u0671")


class NarrowLetters:
    """Puts the narrow letters of a page's lines in order; between two lams, as its fonts do elsewhere on the page."""

    def __init__(self, lines: Sequence[Mapping[str, Any]]) -> None:
        """`lines` are MuPDF's, of the whole page."""
        self._lines = lines

    def in_order(self, characters: list[Character]) -> list[Character]:
        """Return a line of MuPDF with each narrow letter behind the letter that it belongs to."""
        if not any(_is_narrow(character) for character in characters):
            return characters
        characters = _with_marks_behind(characters)
        ordered: list[Character] = []
        waiting: list[Character] = []
        for n, character in enumerate(characters):
            if character.text.isspace():
                ordered += [*waiting, character]
                waiting = []
            elif not _is_narrow(character):
                ordered += [character, *reversed(waiting)]
                waiting = []
            elif not waiting and self._stands_on_lam(characters, n):
                ordered.append(character)
            else:
                waiting.append(character)
        return ordered + waiting

    def _stands_on_lam(self, characters: Sequence[Character], n: int) -> bool:
        before, letter, after = _around([character.text for character in characters], n)
        if letter not in _ALEFS or before != _LAM:
            return False
        return after != _LAM or characters[n].span["font"] in self._fonts

    @cached_property
    def _fonts(self) -> set[str]:
        """Names of the fonts that draw alefs without width: behind a lam, and with none behind them."""
        found = set()
        for line in self._lines:
            spans = [span for span in line["spans"] for _ in span["chars"]]
            characters = [character for span in line["spans"] for character in span["chars"]]
            texts = [character["c"] for character in characters]
            for n, character in enumerate(characters):
                if texts[n] in _ALEFS and _is_thin(character["bbox"]):
                    before, _, after = _around(texts, n)
                    if before == _LAM != after:
                        found.add(spans[n]["font"])
        return found


def _with_marks_behind(characters: Sequence[Character]) -> list[Character]:
    """Return a line with marks behind the letters that MuPDF gives no width as it gives them none.

    A blank that it finds on either side of the two is where the letter is drawn.
    """
    out: list[Character] = []
    n = 0
    while n < len(characters):
        blank = characters[n] if characters[n].is_found else None
        mark, letter, *_ = [*characters[n + (blank is not None) : n + (blank is not None) + 2], None, None]
        if mark and letter and _is_thin_mark(mark) and _is_narrow(letter):
            box = blank.box if blank else letter.box
            out += [letter._replace(box=box), mark._replace(box=box)]
            n += 2 + (blank is not None)
            n += n < len(characters) and characters[n].is_found
            continue
        ligature = characters[n : n + 4]
        if _is_marked_ligature(ligature):
            mark, alef, _, lam = ligature
            out += [lam._replace(box=alef.box), alef, mark]
            n += 4
            continue
        out.append(characters[n])
        n += 1
    return out


def _is_thin_mark(character: Character) -> bool:
    return _is_thin(character.box) and unicodedata.category(character.text[0]) == "Mn"


def _is_marked_ligature(run: Sequence[Character]) -> bool:
    """Tell if characters are a lam-alef with a mark in reverse, before the lam a blank that is none."""
    if len(run) < 4 or not (run[2].is_found and _is_thin_mark(run[0])):  # noqa: PLR2004
        return False
    return run[1].text in _ALEFS and run[3].text == _LAM and _is_thin(run[3].box)


def _around(texts: Sequence[str], n: int) -> tuple[str, str, str]:
    return texts[n - 1] if n else "", texts[n], texts[n + 1] if n + 1 < len(texts) else ""


def _is_narrow(character: Character) -> bool:
    return _is_thin(character.box) and unicodedata.bidirectional(character.text[0]) in RIGHT_TO_LEFT


def _is_thin(box: tuple[float, float, float, float]) -> bool:
    return box[2] - box[0] < _THIN or box[3] - box[1] < _THIN
