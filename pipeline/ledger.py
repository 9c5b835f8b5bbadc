"""What an output already holds, read from its shards: they are the only source of truth.

A documents row without a document_id says that its source could not be had (`unreadable`, `changed_while_reading`, an
archive's limit ...). It is about the last state of that source: a newer row of the same source makes it stale.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.records import Reason, SourceRow, Status
from pipeline.schema import TABLES, WORD, read_shard
from pipeline.store import LocalStore

# What a later run may find otherwise. Neither says anything about bytes, so neither has a document_id.
RETRIED = frozenset({Reason.UNREADABLE, Reason.CHANGED})

PAGE_COUNTS = {status: f"pages_{status}" for status in Status}  # the column of documents that counts each

_DONE_COLUMNS = (
    *("document_id", "reason", "status", "settings_fingerprint"),
    *("pages_flagged", *PAGE_COUNTS.values()),
)
_DOCUMENT_COLUMNS = (*_DONE_COLUMNS, "source", "source_version", "ingested_at")
_SOURCE_COLUMNS = ("source", "source_version", "document_id", "ingested_at")
_PAGE_COLUMNS = ("document_id", "page_number", "status", "flags", "repetition_flag", "settings_fingerprint")


@dataclass(frozen=True, slots=True)
class PageOutcome:
    """What became of a page that is durable."""

    status: Status
    flagged: bool  # any quality flag
    repetitive: bool


@dataclass(frozen=True, slots=True)
class StaleRow:
    """The row of a source that could not be had, and the shards from which it goes once there is a newer one."""

    version: str
    reason: Reason
    shards: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Totals:
    """What an output holds. Pages and flags are those of documents that are done; the unfinished ones count apart."""

    documents: int
    failed_documents: int
    documents_by_reason: Mapping[str, int]
    pages_by_status: Mapping[str, int]
    flagged_pages: int
    unfinished_documents: int
    unfinished_pages: int
    sources: int


class StringIndex:
    """Finds the rows of a string column that hold a value: sorted hashes, 12 bytes a row, each hit checked."""

    def __init__(self, column: pa.ChunkedArray) -> None:
        self._column = column
        # Chunk by chunk: a million Python strings at once are 150 MB.
        parts = [np.fromiter(map(hash, chunk.to_pylist()), np.int64, len(chunk)) for chunk in column.chunks]
        hashes = np.concatenate([np.empty(0, np.int64), *parts])
        self._order = np.argsort(hashes, kind="stable").astype(np.int32)
        self._hashes = hashes[self._order]

    def rows(self, value: str) -> list[int]:
        """The rows that hold the value, ascending."""
        key = np.int64(hash(value))
        low = int(np.searchsorted(self._hashes, key, "left"))
        high = int(np.searchsorted(self._hashes, key, "right"))
        return [row for row in self._order[low:high].tolist() if self._column[row].as_py() == value]


@dataclass(frozen=True, slots=True)
class LedgerTables:
    """What `read_ledger` keeps of the shards."""

    sources: pa.Table  # all rows, with `shard`
    done: pa.ChunkedArray  # document_id of every documents row that has one
    absent: pa.Table  # documents rows without document_id, with `shard`
    unfinished: pa.Table  # rows of pages whose document is not done
    fingerprints: Mapping[str, int]
    totals: Totals


class Ledger:
    """What an output held when it was read."""

    def __init__(self, tables: LedgerTables) -> None:
        self.totals = tables.totals
        self._fingerprints = tables.fingerprints
        self._sources = {name: tables.sources[name] for name in tables.sources.column_names}
        self._absent = {name: tables.absent[name] for name in tables.absent.column_names}
        self._unfinished = tables.unfinished
        self._by_uri = StringIndex(tables.sources["source"])
        self._done = StringIndex(tables.done)
        self._absent_by_uri = StringIndex(tables.absent["source"])
        self._unfinished_by_id = StringIndex(tables.unfinished["document_id"])

    def knows_source(self, uri: str, version: str) -> bool:
        """Whether nothing is left to do for a source in this version."""
        for row in self._by_uri.rows(uri):
            document_id = self._sources["document_id"][row].as_py()
            if (
                document_id
                and self._sources["source_version"][row].as_py() == version
                and self.is_complete(document_id)
            ):
                return True
        rows = self._absent_by_uri.rows(uri)
        return any(_value(self._absent, "source_version", row) == version for row in rows if not self._is_retried(row))

    def has_source(self, row: SourceRow) -> bool:
        """Whether just this row is there already."""
        wanted = (row.source.version, row.document_id)
        rows = self._by_uri.rows(row.source.uri)
        return any(
            (_value(self._sources, "source_version", at), _value(self._sources, "document_id", at)) == wanted
            for at in rows
        )

    def is_complete(self, document_id: str) -> bool:
        """Whether a document has its row, and therefore all of its pages."""
        return bool(self._done.rows(document_id))

    def document_of_source(self, uri: str) -> str | None:
        """The document that a source held last."""
        rows = [row for row in self._by_uri.rows(uri) if self._sources["document_id"][row].is_valid]
        if not rows:
            return None
        latest = max(rows, key=lambda row: _value(self._sources, "ingested_at", row))
        return str(_value(self._sources, "document_id", latest))

    def unfinished_pages(self, document_id: str) -> Mapping[int, PageOutcome]:
        """The pages of a document without a documents row that are durable, by page number."""
        at = self._unfinished_by_id.rows(document_id)
        rows = self._unfinished.take(at).to_pylist() if at else []
        return {
            row["page_number"]: PageOutcome(Status(row["status"]), bool(row["flags"]), row["repetition_flag"])
            for row in rows
        }

    def stale_unreadable(self, uri: str) -> StaleRow | None:
        """What is said of a source that could not be had, if that is so."""
        rows = self._absent_by_uri.rows(uri)
        if not rows:
            return None
        latest = max(rows, key=lambda row: _value(self._absent, "ingested_at", row))
        shards = {_value(self._absent, "shard", row) for row in rows}
        shards |= {_value(self._sources, "shard", row) for row in self._empty_sources(uri)}
        return StaleRow(
            version=_value(self._absent, "source_version", latest),
            reason=Reason(_value(self._absent, "reason", latest)),
            shards=tuple(sorted(shards)),
        )

    def superseded(self) -> dict[str, set[str]]:
        """Rows without document_id that a killed run left behind a newer one: shard -> sources."""
        stale: dict[str, set[str]] = {}
        for table in (self._absent, self._sources):
            without = range(len(table["source"]))
            if table is self._sources:
                without = pc.indices_nonzero(pc.is_null(table["document_id"])).to_pylist()
            for row in without:
                uri = _value(table, "source", row)
                if _value(table, "ingested_at", row) < self._newest(uri):
                    stale.setdefault(_value(table, "shard", row), set()).add(uri)
        return stale

    def fingerprints(self) -> Mapping[str, int]:
        """Documents that are done and pages of those that are not, by the fingerprint of their settings."""
        return self._fingerprints

    def _is_retried(self, row: int) -> bool:
        return _value(self._absent, "reason", row) in RETRIED

    def _empty_sources(self, uri: str) -> list[int]:
        return [row for row in self._by_uri.rows(uri) if not self._sources["document_id"][row].is_valid]

    def _newest(self, uri: str) -> Any:
        times = [_value(self._sources, "ingested_at", row) for row in self._by_uri.rows(uri)]
        return max(times + [_value(self._absent, "ingested_at", row) for row in self._absent_by_uri.rows(uri)])


def read_ledger(store: LocalStore) -> Ledger:
    """Read what an output holds, columns and rows only as needed.

    Raises:
        OutputError: A shard cannot be read; the text names it.
    """
    # Against the order of writing: what an earlier table speaks of is then in the later ones, even while a run goes on.
    sources = _concatenate("sources", _SOURCE_COLUMNS, _read_all(store, "sources", _SOURCE_COLUMNS))
    parts = [_split(table) for table in _read_all(store, "documents", _DOCUMENT_COLUMNS)]
    done = _concatenate("documents", _DONE_COLUMNS, (done for done, _ in parts))
    absent = _concatenate("documents", _DOCUMENT_COLUMNS, (absent for _, absent in parts))
    unfinished = _read_unfinished(store, done["document_id"])
    fingerprints = Counter(_counts(done["settings_fingerprint"])) + Counter(_counts(unfinished["settings_fingerprint"]))
    totals = _totals(done, absent, unfinished, len(sources))
    return Ledger(LedgerTables(sources, done["document_id"], absent, unfinished, fingerprints, totals))


def write_run(store: LocalStore, run_id: str, record: Mapping[str, Any]) -> None:
    """Write `runs/<run_id>.json`: the settings, versions and totals of a run."""
    store.write(f"runs/{run_id}.json", json.dumps(record, indent=1, default=str).encode())


def _read_all(store: LocalStore, folder: str, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Some columns of each shard of a table, and `shard`, its name."""
    for name in store.list(folder):
        table = read_shard(store.path(name), name, columns)
        yield table.append_column("shard", pa.array([name] * len(table), WORD))


def _split(documents: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Rows with a document_id, without the strings of their sources, which are in `sources`; and rows without one."""
    has_id = pc.is_valid(documents["document_id"])
    return documents.select([*_DONE_COLUMNS, "shard"]).filter(has_id), documents.filter(pc.invert(has_id))


def _concatenate(folder: str, columns: Sequence[str], tables: Iterable[pa.Table]) -> pa.Table:
    schema = pa.schema([*(TABLES[folder].field(name) for name in columns), pa.field("shard", WORD)])
    return pa.concat_tables([schema.empty_table(), *tables])


def _read_unfinished(store: LocalStore, done: pa.ChunkedArray) -> pa.Table:
    """The rows of pages whose document is not done. Of other shards only the distinct document ids are read."""
    ids = {name: _distinct_ids(store, name) for name in store.list("pages")}
    every = pa.chunked_array(list(ids.values()), pa.string())
    open_ids = pc.unique(every.filter(pc.invert(pc.is_in(every, done)))).cast(pa.string())
    tables = [pa.schema([TABLES["pages"].field(name) for name in _PAGE_COLUMNS]).empty_table()]
    for name, shard_ids in ids.items():
        if len(open_ids) and pc.any(pc.is_in(shard_ids, open_ids)).as_py():
            table = read_shard(store.path(name), name, _PAGE_COLUMNS)
            tables.append(table.filter(pc.is_in(table["document_id"], open_ids)))
    return pa.concat_tables(tables)


def _distinct_ids(store: LocalStore, name: str) -> pa.Array:
    column = read_shard(store.path(name), name, ["document_id"], words=["document_id"])["document_id"]
    return pa.concat_arrays([pa.array([], pa.string()), *(chunk.dictionary for chunk in column.chunks)])


def _totals(done: pa.Table, absent: pa.Table, unfinished: pa.Table, sources: int) -> Totals:
    return Totals(
        documents=len(done) + len(absent),
        failed_documents=_counts(done["status"]).get("failed", 0) + len(absent),
        documents_by_reason=Counter(_counts(done["reason"])) + Counter(_counts(absent["reason"])),
        pages_by_status={status: pc.sum(done[name]).as_py() or 0 for status, name in PAGE_COUNTS.items()},
        flagged_pages=pc.sum(done["pages_flagged"]).as_py() or 0,
        unfinished_documents=len(pc.unique(unfinished["document_id"])),
        unfinished_pages=len(unfinished),
        sources=sources,
    )


def _counts(column: pa.ChunkedArray) -> dict[str, int]:
    """How often each value occurs, nulls left out."""
    counts = pc.value_counts(column.cast(pa.string()).drop_null()).to_pylist()
    return {entry["values"]: entry["counts"] for entry in counts}


def _value(table: Mapping[str, pa.ChunkedArray], name: str, row: int) -> Any:
    return table[name][row].as_py()
