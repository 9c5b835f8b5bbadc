"""The rows of an output that count, in a folder or a bucket, also while a run or another command writes.

A plain glob over the shards also shows documents that no source holds now, and for a moment rows that are being
removed. Here such rows are left out:

superseded   of documents that no source holds now (pipeline/output/catalogue.py)
withdrawn    of documents that are being removed, according to the journal
forgotten    that `ocrmill forget` is removing; afterwards none are left
replaced     of pages that a retry has read again, while old and new rows lie side by side
unfinished   pages whose document has no row yet, unless the caller wants them

Memory: the catalogue, about 250 bytes a document, and the rows of `documents` and `sources` as far as selected.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ocrmill.pipeline.output.catalogue import MOMENT, last_of_each_source, read_catalogue
from ocrmill.pipeline.output.forgotten import Forgetting, without
from ocrmill.pipeline.output.journal import (
    KEYS,
    Replacement,
    Withdrawal,
    has_happened,
    has_key_among,
    keys_of,
    pending,
    shards,
)
from ocrmill.pipeline.output.schema import DOCUMENTS, SOURCES
from ocrmill.pipeline.output.shard import fitted, open_shard, read_row_group, read_shard
from ocrmill.pipeline.output.stores.store import Store

_DECIDING = ("document_id", "page_number", "source")  # columns that decide on a row
PLACE = ("shard", "row_group", "row")  # where a row lies: its shard, the row group in it, the row in that


class CurrentPages:
    """The page rows that count, by a journal and a catalogue that were read once."""

    def __init__(self, store: Store, *, unfinished: bool) -> None:
        """Read what decides: the journal, the catalogue and, unless unfinished documents count, the documents."""
        self._store = store
        self.changes = UnfinishedChanges.read(store)
        self.superseded = read_catalogue(store).superseded()
        self._finished = None if unfinished else _finished(store)
        self.shards = shards(store, "pages")

    def read(self, name: str, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Read some columns of a shard, a row group at a time.

        Raises:
            OutputError: The shard cannot be read.
        """
        wanted = list(dict.fromkeys([*columns, *_DECIDING]))
        replaced = self.changes.replaced(self._store, name)
        with open_shard(self._store.file(name), name) as parquet:
            for group in range(parquet.num_row_groups):
                yield self._counting(read_row_group(parquet, name, group, wanted), replaced).select(columns)

    def read_with_places(self, name: str, columns: Sequence[str]) -> pa.Table:
        """Read some columns of a shard at once, which is quick for narrow ones, and the columns `PLACE`.

        Raises:
            OutputError: The shard cannot be read.
        """
        wanted = list(dict.fromkeys([*columns, *_DECIDING]))
        with open_shard(self._store.file(name), name) as parquet:
            table = fitted(parquet.read(columns=wanted), name, wanted)
            sizes = [parquet.metadata.row_group(group).num_rows for group in range(parquet.num_row_groups)]
        for place, values in zip(PLACE, _places(name, sizes), strict=True):
            table = table.append_column(place, values)
        return self._counting(table, self.changes.replaced(self._store, name))

    def _counting(self, table: pa.Table, replaced: pa.Table | None) -> pa.Table:
        """Return the rows of a table that count."""
        table = self.changes.without_removed(table, "pages")
        if len(self.superseded):
            table = table.filter(pc.invert(pc.is_in(table["document_id"], value_set=self.superseded)))
        if self._finished is not None:
            table = table.filter(pc.is_in(table["document_id"], value_set=self._finished))
        return _without_keys(table, replaced, KEYS["pages"])


def read_pages(store: Store, columns: Sequence[str], *, unfinished: bool) -> Iterator[pa.Table]:
    """Read some columns of all page rows that count, a row group at a time."""
    current = CurrentPages(store, unfinished=unfinished)
    for name in current.shards:
        yield from current.read(name, columns)


def read_documents(store: Store, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Read one row for every document that a source holds, and for every source without a readable one."""
    catalogue = read_catalogue(store)  # first: the documents then include each that a source holds
    table = _all(store, "documents", columns)
    unreadable = table.filter(pc.is_null(table["document_id"]))
    held = catalogue.held()["source"]
    unreadable = last_of_each_source(unreadable.filter(pc.invert(pc.is_in(unreadable["source"], value_set=held))))
    known = table.filter(pc.is_valid(table["document_id"]))
    known = known.filter(pc.invert(pc.is_in(known["document_id"], value_set=catalogue.superseded())))
    yield from (known.select(columns), unreadable.select(columns))


def read_sources(store: Store, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Read one row for every source: the document that it holds now."""
    table = _all(store, "sources", columns)
    table = last_of_each_source(table.filter(pc.is_valid(table["document_id"])))
    yield table.select(columns)


def _finished(store: Store) -> pa.Array:
    tables = [read_shard(store.file(name), name, ["document_id"]) for name in shards(store, "documents")]
    empty = pa.schema([DOCUMENTS.field("document_id")]).empty_table()
    return pa.concat_tables([empty, *tables])["document_id"].drop_null().combine_chunks()


def _all(store: Store, folder: str, columns: Sequence[str]) -> pa.Table:
    """Read the rows of a small table that no change removes, with the columns that order them."""
    changes = UnfinishedChanges.read(store)
    schema = {"documents": DOCUMENTS, "sources": SOURCES}[folder]
    wanted = list(dict.fromkeys([*columns, "document_id", "source", *MOMENT]))
    tables = [pa.schema([schema.field(name) for name in wanted]).empty_table()]
    for name in shards(store, folder):
        table = changes.without_removed(read_shard(store.file(name), name, wanted), folder)
        replaced = changes.replaced(store, name)
        tables.append(_without_keys(table, replaced, KEYS.get(folder, ())))
    return pa.concat_tables(tables)


@dataclass(frozen=True, slots=True)
class UnfinishedChanges:
    """The unfinished changes in the journal of an output."""

    withdrawn: tuple[str, ...]  # document_ids
    forgettings: tuple[Forgetting, ...]
    done: tuple[Replacement, ...]  # all new rows are there: the old ones no longer count
    begun: tuple[Replacement, ...]  # some new rows are missing: they do not count yet

    @classmethod
    def read(cls, store: Store) -> "UnfinishedChanges":
        """Read the journal."""
        changes = [change for _, change in pending(store)]
        replacements = [(change, has_happened(store, change)) for change in changes if isinstance(change, Replacement)]
        return cls(
            tuple(name for change in changes if isinstance(change, Withdrawal) for name in change.documents),
            tuple(change for change in changes if isinstance(change, Forgetting)),
            tuple(change for change, happened in replacements if happened),
            tuple(change for change, happened in replacements if not happened),
        )

    def without_removed(self, table: pa.Table, folder: str) -> pa.Table:
        """Return the rows that stay once withdrawals and forgettings are finished."""
        for change in self.forgettings:
            table = without(table, folder, change)
        if not self.withdrawn:
            return table
        withdrawn = pa.array(self.withdrawn, pa.string())
        return table.filter(pc.fill_null(pc.invert(pc.is_in(table["document_id"], value_set=withdrawn)), True))

    def replaced(self, store: Store, shard: str) -> "pa.Table | None":
        """Return the keys of the rows of a shard that do not count; None if all do."""
        folder = shard.partition("/")[0]
        names = [name for change in self.begun for name in change.new if name == shard]
        names += [
            name
            for change in self.done
            if shard in change.old
            for name in change.new
            if name.startswith(f"{folder}/") and name != shard
        ]
        if not names or folder not in KEYS:
            return None
        return pa.concat_tables([read_shard(store.file(name), name, KEYS[folder]) for name in names])


def _places(shard: str, sizes: Sequence[int]) -> tuple[pa.Array, pa.Array, pa.Array]:
    """Return the columns `PLACE` of a shard with row groups of these sizes."""
    count = sum(sizes)
    words = pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int32)), pa.array([shard], pa.string()))
    groups = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
    rows = np.concatenate([np.empty(0, np.int32), *(np.arange(size, dtype=np.int32) for size in sizes)])
    return words, pa.array(groups), pa.array(rows)


def _without_keys(table: pa.Table, keys: "pa.Table | None", names: Sequence[str]) -> pa.Table:
    """Return the rows that have none of these keys, in their order."""
    if keys is None:
        return table
    return table.filter(pc.invert(has_key_among(table, names, keys_of(keys, names))))
