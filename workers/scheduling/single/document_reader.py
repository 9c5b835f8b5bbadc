"""Reads single documents as they come, many at the same time, over the same workers.

Each document has a coordinator of its own, so that one can be given up, or fail, without the others. What bounds the
work of all is shared: the pool's slots, which serve pages of all documents in turn, and the bytes of page images.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ocrmill.configs.settings import RunSettings
from ocrmill.pipeline.output.ledger import empty_ledger
from ocrmill.pipeline.records import Source
from ocrmill.pipeline.rows import DocumentRow, PageRow, SourceRow
from ocrmill.pipeline.run_report import RunReport
from ocrmill.workers.pools.document_pool import DocumentPool, Wanted
from ocrmill.workers.pools.pool import Pool
from ocrmill.workers.scheduling.coordinator import Coordinator
from ocrmill.workers.scheduling.memory_budget import MemoryBudget
from ocrmill.workers.scheduling.progress import Progress


@dataclass(frozen=True, slots=True)
class ReadDocument:
    """A document after its last page."""

    row: DocumentRow | None  # None if only some of its pages were wanted
    page_count: int


class DocumentReader:
    """Reads documents over one pool; all methods are called in the pool's event loop, the properties by any thread."""

    def __init__(self, pool: Pool, settings: RunSettings, report: RunReport) -> None:
        """Hold the workers; `report` gets the counts of all documents."""
        self._pool = pool
        # Many bad pages are no reason to end a service: one client may send nothing else.
        workers = settings.workers.model_copy(update={"stop_share": 1.0})
        self._settings = settings.model_copy(update={"workers": workers})
        self._report = report
        self._budget = MemoryBudget(pool.in_flight_bytes)
        self._documents = 0

    @property
    def image_bytes(self) -> tuple[int, int]:
        """Bytes of page images in flight, and the most there may be."""
        return self._budget.taken, self._budget.capacity

    @property
    def documents_open(self) -> int:
        """The number of documents in work."""
        return self._documents

    async def read(self, source: Source, wanted: Wanted, on_page: Callable[[PageRow], None]) -> ReadDocument:
        """Read a document; each row of a page is handed to `on_page` at once, in the order in which pages end.

        A document that cannot be opened has a row with its reason. If this is cancelled, the document's pages are
        given up and their workers are free for others.

        Raises:
            OcrmillError: nothing can be read any more, because no engine is left.
        """
        pool = DocumentPool(self._pool, wanted)
        rows = _Rows(on_page)
        progress = Progress(self._report, io.StringIO())
        coordinator = Coordinator(
            pool, rows, empty_ledger(), self._settings, self._report, progress, wanted.pages, budget=self._budget
        )
        self._documents += 1
        try:
            await coordinator.run(iter([source]))
        finally:
            self._documents -= 1
        return ReadDocument(rows.document, pool.page_count)


class _Rows:
    """The sink of one document: hands pages on, and keeps the document's row."""

    def __init__(self, on_page: Callable[[PageRow], None]) -> None:
        self.add_page = on_page
        self.document: DocumentRow | None = None

    def finish_document(
        self,
        row: DocumentRow,
        _sources: Sequence[SourceRow],
        _pages: Sequence[PageRow] = (),
        _replaced: Sequence[str] = (),
        /,
    ) -> None:
        """Keep the row: the pages were handed on before."""
        self.document = row

    def add_source(self, row: SourceRow) -> None:
        """Keep nothing: the document has one source."""

    def due(self) -> bool:
        """Nothing is written."""
        return False

    def full(self) -> bool:
        """Nothing waits to be written."""
        return False

    def flush(self) -> None:
        """Write nothing."""
