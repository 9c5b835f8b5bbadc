"""Finds letters that are drawn again nearly on themselves, by which fat type is imitated."""

import numpy as np
import numpy.typing as npt

_LEAST_REACH = 0.05  # points
_FAR = 100_000.0  # points, over 100 m; 2 * _FAR * _TENTHS is below 2 ** 21
_TENTHS = 10.0  # of a point, in which places are sorted
_MOST_DRAWINGS = 3  # of one letter


def repeated_letters(
    text: str, origins: npt.NDArray[np.float64], reach: npt.NDArray[np.float64], shown: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    """Tell which letters of a text are the second and further drawings of one.

    `origins` are their places, `reach` how far a drawing may lie from the first, `shown` which letters count.
    """
    repeated = np.zeros(len(shown), bool)
    codes = np.frombuffer(text.encode("utf-32-le"), np.uint32).astype(np.int64)
    x, y = np.clip(origins, -_FAR, _FAR).T + _FAR
    for _ in range(_MOST_DRAWINGS):
        before = repeated.sum()
        for shift in (0.0, 0.5):
            left = np.flatnonzero(shown & ~repeated & (reach > _LEAST_REACH))
            rows = (y[left] / (2 * reach[left]) + shift).astype(np.int64)
            left = left[np.argsort(codes[left] << 42 | rows << 21 | (x[left] * _TENTHS).astype(np.int64))]
            one, other = left[:-1], left[1:]
            apart = np.abs(origins[one] - origins[other]).max(axis=1)
            near = (codes[one] == codes[other]) & (apart < np.minimum(reach[one], reach[other]))
            repeated[np.maximum(one, other)[near]] = True
        if repeated.sum() == before:
            break
    return repeated
