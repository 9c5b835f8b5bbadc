"""Find rows by the value of a string column, in little memory."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

HASHED_AT_A_TIME = 1 << 16  # a million Python strings at once are 150 MB


class StringIndex:
    """Finds the rows of a string column that hold a value: sorted hashes, 12 bytes a row, each hit checked."""

    def __init__(self, column: pa.ChunkedArray) -> None:
        self._column = column
        slices = (column.slice(start, HASHED_AT_A_TIME) for start in range(0, len(column), HASHED_AT_A_TIME))
        hashes = np.concatenate([np.empty(0, np.int64), *map(_hashes, slices)])
        self._order = np.argsort(hashes, kind="stable").astype(np.int32)
        self._hashes = hashes[self._order]

    def rows(self, value: str) -> list[int]:
        """Return the rows that hold the value, ascending."""
        key = np.int64(hash(value))
        low = int(np.searchsorted(self._hashes, key, "left"))
        high = int(np.searchsorted(self._hashes, key, "right"))
        return [row for row in self._order[low:high].tolist() if self._column[row].as_py() == value]

    def only_rows(self, values: pa.Array) -> npt.NDArray[np.int64]:
        """Return the row that holds each of many values; -1 if none does, or if several may: then call `rows`."""
        keys = _hashes(values)
        low = np.searchsorted(self._hashes, keys, "left")
        once = np.searchsorted(self._hashes, keys, "right") - low == 1
        rows = np.full(len(values), -1)
        found = self._order[low[once]]
        rows[once] = np.where(equal(self._column.take(found), values.filter(once)), found, -1)
        return rows

    def holds(self, values: pa.Array) -> npt.NDArray[np.bool_]:
        """Tell for each of many values if it is in the column."""
        held = self.only_rows(values) >= 0
        for at in np.flatnonzero(~held):
            held[at] = bool(self.rows(values[int(at)].as_py()))
        return held


def _hashes(values: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.int64]:
    return np.fromiter(map(hash, values.to_pylist()), np.int64, len(values))


def equal(these: pa.ChunkedArray, those: pa.Array) -> npt.NDArray[np.bool_]:
    """Select rows in which two columns are equal; a null equals nothing."""
    equal: npt.NDArray[np.bool_] = pc.fill_null(pc.equal(these, those), fill_value=False).to_numpy()
    return equal
