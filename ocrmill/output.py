"""An output for readers: its current rows, in a folder or a bucket, also while a run or another command writes.

A plain glob over the shards also shows documents that no source holds now, and for a moment rows that are being
removed. Here such rows are left out:

superseded   of documents that no source holds now (pipeline/output/catalogue.py)
withdrawn    of documents that are being removed, according to the journal
forgotten    that `ocrmill forget` is removing; afterwards none are left
replaced     of pages that a retry has read again, while old and new rows lie side by side
unfinished   pages whose document has no row yet, unless the caller wants them

Memory: the catalogue, about 250 bytes a document, and the rows of `documents` and `sources` as far as selected.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from ocrmill.configs.settings import RunSettings
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
from ocrmill.pipeline.output.schema import DOCUMENTS, PAGES, SOURCES
from ocrmill.pipeline.output.shard import open_shard, read_row_group, read_shard
from ocrmill.pipeline.output.stores.open import open_output as open_store
from ocrmill.pipeline.output.stores.store import Store
from ocrmill.rows import Rows


def open_output(
    out: str | os.PathLike[str], *, settings: RunSettings | None = None, unfinished: bool = False
) -> "Output":
    """Open an output to read its current rows. No lease is taken: a run may write meanwhile.

    Args:
        out: A folder, or the URL of a bucket (s3://, gs://, az://).
        settings: Only those of storage matter.
        unfinished: Show pages of documents that are not finished, too: of a trial, or of a run that goes on.

    Raises:
        OutputError: There is no output.
        BucketError: The bucket does not answer, or refuses access.
    """
    store = open_store(os.fspath(out), (settings or RunSettings()).storage)
    return Output(store, unfinished=unfinished)


class Output:
    """An output of runs: its three tables, with current rows only."""

    def __init__(self, store: Store, *, unfinished: bool = False) -> None:
        """Keep the store; call `open_output` to make one."""
        self._store = store
        self._unfinished = unfinished

    @property
    def url(self) -> str:
        """The folder or URL, as a person names it."""
        return self._store.url

    @property
    def pages(self) -> Rows:
        """One row for every page, in no order."""
        return Rows(self._read_pages, PAGES)

    @property
    def documents(self) -> Rows:
        """One row for every document that a source holds, and for every source whose document could not be read."""
        return Rows(self._read_documents, DOCUMENTS)

    @property
    def sources(self) -> Rows:
        """One row for every source: the document that it holds now."""
        return Rows(self._read_sources, SOURCES)

    def _read_pages(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        changes = _Changes.read(self._store)
        superseded = read_catalogue(self._store).superseded()
        finished = None if self._unfinished else self._finished()
        wanted = list(dict.fromkeys([*columns, "document_id", "page_number", "source"]))
        for name in shards(self._store, "pages"):
            replaced = changes.replaced(self._store, name)
            with open_shard(self._store.file(name), name) as parquet:
                for group in range(parquet.num_row_groups):
                    table = changes.without_removed(read_row_group(parquet, name, group, wanted), "pages")
                    table = table.filter(pc.invert(pc.is_in(table["document_id"], value_set=superseded)))
                    if finished is not None:
                        table = table.filter(pc.is_in(table["document_id"], value_set=finished))
                    yield _without_keys(table, replaced, KEYS["pages"]).select(columns)

    def _finished(self) -> pa.Array:
        tables = [
            read_shard(self._store.file(name), name, ["document_id"]) for name in shards(self._store, "documents")
        ]
        empty = pa.schema([DOCUMENTS.field("document_id")]).empty_table()
        return pa.concat_tables([empty, *tables])["document_id"].drop_null().combine_chunks()

    def _read_documents(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        catalogue = read_catalogue(self._store)  # first: the documents then include each that a source holds
        table = self._all("documents", columns)
        unreadable = table.filter(pc.is_null(table["document_id"]))
        held = catalogue.held()["source"]
        unreadable = last_of_each_source(unreadable.filter(pc.invert(pc.is_in(unreadable["source"], value_set=held))))
        known = table.filter(pc.is_valid(table["document_id"]))
        known = known.filter(pc.invert(pc.is_in(known["document_id"], value_set=catalogue.superseded())))
        yield from (known.select(columns), unreadable.select(columns))

    def _read_sources(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        table = self._all("sources", columns)
        table = last_of_each_source(table.filter(pc.is_valid(table["document_id"])))
        yield table.select(columns)

    def _all(self, folder: str, columns: Sequence[str]) -> pa.Table:
        """Read the rows of a small table that no change removes, with the columns that order them."""
        changes = _Changes.read(self._store)
        schema = {"documents": DOCUMENTS, "sources": SOURCES}[folder]
        wanted = list(dict.fromkeys([*columns, "document_id", "source", *MOMENT]))
        tables = [pa.schema([schema.field(name) for name in wanted]).empty_table()]
        for name in shards(self._store, folder):
            table = changes.without_removed(read_shard(self._store.file(name), name, wanted), folder)
            replaced = changes.replaced(self._store, name)
            tables.append(_without_keys(table, replaced, KEYS.get(folder, ())))
        return pa.concat_tables(tables)


@dataclass(frozen=True, slots=True)
class _Changes:
    """The unfinished changes in the journal of an output."""

    withdrawn: pa.Array  # document_ids
    forgettings: tuple[Forgetting, ...]
    done: tuple[Replacement, ...]  # all new rows are there: the old ones no longer count
    begun: tuple[Replacement, ...]  # some new rows are missing: they do not count yet

    @classmethod
    def read(cls, store: Store) -> "_Changes":
        """Read the journal."""
        changes = [change for _, change in pending(store)]
        replacements = [(change, has_happened(store, change)) for change in changes if isinstance(change, Replacement)]
        withdrawn = [name for change in changes if isinstance(change, Withdrawal) for name in change.documents]
        return cls(
            pa.array(withdrawn, pa.string()),
            tuple(change for change in changes if isinstance(change, Forgetting)),
            tuple(change for change, happened in replacements if happened),
            tuple(change for change, happened in replacements if not happened),
        )

    def without_removed(self, table: pa.Table, folder: str) -> pa.Table:
        """Return the rows that stay once withdrawals and forgettings are finished."""
        for change in self.forgettings:
            table = without(table, folder, change)
        return table.filter(pc.fill_null(pc.invert(pc.is_in(table["document_id"], value_set=self.withdrawn)), True))

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


def _without_keys(table: pa.Table, keys: "pa.Table | None", names: Sequence[str]) -> pa.Table:
    """Return the rows that have none of these keys, in their order."""
    if keys is None:
        return table
    return table.filter(pc.invert(has_key_among(table, names, keys_of(keys, names))))
