"""The no-repeat-n-gram rule over the rows of a batch, in numpy; `ngram_ban.py` has the rule and its arithmetic."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]

_NEVER = np.iinfo(np.int32).max  # ids that must agree where no ban is due
_NO_ID = np.iinfo(np.int32).min


@dataclass(frozen=True, slots=True)
class NGramRule:
    """The parameters of a request."""

    ngram_size: int  # at least 2
    window_size: int  # ids; at least ngram_size
    whitelist: frozenset[int] = frozenset()  # ids that are never banned

    @property
    def num_lags(self) -> int:
        """Return how far back a repeated n-gram may end: it must also start inside the window."""
        return self.window_size - self.ngram_size + 1


class RepeatTable:
    """For each row, how many of its last ids agree with those `lag` places before, and the id that would agree next.

    Legend: r = rows, l = lags, which begin at 1.
    """

    def __init__(self, num_rows: int) -> None:
        self._recent_rl = np.full((num_rows, 0), _NO_ID, dtype=np.int32)  # the newest first
        self._agreeing_rl = np.zeros((num_rows, 0), dtype=np.int32)
        self._needed_rl = np.full((num_rows, 0), _NEVER, dtype=np.int32)

    def clear(self, row: int) -> None:
        """Forget a row; it bans nothing until it begins again."""
        self._recent_rl[row] = _NO_ID
        self._agreeing_rl[row] = 0
        self._needed_rl[row] = _NEVER

    def begin(self, row: int, rule: NGramRule) -> None:
        """Begin a row that follows this rule."""
        missing = rule.num_lags - self._needed_rl.shape[1]
        if missing > 0:
            more = ((0, 0), (0, missing))
            self._recent_rl = np.pad(self._recent_rl, more, constant_values=_NO_ID)
            self._agreeing_rl = np.pad(self._agreeing_rl, more)
            self._needed_rl = np.pad(self._needed_rl, more, constant_values=_NEVER)
        self.clear(row)
        self._needed_rl[row, : rule.num_lags] = rule.ngram_size - 1

    def swap(self, row: int, other: int) -> None:
        """Exchange two rows."""
        for table in (self._recent_rl, self._agreeing_rl, self._needed_rl):
            table[[row, other]] = table[[other, row]]

    def push(self, rows_r: Int64s, ids_r: Int32s) -> None:
        """Append an id to each of these rows: one or more, in ascending order."""
        has_gap = rows_r[-1] >= len(rows_r)
        rows = rows_r if has_gap else slice(len(rows_r))  # views instead of copies
        recent_rl, agreeing_rl = self._recent_rl[rows], self._agreeing_rl[rows]
        agreeing_rl += 1
        agreeing_rl *= recent_rl == ids_r[:, np.newaxis]
        recent_rl[:, 1:] = recent_rl[:, :-1]
        recent_rl[:, 0] = ids_r
        if has_gap:
            self._recent_rl[rows], self._agreeing_rl[rows] = recent_rl, agreeing_rl

    def repeats(self) -> tuple[Int64s, Int32s]:
        """Rows and the ids that would complete a repeated n-gram there; a pair may come twice."""
        due = np.flatnonzero(self._agreeing_rl >= self._needed_rl)  # of two dimensions, nonzero is many times slower
        return due // max(1, self._needed_rl.shape[1]), self._recent_rl.ravel()[due]
