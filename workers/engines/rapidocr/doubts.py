"""Measure how much of a page was read badly, or was not found: what the mean confidence of its lines hides.

A line in another script, upside down or out of focus is found, and read with little confidence; beside many good lines
the mean stays high. A line that bends into the gutter of a book is not found, or not to its end: its letters remain
outside of the boxes of all lines. Pictures count for nothing there, as their blobs do not stand in rows.

Not covered: words that are read wrongly with confidence, and lines that are missed on a ground like a picture's.
"""

from collections.abc import Sequence

import numpy as np

from ocrmill.pipeline.pages.raster_size import POINTS_PER_INCH
from ocrmill.pipeline.records import RGB, PageGeometry
from ocrmill.pipeline.text.contents.written_lines import count_written_letters
from ocrmill.workers.engines.rapidocr.line_reader import FoundLine, sides

_SURE = 0.9  # of a line's confidence; chosen with the bounds of the flags (docs/quality.md)
_DPI = 144  # at which letters are counted
_EDGE = 5  # pixels around a line that are its own


def unsure_share(lines: Sequence[FoundLine]) -> float:
    """Return the share of the lines, by their length, whose reading is unsure, 0 to 1; 0 without lines."""
    lengths = [max(sides(line.quad)) for line in lines]
    unsure = sum(length for line, length in zip(lines, lengths, strict=True) if line.confidence < _SURE)
    return unsure / max(1.0, sum(lengths))


def unread_share(image: RGB, geometry: PageGeometry, lines: Sequence[FoundLine]) -> float:
    """Return the share of a page's letters that stand in rows outside of the boxes of these lines, 0 to 1.

    `lines` are those that were read. Takes some 30 ms for a page at 144 dpi.
    """
    import cv2

    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
    scale = _DPI * geometry.width_pt / POINTS_PER_INCH / max(1, grey.shape[1])
    if scale < 1:
        grey = np.asarray(cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    scale = min(1.0, scale)
    own = np.zeros(grey.shape, np.uint8)
    for line in lines:
        cv2.fillPoly(own, [np.round(line.quad * scale).astype(np.int32)], 1)
    wider = cv2.dilate(own, np.ones((_EDGE, _EDGE), np.uint8))
    unread = count_written_letters(grey, wider.astype(bool))
    read = sum(map(str.isalnum, "".join([line.text for line in lines])))
    return unread / max(1, unread + read)
