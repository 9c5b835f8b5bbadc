"""Finds letters that are drawn again nearly on themselves, by which fat type is imitated."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

NEAR = 0.25  # of the type size, between two drawings of one letter
NEAR_WIDTH = 0.5  # of the letter's width: `ll` are two
_LEAST_REACH = 0.05  # points
_FAR = 100_000.0  # points, over 100 m; 2 * _FAR * _TENTHS is below 2 ** 21
_TENTHS = 10.0  # of a point, in which places are sorted
_MOST_DRAWINGS = 3  # of one letter


def repeated_letters(text: str, origins: Floats, sizes: Floats, widths: Floats, shown: Mask) -> Mask:
    """Tell which letters of a text are the second and further drawings of one.

    `origins`, a row of x and y for each letter, are their places, `sizes` those of their type, and `widths` say how far
    they reach along their lines, all in points; `shown` tells which letters count.
    """
    repeated = np.zeros(len(shown), bool)
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.int64)
    reach = np.minimum(NEAR * sizes, NEAR_WIDTH * widths)
    x, y = np.clip(origins, -_FAR, _FAR).T + _FAR
    counted = shown & (reach > _LEAST_REACH)
    for _ in range(_MOST_DRAWINGS):
        before = repeated.sum()
        for shift in (0.0, 0.5):
            left = np.flatnonzero(counted & ~repeated)
            rows = (y[left] / (2 * reach[left]) + shift).astype(np.int64)
            left = left[np.argsort(codes[left] << 42 | rows << 21 | (x[left] * _TENTHS).astype(np.int64))]
            one, other = left[:-1], left[1:]
            least = np.minimum(reach[one], reach[other])
            near = codes[one] == codes[other]
            for axis in origins.T:
                near &= np.abs(axis[one] - axis[other]) < least
            repeated[np.maximum(one, other)[near]] = True
        if repeated.sum() == before:
            break
    return repeated
