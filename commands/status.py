"""The state of an output: finished, interrupted, or being written now. It only reads, and takes no lease.

Unlike `verify` it trusts the shards, and reads only a few short columns of the pages.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from ocrmill.pipeline.degenerate_rates import COLUMNS as RATE_COLUMNS
from ocrmill.pipeline.degenerate_rates import DegenerateRates, grouped
from ocrmill.pipeline.errors import FileGoneError, OutputError
from ocrmill.pipeline.output.catalogue import COLUMNS, Catalogue
from ocrmill.pipeline.output.forgotten import records
from ocrmill.pipeline.output.forgotten import to_text as forgotten_text
from ocrmill.pipeline.output.journal import shard_sizes, shards
from ocrmill.pipeline.output.runs.records import LONGEST_WORD, RunRecord, parse_word, read_runs
from ocrmill.pipeline.output.runs.settings_difference import read_settings
from ocrmill.pipeline.output.shard import read_shard
from ocrmill.pipeline.output.stores.store import Store
from ocrmill.pipeline.printable import printable_line
from ocrmill.pipeline.quality.flags import MEASURED_ALIKE_SINCE, QUALITY_VERSION
from ocrmill.pipeline.run_progress import RunProgress
from ocrmill.pipeline.run_report import Reasons, counts_text, outcomes_text, parts_text

LAST_RUNS = 5

_WORDS = ("status", "route_reason", "renderer")
_JUDGED_BY = ("quality_version", "settings_fingerprint")
_PAGE_COLUMNS = tuple(dict.fromkeys([*_WORDS, *RATE_COLUMNS, "repetition_flag", "ingested_at", *_JUDGED_BY]))
_DOCUMENT_COLUMNS = ("document_id", "status", "reason", "ingested_at")


@dataclass(frozen=True, slots=True)
class Writer:
    """The owner of the lease, or the last one if it was killed; values that the lease lacks are null."""

    alive: bool
    host: str | None
    pid: int | None
    run_id: str | None
    since: datetime | None
    heartbeat_age_s: float | None
    progress: RunProgress | None = None  # at its last heartbeat


@dataclass(slots=True)
class OutputStatus:
    """Counts of an output. Counts by reason or renderer leave out rows without one."""

    documents: Counter[str] = field(default_factory=Counter)  # by status
    documents_by_reason: Reasons = field(default_factory=lambda: defaultdict(Counter))
    pages: Counter[str] = field(default_factory=Counter)  # by status
    pages_by_reason: Reasons = field(default_factory=lambda: defaultdict(Counter))
    routes: Counter[str] = field(default_factory=Counter)  # pages by the reason of their route
    renderers: Counter[str] = field(default_factory=Counter)
    flagged_pages: int = 0
    repetitive_pages: int = 0  # with the repetition flag, from any reader
    rates: DegenerateRates = field(default_factory=DegenerateRates)  # without superseded pages
    judged_by: Counter[tuple[int, str]] = field(default_factory=Counter)  # pages by version and settings
    thresholds: int = 1  # different ones of these settings, as far as records of runs have them
    sources: int = 0
    superseded_documents: int = 0  # no source holds them now; counted in `documents`, too
    unfinished_documents: int = 0  # with pages, but no documents row yet
    unfinished_pages: int = 0
    shards: Counter[str] = field(default_factory=Counter)  # by folder
    bytes: int = 0  # of all shards
    oldest: datetime | None = None  # ingested_at of a row
    newest: datetime | None = None
    unreadable_shards: tuple[str, ...] = ()
    runs: tuple[RunRecord, ...] = ()  # the last ones, newest first
    writer: Writer | None = None
    forgotten: str = ""  # in words

    def to_text(self) -> str:
        """Return the status in words, for people."""
        unreadable = self.unreadable_shards
        lines = [
            ("state", self._state()),
            ("this run", self._progress()),
            ("documents", outcomes_text(self.documents, self.documents_by_reason)),
            ("pages", outcomes_text(self.pages, self.pages_by_reason)),
            ("routes", parts_text(self.routes, self.pages.total(), "not routed")),
            ("renderers", parts_text(self.renderers, self.pages.total(), "not rendered")),
            ("flagged", self._flagged()),
            *self.rates.to_lines(),
            ("judged", self._judged()),
            ("unfinished", self._unfinished()),
            ("sources", f"{self.sources:,}"),
            ("forgotten", self.forgotten),
            ("superseded", self._superseded()),
            ("on disk", f"{self.bytes / 1e6:,.1f} MB in {counts_text(self.shards)} shards"),
            ("rows from", f"{_time(self.oldest)} to {_time(self.newest)}" if self.oldest and self.newest else ""),
            ("unreadable", f"{_first_names(unreadable)}; run `ocrmill verify`" if unreadable else ""),
            *(("run", _run_text(run)) for run in self.runs),
        ]
        return "".join(f"{name:11} {text}\n" for name, text in lines if text)

    def _state(self) -> str:
        if self.writer is not None and self.writer.alive:
            return f"being written by {_writer_text(self.writer)}"
        if self.writer is not None:
            return f"interrupted: {_writer_text(self.writer)} was killed; `ocrmill run` goes on"
        if self.runs and self.runs[0].in_part and not (self.runs[0].stopped or self.runs[0].error):
            return "a trial: documents are read in part; `ocrmill run` without --pages reads the rest"
        if self.unfinished_documents or (self.runs and (self.runs[0].stopped or self.runs[0].error)):
            return "interrupted; `ocrmill run` goes on"
        return "finished" if self.runs else "no run has ended here yet"

    def _progress(self) -> str:
        if self.writer is None or self.writer.progress is None:
            return ""
        if not self.writer.alive:
            return f"had read {self.writer.progress.pages_done:,} pages; those not counted here are read again"
        return self.writer.progress.to_text()

    def _judged(self) -> str:
        """Return how pages were judged, unless all were by today's version and the same thresholds."""
        versions: Counter[int] = Counter()
        for (version, _), pages in self.judged_by.items():
            versions[version] += pages
        if versions.keys() <= {QUALITY_VERSION} and self.thresholds == 1:
            return ""
        parts = ", ".join(f"{pages:,} pages by version {version}" for version, pages in sorted(versions.items()))
        limits = f", by {self.thresholds} different thresholds" if self.thresholds > 1 else ""
        if max(versions) > QUALITY_VERSION:
            return f"{parts}{limits}; use the newer ocrmill that judged some of them"
        remeasure = " --remeasure" if min(versions) < MEASURED_ALIKE_SINCE else ""
        return f"{parts}{limits}; `ocrmill reflag OUT{remeasure}` judges all by version {QUALITY_VERSION}"

    def _unfinished(self) -> str:
        return f"{self.unfinished_documents:,} documents; {self.unfinished_pages:,} of their pages are done"

    def _superseded(self) -> str:
        if not self.superseded_documents:
            return ""
        return f"{self.superseded_documents:,} documents, whose sources hold others now; `ocrmill compact` drops them"

    def _flagged(self) -> str:
        pages = max(1, self.pages.total())
        return (
            f"{self.flagged_pages:,} pages ({self.flagged_pages / pages:.2%}), "
            f"{self.repetitive_pages:,} for repetition ({self.repetitive_pages / pages:.2%})"
        )


def read_status(store: Store, now: datetime | None = None) -> OutputStatus:
    """Read the status of an output. `now`, with a time zone, is the time there, by default that of the store's clock.

    A shard that cannot be read is named and left out of the counts.
    """
    status = OutputStatus(writer=_writer(store, now), runs=tuple(read_runs(store, LAST_RUNS)))
    # In the order of writing: a document that is counted as unfinished had no row when its pages were read.
    pages = [_add_pages(status, table) for table in _shards(store, "pages", _PAGE_COLUMNS, status)]
    finished = [_add_documents(status, table) for table in _shards(store, "documents", _DOCUMENT_COLUMNS, status)]
    status.forgotten = forgotten_text(records(store))
    status.thresholds = _count_thresholds(store, {fingerprint for _, fingerprint in status.judged_by})
    sources = list(_shards(store, "sources", COLUMNS, status))
    status.sources = sum(map(len, sources))
    superseded = Catalogue(sources, _readable_documents(store, status)).superseded()
    status.superseded_documents = len(superseded)
    if pages:
        done = pa.chunked_array(finished, pa.string())
        every = pa.concat_tables(counts for counts, _ in pages)
        groups = pa.concat_tables(found for _, found in pages)
        is_current = pc.invert(pc.is_in(groups["document_id"], superseded))
        status.rates = DegenerateRates.from_groups([groups.filter(is_current)])
        unfinished = every.filter(pc.invert(pc.is_in(every["document_id"], done)))
        status.unfinished_documents = len(pc.unique(unfinished["document_id"]))
        status.unfinished_pages = pc.sum(unfinished["pages"]).as_py() or 0
    return status


def _shards(store: Store, folder: str, columns: Sequence[str], status: OutputStatus) -> Iterator[pa.Table]:
    """Yield the readable shards of a table; unreadable ones are counted, too."""
    words = [name for name in columns if name == "document_id" and folder != "sources"]
    for name, size in shard_sizes(store, folder).items():
        status.shards[folder] += 1
        status.bytes += size
        try:
            table = read_shard(store.file(name), name, columns, words=words)
        except FileGoneError:
            raise  # merged meanwhile: the merged shard has to be counted
        except OutputError:
            status.unreadable_shards += (name,)
            continue
        _add_times(status, table)
        yield table


def _readable_documents(store: Store, status: OutputStatus) -> Iterator[pa.Table]:
    names = [name for name in shards(store, "documents") if name not in status.unreadable_shards]
    return (read_shard(store.file(name), name, COLUMNS) for name in names)


def _add_pages(status: OutputStatus, table: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Count a shard; return its number of pages by document, and those that degenerate by document and group."""
    for counter, column in zip((status.pages, status.routes, status.renderers), _WORDS, strict=True):
        _count(counter, table[column])
    _count_reasons(status.pages_by_reason, table)
    status.flagged_pages += pc.sum(pc.greater(pc.list_value_length(table["flags"]), 0)).as_py() or 0
    status.repetitive_pages += pc.sum(table["repetition_flag"]).as_py() or 0
    judged = pa.table({name: _plain(table[name]) for name in _JUDGED_BY}).group_by(list(_JUDGED_BY))
    for pair in judged.aggregate([([], "count_all")]).to_pylist():
        if pair["quality_version"] is not None:
            status.judged_by[pair["quality_version"], pair["settings_fingerprint"] or ""] += pair["count_all"]
    counts: Counter[str] = Counter()
    _count(counts, table["document_id"])
    by_document = {"document_id": pa.array(counts.keys(), pa.string()), "pages": pa.array(counts.values(), pa.int64())}
    return pa.table(by_document), grouped(table)


def _add_documents(status: OutputStatus, table: pa.Table) -> pa.Array:
    """Count a shard, and return the documents that it holds."""
    _count(status.documents, table["status"])
    _count_reasons(status.documents_by_reason, table)
    return pc.unique(table["document_id"].cast(pa.string())).drop_null()


def _add_times(status: OutputStatus, table: pa.Table) -> None:
    if "ingested_at" in table.column_names and len(table):
        span = pc.min_max(table["ingested_at"]).as_py()
        status.oldest = min(filter(None, [status.oldest, span["min"]]), default=None)
        status.newest = max(filter(None, [status.newest, span["max"]]), default=None)


def _count(counter: Counter[str], column: pa.ChunkedArray) -> None:
    """Count the occurrences of each value, without nulls."""
    for entry in pc.value_counts(column).to_pylist():
        if entry["values"] is not None:
            counter[entry["values"]] += entry["counts"]


def _count_reasons(reasons: Reasons, table: pa.Table) -> None:
    """Count the occurrences of each reason with each status."""
    pairs = pa.table({name: table[name].cast(pa.string()) for name in ("status", "reason")})
    for pair in pairs.group_by(["status", "reason"]).aggregate([([], "count_all")]).to_pylist():
        if pair["reason"] is not None:
            reasons[pair["status"]][pair["reason"]] += pair["count_all"]


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column


def _count_thresholds(store: Store, fingerprints: Collection[str]) -> int:
    """Count the different thresholds of some settings; those that no record has count as none."""
    found = [read_settings(store, fingerprint) for fingerprint in fingerprints] if len(fingerprints) > 1 else []
    return max(1, len({settings.quality.model_dump_json() for settings in found if settings is not None}))


def _writer(store: Store, now: datetime | None) -> Writer | None:
    owner = store.lease_owner()
    alive = store.is_leased()
    if owner is None:
        return Writer(alive, None, None, None, None, None) if alive else None
    age = max(0.0, ((now or store.now()) - owner.heartbeat).total_seconds())
    return Writer(alive, owner.host, owner.pid, owner.run_id, owner.started, age, owner.progress)


def _first_names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:LAST_RUNS])
    return shown if len(names) <= LAST_RUNS else f"{shown} and {len(names) - LAST_RUNS} more"


def _writer_text(writer: Writer) -> str:
    if writer.run_id is None:
        return "a run that has just started"
    return (
        f"run {printable_line(writer.run_id, LONGEST_WORD)} (process {writer.pid} on {parse_word(writer.host)}, since "
        f"{_time(writer.since)}, last seen {writer.heartbeat_age_s:.0f} s ago)"
    )


def _run_text(run: RunRecord) -> str:
    took = "" if run.wall_s is None else f" in {run.wall_s:,.0f} s"
    end = ", stopped early" if run.stopped else f", ended by an error: {run.error}" if run.error else ""
    return f"{run.run_id}: documents {counts_text(run.documents)}; pages {counts_text(run.pages)}{took}{end}"


def _time(moment: datetime | None) -> str:
    return "unknown" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S} UTC"
