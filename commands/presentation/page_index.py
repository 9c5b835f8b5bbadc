"""An index of an output: what people filter and sort by, in a DuckDB of this process that is locked.

The narrow columns of all pages that count, the documents and the sources are copied into a file, shard by shard; later,
and at the next start if the file is kept, only new shards are read. Texts and pictures stay where they are, and each
row says where that is. Once locked, the database reads and writes no other file, loads no extension and keeps its
settings.
"""

import hashlib
import logging
import threading
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from ocrmill.commands.presentation.columns import DERIVED, PAGE_COLUMNS, TABLE_COLUMNS, TableColumns
from ocrmill.commands.sql.database_folder import DatabaseFolder
from ocrmill.commands.sql.locked_database import LockedDatabase
from ocrmill.pipeline.degenerate_rates import COLUMNS as RATE_COLUMNS
from ocrmill.pipeline.degenerate_rates import Group, grouped
from ocrmill.pipeline.errors import FileGoneError, OcrmillError
from ocrmill.pipeline.output.current_rows import PLACE, CurrentPages, read_documents, read_sources
from ocrmill.pipeline.output.journal import pending, shards
from ocrmill.pipeline.output.schema import DOCUMENTS, PAGES, SOURCES, TABLES, WORD
from ocrmill.pipeline.output.stores.store import Store
from ocrmill.pipeline.versions import versions

if TYPE_CHECKING:
    import duckdb

MEMORY_LIMIT = "2GB"
REFRESH_S = 30.0  # between two looks for new shards
AGAIN_S = 1.0  # until the next look when shards were merged meanwhile
RECOUNT_S = 5.0  # between two counts of values while the index grows
MOST_VALUES = 200  # of a column that a filter offers, the most frequent
_OWN = [name for name in PAGE_COLUMNS.names if name not in DERIVED]
_READ = tuple(dict.fromkeys([*_OWN, "ingested_at", "features.script", *RATE_COLUMNS]))
_WORDS = {field.name for field in PAGES if pa.types.is_dictionary(field.type)}
_NARROW = "SELECT {} FROM batch".format(  # noqa: S608 (names of ours)
    ", ".join(
        [
            *(f"{name}::VARCHAR AS {name}" if name in _WORDS else name for name in [*_OWN, "ingested_at"]),
            *(f"{expression} AS {name}" for name, expression in DERIVED.items()),
            *("id", f"{PLACE[0]}::VARCHAR AS {PLACE[0]}", *PLACE[1:]),
        ]
    )
)
_KEPT = {  # the tables that say what is in a kept index
    "state": "layout VARCHAR, changes VARCHAR",
    "shards": "shard VARCHAR, pages BIGINT",
}
Facets = dict[str, list[tuple[str | None, int]]]
"""The values of each column of choices with their numbers of rows, the most frequent first; None for no value."""
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class IndexState:
    """Progress of the index."""

    shards: int = 0  # of the output
    indexed: int = 0  # of these
    pages: int = 0
    is_complete: bool = False  # every shard was in at the last look
    error: str | None = None  # why it does not go on


class PageIndex:
    """The index, and the thread that fills it."""

    def __init__(self, store: Store, folder: DatabaseFolder | None = None) -> None:
        """Take up the index of a folder, or make an empty one, by default a temporary one; `start` fills it."""
        self._store = store
        self._database = LockedDatabase(MEMORY_LIMIT, folder)
        self._indexed: dict[str, int] = {}  # shard -> pages
        self._next_id = 0
        self._seen: tuple[object, ...] | None = None  # the journal and the shards at the last look
        self._changes: str | None = None  # a digest of the unfinished changes at the last look
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self.state = IndexState()
        self.facets: dict[str, Facets] = {columns.table: {} for columns in TABLE_COLUMNS}
        if not self._take_up():
            self._begin()

    def _take_up(self) -> bool:
        """Go on with an index that was kept; False if there is none of this layout."""
        cursor, exists = self.cursor(), "SELECT count(*) FROM duckdb_tables() WHERE schema_name = 'kept'"
        if cursor.execute(exists).fetchall() != [(len(_KEPT),)]:
            return False
        layout, self._changes = cursor.execute("SELECT layout, changes FROM kept.state").fetchall()[0]
        if layout != _layout():
            return False
        self._indexed = dict(cursor.execute("SELECT shard, pages FROM kept.shards").fetchall())
        self._next_id = cursor.execute("SELECT coalesce(max(id) + 1, 0) FROM pages").fetchall()[0][0]
        count = len(self._indexed)
        self.state = IndexState(count, count, sum(self._indexed.values()))
        return True

    def _begin(self) -> None:
        """Make the tables."""
        self._changes = None
        self._replace("documents", DOCUMENTS.empty_table())
        self._replace("sources", SOURCES.empty_table())
        empty, cursor = _empty(), self.cursor()
        cursor.register("batch", empty)
        cursor.execute("CREATE OR REPLACE TABLE pages AS " + _NARROW)
        self._replace("rates", _counts(empty, ""))
        cursor.execute("CREATE SCHEMA IF NOT EXISTS kept")
        for name, columns in _KEPT.items():
            cursor.execute(f"CREATE OR REPLACE TABLE kept.{name} ({columns})")
        cursor.execute("INSERT INTO kept.state VALUES (?, NULL)", [_layout()])

    def cursor(self) -> "duckdb.DuckDBPyConnection":
        """Return a connection for one thread; it sees what is indexed by now."""
        return self._database.cursor()

    def read_by_others(self, wait_s: float) -> AbstractContextManager[Path | None]:
        """Let another process read the file of the index (locked_database.py)."""
        return self._database.read_by_others(wait_s)

    def start(self, after_s: float = 0.0) -> None:
        """Fill the index in the background, and look for new shards again and again."""
        self._thread = threading.Thread(target=self._keep_up, args=[after_s], name="index", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread; the folder is kept or goes."""
        self._stopped.set()
        self._database.interrupt()
        if self._thread is not None:
            self._thread.join()
        self._database.close()

    def refresh(self) -> None:
        """Index what is new, and take out what no longer counts.

        Raises:
            FileGoneError: Shards were merged or withdrawn meanwhile: begin again.
            OutputError: A shard cannot be read.
        """
        if self._stopped.is_set():
            return
        seen = (list(pending(self._store)), *(shards(self._store, folder) for folder in TABLES))
        if seen == self._seen:
            self.state = replace(self.state, is_complete=True, error=None)
            return
        current = CurrentPages(self._store, unfinished=True)
        self._take_out(current)
        self._replace("documents", pa.concat_tables(read_documents(self._store, DOCUMENTS.names)))
        self._replace("sources", pa.concat_tables(read_sources(self._store, SOURCES.names)))
        counted_at, was_complete = time.monotonic(), self.state.is_complete
        for name in current.shards:
            if self._stopped.is_set():
                return
            if name not in self._indexed:
                self._add(name, current.read_with_places(name, _READ))
            total, done = len(current.shards), len(self._indexed)
            self.state = IndexState(
                total, done, sum(self._indexed.values()), is_complete=done == total and was_complete
            )
            if time.monotonic() > counted_at + RECOUNT_S:
                self._count()
                counted_at = time.monotonic()
        self._count()
        self._seen = seen
        self.state = replace(self.state, is_complete=True, error=None)

    def _count(self) -> None:
        self.facets = {columns.table: _facets(self.cursor(), columns) for columns in TABLE_COLUMNS}

    def look(self) -> None:
        """Refresh the index; if that fails, `state` says why."""
        try:
            self.refresh()
        except FileGoneError:  # merged or withdrawn meanwhile: the next look sees what came of that
            self.state = replace(self.state, is_complete=False)
        except OcrmillError as error:
            log.warning("the index cannot be brought up to date: %s", error)
            self.state = replace(self.state, error=str(error))

    def _keep_up(self, after_s: float) -> None:
        self._stopped.wait(after_s)
        try:
            if self._indexed:
                self._count()
            while not self._stopped.is_set():
                self.look()
                self._stopped.wait(REFRESH_S if self.state.is_complete else AGAIN_S)
        except Exception as error:
            if self._stopped.is_set():  # the database is closed
                return
            self.state = replace(self.state, error=f"{type(error).__name__}: {error}")
            raise

    def _replace(self, name: str, table: pa.Table) -> None:
        cursor = self.cursor()
        table = _without_dictionaries(table)
        cursor.register("batch", table.append_column("id", pa.array(np.arange(len(table)))))
        with self._database.writing():
            cursor.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM batch")  # noqa: S608 (names of ours)

    def _take_out(self, current: CurrentPages) -> None:
        """Remove shards that are gone, or whose rows count otherwise by now: they are indexed again."""
        cursor, changes = self.cursor(), hashlib.sha256(repr(current.changes).encode()).hexdigest()
        gone = self._indexed.keys() - set(current.shards)
        if changes != self._changes:
            gone = set(self._indexed)
        elif len(current.superseded):
            cursor.register("superseded", pa.table({"document_id": current.superseded}))
            found = cursor.execute(
                "SELECT DISTINCT shard FROM pages SEMI JOIN superseded USING (document_id)"
            ).fetchall()
            gone |= {shard for (shard,) in found}
        with self._database.writing():
            cursor.execute("BEGIN")
            for name in gone:
                for table in ("pages", "rates", "kept.shards"):
                    cursor.execute(f"DELETE FROM {table} WHERE shard = ?", [name])  # noqa: S608 (names of ours)
            cursor.execute("UPDATE kept.state SET changes = ?", [changes])
            cursor.execute("COMMIT")
        for name in gone:
            del self._indexed[name]
        self._changes = changes

    def _add(self, name: str, table: pa.Table) -> None:
        cursor = self.cursor()
        ids = np.arange(self._next_id, self._next_id + len(table))
        cursor.register("batch", table.append_column("id", pa.array(ids)))
        cursor.register("counts", _counts(table, name))
        with self._database.writing():
            cursor.execute("BEGIN")
            cursor.execute("INSERT INTO pages " + _NARROW)
            cursor.execute("INSERT INTO rates BY NAME SELECT * FROM counts")
            cursor.execute("INSERT INTO kept.shards VALUES (?, ?)", [name, len(table)])
            cursor.execute("COMMIT")
        self._next_id += len(table)
        self._indexed[name] = len(table)


def _layout() -> str:
    """Return a digest of what decides on the tables; an index of another layout is made again."""
    decides = (dict(versions()).get("ocrmill"), _NARROW, *(str(schema) for schema in (PAGES, DOCUMENTS, SOURCES)))
    return hashlib.sha256(repr(decides).encode()).hexdigest()


def _facets(cursor: "duckdb.DuckDBPyConnection", columns: TableColumns) -> Facets:
    """Count the values of the columns of choices; a page counts for each of its flags."""
    found: Facets = {}
    for name in columns.choices:
        value = "unnest(CASE WHEN len(flags) > 0 THEN flags ELSE [NULL] END)" if name == "flags" else name
        query = f"SELECT {value} AS value, count(*) AS rows FROM {columns.table} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ?"  # noqa: S608
        found[name] = cursor.execute(query, [MOST_VALUES]).fetchall()
    return found


def _empty() -> pa.Table:
    """Return no rows, with the columns that are read for the index."""
    names = list(dict.fromkeys(column.partition(".")[0] for column in _READ))
    table = PAGES.empty_table().select(names)
    for place, kind in zip((*PLACE, "id"), (WORD, pa.int32(), pa.int32(), pa.int64()), strict=True):
        table = table.append_column(place, pa.array([], kind))
    return table


def _counts(table: pa.Table, shard: str) -> pa.Table:
    """Count the pages of a shard that degenerated, by group."""
    sums = grouped(table.combine_chunks()).group_by(list(Group._fields))
    counted = sums.aggregate([(name, "sum") for name in ("pages", "kept", "at_first", "no_end")])
    counted = counted.rename_columns([name.removesuffix("_sum") for name in counted.column_names])
    return counted.append_column("shard", pa.array([shard] * len(counted), pa.string()))


def _without_dictionaries(table: pa.Table) -> pa.Table:
    fields = [field.with_type(pa.string()) if pa.types.is_dictionary(field.type) else field for field in table.schema]
    return table.cast(pa.schema(fields))
