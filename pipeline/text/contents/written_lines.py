"""Counts letters that stand in lines on a picture, without reading them: some 5 ms for a tenth of a page.

Letters of a line are blobs of about one height, close to each other, most of them on one baseline. That of a long line
may slope or bend: its feet are compared with those beside them. Leaves, gravel and
faces break up into blobs, too, but not into rows of them.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

Grey = npt.NDArray[np.uint8]
_Blobs = npt.NDArray[np.int64]
"""(n, 4): left, top, width, height"""

_CONTRAST = 30  # grey levels from the ground around; print on a tinted ground has 60 and more
_LOWEST, _HIGHEST = 5, 60  # pixels: 2.5 to 30 pt at 144 dpi
_WIDEST = 6.0  # times its height: letters that touch
_FILLED = (0.12, 0.95)  # of its box: a frame has less; a square bullet, a bar or a pixel more
_NEAR = 2.0  # heights between letters of a line: columns of a table count as one
_SAME_HEIGHT = 2.2  # the taller letter against the lower one
_ON_LINE = 0.16  # of the height: letters whose feet differ by less stand on one baseline
_MOST_ON_LINE = 0.6  # of a line's letters; descenders and commas do not
_MOST_BESIDE = 0.7  # of those of a long line, against the middle of some on either side
_LONG, _BESIDE = 12, 4  # letters of a line that may bend, and on either side
_LEAST_LINE = 4  # letters
_LEAST_SHARE = 0.3  # of the blobs that may be letters: of print nearly all stand in lines, of textures a tenth
_MOST_BLOBS = 6_000  # a picture of more is a texture


def count_written_letters(picture: Grey, taken: npt.NDArray[np.bool_]) -> int:
    """Count the letters in lines of a grey picture (height, width), dark on light or light on dark.

    `taken` tells pixels that do not count. A picture has none if few of its letter-like blobs stand in lines.
    """
    import cv2

    if min(picture.shape) < _LOWEST or taken.all():
        return 0
    ground = np.uint8(np.median(picture[~taken]))
    picture = np.ascontiguousarray(np.where(taken, ground, picture))
    side = 2 * _HIGHEST // 2 + 1
    difference = picture.astype(np.int16) - cv2.boxFilter(picture, cv2.CV_16S, (side, side))
    found = 0
    for mask in (difference < -_CONTRAST, difference > _CONTRAST):
        count, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
        if 1 < count <= _MOST_BLOBS:
            blobs = _letters(stats[1:].astype(np.int64), taken)
            letters = sum(map(len, _lines(blobs)))
            found = max(found, letters) if letters >= _LEAST_SHARE * len(blobs) else found
    return found


def _letters(stats: npt.NDArray[np.int64], taken: npt.NDArray[np.bool_]) -> _Blobs:
    left, top, width, height, area = stats.T
    filled = area / np.maximum(width * height, 1)
    kept = (height >= _LOWEST) & (height <= _HIGHEST) & (width <= _WIDEST * height)
    kept &= ((filled >= _FILLED[0]) & (filled <= _FILLED[1])) | (width * 3 < height)
    kept &= ~taken[top + height // 2, left + width // 2]
    return stats[kept, :4]


def _lines(blobs: _Blobs) -> Iterator[_Blobs]:
    """Chain blobs from left to right, each to the nearest one that may be the next letter of its line."""
    order = np.argsort(blobs[:, 0], kind="stable")
    left, top, width, height = blobs[order].T
    right, foot = left + width, top + height
    free = np.ones(len(order), bool)
    for first in range(len(order)):
        if not free[first]:
            continue
        chain = [first]
        free[first] = False
        while (after := _next(chain[-1], left, right, top, foot, height, free)) is not None:
            chain.append(after)
            free[after] = False
        if len(chain) >= _LEAST_LINE and _is_line(foot[chain], height[chain]):
            yield blobs[order[chain]]


def _next(
    last: int,
    left: _Blobs,
    right: _Blobs,
    top: _Blobs,
    foot: _Blobs,
    height: _Blobs,
    free: npt.NDArray[np.bool_],
) -> int | None:
    start, end = np.searchsorted(left, [left[last], right[last] + _NEAR * height[last] + 1])
    near = np.arange(start, end)
    tall = height[near]
    lower, taller = np.minimum(tall, height[last]), np.maximum(tall, height[last])
    shared = np.minimum(foot[near], foot[last]) - np.maximum(top[near], top[last])
    fits = free[near] & (near != last) & (taller <= _SAME_HEIGHT * lower) & (shared >= lower / 2)
    fits &= right[near] > right[last]
    return int(near[fits][0]) if fits.any() else None


def _is_line(feet: _Blobs, heights: _Blobs) -> bool:
    """Tell if most feet stand on one line, which may slope or bend if it is long."""
    most_off = np.maximum(_ON_LINE * np.median(heights), 1.0)
    if (np.abs(feet - np.median(feet)) <= most_off).sum() >= _MOST_ON_LINE * len(feet):
        return True
    if len(feet) < _LONG:
        return False
    beside = sliding_window_view(np.pad(feet, _BESIDE, mode="edge"), 2 * _BESIDE + 1)
    return bool((np.abs(feet - np.median(beside, axis=1)) <= most_off).sum() >= _MOST_BESIDE * len(feet))
