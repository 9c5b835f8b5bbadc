"""Distinguish a page that shows only a picture from a page of text that an engine did not read.

An engine that writes nothing has met a photograph or failed. The page counts as a picture only if three independent
tests agree: its pixels are those of a picture, with no small mark on the paper around it; it has no stripes at even
distances, as lines of text make them that are too blurred for a detector; and RapidOCR's detector finds no line of text
on it. In doubt the answer is no: the page stays failed, and no text is lost.

Measured on 36 photographs (those that come with scikit-image, scikit-learn, matplotlib, gradio and ultralytics): alone
17 count as pictures, on white paper 30; with a page number of 8 pt below them, or a date of 14 pt in them, none does.
Of 129 rasters of pages of real PDFs six look like a picture, and the detector finds lines on all of them. Of 27
pictures, each at two sizes, stripes are seen in a wall of bricks, a small chessboard and small rows of coins; pages of
text have them in 6 to 8 of 8 strips while a reader can make out the words, turned by up to 10 degrees, too.

Not covered: words higher than `_TALLEST_LINE` of the page in a photograph that fills it.
"""

from threading import Lock

import numpy as np
from numpy.typing import NDArray

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
_STRIPS = 8  # of a page, side by side: in one of them the lines of a page that is not straight keep their distances
_STRIPED_STRIPS = 2  # of them; a picture without even rows has one at most
_EVEN = 0.5  # of the autocorrelation at one line's distance; a strip of text has 0.7 and more
_LINE_DISTANCES = slice(8, 160)  # pixels
_SHADES = 101  # pixels: what changes more slowly is light and shade
_SCALES = (2 / 3, 1.0)  # the detector finds large letters at the first, small ones at the second


class PicturePages:
    """Tests pages on which an engine read nothing. Thread-safe; the model is loaded at the first page."""

    def __init__(self, settings: CpuEngineSettings) -> None:
        self._settings = settings
        self._reader: LineReader | None = None
        self._lock = Lock()

    def shows_only_picture(self, image: RGB) -> bool:
        """Tell if a page (height, width, 3) is a picture without a line of text; takes up to 4 s on one core."""
        if not looks_like_picture(image) or _is_striped(image):
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


def _is_striped(image: RGB) -> bool:
    """Tell if a page has rows or columns at even distances, as lines of text are, in focus or not."""
    grey = image.mean(axis=2, dtype=np.float32)
    return any(
        sum(_evenness(strip.mean(axis=1)) >= _EVEN for strip in np.array_split(across, _STRIPS, axis=1))
        >= _STRIPED_STRIPS
        for across in (grey, grey.T)
    )


def _evenness(profile: NDArray[np.float32]) -> float:
    """Return the highest autocorrelation of a strip's brightness beyond its first fall below zero."""
    if len(profile) <= _SHADES:
        return 0.0
    shades = np.convolve(np.pad(profile, _SHADES // 2, mode="edge"), np.ones(_SHADES) / _SHADES, "valid")
    waves = np.fft.rfft(profile - shades - np.mean(profile - shades), 2 * len(profile))
    likeness = np.fft.irfft(waves * np.conj(waves))[: len(profile)]
    if likeness[0] < len(profile) / 1000:  # flat
        return 0.0
    fall = int(np.argmax(likeness < 0))
    distances = likeness[max(fall, _LINE_DISTANCES.start) : _LINE_DISTANCES.stop]
    return float(distances.max() / likeness[0]) if fall and len(distances) else 0.0
