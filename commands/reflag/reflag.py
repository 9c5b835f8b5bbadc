"""Judge every page of an output again by the thresholds and the version of today, from what its row holds.

Shards of pages are rewritten one by one, each in one step under its own name, and only where a row changes; readers go
on meanwhile. Then the counts of documents are corrected. A kill at any moment loses nothing: the next command that
writes corrects the counts (journal.py), rows say which version judged them, and another `reflag` does the rest.
"""

import logging
import secrets
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from functools import partial
from itertools import chain, islice
from queue import SimpleQueue
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ocrmill.commands.reflag.judged_rows import COLUMNS, JudgedRows, Thresholds, judge_rows, with_reasons
from ocrmill.commands.reflag.text_measuring import MEASURED, TEXTS, TextMeasuring
from ocrmill.configs.settings import QualitySettings
from ocrmill.pipeline.errors import OcrmillError
from ocrmill.pipeline.output.journal import Rejudgement, begin, finish, recover, shards
from ocrmill.pipeline.output.runs.records import REFLAG_RECORD, write_record
from ocrmill.pipeline.output.runs.settings_difference import JUDGED_SETTINGS, read_settings
from ocrmill.pipeline.output.shard import encode_shards, open_shard, read_row_group, read_shard
from ocrmill.pipeline.output.stores.store import LeaseOwner, Store
from ocrmill.pipeline.quality.flags import AT_END, IN_ORDER, JUDGED, OF_THE_TEXT, QUALITY_VERSION, Bools, Floats
from ocrmill.pipeline.versions import versions
from ocrmill.workers.pools.machine import usable_cores

log = logging.getLogger(__name__)


@dataclass(slots=True)
class ReflagReport:
    """The result of `reflag`: what changed, or would."""

    dry_run: bool
    remeasured: bool
    mended: tuple[str, ...] = ()  # what a killed writer left behind
    settings: Mapping[str, Any] = field(default_factory=dict)  # of the rows from now on, by their fingerprints
    thresholds: tuple[str, ...] = ()  # that differ from those of the rows, in words
    unknown_settings: tuple[str, ...] = ()  # fingerprints without a record
    pages: int = 0  # that were judged
    changed_pages: int = 0  # rows with another value in any column
    before: Counter[str] = field(default_factory=Counter)  # pages by flag
    after: Counter[str] = field(default_factory=Counter)
    older_pages: int = 0  # left as they are, because they were measured differently
    newer_pages: int = 0  # ... because a newer ocrmill judged them
    shards: int = 0  # of pages
    changed_shards: int = 0
    changed_documents: int = 0

    def add(self, rows: JudgedRows) -> None:
        """Count the rows of a shard."""
        changed = int(rows.changed.sum())
        self.shards += 1
        self.changed_shards += bool(changed)
        self.pages += rows.pages
        self.changed_pages += changed
        self.before += rows.before
        self.after += rows.after
        self.older_pages += rows.older
        self.newer_pages += rows.newer

    def to_text(self) -> str:
        """The report, for people."""
        change, rewrote = ("would change", "would rewrite") if self.dry_run else ("changed", "rewrote")
        lines = [
            *self.mended,
            f"judged {self.pages:,} pages by version {QUALITY_VERSION}; {self.changed_pages:,} rows {change}",
            *(f"threshold {each}" for each in self.thresholds),
            *self._flags(),
            *self._left(),
            f"{rewrote} {self.changed_shards:,} of {self.shards:,} shards of pages"
            + ("" if self.dry_run else f" and corrected {self.changed_documents:,} documents"),
        ]
        return "".join(f"{line}\n" for line in lines)

    def _flags(self) -> Iterator[str]:
        judged = JUDGED | OF_THE_TEXT
        flags = [flag for flag in (*IN_ORDER, *AT_END) if flag in judged and (self.before[flag] or self.after[flag])]
        if flags:
            yield f"{'flag':20}{'before':>12}{'after':>12}"
        for flag in flags:
            yield f"{flag:20}{self.before[flag]:>12,}{self.after[flag]:>12,}"

    def _left(self) -> Iterator[str]:
        if self.older_pages:
            yield (
                f"{self.older_pages:,} pages stay as they are: an earlier version measured them differently; "
                "--remeasure reads their text again"
            )
        if self.newer_pages:
            yield f"{self.newer_pages:,} pages stay as they are: a newer ocrmill judged them; use that one"
        if self.unknown_settings:
            yield (
                f"no record in runs/ has the settings {', '.join(self.unknown_settings)}: rows with them keep that "
                "`settings_fingerprint`"
            )


def reflag(
    store: Store,
    quality: QualitySettings,
    *,
    remeasure: bool = False,
    dry_run: bool = False,
    workers: int | None = None,
) -> ReflagReport:
    """Judge every page again by these thresholds; with `remeasure` measure the stored texts again first.

    `workers` are the shards at a time, by default one for each core.

    Raises:
        LeaseHeldError: A run is writing there.
        OutputError: A shard cannot be read or written; what was done until then holds.
    """
    report = ReflagReport(dry_run, remeasure)
    workers = workers or usable_cores()
    if dry_run:
        thresholds = _thresholds(store, quality, report)
        for _ in _judged_shards(store, thresholds, report, workers, dry_run=True):
            pass
        return report
    with store.lease(LeaseOwner.current("reflag")):
        report.mended = tuple(recover(store))
        thresholds = _thresholds(store, quality, report)
        _commit(store, thresholds, report, workers)
    return report


def _commit(store: Store, thresholds: Thresholds, report: ReflagReport, workers: int) -> None:
    """Make judged shards visible as they come, within one entry of the journal."""
    began = datetime.now(UTC)
    name = f"{began:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}{REFLAG_RECORD}"
    change = Rejudgement(tuple(shards(store, "documents")), dict(thresholds.fingerprints))
    judged = _judged_shards(store, thresholds, report, workers)
    first = next(judged, None)
    if first is None and not thresholds.fingerprints:
        return
    _write_record(store, name, began, report)  # first: no row has a fingerprint that is in no record
    begin(store, name, change)
    try:
        for shard, data in chain([first] if first else [], judged):
            store.write(shard, data)
            log.info("judged %s again", shard)
    except BaseException:
        with suppress(OcrmillError):  # the first error is reported, and the next writer tries it again
            finish(store, name, change)
        raise
    report.changed_documents = finish(store, name, change)
    _write_record(store, name, began, report)


def _write_record(store: Store, name: str, began: datetime, report: ReflagReport) -> None:
    """Write what was judged by which settings into `runs/`, beside the records of runs."""
    totals = {each.name: getattr(report, each.name) for each in fields(report) if each.name != "settings"}
    record = {
        "started_at": began.isoformat(),
        "finished_at": datetime.now(UTC).isoformat(),
        "quality_version": QUALITY_VERSION,
        JUDGED_SETTINGS: report.settings,
        "versions": dict(versions()),
        "reflag": totals,
    }
    write_record(store, name, record)


def _thresholds(store: Store, quality: QualitySettings, report: ReflagReport) -> Thresholds:
    """Find the fingerprint that each one in the output becomes with these thresholds."""
    found = {
        fingerprint
        for folder in ("pages", "documents")
        for name in shards(store, folder)
        for fingerprint in pc.unique(_words(store, name)).to_pylist()
        if fingerprint is not None
    }
    fingerprints, made, named = {}, {}, []
    for fingerprint in sorted(found):
        settings = read_settings(store, fingerprint)
        if settings is None:
            report.unknown_settings += (fingerprint,)
            continue
        was, now = settings.quality.model_dump(), quality.model_dump()
        named += [f"quality.{key} was {was[key]} and is {now[key]} now" for key in now if was[key] != now[key]]
        changed = settings.model_copy(update={"quality": quality})
        made[changed.fingerprint()] = changed.model_dump(mode="json", exclude={"input": {"passwords"}})
        if changed.fingerprint() != fingerprint:
            fingerprints[fingerprint] = changed.fingerprint()
    report.thresholds = tuple(dict.fromkeys(named))
    report.settings = made
    return Thresholds(quality, fingerprints)


def _words(store: Store, name: str) -> pa.ChunkedArray:
    return read_shard(store.file(name), name, ["settings_fingerprint"])["settings_fingerprint"].cast(pa.string())


def _judged_shards(
    store: Store, thresholds: Thresholds, report: ReflagReport, workers: int, *, dry_run: bool = False
) -> Iterator[tuple[str, memoryview]]:
    """Yield each shard of pages that changes, with its new content; a few are worked on at a time."""
    with _measuring(workers if report.remeasured else 0) as measuring, ThreadPoolExecutor(workers) as threads:
        waiting: deque[tuple[str, Future[tuple[JudgedRows, memoryview | None]]]] = deque()

        def take() -> Iterator[tuple[str, memoryview]]:
            name, future = waiting.popleft()
            rows, data = future.result()
            report.add(rows)
            if data is not None:
                yield name, data

        for name in shards(store, "pages"):
            waiting.append((name, threads.submit(_judge_shard, store, name, thresholds, measuring, workers, dry_run)))
            if len(waiting) > workers:
                yield from take()
        while waiting:
            yield from take()


@contextmanager
def _measuring(count: int) -> Iterator["SimpleQueue[TextMeasuring] | None"]:
    """Start so many processes that measure texts, and end them; None for 0."""
    processes = [TextMeasuring() for _ in range(count)]
    free: SimpleQueue[TextMeasuring] = SimpleQueue()
    for process in processes:
        free.put(process)
    try:
        yield free if count else None
    finally:
        for process in processes:
            process.close()


def _judge_shard(
    store: Store,
    name: str,
    thresholds: Thresholds,
    free: "SimpleQueue[TextMeasuring] | None",
    workers: int,
    dry_run: bool,
) -> tuple[JudgedRows, memoryview | None]:
    """Judge the rows of a shard; return its new content, too, if a row changes."""
    table = read_shard(store.file(name), name, COLUMNS)
    measured = None if free is None else _measure(store, name, free, workers)
    rows = judge_rows(table, thresholds, partial(_count_text, store, name), measured)
    return rows, None if dry_run or not rows.changed.any() else _rewritten(store, name, rows)


def _measure(store: Store, name: str, free: "SimpleQueue[TextMeasuring]", workers: int) -> pa.Table:
    """Measure the texts of a shard that was measured before, a row group in each process that is free."""

    def measure(table: pa.Table) -> pa.Table:
        is_measured = pc.fill_null(pc.less_equal(table["quality_version"], QUALITY_VERSION), False)
        process = free.get()
        try:
            return process.measure(table.append_column("is_measured", is_measured).select(TEXTS.names))
        finally:
            free.put(process)

    found = [MEASURED.empty_table()]
    columns = ["markdown", "blocks", "quality_version"]
    with open_shard(store.file(name), name) as parquet, ThreadPoolExecutor(workers) as threads:
        groups = iter(range(parquet.num_row_groups))
        while some := list(islice(groups, workers)):  # a few at a time, as texts may be large
            found += threads.map(measure, [read_row_group(parquet, name, group, columns) for group in some])
    return pa.concat_tables(found)


def _count_text(store: Store, name: str, rows: Bools) -> Floats:
    """Count the characters of the Markdown of some rows of a shard; no other text is decoded."""
    chars = np.zeros(len(rows))
    if not rows.any():
        return chars
    with open_shard(store.file(name), name) as parquet:
        for group, start, end in _row_groups(parquet):
            if rows[start:end].any():
                texts = read_row_group(parquet, name, group, ["markdown"])["markdown"]
                chars[start:end] = pc.fill_null(pc.utf8_length(texts), 0).to_numpy()
    return np.where(rows, chars, 0.0)


def _rewritten(store: Store, name: str, rows: JudgedRows) -> memoryview:
    """Encode a shard with the new values of its rows, a row group at a time."""
    with open_shard(store.file(name), name) as parquet:
        tables = (
            _with_new_values(read_row_group(parquet, name, group), rows, start, end)
            for group, start, end in _row_groups(parquet)
        )
        first = next(tables)
        return encode_shards(chain([first], tables), first.schema)


def _with_new_values(table: pa.Table, rows: JudgedRows, start: int, end: int) -> pa.Table:
    attempts = table["attempts"].combine_chunks()
    reasons = rows.columns["reason"].slice(start, end - start)
    new = {name: values.slice(start, end - start) for name, values in rows.columns.items()}
    for name, values in {**new, "attempts": with_reasons(attempts, rows.is_single[start:end], reasons)}.items():
        place = table.column_names.index(name)
        table = table.set_column(place, table.schema.field(name), values.cast(table.schema.field(name).type))
    return table.unify_dictionaries()


def _row_groups(parquet: pq.ParquetFile) -> Iterator[tuple[int, int, int]]:
    """Yield each row group that has rows, with its first row and the one after its last."""
    end = 0
    for group in range(parquet.num_row_groups):
        start, end = end, end + parquet.metadata.row_group(group).num_rows
        if end > start:
            yield group, start, end
