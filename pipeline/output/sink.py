"""From rows to shards: a page is visible before its document, a document before its sources.

Not covered: two sinks on one output. The lease (store.py) keeps a second one out.
"""

import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Protocol

from ocrmill.configs.settings import OutputSettings
from ocrmill.pipeline.output.changes.drop_rows import drop_rows, unreadable_rows
from ocrmill.pipeline.output.journal import Replacement, begin, finish
from ocrmill.pipeline.output.ledger import Ledger
from ocrmill.pipeline.output.schema import RunStamp, documents_table, pages_table, sources_table
from ocrmill.pipeline.output.shard import encode_shard
from ocrmill.pipeline.output.stores.store import Store, seconds_with_sleep
from ocrmill.pipeline.records import RenderedPage
from ocrmill.pipeline.rows import DocumentRow, PageRow, SourceRow

MIB = 1 << 20
FIRST_FLUSH_S = 2.0  # so that the first rows show soon; each flush doubles the wait, up to `output.flush_s`
DOUBLINGS = 20
ROW_BYTES = 2048  # of a row without its long texts: measurements, blocks, attempts


@dataclass(slots=True)
class _Batch:
    """Rows that one flush makes visible, and the rows of older shards that it removes."""

    pages: list[PageRow] = field(default_factory=list)
    documents: list[DocumentRow] = field(default_factory=list)
    sources: list[SourceRow] = field(default_factory=list)
    stale: dict[str, set[str]] = field(default_factory=dict)  # shard -> sources
    replaced: set[str] = field(default_factory=set)  # shards with older rows of the same pages and documents
    text_bytes: int = 0
    since: float | None = None  # arrival of its first row
    ended: float = 0.0  # arrival of its last row
    number: int = 1

    def rows(self) -> int:
        return len(self.pages) + len(self.documents) + len(self.sources)


class RowSink(Protocol):
    """Takes the rows that a coordinator makes; the methods of `Sink` say what each means."""

    def add_page(self, row: PageRow) -> None:
        """Add a page."""

    def finish_document(
        self,
        row: DocumentRow,
        sources: Sequence[SourceRow],
        pages: Sequence[PageRow] = (),
        replaced: Sequence[str] = (),
        /,
    ) -> None:
        """Add the row of a document and its sources."""

    def add_source(self, row: SourceRow) -> None:
        """Add another source of a finished document."""

    def due(self) -> bool:
        """Tell if it is time for a flush."""

    def full(self) -> bool:
        """Tell if no more rows should come before a flush."""

    def flush(self) -> None:
        """Make every row added so far durable."""


class Sink:
    """Takes rows, in any order of documents, and writes them as shards.

    `ingested_at` of a row is the time at which its shard was begun: the start of the run (in the stamp) plus the
    seconds since then.

    Every method may be called from any thread. `add_page`, `add_source`, `finish_document`, `due` and `full` never wait
    for a disk, so an event loop may call them while another thread flushes.
    """

    def __init__(
        self,
        store: Store,
        stamp: RunStamp,
        settings: OutputSettings,
        ledger: Ledger,
        clock: Callable[[], float] = seconds_with_sleep,
    ) -> None:
        self._store = store
        self._stamp = stamp
        self._settings = settings
        self._ledger = ledger
        self._clock = clock
        self._began = clock()
        self._rows_lock = threading.Lock()  # held for moments
        self._write_lock = threading.Lock()  # held while shards are written, so that they become visible in order
        self._sequence = ledger.last_sequence
        self._moved: set[str] = set()  # sources known to the ledger that got a row in this run
        self._batch = _Batch(stale=ledger.superseded())
        self._unwritten: deque[_Batch] = deque()

    def add_page(self, row: PageRow) -> None:
        """Add a page. The caller adds each page of a document once."""
        with self._rows_lock:
            self._add_page(row)

    def finish_document(
        self,
        row: DocumentRow,
        sources: Sequence[SourceRow],
        pages: Sequence[PageRow] = (),
        replaced: Sequence[str] = (),
    ) -> None:
        """Add the row of a document and its sources, once all of its pages are added or durable.

        A failure row that the output has already, for the same version, is not written again.

        Args:
            row: Its row, without `sequence`.
            sources: The places of the document.
            pages: Its pages that become visible together with its row.
            replaced: Shards with older rows of the document and its pages, which are then removed.
        """
        with self._rows_lock:
            if row.document_id is None and self._is_known_failure(row):
                return
            for page in pages:
                self._add_page(page)
            self._batch.replaced.update(replaced)
            self._sequence += 1
            self._batch.documents.append(replace(row, sequence=self._sequence))
            self._touch(0)
            for source in sources:
                self._add_source(source)

    def add_source(self, row: SourceRow) -> None:
        """Add another source of a document that is finished, in this run or an earlier one."""
        with self._rows_lock:
            self._sequence += 1
            self._add_source(row)

    def due(self) -> bool:
        """Tell if enough rows wait, or wait long enough, for a flush."""
        with self._rows_lock:
            since, number = self._batch.since, self._batch.number
        wait_s = min(self._settings.flush_s, FIRST_FLUSH_S * 2 ** min(number - 1, DOUBLINGS))
        return self.full() or (since is not None and self._clock() - since >= wait_s)

    def full(self) -> bool:
        """Tell if a whole shard waits, besides the rows that are being written."""
        with self._rows_lock:
            batch, limits = self._batch, self._settings
            return batch.rows() >= limits.shard_rows or batch.text_bytes >= limits.shard_mb * MIB

    def flush(self) -> None:
        """Make every row added so far durable and visible: pages, then documents, then sources, then drop stale rows.

        Raises:
            OutputError: Some rows could not be written. They are kept, and the next flush writes them first.
        """
        with self._write_lock:
            with self._rows_lock:
                if self._batch.rows() or self._batch.stale:
                    self._batch.ended = self._clock()
                    self._unwritten.append(self._batch)
                    self._batch = _Batch(number=self._batch.number + 1)
            while self._unwritten:
                self._write(self._unwritten[0])
                self._unwritten.popleft()

    def close(self) -> None:
        """Flush the remaining rows, including pages of unfinished documents."""
        self.flush()

    def _write(self, batch: _Batch) -> None:
        """Write a batch; a repetition after a failure gives the same shards."""
        passed = timedelta(seconds=batch.ended - self._began)  # a clock that is set back does not put rows out of order
        stamp = replace(self._stamp, ingested_at=self._stamp.ingested_at + passed)
        stem = f"{self._stamp.run_id}-{batch.number:06d}"
        name = f"{stem}.parquet"
        replacement = None
        if batch.replaced:
            new = [folder for folder, rows in (("pages", batch.pages), ("documents", batch.documents)) if rows]
            replacement = Replacement(tuple(f"{folder}/{name}" for folder in new), tuple(sorted(batch.replaced)))
            begin(self._store, stem, replacement)
        if batch.pages:
            self._store.write(f"pages/{name}", encode_shard(pages_table(batch.pages, stamp)))
        if batch.documents:
            self._store.write(f"documents/{name}", encode_shard(documents_table(batch.documents, stamp)))
        if batch.sources:
            self._store.write(f"sources/{name}", encode_shard(sources_table(batch.sources, stamp)))
        if replacement is not None:
            finish(self._store, stem, replacement)
        for shard, uris in batch.stale.items():
            drop_rows(self._store, shard, partial(unreadable_rows, uris=uris))

    def _add_page(self, row: PageRow) -> None:
        self._batch.pages.append(row)
        self._touch(_text_bytes(row))

    def _is_known_failure(self, row: DocumentRow) -> bool:
        known = self._ledger.stale_unreadable(row.source.uri)
        return known is not None and (known.version, known.reason) == (row.source.version, row.reason)

    def _add_source(self, row: SourceRow) -> None:
        stale = self._ledger.stale_unreadable(row.source.uri)
        for shard in stale.shards if stale else ():
            self._batch.stale.setdefault(shard, set()).add(row.source.uri)
        uri = row.source.uri
        if row.document_id is not None and uri not in self._moved and self._ledger.has_source(row):
            return
        if self._ledger.document_of_source(uri) is not None:
            self._moved.add(uri)
        self._batch.sources.append(replace(row, sequence=self._sequence))
        self._touch(0)

    def _touch(self, text_bytes: int) -> None:
        self._batch.text_bytes += ROW_BYTES + text_bytes
        if self._batch.since is None:
            self._batch.since = self._clock()


def _text_bytes(row: PageRow) -> int:
    """Return the bytes of a row's long texts and figures."""
    text = row.text
    layer = row.page.layer_text if isinstance(row.page, RenderedPage) else None
    texts = (layer, row.detail, *(() if text is None else (text.markdown, text.raw)))
    figures = sum(len(figure.jpeg) for figure in row.figures or ())
    return figures + sum(sys.getsizeof(part) for part in texts if part is not None)
