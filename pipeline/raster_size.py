"""How large a page's raster is. Arithmetic and numpy; no renderer."""

import numpy as np
import numpy.typing as npt

from pipeline.records import RGB, PageGeometry

POINTS_PER_INCH = 72
THUMBNAIL_PX = 600  # long side; 16 ms of CPU a page, and a line of 6 pt text is still 4 px high


def render_scale(geometry: PageGeometry, dpi: float, max_side_px: int) -> float:
    """Pixels per point: `dpi`, or less where the longer side would exceed `max_side_px`."""
    return min(dpi / POINTS_PER_INCH, max_side_px / max(geometry.width_pt, geometry.height_pt, 1e-3))


def thumbnail_scale(geometry: PageGeometry) -> float:
    """Pixels per point of a thumbnail, whose longer side is at most `THUMBNAIL_PX`."""
    return render_scale(geometry, POINTS_PER_INCH, THUMBNAIL_PX)


def shrink_to_thumbnail(image: RGB) -> npt.NDArray[np.uint8]:
    """Make the grey (height, width) thumbnail of a page that is rendered already.

    Of each cell the darkest channel of the darkest pixel is kept, so that no thin line falls between samples.
    """
    step = -(-max(image.shape[:2]) // THUMBNAIL_PX)
    grey: npt.NDArray[np.uint8] = image.min(axis=2)
    if step == 1:
        return grey
    rows = np.minimum.reduceat(grey, np.arange(0, grey.shape[0], step), axis=0)
    return np.minimum.reduceat(rows, np.arange(0, grey.shape[1], step), axis=1)
