"""Judge rows of pages again: their flags, and what follows from these.

What the run saw of the first attempt at a page stays, where that is not the text that stands: its reason, and the flag
`looped_before`. If there was only one attempt, its text stands, and its reason follows from the judgement. Of several,
the page is `repaired` if the text that stands is good now.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ocrmill.configs.settings import QualitySettings
from ocrmill.pipeline.measures import AgreementMeasures, RepetitionMeasures
from ocrmill.pipeline.quality.agreement.doubts import LEAST_WORDS, agreement_doubts
from ocrmill.pipeline.quality.agreement.doubts import MEASURES as AGREEMENT
from ocrmill.pipeline.quality.flags import (
    AT_END,
    CUT_OFF,
    EMPTY_MARKUP,
    IN_ORDER,
    LOOP_STOPPED,
    LOOPED_BEFORE,
    MEASURED_ALIKE_SINCE,
    MEASURES,
    OF_THE_TEXT,
    QUALITY_VERSION,
    REPETITION,
    SIGNALS,
    STOPPED,
    TRUNCATED,
    Bools,
    Floats,
    as_stored,
    doubts,
    repetition_reasons,
)
from ocrmill.pipeline.quality.signals.doubts import NUMBERS, WORDS, signal_doubts
from ocrmill.pipeline.quality.signals.languages import NONE
from ocrmill.pipeline.records import Reason, Status

_OF_FEATURES = ("invisible_share", "uncovered_ink_share")  # fields of `features` that the agreement is judged with
# The columns that the judgement needs; of `attempts` only their number.
COLUMNS = (
    *("status", "reason", "engine", "finish_reason", "flags", "repetition_flag", "quality_version"),
    *("settings_fingerprint", "attempts.list.element.reason", *SIGNALS),
    *(each.name for record in (RepetitionMeasures, AgreementMeasures) for each in fields(record)),
    *(*NUMBERS, *WORDS, *(f"features.{name}" for name in _OF_FEATURES)),
)
Ints = npt.NDArray[np.int64]
CountText = Callable[[Bools], Floats]
"""A function that counts the characters of the Markdown of selected rows, and gives 0 for all others."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The limits of a judgement."""

    settings: QualitySettings
    fingerprints: Mapping[str, str]  # of settings: with these limits, by those with others


@dataclass(frozen=True, slots=True)
class JudgedRows:
    """The new values of some rows."""

    columns: Mapping[str, pa.Array]
    is_single: Bools  # rows of one attempt, whose reason is that of the row
    changed: Bools
    pages: int  # that were judged
    before: Counter[str]  # rows by flag
    after: Counter[str]
    older: int  # rows left as they are, because they were measured differently
    newer: int  # ... because a newer ocrmill judged them


def judge_rows(
    table: pa.Table, thresholds: Thresholds, count_text: CountText, measured: pa.Table | None = None
) -> JudgedRows:
    """Judge rows, read with COLUMNS; `measured` has their new measures and flags OF_THE_TEXT, if there are any."""
    columns = {name: table[name].combine_chunks() for name in table.column_names}
    version = _floats(columns["quality_version"])
    is_newer = version > QUALITY_VERSION
    is_older = (version < MEASURED_ALIKE_SINCE) & (measured is None)
    judged = ~np.isnan(version) & ~is_newer & ~is_older
    flags = _Flags(columns["flags"])
    values = (
        columns if measured is None else {**columns, **{name: measured[name].combine_chunks() for name in MEASURES}}
    )
    raised = _raised(values, thresholds.settings, judged, count_text)
    if measured is not None:
        raised |= {flag: _bools(measured[flag].combine_chunks()) for flag in OF_THE_TEXT}
    raised |= _doubts(columns, flags)
    raised[REPETITION] |= flags.has(LOOPED_BEFORE)
    defect = _defects({EMPTY_MARKUP: flags.has(EMPTY_MARKUP), **raised})
    is_single, new = _outcomes(columns, judged, defect)
    new |= {
        "flags": flags.replaced(raised, judged),
        "repetition_flag": _if_else(judged, pa.array(raised[REPETITION]), columns["repetition_flag"]),
        "quality_version": _if_else(judged, QUALITY_VERSION, columns["quality_version"]),
        "settings_fingerprint": _mapped(columns, thresholds.fingerprints, ~is_newer & ~is_older),
    }
    if measured is not None:
        new |= {
            each.name: _if_else(judged, measured[each.name].combine_chunks(), columns[each.name])
            for each in fields(RepetitionMeasures)
        }
    changed = flags.differ(raised, judged)
    for name in new.keys() - {"flags"}:
        changed = changed | _differ(columns[name], new[name])
    return JudgedRows(
        new,
        is_single,
        changed,
        int(judged.sum()),
        flags.count(),
        _Flags(new["flags"]).count(),
        *map(int, (is_older.sum(), is_newer.sum())),
    )


def with_reasons(attempts: pa.ListArray, is_single: Bools, reasons: pa.Array) -> pa.ListArray:
    """Return the attempts with the reason of their row, where it has one attempt."""
    parents = pc.list_parent_indices(attempts)
    flat = pc.list_flatten(attempts)
    follows = pa.array(is_single).take(parents)
    reason = pc.if_else(follows, reasons.cast(pa.string()).take(parents), pc.struct_field(flat, "reason"))
    fields = [reason if field.name == "reason" else pc.struct_field(flat, field.name) for field in flat.type]
    values = pa.StructArray.from_arrays(fields, fields=list(flat.type))
    lengths = pc.fill_null(pc.list_value_length(attempts), 0).to_numpy(zero_copy_only=False)
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())
    return pa.ListArray.from_arrays(offsets, values, type=attempts.type)


def _raised(
    columns: Mapping[str, pa.Array], settings: QualitySettings, judged: Bools, count_text: CountText
) -> dict[str, Bools]:
    """Judge the columns; return the flags of JUDGED but those AT_END."""
    values = {name: _floats(columns[name]) for name in (*MEASURES, *SIGNALS)}
    finish = columns["finish_reason"].cast(pa.string())
    is_truncated, is_stopped = (_bools(pc.equal(finish, word)) for word in (CUT_OFF, STOPPED))
    text_chars = count_text(judged & (values["compression_ratio"] >= as_stored(settings.compression_ratio)))
    reasons = repetition_reasons(values, text_chars, is_truncated, settings) | {LOOP_STOPPED: is_stopped}
    repeats: Bools = np.logical_or.reduce(list(reasons.values()))
    return {REPETITION: repeats, **reasons, TRUNCATED: is_truncated, **doubts(values)}


def _doubts(columns: Mapping[str, pa.Array], flags: "_Flags") -> dict[str, Bools]:
    """Judge the columns of agreement and signals; return the flags AT_END, as they were where a row has no measure."""
    features = columns["features"]
    seen = {name: pc.struct_field(features, name) for name in _OF_FEATURES}
    agreement = {name: _floats(seen[name] if name in seen else columns[name]) for name in AGREEMENT}
    numbers = {name: _floats(columns[name]) for name in NUMBERS}
    words = {name: columns[name].cast(pa.string()).fill_null(NONE).to_numpy(zero_copy_only=False) for name in WORDS}
    is_checked = agreement["agreement_words"] >= LEAST_WORDS
    compared = ~np.isnan(agreement["agreement_words"])
    judged = {flag: (compared, rows) for flag, rows in agreement_doubts(agreement).items()}
    measured = ~np.isnan(numbers["garbage_share"])
    judged |= {flag: (measured, rows) for flag, rows in signal_doubts(numbers, words, is_checked).items()}
    return {flag: np.where(has_measure, rows, flags.has(flag)) for flag, (has_measure, rows) in judged.items()}


def _defects(raised: Mapping[str, Bools]) -> pa.Array:
    """Return the defect of each text, as `attempts.find_defect` has it."""
    conditions = [pa.array(raised[flag]) for flag in (REPETITION, TRUNCATED, EMPTY_MARKUP)]
    words = [Reason.REPETITION.value, Reason.TRUNCATED.value, Reason.EMPTY_OUTPUT.value]
    return pc.case_when(pc.make_struct(*conditions), *words)


def _outcomes(columns: Mapping[str, pa.Array], judged: Bools, defect: pa.Array) -> tuple[Bools, dict[str, pa.Array]]:
    """Return the rows of an engine's only attempt, and the reason and status of all."""
    status, reason = columns["status"].cast(pa.string()), columns["reason"].cast(pa.string())
    is_ok, is_repaired = (_bools(pc.equal(status, each.value)) for each in (Status.OK, Status.REPAIRED))
    of_engine = judged & (is_ok | is_repaired) & _bools(pc.is_valid(columns["engine"]))
    attempts = _floats(pc.list_value_length(columns["attempts"]))
    is_single = of_engine & is_ok & ~(attempts > 1)
    first = pc.if_else(pa.array(is_single), defect, pc.coalesce(reason, defect))
    is_good = pc.and_(pc.is_null(defect), pc.is_valid(first))
    outcome = pc.if_else(is_good, Status.REPAIRED.value, Status.OK.value)
    return is_single, {"reason": _if_else(of_engine, first, reason), "status": _if_else(of_engine, outcome, status)}


def _mapped(columns: Mapping[str, pa.Array], fingerprints: Mapping[str, str], follows: Bools) -> pa.Array:
    was = columns["settings_fingerprint"].cast(pa.string())
    new = pa.array(fingerprints.values(), pa.string()).take(pc.index_in(was, pa.array(fingerprints, pa.string())))
    return _if_else(follows, pc.coalesce(new, was), was)


class _Flags:
    """The lists of flags of some rows, flat."""

    def __init__(self, lists: pa.ListArray) -> None:
        self._size = len(lists)
        flat = pc.list_flatten(lists).dictionary_encode()
        self._words: list[str] = flat.dictionary.to_pylist()
        self._codes: Ints = flat.indices.to_numpy().astype(np.int64)
        self._rows: Ints = pc.list_parent_indices(lists).to_numpy().astype(np.int64)

    def count(self) -> Counter[str]:
        """Count the rows with each flag."""
        return Counter(
            dict(zip(self._words, np.bincount(self._codes, minlength=len(self._words)).tolist(), strict=True))
        )

    def has(self, flag: str) -> Bools:
        """Select the rows with a flag."""
        found = np.zeros(self._size, np.bool_)
        if flag in self._words:
            found[self._rows[self._codes == self._words.index(flag)]] = True
        return found

    def differ(self, raised: Mapping[str, Bools], judged: Bools) -> Bools:
        """Select the judged rows that have others of these flags."""
        found: Bools = np.logical_or.reduce([self.has(flag) != rows for flag, rows in raised.items()])
        return found & judged

    def replaced(self, raised: Mapping[str, Bools], judged: Bools) -> pa.ListArray:
        """Return the lists, with these flags in judged rows instead of those that were there; others stay."""
        words = list(dict.fromkeys([*IN_ORDER, *AT_END, *self._words]))
        codes = np.array([words.index(word) for word in self._words], np.int64)[self._codes]
        is_judged = judged[self._rows]
        stays = ~(np.isin(codes, [words.index(flag) for flag in raised]) & is_judged)
        new = {words.index(flag): np.flatnonzero(rows & judged) for flag, rows in raised.items()}
        rows = np.concatenate([self._rows[stays], *new.values()])
        all_codes = np.concatenate([codes[stays], *(np.full(len(at), code) for code, at in new.items())])
        # A reader's own flags come between, in its order; a row that is not judged keeps its order.
        order_of = [*range(len(IN_ORDER)), *range(len(IN_ORDER) + 1, len(IN_ORDER) + 1 + len(AT_END))]
        own = np.full(len(words) - len(order_of), len(IN_ORDER), np.int64)
        ranks = np.concatenate([np.array(order_of, np.int64), own])[all_codes]
        ranks[: int(stays.sum())][~is_judged[stays]] = 0
        order = np.lexsort((np.arange(len(rows)), ranks, rows))
        offsets = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=self._size))])
        values = pa.array(words, pa.string()).take(pa.array(all_codes[order]))
        return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values)


def _floats(column: pa.Array) -> Floats:
    """Return a column of numbers with NaN for null."""
    floats: Floats = column.cast(pa.float64()).fill_null(np.nan).to_numpy()
    return floats


def _bools(column: pa.Array) -> Bools:
    """Return a column of booleans, false for null."""
    bools: Bools = column.fill_null(False).to_numpy(zero_copy_only=False)
    return bools


def _if_else(rows: Bools, values: Any, others: pa.Array) -> pa.Array:
    """Return `values` in these rows, and else what was there."""
    if isinstance(values, pa.Array):
        values = values.cast(others.type)
    return pc.if_else(pa.array(rows), values, others)


def _differ(one: pa.Array, other: pa.Array) -> Bools:
    """Select the rows in which two columns differ; null equals only null."""
    one = one.cast(other.type)
    is_equal = _bools(pc.equal(one, other)) | _bools(pc.and_(pc.is_null(one), pc.is_null(other)))
    return ~is_equal
