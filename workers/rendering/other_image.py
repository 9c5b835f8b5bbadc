"""Another image of a page for a further attempt: turned, or one half of it. Only the rasterizers make one.

Halves overlap, and are cut where no ink is, so that no line is cut through. If nothing is seen around the middle, they
meet there.
"""

from dataclasses import replace
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from ocrmill.configs.tries.rung import Rung
from ocrmill.pipeline.pages.raster_size import POINTS_PER_INCH, shrink_to_thumbnail
from ocrmill.pipeline.records import RGB, Failure, Reason, RenderedPage

Half = Literal["top", "bottom"]

OVERLAP = 0.12  # of the height: some seven lines of a page
_SEARCHED = 0.08  # of the height, in which a cut moves on to rows without ink
_INK = 48  # grey values that differ from the paper
# Ink by rows against ink by columns: of 21 real pages 19 are upright and have 1.8 or more, two on their side have 0.15.
_SIDEWAYS = 0.8
_SMALLEST = 16  # pixels of a side in which lines can be told


class Cut(NamedTuple):
    """The rows of a page at which its halves begin and end."""

    bottom_starts: int
    top_ends: int


def remake(page: RenderedPage, image: RGB, rung: Rung, half: Half | None) -> tuple[RenderedPage, RGB] | Failure:
    """Turn or cut the image of a page that is rendered again; its record has the size of what is left.

    A turn that would make the lines run down the page is of no use: it is a failure.
    """
    if half is None and not rung.turn:
        return page, image
    # Places on the page are not those of this image: what is checked with them is checked once it is put back.
    page = replace(page, layer_text=None, layer_lines=(), kept=None, kept_figures=None)
    geometry = page.geometry
    if half is not None:
        cut = cut_of(image)
        start, end = (0, cut.top_ends) if half == "top" else (cut.bottom_starts, image.shape[0])
        part = np.ascontiguousarray(image[start:end])
        size = replace(geometry, height_pt=geometry.height_pt * (end - start) / image.shape[0], height_px=end - start)
        features = page.features and replace(page.features, ink_share=float(_ink(part).mean()))
        return replace(page, geometry=size, features=features), part
    if (rung.turn in {90, 270}) != runs_sideways(image):
        return Failure(Reason.RENDER_ERROR, f"turned by {rung.turn}, its lines would run down the page")
    turned = np.ascontiguousarray(np.rot90(image, -rung.turn // 90))
    width_pt, height_pt = geometry.width_pt, geometry.height_pt
    if rung.turn in {90, 270}:
        width_pt, height_pt = height_pt, width_pt
    height, width = turned.shape[:2]
    dpi = POINTS_PER_INCH * width / max(width_pt, 1e-3)
    size = replace(geometry, width_pt=width_pt, height_pt=height_pt, width_px=width, height_px=height, dpi=dpi)
    return replace(page, geometry=size), turned


def runs_sideways(image: RGB) -> bool:
    """Tell if the lines of a page run up or down: its ink then changes more from column to column than from row to row.

    Not covered: tables with rules and pages of few words, which may be taken for either.
    """
    ink = _ink(image)
    if min(ink.shape) < _SMALLEST or not ink.any():
        return False
    return _unevenness(ink.mean(axis=1)) < _SIDEWAYS * _unevenness(ink.mean(axis=0))


def cut_of(image: RGB) -> Cut:
    """Find where the halves of a page begin and end, at rows without ink if there are some close by."""
    height = image.shape[0]
    grey = image.min(axis=2)
    rows = (np.median(grey).astype(np.int16) - grey.astype(np.int16) > _INK).any(axis=1)
    middle, reach = height // 2, round(OVERLAP * height / 2)
    if not rows[max(0, middle - reach) : middle + reach].any():
        return Cut(middle, middle)
    searched = round(_SEARCHED * height)
    start = _empty_row(rows, middle - reach, -1, searched)
    end = _empty_row(rows, middle + reach, 1, searched)
    return Cut(start, end)


def _empty_row(rows: npt.NDArray[np.bool_], at: int, step: int, searched: int) -> int:
    """Return the first row without ink from `at` on, or `at` if there is none so close."""
    for row in range(at, at + step * searched, step):
        if not 0 <= row < len(rows):
            break
        if not rows[row]:
            return row
    return at


def _ink(image: RGB) -> npt.NDArray[np.bool_]:
    thumbnail = shrink_to_thumbnail(image).astype(np.int16)
    ink: npt.NDArray[np.bool_] = np.abs(thumbnail - np.median(thumbnail)) > _INK
    return ink


def _unevenness(profile: npt.NDArray[np.float64]) -> float:
    """Mean square of the steps of a profile: large where lines and the gaps between them alternate."""
    return float(np.mean(np.diff(profile) ** 2))
