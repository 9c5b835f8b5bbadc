"""The content of an output, read from its shards: they are the only source of truth.

A documents row without a document_id is a failure row: its source could not be read (`unreadable`,
`changed_while_reading`, an archive's limit ...). A newer row of the same source makes it stale.
"""

from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import compress, islice
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ocrmill.pipeline.output.catalogue import MOMENT, last_sequence, moments
from ocrmill.pipeline.output.forgotten import Forgotten, read_forgotten
from ocrmill.pipeline.output.journal import shards
from ocrmill.pipeline.output.schema import TABLES
from ocrmill.pipeline.output.shard import read_shard
from ocrmill.pipeline.output.stores.store import Store
from ocrmill.pipeline.output.string_index import StringIndex, equal
from ocrmill.pipeline.records import Reason, Source, Status
from ocrmill.pipeline.rows import SourceRow
from ocrmill.pipeline.run_report import RunReport

# Reasons that a later run may not find again. Neither depends on the bytes, so neither row has a document_id.
RETRIED = frozenset({Reason.UNREADABLE, Reason.CHANGED})

_DONE_COLUMNS = ("document_id", "settings_fingerprint")
_UNREADABLE_COLUMNS = ("source", "source_version", "document_id", "reason", *MOMENT)
_SOURCE_COLUMNS = ("source", "source_version", "document_id", *MOMENT)
SOURCES_PER_LOOKUP = 512  # in one lookup: 64 take twice as long, 1,024 hardly less
_Read = TypeVar("_Read")

_PAGE_COLUMNS = ("document_id", "page_number", "status", "flags", "repetition_flag", "settings_fingerprint")


@dataclass(frozen=True, slots=True)
class PageOutcome:
    """The outcome of a durable page."""

    status: Status
    flagged: bool  # any quality flag
    repetitive: bool


@dataclass(frozen=True, slots=True)
class StaleRow:
    """The failure row of an unreadable source, and the shards that hold it until there is a newer row."""

    version: str
    reason: Reason
    shards: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LedgerTables:
    """The columns of the shards that `read_ledger` keeps."""

    sources: pa.Table  # all rows, with `shard`
    done: StringIndex  # document_id of every documents row that has one
    unreadable: pa.Table  # documents rows without document_id, with `shard`
    unfinished: pa.Table  # rows of pages whose document is not done
    fingerprints: Mapping[str, int]
    forgotten: Forgotten = field(default_factory=Forgotten)


@dataclass(frozen=True, slots=True)
class Reopened:
    """A finished document with pages to read again."""

    kept: Mapping[int, PageOutcome]  # the pages that keep their rows
    again: Mapping[int, PageOutcome]  # the others, as they were
    shards: tuple[str, ...]  # with its rows, which stay until they are replaced


class Ledger:
    """The content of an output when it was read."""

    def __init__(self, tables: LedgerTables) -> None:
        self._fingerprints = tables.fingerprints
        self.reopened: dict[str, Reopened] = {}  # by document_id, until they are closed again
        self.last_sequence = last_sequence(tables.sources, tables.unreadable)
        self._moments, self._moments_unreadable = moments(tables.sources, tables.unreadable)
        self._sources = {name: tables.sources[name] for name in tables.sources.column_names if name not in MOMENT}
        self._unreadable = {
            name: tables.unreadable[name] for name in tables.unreadable.column_names if name not in MOMENT
        }
        self._unfinished = tables.unfinished
        self._seen = np.zeros(len(tables.sources), np.bool_)  # rows of sources
        self._by_uri = StringIndex(tables.sources["source"])
        self._done = tables.done
        self.forgotten = tables.forgotten
        self._unreadable_by_uri = StringIndex(tables.unreadable["source"])
        self._unfinished_by_id = StringIndex(tables.unfinished["document_id"])

    def knows_source(self, uri: str, version: str) -> bool:
        """Tell if nothing is left to do for a source, and its newest row has this version."""
        row = self._latest(uri)
        if row is not None and _value(self._sources, "source_version", row) == version:
            document_id = _value(self._sources, "document_id", row)
            if document_id and self.is_complete(document_id):
                return True
        rows = self._unreadable_by_uri.rows(uri)
        return any(
            _value(self._unreadable, "source_version", row) == version for row in rows if not self._is_retried(row)
        )

    def without_known(self, sources: Iterator[Source], report: RunReport) -> Iterator[Source]:
        """Yield the sources with work left, in their order; the report counts the others."""
        while batch := list(islice(sources, SOURCES_PER_LOOKUP)):
            batch, forgotten = self._without_forgotten(batch)
            report.sources_forgotten += forgotten
            known = self._known(batch)
            number = int(np.count_nonzero(known))  # first: nothing may run between reading a sum and adding to it
            report.sources_known += number
            yield from compress(batch, ~known)

    def _without_forgotten(self, sources: list[Source]) -> tuple[list[Source], int]:
        """Return the sources that may be read, and the number of the others."""
        kept = [source for source in sources if not self.forgotten.has_source(source.uri, source.version)]
        return kept, len(sources) - len(kept)

    def gone(self, prefixes: Sequence[str]) -> int:
        """Count the known sources with one of these prefixes that this run has not seen."""
        left = self._sources["source"].filter(~self._seen)
        below = [pc.starts_with(left, prefix).to_numpy() for prefix in prefixes]
        return len(left.filter(np.logical_or.reduce(below)).unique()) if below else 0

    def has_source(self, row: SourceRow) -> bool:
        """Tell if the newest row of the source is equal to this one."""
        at = self._latest(row.source.uri)
        if at is None:
            return False
        there = (_value(self._sources, "source_version", at), _value(self._sources, "document_id", at))
        return there == (row.source.version, row.document_id)

    def is_complete(self, document_id: str) -> bool:
        """Tell if a document has its row, and therefore all of its pages."""
        return document_id not in self.reopened and bool(self._done.rows(document_id))

    def reopen(self, documents: Mapping[str, Reopened]) -> None:
        """Treat these documents, by document_id, as unfinished until they are closed again."""
        self.reopened = dict(documents)

    def close_again(self, document_id: str) -> tuple[str, ...]:
        """Treat a document as finished again; return the shards with its older rows, none if it was not reopened."""
        reopened = self.reopened.pop(document_id, None)
        return reopened.shards if reopened else ()

    def keeps_pages(self, document_id: str, pages: int) -> bool:
        """Tell if a reopened document has another number of pages now: its rows would be lost, so they are kept."""
        before = self.reopened.get(document_id)
        return before is not None and len(before.kept) + len(before.again) not in (0, pages)

    def document_of_source(self, uri: str) -> str | None:
        """Return the document that a source held last."""
        rows = [row for row in self._by_uri.rows(uri) if self._sources["document_id"][row].is_valid]
        if not rows:
            return None
        latest = max(rows, key=lambda row: (self._moments[row], row))
        return str(_value(self._sources, "document_id", latest))

    def unfinished_pages(self, document_id: str) -> Mapping[int, PageOutcome]:
        """Return the durable pages of a document without a documents row, by page number."""
        if document_id in self.reopened:
            return self.reopened[document_id].kept
        at = self._unfinished_by_id.rows(document_id)
        rows = self._unfinished.take(at).to_pylist() if at else []
        return {
            row["page_number"]: PageOutcome(Status(row["status"]), bool(row["flags"]), row["repetition_flag"])
            for row in rows
        }

    def stale_unreadable(self, uri: str) -> StaleRow | None:
        """Return the stored failure row of an unreadable source, or None."""
        rows = self._unreadable_by_uri.rows(uri)
        if not rows:
            return None
        latest = max(rows, key=lambda row: (self._moments_unreadable[row], row))
        shards = {_value(self._unreadable, "shard", row) for row in rows}
        shards |= {_value(self._sources, "shard", row) for row in self._empty_sources(uri)}
        return StaleRow(
            version=_value(self._unreadable, "source_version", latest),
            reason=Reason(_value(self._unreadable, "reason", latest)),
            shards=tuple(sorted(shards)),
        )

    def now_listed(self, uris: Container[str]) -> dict[str, set[str]]:
        """Find failure rows of folders and archives that are listed now, thus not missing: shard -> sources."""
        rows: dict[str, set[str]] = {}
        for uri in self._unreadable["source"].unique().to_pylist():
            stale = self.stale_unreadable(uri) if uri in uris else None
            for shard in stale.shards if stale else ():
                rows.setdefault(shard, set()).add(uri)
                self._seen[self._by_uri.rows(uri)] = True
        return rows

    def superseded(self) -> dict[str, set[str]]:
        """Find failure rows that a killed run left although there is a newer row: shard -> sources."""
        stale: dict[str, set[str]] = {}
        no_document = pc.indices_nonzero(pc.is_null(self._sources["document_id"])).to_pylist()
        for table, said, without in (
            (self._unreadable, self._moments_unreadable, range(len(self._moments_unreadable))),
            (self._sources, self._moments, no_document),
        ):
            for row in without:
                uri = _value(table, "source", row)
                if said[row] < self._newest(uri):
                    stale.setdefault(_value(table, "shard", row), set()).add(uri)
        return stale

    def fingerprints(self) -> Mapping[str, int]:
        """Count finished documents and pages of unfinished ones, by the fingerprint of their settings."""
        return self._fingerprints

    def _known(self, sources: Sequence[Source]) -> npt.NDArray[np.bool_]:
        """Answer `knows_source` for many sources, in a fifth of its time, and mark them as seen."""
        rows = self._by_uri.only_rows(pa.array([source.uri for source in sources], pa.large_string()))
        at = np.flatnonzero(rows >= 0)
        versions = pa.array([sources[i].version for i in at], pa.large_string())
        document_ids = self._sources["document_id"].take(rows[at])
        known = np.zeros(len(sources), np.bool_)
        known[at] = equal(self._sources["source_version"].take(rows[at]), versions) & self._done.holds(document_ids)
        self._seen[rows[at]] = True
        for i in np.flatnonzero(~known):
            known[i] = self.knows_source(sources[i].uri, sources[i].version)
            self._seen[self._by_uri.rows(sources[i].uri)] = True
        return known

    def _is_retried(self, row: int) -> bool:
        return _value(self._unreadable, "reason", row) in RETRIED

    def _empty_sources(self, uri: str) -> list[int]:
        return [row for row in self._by_uri.rows(uri) if not self._sources["document_id"][row].is_valid]

    def _latest(self, uri: str) -> int | None:
        """Return the last sources row of a source, unless a later row calls the source unreadable."""
        rows = self._by_uri.rows(uri)
        latest = max(rows, key=lambda row: (self._moments[row], row), default=None)
        return latest if latest is not None and self._moments[latest] == self._newest(uri) else None

    def _newest(self, uri: str) -> int:
        said = [int(self._moments[row]) for row in self._by_uri.rows(uri)]
        return max(said + [int(self._moments_unreadable[row]) for row in self._unreadable_by_uri.rows(uri)])


def read_ledger(store: Store) -> Ledger:
    """Read the content of an output, only the columns and rows that are needed.

    Raises:
        OutputError: A shard cannot be read; the text names it.
    """
    # Against the order of writing: later tables then hold all that an earlier one refers to, even while a run writes.
    sources = _read_sources(store)
    done, unreadable = _read_documents(store)
    done_ids = StringIndex(_combine_chunks(done.select(["document_id"]))["document_id"])
    unfinished = _read_unfinished(store, done_ids)
    fingerprints = Counter(_counts(done["settings_fingerprint"])) + Counter(_counts(unfinished["settings_fingerprint"]))
    return Ledger(LedgerTables(sources, done_ids, unreadable, unfinished, fingerprints, read_forgotten(store)))


def empty_ledger() -> Ledger:
    """Return the ledger of an output that holds nothing."""
    shard = pa.field("shard", pa.string())
    sources = _combine_chunks(_concatenate("sources", _SOURCE_COLUMNS, (), shard))
    unreadable = _concatenate("documents", _UNREADABLE_COLUMNS, (), shard)
    unfinished = _combine_chunks(_concatenate("pages", _PAGE_COLUMNS, ()))
    done = StringIndex(unfinished["document_id"])
    return Ledger(LedgerTables(sources, done, unreadable, unfinished, {}))


def _read_sources(store: Store) -> pa.Table:
    """Read all rows, each with the name of its shard."""
    names = shards(store, "sources")
    tables = list(_each(store, names, lambda name: read_shard(store.file(name), name, _SOURCE_COLUMNS)))
    shard_of_row = np.repeat(np.arange(len(names), dtype=np.int32), [len(table) for table in tables])
    every = _combine_chunks(_concatenate("sources", _SOURCE_COLUMNS, tables))
    return every.append_column("shard", pa.DictionaryArray.from_arrays(shard_of_row, pa.array(names, pa.string())))


def _read_documents(store: Store) -> tuple[pa.Table, pa.Table]:
    """Read the rows with a document_id, without their sources, which `sources` has; and the rows without one."""
    shard = pa.field("shard", pa.string())

    def read(name: str) -> tuple[pa.Table, pa.Table | None]:
        done = read_shard(store.file(name), name, _DONE_COLUMNS)
        if not done["document_id"].null_count:
            return done, None
        every = read_shard(store.file(name), name, _UNREADABLE_COLUMNS)
        unreadable = every.filter(every["document_id"].is_null())
        with_name = unreadable.append_column(shard, pa.array([name] * len(unreadable), pa.string()))
        return done.filter(done["document_id"].is_valid()), with_name

    tables = list(_each(store, shards(store, "documents"), read))
    done = _concatenate("documents", _DONE_COLUMNS, (done for done, _ in tables))
    return done, _concatenate("documents", _UNREADABLE_COLUMNS, (some for _, some in tables if some is not None), shard)


def _each(store: Store, names: Sequence[str], read: Callable[[str], _Read]) -> Iterator[_Read]:
    """Read each shard, some at a time, and yield the results in order."""
    with ThreadPoolExecutor(store.reads_at_a_time) as threads:
        yield from threads.map(read, names)


def _concatenate(folder: str, columns: Sequence[str], tables: Iterable[pa.Table], *more: pa.Field) -> pa.Table:
    schema = pa.schema([*(TABLES[folder].field(name) for name in columns), *more])
    return pa.concat_tables([schema.empty_table(), *tables])


def _combine_chunks(table: pa.Table) -> pa.Table:
    """Put each column into one chunk, because rows are taken from it often; strings then need 64-bit offsets."""
    string, long = pa.string(), pa.large_string()
    fields = [field.with_type(long) if field.type == string else field for field in table.schema]
    return table.cast(pa.schema(fields)).combine_chunks()


def _read_unfinished(store: Store, done: StringIndex) -> pa.Table:
    """Read the rows of pages of unfinished documents. Of other shards only the distinct document ids are read."""

    def read(name: str) -> pa.Table | None:
        ids = _distinct_ids(store, name)
        unfinished = ids.filter(~done.holds(ids))
        if not len(unfinished):
            return None
        table = read_shard(store.file(name), name, _PAGE_COLUMNS)
        return table.filter(pc.is_in(table["document_id"], unfinished))

    tables = (table for table in _each(store, shards(store, "pages"), read) if table is not None)
    return _combine_chunks(_concatenate("pages", _PAGE_COLUMNS, tables))


def _distinct_ids(store: Store, name: str) -> pa.Array:
    column = read_shard(store.file(name), name, ["document_id"], words=["document_id"])["document_id"]
    return pa.concat_arrays([pa.array([], pa.string()), *(chunk.dictionary for chunk in column.chunks)])


def _counts(column: pa.ChunkedArray) -> dict[str, int]:
    """Count each value, without nulls."""
    counts = pc.value_counts(column.cast(pa.string()).drop_null()).to_pylist()
    return {entry["values"]: entry["counts"] for entry in counts}


def _value(table: Mapping[str, pa.ChunkedArray], name: str, row: int) -> Any:
    return table[name][row].as_py()
