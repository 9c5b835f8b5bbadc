"""Tells boxes, squares and dots by the shapes of their glyphs: fonts of signs often have no letters for them.

Not covered: boxes with a tick or a cross in them, circles, arrows.
"""

import numpy as np
import numpy.typing as npt
from pymupdf import mupdf  # import pages/mupdf.py first: it keeps PyMuPDF from loading its layout model

from ocrmill.pipeline.pages.glyphs.glyph_log import shape_of

SQUARE, BOX, DOT = "\u25a0", "\u2610", "\u25cf"
_EM = 64  # pixels
_LEAST = 16  # pixels: a full stop is smaller
_SQUARE = 0.08  # by which height and width of a square may differ
_INK = 0.4  # of the darkest pixel: the drawing is blurred
_FULL = 0.9  # of a square, or of a side of a box
_EDGE, _CORNER = 6, 0.12  # pixels that the side of a box may be wide; of the width of a dot
_DOT_SHARE = (0.74, 0.83)  # share of its square that a circle fills: a quarter of pi, and the blur


def sign_of_shape(font: mupdf.FzFont, number: int) -> str | None:
    """Return the sign that a glyph draws: a square, a box or a dot; None for others."""
    shape = shape_of(font, [number], _EM)
    if shape is None:
        return None
    ink = shape > _INK * shape.max()
    rows, columns = np.nonzero(ink.any(axis=1))[0], np.nonzero(ink.any(axis=0))[0]
    drawn = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = drawn.shape
    if min(height, width) < _LEAST or abs(height - width) > max(1, _SQUARE * height):
        return None
    share = float(drawn.mean())
    if share >= _FULL:
        return SQUARE
    if _is_box(drawn):
        return BOX
    corner = max(1, round(_CORNER * width))
    tips = drawn[np.ix_((*range(corner), *range(-corner, 0)), (*range(corner), *range(-corner, 0)))]
    return DOT if _DOT_SHARE[0] <= share <= _DOT_SHARE[1] and not tips.any() else None


def _is_box(drawn: npt.NDArray[np.bool_]) -> bool:
    """Tell if a drawing is four straight sides around nothing."""
    height, width = drawn.shape
    inner = drawn[height // 4 : -height // 4, width // 4 : -width // 4]
    sides = (drawn[:_EDGE], drawn[-_EDGE:], drawn[:, :_EDGE].T, drawn[:, -_EDGE:].T)
    return not inner.any() and all(side.mean(axis=1).max() >= _FULL for side in sides)
