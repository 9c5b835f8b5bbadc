"""The no-repeat-n-gram rule over the rows of a batch, as loops that Numba compiles; `ngram_ban.py` has the rule."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from llvmlite.binding import ffi
from numba import njit

from ocrmill.model_adapter.decoding.ngram_rule import NGramRule

# vLLM looks into the `__dict__` of all that any module holds when it starts on a CPU, and llvmlite's library answers
# every name, that one too, with a function.
ffi.lib._fntab.setdefault("__dict__", {})  # noqa: SLF001

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]

_NO_ID = np.iinfo(np.int32).min
_OF_IDS = ("recent_rl", "whitelist_rw")  # columns in which it stands for none


class _Columns(NamedTuple):
    """Columns of the table. Legend: r = rows, l = lags, which begin at 1, w = whitelisted ids."""

    recent_rl: Int32s  # ids, the newest first
    agreeing_rl: Int32s  # how many of the last ids agree with those `lag` places before
    whitelist_rw: Int32s
    num_lags_r: Int64s  # 0: the row follows no rule
    needed_r: Int64s  # ids that must agree for a ban
    num_due_r: Int64s  # lags at which they do
    num_ids_r: Int64s  # that the row has had


class RepeatTable:
    """For each row, how many of its last ids agree with those `lag` places before, and the id that would agree next."""

    def __init__(self, num_rows: int) -> None:
        no_ids, zeros = np.full((num_rows, 0), _NO_ID, dtype=np.int32), np.zeros((num_rows, 0), dtype=np.int32)
        counts = [np.zeros(num_rows, dtype=np.int64) for _ in range(4)]
        self._columns = _Columns(no_ids, zeros, no_ids, *counts)

    def clear(self, row: int) -> None:
        """Forget a row; it bans nothing until it begins again."""
        for name, column in self._columns._asdict().items():
            column[row] = _NO_ID if name in _OF_IDS else 0

    def begin(self, row: int, rule: NGramRule, written: Sequence[int] = ()) -> None:
        """Begin a row that follows this rule, and has these ids."""
        self._widen("recent_rl", rule.num_lags)
        self._widen("agreeing_rl", rule.num_lags)
        self._widen("whitelist_rw", len(rule.whitelist))
        self.clear(row)
        columns = self._columns
        columns.whitelist_rw[row, : len(rule.whitelist)] = list(rule.whitelist)
        columns.num_lags_r[row] = rule.num_lags
        columns.needed_r[row] = rule.ngram_size - 1
        window = written[-rule.window_size :]
        columns.num_ids_r[row] = len(written) - len(window)
        for token in window:
            self.follow(np.array([row]), columns.num_ids_r[[row]] + 1, np.array([token], dtype=np.int32))

    def swap(self, row: int, other: int) -> None:
        """Exchange two rows."""
        for column in self._columns:
            column[[row, other]] = column[[other, row]]

    def follow(self, rows: Int64s, lengths: Int64s, newest: Int32s) -> Int64s:
        """Append the newest id to each of these rows that is one id longer than before.

        Args:
            rows: of the table; those that follow no rule are passed over.
            lengths: how many ids each of them has now.
            newest: the last id of each.

        Returns:
            The rows that cannot be followed so: their length changed otherwise, or their newest id is below 0. They
            have to begin again.
        """
        return _follow(self._columns, rows, lengths, newest)

    def bans(self, vocabulary: int) -> Int64s:
        """Return the ids that would complete a repeated n-gram, as places in (rows, vocabulary) row by row.

        A place may come twice.
        """
        return _bans(self._columns, vocabulary)

    def _widen(self, name: str, width: int) -> None:
        column = getattr(self._columns, name)
        missing = width - column.shape[1]
        if missing > 0:
            filling = _NO_ID if name in _OF_IDS else 0
            wider = np.pad(column, ((0, 0), (0, missing)), constant_values=filling)
            self._columns = self._columns._replace(**{name: wider})


@njit
def _follow(columns: _Columns, rows: Int64s, lengths: Int64s, newest: Int32s) -> Int64s:
    others = np.empty(len(rows), dtype=np.int64)
    num_others = 0
    for place in range(len(rows)):
        row, token = rows[place], newest[place]
        num_lags = columns.num_lags_r[row]
        if num_lags == 0 or lengths[place] == columns.num_ids_r[row]:
            continue
        if lengths[place] != columns.num_ids_r[row] + 1 or token < 0:
            others[num_others] = row
            num_others += 1
            continue
        recent_l, agreeing_l = columns.recent_rl[row], columns.agreeing_rl[row]
        num_due = 0
        for lag in range(num_lags):
            agreeing_l[lag] = (agreeing_l[lag] + 1) * (recent_l[lag] == token)
            num_due += agreeing_l[lag] >= columns.needed_r[row]
        for lag in range(num_lags - 1, 0, -1):
            recent_l[lag] = recent_l[lag - 1]
        recent_l[0] = token
        columns.num_due_r[row] = num_due
        columns.num_ids_r[row] += 1
    return others[:num_others]


@njit
def _bans(columns: _Columns, vocabulary: int) -> Int64s:
    places = np.empty(columns.num_due_r.sum(), dtype=np.int64)
    num_places = 0
    for row in range(len(columns.num_due_r)):
        if columns.num_due_r[row] == 0:
            continue
        for lag in range(columns.num_lags_r[row]):
            token = columns.recent_rl[row, lag]
            if columns.agreeing_rl[row, lag] >= columns.needed_r[row] and token not in columns.whitelist_rw[row]:
                places[num_places] = row * vocabulary + token
                num_places += 1
    return places[:num_places]
