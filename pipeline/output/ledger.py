"""The content of an output, read from its shards: they are the only source of truth.

A documents row without a document_id says that its source could not be read (`unreadable`, `changed_while_reading`, an
archive's limit ...). It is about the last state of that source: a newer row of the same source makes it stale.
"""

import json
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
from ocrmill.pipeline.records import Reason, Source, SourceRow, Status
from ocrmill.pipeline.run_report import RunReport

# What a later run may find differently. Neither says anything about bytes, so neither has a document_id.
RETRIED = frozenset({Reason.UNREADABLE, Reason.CHANGED})

_DONE_COLUMNS = ("document_id", "settings_fingerprint")
_UNREADABLE_COLUMNS = ("source", "source_version", "document_id", "reason", *MOMENT)
_SOURCE_COLUMNS = ("source", "source_version", "document_id", *MOMENT)
SOURCES_PER_LOOKUP = 512  # asked for together: 64 take twice as long, 1,024 hardly less
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
    """The row of an unreadable source, and the shards that it leaves once there is a newer one."""

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
    """A finished document some of whose pages are to be read again."""

    kept: Mapping[int, PageOutcome]  # the pages that stay as they are
    pages: int  # its number of pages; each has a row now
    shards: tuple[str, ...]  # with its rows, which stay until new ones are there


class Ledger:
    """The content of an output when it was read."""

    def __init__(self, tables: LedgerTables) -> None:
        self._fingerprints = tables.fingerprints
        self.reopened: dict[str, Reopened] = {}  # by document_id, until they are finished again
        self.last_sequence = last_sequence(tables.sources, tables.unreadable)
        self._said, self._said_unreadable = moments(tables.sources, tables.unreadable)
        self._sources = {name: tables.sources[name] for name in tables.sources.column_names if name not in MOMENT}
        self._unreadable = {
            name: tables.unreadable[name] for name in tables.unreadable.column_names if name not in MOMENT
        }
        self._unfinished = tables.unfinished
        self._asked_for = np.zeros(len(tables.sources), np.bool_)  # rows of sources
        self._by_uri = StringIndex(tables.sources["source"])
        self._done = tables.done
        self.forgotten = tables.forgotten
        self._unreadable_by_uri = StringIndex(tables.unreadable["source"])
        self._unfinished_by_id = StringIndex(tables.unfinished["document_id"])

    def knows_source(self, uri: str, version: str) -> bool:
        """Tell if nothing is left to do for a source in this version, which is what was last said of it."""
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
        """The sources with something left to do, in their order; the report counts the others."""
        while batch := list(islice(sources, SOURCES_PER_LOOKUP)):
            batch, forgotten = self._without_forgotten(batch)
            report.sources_forgotten += forgotten
            known = self._known(batch)
            number = int(np.count_nonzero(known))  # first: between reading a sum and adding to it nobody else may
            report.sources_known += number
            yield from compress(batch, ~known)

    def _without_forgotten(self, sources: list[Source]) -> tuple[list[Source], int]:
        """The sources that may be read, and the number of the others."""
        kept = [source for source in sources if not self.forgotten.has_source(source.uri, source.version)]
        return kept, len(sources) - len(kept)

    def gone(self, prefixes: Sequence[str]) -> int:
        """Count the known sources with one of these prefixes that were not asked for so far."""
        left = self._sources["source"].filter(~self._asked_for)
        below = [pc.starts_with(left, prefix).to_numpy() for prefix in prefixes]
        return len(left.filter(np.logical_or.reduce(below)).unique()) if below else 0

    def has_source(self, row: SourceRow) -> bool:
        """Tell if just this row is there already, and no newer one of its source."""
        at = self._latest(row.source.uri)
        if at is None:
            return False
        there = (_value(self._sources, "source_version", at), _value(self._sources, "document_id", at))
        return there == (row.source.version, row.document_id)

    def is_complete(self, document_id: str) -> bool:
        """Tell if a document has its row, and therefore all of its pages."""
        return document_id not in self.reopened and bool(self._done.rows(document_id))

    def reopen(self, documents: Mapping[str, Reopened]) -> None:
        """Take these documents, by document_id, for unfinished until they are closed again."""
        self.reopened = dict(documents)

    def close_again(self, document_id: str) -> tuple[str, ...]:
        """Take a document for finished; gives the shards that its older rows go from, none if it was not reopened."""
        reopened = self.reopened.pop(document_id, None)
        return reopened.shards if reopened else ()

    def keeps_pages(self, document_id: str, pages: int) -> bool:
        """Tell if this is a reopened document whose rows would be lost if it were taken for one of so many pages."""
        return document_id in self.reopened and self.reopened[document_id].pages not in (0, pages)

    def document_of_source(self, uri: str) -> str | None:
        """The document that a source held last."""
        rows = [row for row in self._by_uri.rows(uri) if self._sources["document_id"][row].is_valid]
        if not rows:
            return None
        latest = max(rows, key=lambda row: (self._said[row], row))
        return str(_value(self._sources, "document_id", latest))

    def unfinished_pages(self, document_id: str) -> Mapping[int, PageOutcome]:
        """The pages of a document without a documents row that are durable, by page number."""
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
        latest = max(rows, key=lambda row: (self._said_unreadable[row], row))
        shards = {_value(self._unreadable, "shard", row) for row in rows}
        shards |= {_value(self._sources, "shard", row) for row in self._empty_sources(uri)}
        return StaleRow(
            version=_value(self._unreadable, "source_version", latest),
            reason=Reason(_value(self._unreadable, "reason", latest)),
            shards=tuple(sorted(shards)),
        )

    def now_listed(self, uris: Container[str]) -> dict[str, set[str]]:
        """Rows of folders and archives that could not be listed but are now: shard -> sources. None of them is gone."""
        rows: dict[str, set[str]] = {}
        for uri in self._unreadable["source"].unique().to_pylist():
            stale = self.stale_unreadable(uri) if uri in uris else None
            for shard in stale.shards if stale else ():
                rows.setdefault(shard, set()).add(uri)
                self._asked_for[self._by_uri.rows(uri)] = True
        return rows

    def superseded(self) -> dict[str, set[str]]:
        """Rows without document_id that a killed run left behind a newer one: shard -> sources."""
        stale: dict[str, set[str]] = {}
        absent = pc.indices_nonzero(pc.is_null(self._sources["document_id"])).to_pylist()
        for table, said, without in (
            (self._unreadable, self._said_unreadable, range(len(self._said_unreadable))),
            (self._sources, self._said, absent),
        ):
            for row in without:
                uri = _value(table, "source", row)
                if said[row] < self._newest(uri):
                    stale.setdefault(_value(table, "shard", row), set()).add(uri)
        return stale

    def fingerprints(self) -> Mapping[str, int]:
        """Documents that are done and pages of those that are not, by the fingerprint of their settings."""
        return self._fingerprints

    def _known(self, sources: Sequence[Source]) -> npt.NDArray[np.bool_]:
        """Answer `knows_source` for many sources, in a fifth of its time. It notes that they were asked for."""
        rows = self._by_uri.only_rows(pa.array([source.uri for source in sources], pa.large_string()))
        at = np.flatnonzero(rows >= 0)
        versions = pa.array([sources[i].version for i in at], pa.large_string())
        document_ids = self._sources["document_id"].take(rows[at])
        known = np.zeros(len(sources), np.bool_)
        known[at] = equal(self._sources["source_version"].take(rows[at]), versions) & self._done.holds(document_ids)
        self._asked_for[rows[at]] = True
        for i in np.flatnonzero(~known):
            known[i] = self.knows_source(sources[i].uri, sources[i].version)
            self._asked_for[self._by_uri.rows(sources[i].uri)] = True
        return known

    def _is_retried(self, row: int) -> bool:
        return _value(self._unreadable, "reason", row) in RETRIED

    def _empty_sources(self, uri: str) -> list[int]:
        return [row for row in self._by_uri.rows(uri) if not self._sources["document_id"][row].is_valid]

    def _latest(self, uri: str) -> int | None:
        """Return the last sources row of a source, unless a later row calls the source unreadable."""
        rows = self._by_uri.rows(uri)
        latest = max(rows, key=lambda row: (self._said[row], row), default=None)
        return latest if latest is not None and self._said[latest] == self._newest(uri) else None

    def _newest(self, uri: str) -> int:
        said = [int(self._said[row]) for row in self._by_uri.rows(uri)]
        return max(said + [int(self._said_unreadable[row]) for row in self._unreadable_by_uri.rows(uri)])


def read_ledger(store: Store) -> Ledger:
    """Read what an output holds, columns and rows only as needed.

    Raises:
        OutputError: A shard cannot be read; the text names it.
    """
    # Against the order of writing: what an earlier table speaks of is then in the later ones, even while a run goes on.
    sources = _read_sources(store)
    done, unreadable = _read_documents(store)
    done_ids = StringIndex(_in_one_piece(done.select(["document_id"]))["document_id"])
    unfinished = _read_unfinished(store, done_ids)
    fingerprints = Counter(_counts(done["settings_fingerprint"])) + Counter(_counts(unfinished["settings_fingerprint"]))
    return Ledger(LedgerTables(sources, done_ids, unreadable, unfinished, fingerprints, read_forgotten(store)))


def write_run(store: Store, run_id: str, record: Mapping[str, Any]) -> None:
    """Write `runs/<run_id>.json`: the settings, versions and totals of a run."""
    store.write(f"runs/{run_id}.json", json.dumps(record, indent=1, default=str).encode())


def _read_sources(store: Store) -> pa.Table:
    """All rows, with the name of the shard of each."""
    names = shards(store, "sources")
    tables = list(_each(store, names, lambda name: read_shard(store.file(name), name, _SOURCE_COLUMNS)))
    shard_of_row = np.repeat(np.arange(len(names), dtype=np.int32), [len(table) for table in tables])
    every = _in_one_piece(_concatenate("sources", _SOURCE_COLUMNS, tables))
    return every.append_column("shard", pa.DictionaryArray.from_arrays(shard_of_row, pa.array(names, pa.string())))


def _read_documents(store: Store) -> tuple[pa.Table, pa.Table]:
    """Rows with a document_id, without the strings of their sources, which are in `sources`; and rows without one."""
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


def _in_one_piece(table: pa.Table) -> pa.Table:
    """The table with each column in one chunk, as rows are taken from it all the time; strings then need 64 bits."""
    string, long = pa.string(), pa.large_string()
    fields = [field.with_type(long) if field.type == string else field for field in table.schema]
    return table.cast(pa.schema(fields)).combine_chunks()


def _read_unfinished(store: Store, done: StringIndex) -> pa.Table:
    """The rows of pages whose document is not done. Of other shards only the document ids are read, each once."""

    def read(name: str) -> pa.Table | None:
        ids = _distinct_ids(store, name)
        unfinished = ids.filter(~done.holds(ids))
        if not len(unfinished):
            return None
        table = read_shard(store.file(name), name, _PAGE_COLUMNS)
        return table.filter(pc.is_in(table["document_id"], unfinished))

    tables = (table for table in _each(store, shards(store, "pages"), read) if table is not None)
    return _in_one_piece(_concatenate("pages", _PAGE_COLUMNS, tables))


def _distinct_ids(store: Store, name: str) -> pa.Array:
    column = read_shard(store.file(name), name, ["document_id"], words=["document_id"])["document_id"]
    return pa.concat_arrays([pa.array([], pa.string()), *(chunk.dictionary for chunk in column.chunks)])


def _counts(column: pa.ChunkedArray) -> dict[str, int]:
    """Count each value, nulls left out."""
    counts = pc.value_counts(column.cast(pa.string()).drop_null()).to_pylist()
    return {entry["values"]: entry["counts"] for entry in counts}


def _value(table: Mapping[str, pa.ChunkedArray], name: str, row: int) -> Any:
    return table[name][row].as_py()
