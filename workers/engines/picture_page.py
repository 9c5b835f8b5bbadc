"""Tell a page that shows only a picture from a page of text that an engine did not read.

An engine that writes nothing has met a photograph or failed. The page counts as a picture only if two independent
tests agree: its pixels are those of a picture, with no small mark on the paper around it, and RapidOCR's detector finds
no line of text on it. In doubt the answer is no: the page stays failed, and no text is lost.

Measured on 36 photographs (those that come with scikit-image, scikit-learn, matplotlib, gradio and ultralytics): alone
17 count as pictures, on white paper 30; with a page number of 8 pt below them, or a date of 14 pt in them, none does.
Of 129 rasters of pages of real PDFs six look like a picture, and the detector finds lines on all of them.

Not covered: words higher than `_TALLEST_LINE` of the page in a photograph that fills it.
"""

from threading import Lock

import numpy as np

from ocrmill.configs.engine_settings import CpuEngineSettings
from ocrmill.pipeline.records import RGB
from ocrmill.workers.engines.rapidocr.line_reader import LineReader

_CELL = 16  # pixels; a line of 8 pt at 144 dpi is as high
_BUSY = 8.0  # grey levels, the standard deviation within a cell; flat paper, scanned too, has less
_ALL_BUSY = 0.6  # of the cells: a picture without paper around it; pages of dense text are left to the detector
_BUSY_WITHOUT_PAPER, _PAPER_SHARE = 0.25, 0.35  # of the cells, and of the pixels that have the commonest tone
_TONE = 24.0  # grey levels around the commonest one that count as paper
_SMALLEST_PICTURE = 10  # cells, in both directions: 28 mm at 144 dpi. Anything smaller on the paper may be text
_LEAST_COVER = 0.1  # of the page
_TALLEST_LINE = 0.15  # of the page's shorter side; the detector boxes whole pictures, and large parts of them, as lines
_SCALES = (2 / 3, 1.0)  # the detector finds large letters at the first, small ones at the second


class PicturePages:
    """Tests pages on which an engine read nothing. Thread-safe; the model is loaded at the first page."""

    def __init__(self, settings: CpuEngineSettings) -> None:
        self._settings = settings
        self._reader: LineReader | None = None
        self._lock = Lock()

    def shows_only_picture(self, image: RGB) -> bool:
        """Tell if a page (height, width, 3) is a picture without a line of text; takes up to 4 s on one core."""
        if not looks_like_picture(image):
            return False
        longest = _TALLEST_LINE * min(image.shape[:2])
        with self._lock:
            self._reader = self._reader or LineReader(self._settings)
            return not any(
                thickness <= longest for scale in _SCALES for thickness in self._reader.line_heights(image, scale)
            )


def looks_like_picture(image: RGB) -> bool:
    """Tell if a page (height, width, 3) is covered by a picture, or is paper with nothing but large pictures on it."""
    import cv2

    grey = image.mean(axis=2, dtype=np.float32)
    rows, columns = (side // _CELL for side in grey.shape)
    if min(rows, columns) < _SMALLEST_PICTURE:
        return False
    cells = grey[: rows * _CELL, : columns * _CELL].reshape(rows, _CELL, columns, _CELL).swapaxes(1, 2)
    busy = float((cells.std(axis=(2, 3)) >= _BUSY).mean())
    if busy >= _ALL_BUSY:
        return True
    levels = np.bincount(grey.astype(np.uint8).ravel(), minlength=256)
    differs = np.abs(cells - int(np.convolve(levels, np.ones(9), "same").argmax())) > _TONE
    if busy >= _BUSY_WITHOUT_PAPER and 1 - differs.mean() <= _PAPER_SHARE:
        return True
    marks = differs.any(axis=(2, 3)).astype(np.uint8)
    count, labels, measures, _ = cv2.connectedComponentsWithStats(marks, connectivity=8)
    for label in range(1, count):
        width, height = measures[label, cv2.CC_STAT_WIDTH], measures[label, cv2.CC_STAT_HEIGHT]
        if min(width, height) < _SMALLEST_PICTURE or differs[labels == label].mean() < 1 / 2:
            return False  # too small for a picture, or mostly paper: it may be text
    return float(marks.mean()) >= _LEAST_COVER
