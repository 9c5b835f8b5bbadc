"""The documents of an output, each whole, in one pass over its shards.

The pages of a document may lie in several shards, between those of others. They wait in a temporary file until the last
one is read. So memory holds one document, one row group and the documents rows (about 2 kB for each document), however
many pages there are; the disk holds at most the texts of the documents that are spread over shards.
"""

import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ocrmill.commands.export.figures import FigurePlace, figure_places
from ocrmill.commands.export.pieces import BlockSpan, block_spans
from ocrmill.pipeline.errors import OutputError
from ocrmill.pipeline.output.catalogue import last_of_each_source, read_catalogue
from ocrmill.pipeline.output.journal import shards
from ocrmill.pipeline.output.schema import PAGE_COUNTS, TABLES
from ocrmill.pipeline.output.shard import open_shard, read_row_group, read_shard
from ocrmill.pipeline.output.stores.store import Store
from ocrmill.pipeline.records import Status

_DOCUMENT_COLUMNS = (
    *("document_id", "source", "source_version", "bytes", "page_count", "status", "reason", "detail"),
    *("title", "producer", "repetition_rate", "settings_fingerprint", "run_id", "ingested_at", *PAGE_COUNTS.values()),
)
_FACTS_AT_ONCE = 1024


@dataclass(frozen=True, slots=True)
class Page:
    """The values of a page in an export."""

    page_number: int
    status: str
    reason: str | None
    detail: str | None
    markdown: str | None
    flags: list[str]
    repetition_flag: bool
    repetition_ratio: float | None
    text_layer_agreement: float | None
    route: str | None
    route_reason: str | None
    engine: str | None
    renderer: str | None
    model: str | None
    figures: Sequence[FigurePlace] = ()  # the stored ones, if they are wanted
    spans: Sequence[BlockSpan] = ()  # of its blocks, if they are wanted


_PAGE_COLUMNS = ("document_id", *(name for name in Page.__slots__ if name not in {"figures", "spans"}))
_FIGURE_PLACES = ("blocks.list.element.start", "figures.list.element.name", "figures.list.element.parsed")
_BLOCK_SPANS = tuple(f"blocks.list.element.{name}" for name in ("label", "start", "end"))


@dataclass(frozen=True, slots=True)
class DocumentFacts:
    """A documents row, and the sources that hold the document now."""

    document_id: str | None  # null if its bytes could not be read
    source: str  # the first that held it, if it still does; else the first of `sources`
    sources: tuple[str, ...]  # sorted
    source_version: str
    bytes: int
    page_count: int
    status: str
    reason: str | None
    detail: str | None
    title: str | None
    producer: str | None
    repetition_rate: float | None
    settings_fingerprint: str | None
    run_id: str
    ingested_at: datetime
    pages: int  # rows of pages that belong to it
    pages_failed: int

    @property
    def has_text(self) -> bool:
        """Tell if any of its pages could be read."""
        return self.pages > self.pages_failed


class HeldDocuments:
    """The current content of the sources: the last document of each, or the reason why it could not be read.

    A source that has become unreadable keeps the document that it held. A document is superseded once no source holds
    it, because all of them have new bytes.
    """

    def __init__(self, table: pa.Table, superseded: frozenset[str]) -> None:
        self._table = table
        self.superseded = superseded  # document_ids

    def __len__(self) -> int:
        return len(self._table)

    def __getitem__(self, at: int) -> DocumentFacts:
        """Return a document by its position in `sources`."""
        return _facts(self._table.slice(at, 1).to_pylist()[0])

    def __iter__(self) -> Iterator[DocumentFacts]:
        for batch in self._table.to_batches(max_chunksize=_FACTS_AT_ONCE):
            yield from map(_facts, batch.to_pylist())

    def sources(self) -> list[str]:
        """Return the sources of each document, sorted and without duplicates."""
        names: list[str] = self._table["source"].to_pylist()
        return names

    def document_ids(self) -> list[str | None]:
        """Return the id of each document, in the order of `sources`."""
        ids: list[str | None] = self._table["document_id"].to_pylist()
        return ids

    def page_counts(self) -> npt.NDArray[np.int64]:
        """Count the page rows of each document, in the order of `sources`."""
        counts = [pc.fill_null(self._table[name], 0).to_numpy() for name in PAGE_COUNTS.values()]
        total: npt.NDArray[np.int64] = np.sum(counts, axis=0, dtype=np.int64)
        return total


def _facts(row: dict[str, Any]) -> DocumentFacts:
    counts = {status: row.pop(name) or 0 for status, name in PAGE_COUNTS.items()}
    row["sources"] = tuple(row["sources"])
    return DocumentFacts(**row, pages=sum(counts.values()), pages_failed=counts[Status.FAILED])


def read_held_documents(store: Store) -> HeldDocuments:
    """Read the documents that an output holds; those that a run has not finished are left out.

    Raises:
        OutputError: A shard cannot be read, or a document is there twice.
    """
    catalogue = read_catalogue(store)  # before the documents, so that they include each one that a source holds
    documents = _read(store, "documents", (*_DOCUMENT_COLUMNS, "sequence"))
    known = documents.filter(pc.is_valid(documents["document_id"]))
    if pc.count_distinct(known["document_id"]).as_py() < len(known):
        raise OutputError(f"{store.url} has documents that are there twice: run `ocrmill verify --repair` first")
    held = catalogue.held()
    current = _with_sources(known, held)
    unreadable = last_of_each_source(documents.filter(pc.is_null(documents["document_id"])))
    unreadable = unreadable.filter(pc.invert(pc.is_in(unreadable["source"], value_set=held["source"])))
    alone = pa.array([[source] for source in unreadable["source"].to_pylist()], pa.list_(pa.string()))
    table = pa.concat_tables([current, unreadable.append_column("sources", alone)]).sort_by("source")
    return HeldDocuments(table.drop_columns(["sequence"]), frozenset(catalogue.superseded().to_pylist()))


def _read(store: Store, folder: str, columns: Sequence[str]) -> pa.Table:
    tables = [pa.schema([TABLES[folder].field(name) for name in columns]).empty_table()]
    tables += [read_shard(store.file(name), name, columns) for name in shards(store, folder)]
    return pa.concat_tables(tables)


def _with_sources(documents: pa.Table, held: pa.Table) -> pa.Table:
    """Keep the documents that a source holds, with the list of these as `sources`.

    `source` is the first that held it, if it still does; else the first of `sources`.
    """
    holders = held.group_by("document_id", use_threads=False).aggregate([("source", "list")])
    documents = documents.filter(pc.is_in(documents["document_id"], holders["document_id"]))
    sources = holders["source_list"].take(pc.index_in(documents["document_id"], holders["document_id"]))
    holds_now = held["document_id"].take(pc.index_in(documents["source"], held["source"]))
    source = pc.if_else(pc.equal(holds_now, documents["document_id"]), documents["source"], pc.list_element(sources, 0))
    return documents.set_column(documents.column_names.index("source"), "source", source).append_column(
        "sources", sources
    )


@dataclass(frozen=True, slots=True)
class WholeDocument:
    """A document with all of its pages, in order."""

    at: int  # its position in the held documents
    facts: DocumentFacts
    pages: tuple[Page, ...]


class WholeDocuments:
    """The held documents that have pages, in the order of their last pages in the shards.

    The same shards always give the same order. `unfinished` grows during the iteration.
    """

    def __init__(
        self, store: Store, held: HeldDocuments, scratch: Path, *, figures: bool = False, blocks: bool = False
    ) -> None:
        """Hold the arguments.

        Args:
            store: Of the output.
            held: What its sources hold.
            scratch: The folder of the hidden temporary file.
            figures: Whether pages have the places of their figures.
            blocks: Whether they have the spans of their blocks.
        """
        self.unfinished: set[str] = set()  # document_ids of pages whose document has no row yet
        self._store = store
        self._held = held
        self._scratch = scratch
        self._columns = dict.fromkeys(
            [*_PAGE_COLUMNS, *(_FIGURE_PLACES if figures else ()), *(_BLOCK_SPANS if blocks else ())]
        )

    def __iter__(self) -> Iterator[WholeDocument]:
        """One document after the other.

        Raises:
            OutputError: A shard cannot be read, or a document does not have each page once. Some were yielded by then.
        """
        counts = self._held.page_counts().tolist()
        places = {name: at for at, name in enumerate(self._held.document_ids()) if name and counts[at]}
        missing = set(places.values())
        with tempfile.TemporaryFile(dir=self._scratch) as file:
            spill = _SpillFile(file)
            for document_id, pages in _neighbours(self._store, tuple(self._columns)):
                if document_id not in places:
                    self._pass_over(document_id)
                    continue
                at = places[document_id]
                if spill.count(at) + len(pages) < counts[at]:
                    spill.put(at, pages)
                    continue
                whole = sorted([*spill.take(at), *pages], key=attrgetter("page_number"))
                if at not in missing or [page.page_number for page in whole] != list(range(1, counts[at] + 1)):
                    raise self._damaged(at)
                missing.remove(at)
                yield WholeDocument(at, self._held[at], tuple(whole))
        for at in missing | spill.places():
            raise self._damaged(at)

    def _pass_over(self, document_id: str) -> None:
        if document_id not in self._held.superseded:
            self.unfinished.add(document_id)

    def _damaged(self, at: int) -> OutputError:
        facts = self._held[at]
        return OutputError(
            f"{facts.source} ({facts.document_id}) does not have each of its {facts.pages} pages exactly once: "
            "run `ocrmill verify --repair`, then `ocrmill run`"
        )


class _SpillFile:
    """A file that holds the pages of documents that are not complete yet."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._pieces: dict[int, list[_Piece]] = {}

    def places(self) -> set[int]:
        return set(self._pieces)

    def count(self, at: int) -> int:
        return sum(piece.pages for piece in self._pieces.get(at, ()))

    def put(self, at: int, pages: Sequence[Page]) -> None:
        offset = self._file.seek(0, os.SEEK_END)
        length = self._file.write(
            json.dumps([[getattr(page, name) for name in Page.__slots__] for page in pages]).encode()
        )
        self._pieces.setdefault(at, []).append(_Piece(offset, length, len(pages)))

    def take(self, at: int) -> Iterator[Page]:
        for piece in self._pieces.pop(at, ()):
            self._file.seek(piece.offset)
            for values in json.loads(self._file.read(piece.length)):
                page = Page(*values)
                yield replace(page, figures=[FigurePlace(*place) for place in page.figures])


@dataclass(frozen=True, slots=True)
class _Piece:
    """The place of some pages in the spill file."""

    offset: int
    length: int
    pages: int


def _neighbours(store: Store, columns: Sequence[str]) -> Iterator[tuple[str, list[Page]]]:
    """Yield neighbouring pages of the same document, with its id."""
    for name in shards(store, "pages"):
        with open_shard(store.file(name), name) as parquet:
            for group in range(parquet.num_row_groups):
                rows = read_row_group(parquet, name, group, columns).to_pylist()
                for document_id, own in groupby(rows, key=lambda row: row.pop("document_id")):
                    yield document_id, [_page(row, has_spans=_BLOCK_SPANS[0] in columns) for row in own]


def pages_of(table: pa.Table, *, blocks: bool) -> list[Page]:
    """Return the pages in a table of page rows, in its order; with the spans of their blocks if they are wanted."""
    columns = [*_PAGE_COLUMNS[1:], *(["blocks"] if blocks else [])]
    return [_page(row, has_spans=blocks) for row in table.select(columns).to_pylist()]


def _page(row: dict[str, Any], *, has_spans: bool) -> Page:
    blocks, figures = row.pop("blocks", None) or (), row.pop("figures", None) or ()
    return Page(**row, figures=figure_places(blocks, figures), spans=block_spans(blocks) if has_spans else ())
