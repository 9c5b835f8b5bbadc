"""A page's text layer as PDFium has it, in the shape of MuPDF's `rawdict`, and what of it a reader sees.

PDFium does not say what hides text, so the page's picture is asked. A letter in whose box nothing is seen is hidden,
and left out. A letter is in doubt if something is seen there that may not be the letter itself: it is drawn invisibly
(somebody's reading of a scan), something is drawn over it, or another letter stands at its place. So is all of a page
that runs downwards, or holds text from right to left, whose marks PDFium puts out of order. The caller does not take
a layer with such letters.

Lines are cut as MuPDF cuts them: where a gap is wider than 0.8 of the type, or the baseline moves by as much.
"""

import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt

from ocrmill.pipeline.pages.inspection import INK_CONTRAST
from ocrmill.pipeline.pages.pdfium_text import Colour, Cover, Font, Glyph, PageText, Rect
from ocrmill.pipeline.records import RGB, PageGeometry
from ocrmill.pipeline.text.layer.blanks import BOLD, ITALIC, MONO
from ocrmill.pipeline.text.reading_order import Box, enclosing

_GAP, _STEP = 0.8, 0.8  # of the type: MuPDF's bounds of a line
_BLANK = 0.15  # of the type: MuPDF's least blank
_SAME_BASELINE = 0.1  # of the type; what is raised or lowered by more is a span of its own
_SMALLEST = 1.0  # points; smaller type is not read
_AT_ONE_PLACE = 0.3  # of a letter's width and type, between two of them
_CELL = 2.0  # points, in which letters at one place are looked for
_THIN = 3  # pixels; smaller boxes of ink are looked at with their surroundings
_IDEOGRAPHS = 0x3000  # where those of Chinese and Japanese begin
_ALONE = 10  # ideographs on lines of their own are set from top to bottom
_ALONE_SHARE = 0.8  # of a page's letters, from which columns are recognized (page_words.py)
_SAME_COLOUR = 64  # levels, of 256: strokes of small type are paler than their colour
_NO_OUTLINE = 0.05  # points
_EMPTY_SHARE = 0.02  # of the letters, those without an outline
_RIGHT_TO_LEFT = frozenset({"R", "AL"})  # bidirectional classes of letters
_FIXED, _SLANTED, _FORCED_BOLD = 1 << 0, 1 << 6, 1 << 18  # flags of a font's descriptor


@dataclass(frozen=True, slots=True)
class PdfiumLayer:
    """A text layer. Places are points of the page as displayed."""

    text: str  # all that lies on the page
    layout: dict[str, Any]  # what a reader sees, as `rawdict`, of a page without rotation
    words: tuple[tuple[str, Box], ...]  # all, by PDFium's blanks
    seen_words: tuple[tuple[str, Box], ...]
    images: tuple[Box, ...]
    doubtful_share: float  # of the letters
    has_hidden: bool  # letters were left out


EMPTY_LAYER = PdfiumLayer("", {"blocks": []}, (), (), (), 0.0, has_hidden=False)


def read_layer(page: PageText, geometry: PageGeometry, image: RGB) -> PdfiumLayer:
    """Tell seen letters from hidden ones by the page's image, and put them into lines."""
    shown = Box(0, 0, geometry.width_pt, geometry.height_pt)
    inside = [glyph for glyph in page.glyphs if glyph.font is None or shown.contains_centre_of(Box(*glyph.tight))]
    glyphs = list(_with_blanks(_with_ligatures_in_order(inside), page.silent))
    letters = [number for number, glyph in enumerate(glyphs) if glyph.font and not glyph.text.isspace()]
    images = tuple(Box(*cover.box).clipped(shown) for cover in page.covers if cover.image)
    if not letters:
        return replace(EMPTY_LAYER, images=images)
    ink = _Ink(image, geometry)
    empty = {number for number in letters if glyphs[number].painted and _draws_nothing(glyphs[number])}
    hidden = {number for number in letters if number not in empty and not ink.has_edge(glyphs[number].tight)}
    left = [number for number in letters if number not in hidden]
    repeated, doubtful = _at_one_place(glyphs, left)
    doubtful |= _covered(glyphs, page.covers, left, ink)
    doubtful |= {number for number in left if _is_odd(glyphs[number])}
    if len(empty) > _EMPTY_SHARE * len(letters):
        doubtful |= empty
    runs = list(_runs(glyphs))
    kept = [[number for number in run if number not in hidden | repeated] for run in runs]
    lines = [line for run in kept for line in _lines(run, glyphs)]
    if _runs_down(lines, glyphs, len(letters)) or any(_runs_left(glyphs[number]) for number in letters):
        doubtful = set(letters)
    return PdfiumLayer(
        text="".join(glyph.text for glyph in glyphs),
        layout={"blocks": [{"lines": [_line(line, glyphs) for line in lines]}]},
        words=tuple(_words(runs, glyphs)),
        seen_words=tuple(_words(kept, glyphs)),
        images=images,
        doubtful_share=len(doubtful) / len(letters),
        has_hidden=bool(hidden),
    )


class _Ink:
    """The places of a page's image where neighbouring pixels differ."""

    def __init__(self, image: RGB, geometry: PageGeometry) -> None:
        self._image = image
        self._height, self._width = image.shape[:2]
        self._scale = (self._width / max(geometry.width_pt, 1e-3), self._height / max(geometry.height_pt, 1e-3))
        edges = np.zeros((self._height, self._width), bool)
        for channel in range(image.shape[2]):
            levels = image[:, :, channel].astype(np.int16)
            edges[:, :-1] |= np.abs(np.diff(levels, axis=1)) > INK_CONTRAST
            edges[:-1] |= np.abs(np.diff(levels, axis=0)) > INK_CONTRAST
        self._sums: npt.NDArray[np.int32] = np.zeros((self._height + 1, self._width + 1), np.int32)
        self._sums[1:, 1:] = edges.cumsum(0, dtype=np.int32).cumsum(1, dtype=np.int32)

    def has_edge(self, box: Rect) -> bool:
        """Tell if anything is seen in a box."""
        (left, right), (top, bottom) = self._pixels(box)
        sums = self._sums
        return bool(sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left])

    def has_colour(self, box: Rect, colour: Colour) -> bool:
        """Tell if a pixel in a box has nearly this colour."""
        (left, right), (top, bottom) = self._pixels(box)
        apart = np.abs(self._image[top:bottom, left:right].astype(np.int16) - colour)
        return bool((apart < _SAME_COLOUR).all(axis=2).any())

    def _pixels(self, box: Rect) -> tuple[tuple[int, int], tuple[int, int]]:
        x0, y0, x1, y1 = (side * self._scale[axis % 2] for axis, side in enumerate(box))
        return _pixels(x0, x1, self._width), _pixels(y0, y1, self._height)


def _pixels(low: float, high: float, size: int) -> tuple[int, int]:
    margin = int(high - low < _THIN)
    return min(max(int(low) - margin, 0), size), min(max(int(np.ceil(high)) + margin, 0), size)


def _with_ligatures_in_order(glyphs: Sequence[Glyph]) -> Iterator[Glyph]:
    """Put the letters of right-to-left ligatures, such as lam-alef, into their order: PDFium reverses them."""
    for _, group in groupby(glyphs, lambda glyph: (glyph.order, glyph.origin, glyph.box)):
        letters = list(group)
        turned = len(letters) > 1 and all(map(_runs_left, letters))
        yield from reversed(letters) if turned else letters


def _runs_left(glyph: Glyph) -> bool:
    return unicodedata.bidirectional(glyph.text[0]) in _RIGHT_TO_LEFT


def _with_blanks(glyphs: Iterable[Glyph], silent: Sequence[tuple[int, Rect]]) -> Iterator[Glyph]:
    """Put a blank where a gap on a line is as wide as one, or one is drawn on its own, and PDFium has none."""
    boxes = dict(silent)
    orders = sorted(boxes)
    last: Glyph | None = None
    for glyph in glyphs:
        if last is not None and last.font and glyph.font and not _begins_line(last, glyph):
            gap = max(_along(last)[0], _along(glyph)[0]) - min(_along(last)[1], _along(glyph)[1])
            between = orders[bisect_right(orders, last.order) : bisect_left(orders, glyph.order)]
            is_parted = gap > _BLANK * glyph.font.size or any(
                _is_between(last, boxes[order], glyph) for order in between
            )
            is_mark = unicodedata.combining(glyph.text[0]) > 0
            if is_parted and not is_mark and not (last.text.isspace() or glyph.text.isspace()):
                yield replace(last, text=" ", font=None)
        yield glyph
        last = glyph


def _is_between(before: Glyph, box: Rect, after: Glyph) -> bool:
    """Tell if the middle of a box lies between those of two letters, on their line."""
    axis = 0 if _axis(after)[0] else 1
    first, middle, second = ((place[axis] + place[axis + 2]) / 2 for place in (before.box, box, after.box))
    return min(first, second) < middle < max(first, second)


def _draws_nothing(glyph: Glyph) -> bool:
    """Tell if a glyph has no outline, as marks that have no place of their own, and letters that a font lacks."""
    return min(Box(*glyph.tight).width, Box(*glyph.tight).height) < _NO_OUTLINE


def _is_odd(glyph: Glyph) -> bool:
    assert glyph.font is not None
    return not glyph.painted or glyph.font.size < _SMALLEST


def _at_one_place(glyphs: Sequence[Glyph], letters: Sequence[int]) -> tuple[set[int], set[int]]:
    """Letters that are drawn again where they stand, by which fat type is imitated, and different ones at one place."""
    repeated: set[int] = set()
    colliding: set[int] = set()
    cells: dict[tuple[int, int], list[int]] = {}
    for number in letters:
        glyph = glyphs[number]
        if unicodedata.combining(glyph.text[0]):
            continue
        x, y = _middle(glyph)
        column, row = int(x // _CELL), int(y // _CELL)
        near = [other for c in (-1, 0, 1) for r in (-1, 0, 1) for other in cells.get((column + c, row + r), ())]
        for other in near:
            if not _share_place(glyph, glyphs[other]) or _are_one_sign(number, other, glyphs):
                continue
            if glyph.text == glyphs[other].text:
                repeated.add(number)
            else:
                colliding |= {number, other}
        cells.setdefault((column, row), []).append(number)
    return repeated, colliding


def _share_place(one: Glyph, other: Glyph) -> bool:
    assert one.font is not None
    assert other.font is not None
    (x, y), (other_x, other_y) = _middle(one), _middle(other)
    advance = min(end - start for start, end in (_along(one), _along(other)))
    reach = _AT_ONE_PLACE * min(advance, one.font.size, other.font.size)
    return abs(x - other_x) < reach and abs(y - other_y) < reach


def _are_one_sign(number: int, other: int, glyphs: Sequence[Glyph]) -> bool:
    """Tell if two letters are those of one ligature: PDFium gives both of them all of its box."""
    one, two = glyphs[number], glyphs[other]
    return number - other <= 3 and one.order == two.order and one.origin == two.origin  # noqa: PLR2004 - ffi


def _middle(glyph: Glyph) -> tuple[float, float]:
    x0, y0, x1, y1 = glyph.tight
    return (x0 + x1) / 2, (y0 + y1) / 2


def _covered(glyphs: Sequence[Glyph], covers: Sequence[Cover], letters: Sequence[int], ink: _Ink) -> set[int]:
    """Letters over which something is drawn later, or of whose drawing nothing is known.

    Under a rectangle nothing is seen unless it lets through: what shows the letter's colour within it is the letter.
    """
    if not letters:
        return set()
    boxes = np.array([glyphs[number].tight for number in letters])
    orders = np.array([glyphs[number].order for number in letters])
    found, seen = orders < 0, set()
    for cover in covers:
        x0, y0, x1, y1 = cover.box
        touched = (boxes[:, 0] < x1) & (boxes[:, 2] > x0) & (boxes[:, 1] < y1) & (boxes[:, 3] > y0)
        later = touched & (orders < cover.order)
        if cover.rectangle:
            held = (boxes[:, 0] >= x0) & (boxes[:, 2] <= x1) & (boxes[:, 1] >= y0) & (boxes[:, 3] <= y1)
            seen.update(np.flatnonzero(later & held).tolist())
            later &= ~held
        found |= later
    through = {at for at in seen if (colour := glyphs[letters[at]].colour) and ink.has_colour(boxes[at], colour)}
    return {letters[at] for at in {*np.flatnonzero(found).tolist(), *(seen - through)}}


def _runs(glyphs: Sequence[Glyph]) -> Iterator[list[int]]:
    """Cut PDFium's text where its lines end, its direction changes or its baseline moves."""
    run: list[int] = []
    last: Glyph | None = None
    for number, glyph in enumerate(glyphs):
        if glyph.text in "\r\n" and glyph.font is None:
            if run:
                yield run
            run, last = [], None
            continue
        if glyph.font is not None:
            if last is not None and _begins_line(last, glyph):
                yield run
                run = []
            last = glyph
        run.append(number)
    if run:
        yield run


def _begins_line(before: Glyph, after: Glyph) -> bool:
    assert before.font is not None
    assert after.font is not None
    if _axis(before) != _axis(after):
        return True
    return abs(_across(before) - _across(after)) > _STEP * max(before.font.size, after.font.size)


def _axis(glyph: Glyph) -> tuple[int, int]:
    """The way in which text runs, as the nearest of four."""
    x, y = glyph.direction
    return (int(np.sign(x)), 0) if abs(x) >= abs(y) else (0, int(np.sign(y)))


def _across(glyph: Glyph) -> float:
    """The place of a letter's baseline."""
    return glyph.origin[1] if _axis(glyph)[0] else glyph.origin[0]


def _along(glyph: Glyph) -> tuple[float, float]:
    """Beginning and end of a letter on its line, or the other way round."""
    x0, y0, x1, y1 = glyph.box
    return (x0, x1) if _axis(glyph)[0] else (y0, y1)


def _lines(run: Sequence[int], glyphs: Sequence[Glyph]) -> Iterator[list[int]]:
    """Cut a run where a wide gap is, whatever the order of its letters; that order is kept in each line."""
    written = [number for number in run if glyphs[number].font is not None]
    line_of: dict[int, int] = {}
    line, end = 0, float("inf")
    for number in sorted(written, key=lambda number: _along(glyphs[number])):
        start, stop = _along(glyphs[number])
        if start - end > _GAP * _size(glyphs[number]):
            line += 1
        end = stop if end == float("inf") else max(end, stop)
        line_of[number] = line
    kept: dict[int, list[int]] = {}
    at = 0
    for number in run:
        at = line_of.get(number, at)
        kept.setdefault(at, []).append(number)
    yield from (line for line in kept.values() if any(not glyphs[number].text.isspace() for number in line))


def _size(glyph: Glyph) -> float:
    return glyph.font.size if glyph.font else 0.0


def _runs_down(lines: Sequence[Sequence[int]], glyphs: Sequence[Glyph], letters: int) -> bool:
    """Tell if ideographs stand alone on their lines, too few of a page's letters to be told as its columns."""
    alone = sum(len(line) == 1 and ord(glyphs[line[0]].text[0]) >= _IDEOGRAPHS for line in lines)
    return _ALONE <= alone < _ALONE_SHARE * letters


def _line(line: Sequence[int], glyphs: Sequence[Glyph]) -> dict[str, Any]:
    first = next(glyphs[number] for number in line if glyphs[number].font is not None)
    spans: list[dict[str, Any]] = []
    last: Glyph | None = None
    for number in line:
        glyph = glyphs[number]
        if glyph.font is not None and (last is None or glyph.font is not last.font or _is_raised(last, glyph)):
            spans.append(_span(glyph.font))
            last = glyph
        if spans:  # no blank before the first letter
            spans[-1]["chars"].append({"c": glyph.text, "bbox": glyph.box, "origin": glyph.origin})
    return {"dir": _axis(first), "wmode": 0, "spans": spans}


def _is_raised(before: Glyph, after: Glyph) -> bool:
    return abs(_across(before) - _across(after)) > _SAME_BASELINE * _size(after)


def _span(font: Font) -> dict[str, Any]:
    name = font.name.lower()
    flags = 0
    if font.flags & _SLANTED or "italic" in name or "oblique" in name:
        flags |= ITALIC
    if font.flags & _FIXED:
        flags |= MONO
    if font.flags & _FORCED_BOLD or "bold" in name or "black" in name:
        flags |= BOLD
    return {"size": font.size, "flags": flags, "font": font.name, "chars": []}


def _words(runs: Sequence[Sequence[int]], glyphs: Sequence[Glyph]) -> Iterator[tuple[str, Box]]:
    """Words by PDFium's own blanks, in its order."""
    for run in runs:
        for is_blank, group in groupby(run, lambda number: glyphs[number].text.isspace()):
            if not is_blank:
                word = [glyphs[number] for number in group]
                yield "".join(glyph.text for glyph in word), enclosing([Box(*glyph.box) for glyph in word])
