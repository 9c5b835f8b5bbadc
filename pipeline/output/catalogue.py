"""The document that each source holds now: the one answer for export, compact, retry, inspect, status and ledger.

A sources row says that a source held a document. The last row of a source counts: the one with the highest `sequence`,
a number that grows with each row over all runs of an output, independent of clocks. Older rows without a sequence come
first, ordered by time; rows of the same time are in the order of the shards, which is that of writing. A document
without any sources row (after a kill between the two shards) counts as held by the source in its own row.

A source that has become unreadable keeps the document that it held last. A document that no source holds is superseded:
export and inspect leave it out, `compact` drops it. Not covered: an ocrmill without `sequence` that writes after one
with it.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ocrmill.pipeline.output.journal import shards
from ocrmill.pipeline.output.schema import TABLES
from ocrmill.pipeline.output.shard import read_shard
from ocrmill.pipeline.output.stores.store import Store
from ocrmill.pipeline.output.string_index import StringIndex

MOMENT = ("sequence", "ingested_at")  # the columns that order rows
COLUMNS = ("source", "document_id", *MOMENT)


class Catalogue:
    """The documents that sources held and hold. Memory: about 250 bytes a sources row."""

    def __init__(self, sources: Iterable[pa.Table], documents: Iterable[pa.Table]) -> None:
        """Index the COLUMNS of both tables' shards, in their order."""
        empty = TABLES["sources"].empty_table().select(COLUMNS)
        held_rows = pa.concat_tables([empty, *sources])
        held_rows = held_rows.filter(pc.is_valid(held_rows["document_id"]))
        known = StringIndex(held_rows["document_id"])
        alone = [_without_source(table, known) for table in documents]
        every = pa.concat_tables([*(table for table in alone if len(table)), held_rows])
        (order,) = moments(every)
        self._rows = every.select(["source", "document_id"])  # all documents that a source ever held
        self._last = _last_of_each_source(self._rows["source"], order)  # rows, by source

    def held(self) -> pa.Table:
        """Return the current content of each source: `source`, `document_id`, in the order of the sources."""
        return self._rows.take(self._last)

    def superseded(self) -> pa.Array:
        """Return the document_ids that no source holds now."""
        ids = self._rows["document_id"]
        gone = ids.filter(pc.invert(pc.is_in(ids, value_set=self.held()["document_id"])))
        return pc.unique(gone.combine_chunks())

    def named(self, part: str) -> tuple[pa.Array, pa.Array]:
        """Return the documents that sources with `part` in their name hold now, and those that they held before."""
        held = _matching(self.held(), part)
        before = _matching(self._rows, part)
        return held, before.filter(pc.invert(pc.is_in(before, value_set=held)))

    def places(self, documents: Iterable[str]) -> dict[str, list[str]]:
        """Return the sources that hold these documents, the last first; for a superseded one, those that held it."""
        ids = pa.array(documents, pa.string())
        places: dict[str, list[str]] = {}
        for table in (self._rows.take(np.sort(self._last)), self._rows):
            rows = table.filter(pc.is_in(table["document_id"], value_set=ids)).to_pylist()
            found: dict[str, list[str]] = {}
            for row in reversed(rows):
                found.setdefault(row["document_id"], []).append(row["source"])
            places = {**{name: list(dict.fromkeys(sources)) for name, sources in found.items()}, **places}
        return places


def read_catalogue(store: Store) -> Catalogue:
    """Read the catalogue of an output.

    Raises:
        OutputError: A shard cannot be read.
    """
    # Against the order of writing, so that every source has its document, even while a run writes.
    sources = [read_shard(store.file(name), name, COLUMNS) for name in shards(store, "sources")]
    return Catalogue(sources, (read_shard(store.file(name), name, COLUMNS) for name in shards(store, "documents")))


def moments(*tables: pa.Table) -> list[npt.NDArray[np.int32]]:
    """Return the time of each row of some tables, as numbers that are equal for rows that were written together."""
    sequence = _numbers(tables, "sequence")
    time = _numbers(tables, "ingested_at")
    order = np.lexsort((time, sequence))
    differs = (np.diff(sequence[order]) != 0) | (np.diff(time[order]) != 0)
    numbers = np.empty(len(order), np.int32)
    numbers[order] = np.concatenate([np.zeros(min(1, len(order)), np.int32), np.cumsum(differs, dtype=np.int32)])
    ends = np.cumsum([len(table) for table in tables])
    return np.split(numbers, ends[:-1])


def last_sequence(*tables: pa.Table) -> int:
    """Return the highest sequence of all rows; 0 if no row has one."""
    return int(_numbers(tables, "sequence").max(initial=0))


def last_of_each_source(table: pa.Table) -> pa.Table:
    """Return the last row of each source, sorted by source. The table has `source` and MOMENT."""
    (order,) = moments(table)
    return table.take(_last_of_each_source(table["source"], order))


def _last_of_each_source(source: pa.ChunkedArray, moment: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """Return the positions of the last row of each source, sorted by source."""
    table = pa.table({"source": source, "moment": moment, "row": np.arange(len(source))})
    ordered = pc.sort_indices(table, [(name, "ascending") for name in table.column_names]).to_numpy()
    names = source.take(ordered)
    last = np.ones(len(ordered), np.bool_)
    if len(ordered) > 1:
        last[:-1] = pc.not_equal(names.slice(0, len(names) - 1), names.slice(1)).to_numpy()
    rows: npt.NDArray[np.int64] = ordered[last].astype(np.int64)
    return rows


def _without_source(documents: pa.Table, known: StringIndex) -> pa.Table:
    documents = documents.filter(pc.is_valid(documents["document_id"]))
    lacking = ~known.holds(documents["document_id"].combine_chunks())
    return documents.filter(pa.array(lacking))


def _matching(rows: pa.Table, part: str) -> pa.Array:
    return pc.unique(rows.filter(pc.match_substring(rows["source"], part))["document_id"].combine_chunks())


def _numbers(tables: Sequence[pa.Table], name: str) -> npt.NDArray[np.int64]:
    """Return a column of all tables as one array of integers, with 0 for null."""
    columns = [table[name].cast(pa.int64()).fill_null(0).to_numpy() for table in tables]
    return np.concatenate([np.empty(0, np.int64), *columns])
