"""Superscripts and subscripts that are glyphs of their own: on the baseline, in the type of their line.

OpenType fonts have small digits for them, which Typst and others use: the layer says 106 for a ten to the power of six.
Where digits are narrower than those of a text, MuPDF is asked for what is drawn.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pymupdf

# In sizes of the type. Libertinus, whose digits are 0.47 wide, has small ones of 0.31, raised from 0.36 to 0.69 and
# lowered from -0.11 to 0.21; small signs have their middle at 0.5.
_NARROW, _NARROW_ONE = 0.38, 0.33
_RAISED, _LOWERED = 0.2, -0.08  # where the ink begins, at least and at most
_LOW = 0.36  # where the ink of a subscript ends, at most: digits with descenders end higher
_SIGN = 0.42  # the middle of a raised sign, at least
_LOW_SIGN = 0.12
_SMALL = 0.65  # its type
_DIGITS = frozenset("0123456789")
_SIGNS = frozenset("+-\u2212\u2013()=")

_Point = tuple[float, float]
_Key = tuple[str, float, float]
_Rect = tuple[float, float, float, float]


def with_raised_glyphs(page: "pymupdf.Page", layout: Mapping[str, Any], flags: int) -> Mapping[str, Any]:
    """Return a page's `rawdict` with such glyphs in spans of their own, in small type above or below the baseline.

    `flags` are those that the layout was made with. Raises what PyMuPDF raises.
    """
    if not any(_has_narrow_digit(line) for block in layout["blocks"] for line in block["lines"]):
        return layout
    import pymupdf

    inks = {
        _key(character): character["bbox"]
        for block in page.get_text("rawdict", flags=flags | pymupdf.TEXT_ACCURATE_BBOXES)["blocks"]
        for line in block["lines"]
        for span in line["spans"]
        for character in span["chars"]
    }
    return {**layout, "blocks": [_with_parts(block, inks) for block in layout["blocks"]]}


def _with_parts(block: Mapping[str, Any], inks: Mapping[_Key, _Rect]) -> dict[str, Any]:
    lines = [
        {**line, "spans": [part for span in line["spans"] for part in _parted(span, line["dir"], inks)]}
        for line in block["lines"]
    ]
    return {**block, "lines": lines}


def _has_narrow_digit(line: Mapping[str, Any]) -> bool:
    along = abs(line["dir"][0]) > abs(line["dir"][1])
    first, last = (0, 2) if along else (1, 3)
    for span in line["spans"]:
        most = _NARROW * span["size"]
        for digit in [character for character in span["chars"] if character["c"] in _DIGITS]:
            width = digit["bbox"][last] - digit["bbox"][first]
            if 0 < width < most and (digit["c"] != "1" or width < _NARROW_ONE * span["size"]):
                return True
    return False


def _key(character: Mapping[str, Any]) -> _Key:
    x, y = character["origin"]
    return character["c"], round(x, 1), round(y, 1)


def _parted(span: dict[str, Any], direction: _Point, inks: Mapping[_Key, _Rect]) -> Iterator[dict[str, Any]]:
    """Give a span in parts, those of raised and lowered glyphs in small type, with their baseline where they begin."""
    heights = [_heights(character, direction, inks.get(_key(character)), span["size"]) for character in span["chars"]]
    rises = _rises([character["c"] for character in span["chars"]], heights)
    if not any(rises):
        yield span
        return
    up = (direction[1], -direction[0])
    for rise, group in groupby(range(len(rises)), key=lambda n: rises[n]):
        characters = [span["chars"][n] for n in group]
        if rise:
            shift = rise * span["size"]
            characters = [
                {**each, "origin": (each["origin"][0] + up[0] * shift, each["origin"][1] + up[1] * shift)}
                for each in characters
            ]
        yield {**span, "size": span["size"] * (_SMALL if rise else 1.0), "chars": characters}


def _heights(character: Mapping[str, Any], direction: _Point, ink: _Rect | None, size: float) -> _Point | None:
    """Return how far above its baseline a character's ink begins and ends; None if that is not known."""
    if ink is None or not size:
        return None
    up = (direction[1], -direction[0])
    x, y = character["origin"]
    ends = [((ink[n] - x) * up[0] + (ink[m] - y) * up[1]) / size for n, m in ((0, 1), (2, 3))]
    return min(ends), max(ends)


def _rises(texts: Sequence[str], heights: Sequence[_Point | None]) -> list[float]:
    """Return how far each character is raised, below 0 if it is lowered; signs as the character beside them."""
    rises = [
        0.0
        if ink is None or not (text.isascii() and text.isalnum())
        else _RAISED
        if ink[0] >= _RAISED
        else _LOWERED
        if ink[0] <= _LOWERED and ink[1] <= _LOW
        else 0.0
        for text, ink in zip(texts, heights, strict=True)
    ]
    for n, (text, ink) in enumerate(zip(texts, heights, strict=True)):
        if text in _SIGNS and ink is not None:
            beside = {*rises[max(0, n - 1) : n], *rises[n + 1 : n + 2]}
            middle = (ink[0] + ink[1]) / 2
            if _RAISED in beside and middle >= _SIGN:
                rises[n] = _RAISED
            elif _LOWERED in beside and middle <= _LOW_SIGN:
                rises[n] = _LOWERED
    return rises
