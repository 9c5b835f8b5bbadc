"""Letters that lean: a font without italics is sheared, and the boxes of its letters overlap by a third of a type.

A box is the upright one around the sheared frame of a letter, which begins at its origin on the baseline. Gaps between
such boxes say nothing of blanks.
"""

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from ocrmill.pipeline.text.layer.blanks import ITALIC

_LEAN = 0.02  # of the type: upright frames begin at the origin but for rounding; at 12 degrees it is 0.04
_FEWEST = 3  # letters in a row: to PDFium, single ones as the j begin before their origin in upright type
_STEEPEST = 0.6  # how far a frame leans for each unit of its height, 31 degrees; browsers shear by 0.25, Word by 0.33

_Vector = tuple[float, float]
_Rect = tuple[float, float, float, float]


def with_upright_letters(line: dict[str, Any]) -> dict[str, Any]:
    """Return one of MuPDF's lines with the frames of letters that lean upright, in spans of their own.

    The line itself if none leans, if it is vertical, or if it runs neither along nor across the page.
    """
    along = round(line["dir"][0], 4), round(line["dir"][1], 4)  # a page that is turned twice leaves 1e-8
    if 0.0 not in along or line["wmode"] or not _may_lean(line, along):
        return line
    return {**line, "spans": [part for span in line["spans"] for part in _parts(span, along)]}


def _parts(span: dict[str, Any], along: _Vector) -> Iterator[dict[str, Any]]:
    """Cut a span into letters that lean, which are italic whatever their font is called, and others."""
    size = span["size"]
    kept: list[dict[str, Any]] = []
    for leans, run in groupby(span["chars"], key=lambda character: _leans(character, size, along)):
        characters = list(run)
        if not leans or len(characters) < _FEWEST:
            kept += characters
            continue
        if kept:
            yield {**span, "chars": kept}
            kept = []
        upright = [_upright(character, along) for character in characters]
        yield {**span, "flags": span["flags"] | ITALIC, "chars": upright}
    if kept:
        yield {**span, "chars": kept}


def _may_lean(line: Mapping[str, Any], along: _Vector) -> bool:
    """Tell if one of every third letter leans: each run that is long enough has one."""
    if along == (1.0, 0.0):  # nearly all, in a third of the time
        ahead = [
            letter["origin"][0] - letter["bbox"][0] - _LEAN * span["size"]
            for span in line["spans"]
            for letter in span["chars"][::_FEWEST]
        ]
        return max(ahead, default=0.0) > 0
    return any(_leans(letter, span["size"], along) for span in line["spans"] for letter in span["chars"][::_FEWEST])


def _leans(character: Mapping[str, Any], size: float, along: _Vector) -> bool:
    return bool(_dot(character["origin"], along) - _extent(character["bbox"], along)[0] > _LEAN * size)


def _upright(character: dict[str, Any], along: _Vector) -> dict[str, Any]:
    up = (along[1], -along[0])  # the page's second axis points down
    baseline, begin = _dot(character["origin"], up), _dot(character["origin"], along)
    start, end = _extent(character["bbox"], along)
    lowest, highest = _extent(character["bbox"], up)
    below, above = baseline - lowest, highest - baseline
    lean = (begin - start) / below if below > 0 else _STEEPEST
    leans_back = (begin - start) / above * below if above > 0 else 0.0  # the head begins before the origin
    beyond = lean * above if lean < _STEEPEST else leans_back
    upright = (begin, max(begin, end - beyond))
    corners = [
        tuple(a * along[axis] + b * up[axis] for axis in (0, 1))
        for a, b in zip(upright, (lowest, highest), strict=True)
    ]
    (x0, y0), (x1, y1) = corners
    return {**character, "bbox": (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))}


def _extent(box: _Rect, axis: _Vector) -> _Vector:
    """Return where a box begins and ends along an axis of the page, in its direction."""
    ends = sorted((_dot(box[:2], axis), _dot(box[2:], axis)))
    return ends[0], ends[1]


def _dot(point: tuple[float, ...], axis: _Vector) -> float:
    return point[0] * axis[0] + point[1] * axis[1]
