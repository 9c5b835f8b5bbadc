"""The size of a page's raster. Arithmetic and numpy; no renderer."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ocrmill.pipeline.records import RGB, PageGeometry

POINTS_PER_INCH = 72
THUMBNAIL_PX = 600  # long side; 16 ms of CPU a page, and a line of 6 pt text is still 4 px high


def render_scale(geometry: PageGeometry, dpi: float, max_side_px: int) -> float:
    """Pixels per point: `dpi`, or less if the longer side would exceed `max_side_px`."""
    return min(dpi / POINTS_PER_INCH, max_side_px / max(geometry.width_pt, geometry.height_pt, 1e-3))


def thumbnail_scale(geometry: PageGeometry) -> float:
    """Pixels per point of a thumbnail, whose longer side is at most `THUMBNAIL_PX`."""
    return render_scale(geometry, POINTS_PER_INCH, THUMBNAIL_PX)


def with_raster(geometry: PageGeometry, image: RGB) -> PageGeometry:
    """A page's geometry with the size of its image, and the pixels per inch that it has."""
    height, width = image.shape[:2]
    return with_size(geometry, width, height)


def with_size(geometry: PageGeometry, width: int, height: int) -> PageGeometry:
    """A page's geometry with the size of an image of it, and the pixels per inch that it has."""
    dpi = POINTS_PER_INCH * width / max(geometry.width_pt, 1e-3)
    return replace(geometry, width_px=width, height_px=height, dpi=dpi)


def shrink_to_thumbnail(image: RGB) -> npt.NDArray[np.uint8]:
    """Make the grey (height, width) thumbnail of a page that is rendered already.

    Of each cell the pixel that differs most from paper is kept, so that no thin line falls between samples: the darkest
    one, on a dark page the lightest.
    """
    step = -(-max(image.shape[:2]) // THUMBNAIL_PX)
    is_dark = np.median(image[::step, ::step]) < 128  # noqa: PLR2004 - half of white
    extreme = np.maximum if is_dark else np.minimum
    grey: npt.NDArray[np.uint8] = extreme.reduce(image, axis=2)
    if step == 1:
        return grey
    rows = extreme.reduceat(grey, np.arange(0, grey.shape[0], step), axis=0)
    return extreme.reduceat(rows, np.arange(0, grey.shape[1], step), axis=1)
