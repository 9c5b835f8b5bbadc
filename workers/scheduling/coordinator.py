"""Keeps every worker busy and accounts for every page: one asyncio loop that sees only small records.

    sources -> open -> queue -> read ranges -> row
                                            `-> recognize -> row -> sink

Bounds: documents that wait in the queue, ranges in work, bytes of page images (`MemoryBudget`), rows that wait to be
written (`Flusher`). Nothing else queues.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing, closing
from dataclasses import replace

from ocrmill.configs.part import PageChoice
from ocrmill.configs.settings import RunSettings
from ocrmill.pipeline.errors import OcrmillError, OutputError
from ocrmill.pipeline.output.ledger import RETRIED, Ledger
from ocrmill.pipeline.output.sink import RowSink
from ocrmill.pipeline.quality.page_row import failed_row, unrendered_row
from ocrmill.pipeline.records import Document, Failure, Reason, RenderedPage, Source, UnreadableDocument
from ocrmill.pipeline.rows import DocumentRow, PageRow, SourceRow
from ocrmill.pipeline.run_progress import READING, STOPPING
from ocrmill.pipeline.run_report import RunReport
from ocrmill.pipeline.sources.fetch import current
from ocrmill.workers.logging import about
from ocrmill.workers.pools.image_memory import page_bytes
from ocrmill.workers.pools.pool import Image, Pool
from ocrmill.workers.scheduling.circuit_breaker import CircuitBreaker
from ocrmill.workers.scheduling.document_progress import DocumentProgress
from ocrmill.workers.scheduling.flusher import Flusher
from ocrmill.workers.scheduling.heartbeat import keep_heartbeat
from ocrmill.workers.scheduling.listing import Listing
from ocrmill.workers.scheduling.memory_budget import MemoryBudget, Reservation
from ocrmill.workers.scheduling.progress import Progress
from ocrmill.workers.scheduling.range_queue import RangeQueue
from ocrmill.workers.scheduling.task_groups import beside, cause_of
from ocrmill.workers.scheduling.tracing.trace import Trace
from ocrmill.workers.scheduling.tries.second_tries import SecondTries

SOURCES_AT_A_TIME = 64
QUEUED_RANGES_PER_RASTERIZER = 4
RENDERS_PER_PAGE = 20  # times that an image may be lost with its node
OPENINGS = 4  # of a source that changes each time while it is read
log = logging.getLogger(__name__)


class Coordinator:
    """Drives one run. `stop` may be called from a signal handler of the loop."""

    def __init__(
        self,
        pool: Pool,
        sink: RowSink,
        ledger: Ledger,
        settings: RunSettings,
        report: RunReport,
        progress: Progress,
        pages: PageChoice | None = None,
        trace: Trace | None = None,
        *,
        budget: MemoryBudget | None = None,
    ) -> None:
        """Start nothing yet; `budget` is one that coordinators of the same pool share, or this one has its own."""
        self._pool = pool
        self._sink = sink
        self._ledger = ledger
        self._report = report
        self._progress = progress
        workers = settings.workers
        self._queue = RangeQueue(workers.pages_per_range, workers.long_document_pages)
        self._page_bytes = page_bytes(settings.engine)
        self._budget = budget or MemoryBudget(pool.in_flight_bytes)
        self._breaker = CircuitBreaker(workers)
        self._trace = trace or Trace()
        self._flusher = Flusher(sink, report, self._trace)
        self._settings = settings
        self._tries = SecondTries(pool, settings)
        self._open: dict[str, DocumentProgress] = {}
        self._complete: set[str] = set()  # ids of documents finished in this run
        self._pages = pages  # of each document; None for all
        self._in_part: set[str] = set()  # ids of documents with all chosen pages read
        self._replaced: dict[str, str] = {}  # by source, the document that it held before it changed in this run
        self._listing: Listing | None = None
        self._all_opened = False  # every source of the run
        self._stop = asyncio.Event()
        self._finished = asyncio.Event()  # set whenever a document is finished
        self._readers = pool.rasterizers * 2
        self._group = asyncio.TaskGroup()

    @property
    def image_bytes(self) -> tuple[int, int]:
        """Bytes of page images in flight, and the most there may be."""
        return self._budget.taken, self._budget.capacity

    @property
    def documents_open(self) -> int:
        """The number of documents in work."""
        return len(self._open)

    def stop(self) -> None:
        """Take no more work, finish the pages in flight, and end `run`; `report.stopped` tells if work is left."""
        self._progress.enter(STOPPING)
        if self._listing is not None:
            self._listing.close()
        self._stop.set()
        self._finished.set()
        self._flusher.flush_soon()

    async def run(
        self,
        sources: Iterator[Source],
        *,
        heartbeat: Callable[[], None] | None = None,
        max_documents: int | None = None,
    ) -> None:
        """Read every page of every source that is not done yet; `heartbeat` is called every few seconds meanwhile.

        Sources are opened and their page ranges queued (`_open_sources`), ranges read (`_read_ranges`), page images
        recognized (`_recognize`), rows counted and given to the sink (`_finish_page`), all at the same time.

        Raises:
            OcrmillError: if the run cannot go on; finished rows are durable.
        """
        workers, patience_s = self._settings.workers, self._settings.output.retry_s
        self._progress.enter(READING)
        try:
            failure = None
            try:
                async with (
                    asyncio.timeout(None) as deadline,
                    beside(self._flusher.keep_flushing(patience_s), keep_heartbeat(heartbeat), self._drain(deadline)),
                    self._group as work,
                ):
                    for _ in range(self._readers):
                        work.create_task(self._read_ranges())
                    await self._open_sources(sources, max_documents)
                    while self._open and not self._stop.is_set():
                        self._finished.clear()
                        await self._finished.wait()
                    await self._queue.close()
            except TimeoutError:
                log.info("the pages in flight did not end within %g s", workers.drain_s)
            except BaseExceptionGroup as failures:
                failure = cause_of(failures)
            finally:
                self._report.stopped |= self._stop.is_set() and (bool(self._open) or not self._all_opened)
            if not isinstance(failure, OutputError):
                await self._flusher.flush(workers.drain_s if self._stop.is_set() else patience_s)
            if failure is not None:
                raise failure
        finally:
            await self._pool.stop()
        assert self._stop.is_set() or not self._open, "a document was left open"

    async def _open_sources(self, sources: Iterator[Source], max_documents: int | None) -> None:
        at_once = asyncio.Semaphore(self._readers)
        self._listing = Listing(sources, self._report)
        with closing(self._listing) as listing:
            async with asyncio.TaskGroup() as group:
                while batch := await asyncio.to_thread(listing.take, SOURCES_AT_A_TIME):
                    for source in batch:
                        await self._queue.wait_until_shorter_than(QUEUED_RANGES_PER_RASTERIZER * self._pool.rasterizers)
                        await self._flusher.wait_for_room()
                        await at_once.acquire()
                        if self._stop.is_set():
                            return
                        if self._report.sources_opened == max_documents:
                            self._report.stopped = True
                            return
                        self._report.sources_opened += 1
                        group.create_task(self._open_source(source)).add_done_callback(lambda _: at_once.release())
        self._all_opened = listing.exhausted

    async def _open_source(self, source: Source) -> None:
        if source.reason is not None:
            await self._admit(UnreadableDocument(None, source, source.reason, source.detail or source.reason))
        else:
            opened, openings = await self._open_until_stable(source)
            await self._admit(opened, openings)

    async def _open_until_stable(self, source: Source, openings: int = 0) -> tuple[Document | UnreadableDocument, int]:
        """Open a source, again if it changes meanwhile. Return the document and the number of openings."""
        while True:
            opened = await self._open_once(source)
            openings += 1
            changed = isinstance(opened, UnreadableDocument) and opened.reason is Reason.CHANGED
            if not changed or openings >= OPENINGS:
                return opened, openings
            now = await asyncio.to_thread(current, source, self._settings.input, self._settings.storage)
            if isinstance(now, Failure):
                return UnreadableDocument(None, source, now.reason, now.detail), openings
            source = now

    async def _open_once(self, source: Source) -> Document | UnreadableDocument:
        try:
            with self._trace.opening(source):
                return await self._pool.open(source)
        except OcrmillError:
            raise
        except Exception as error:  # one bad file must not end the night
            log.exception("%s: opening it failed with an unexpected error", source.uri, extra=about(source.uri))
            return UnreadableDocument(None, source, Reason.RENDER_CRASH, f"{type(error).__name__}: {error}")

    async def _admit(self, opened: Document | UnreadableDocument, openings: int = 1) -> None:
        """Begin a document, unless its bytes are known, forgotten or unreadable."""
        document_id, source = opened.document_id, opened.source
        page_count = opened.page_count if isinstance(opened, Document) else 0
        under_way = None if document_id is None else self._open.get(document_id)
        if document_id in self._ledger.forgotten.documents:
            self._report.sources_forgotten += 1
        elif document_id is not None and (document_id in self._complete or self._ledger.is_complete(document_id)):
            self._report.sources_known += 1
            self._sink.add_source(SourceRow(source, document_id))
        elif document_id is not None and self._ledger.keeps_pages(document_id, page_count):
            why = opened.detail if page_count == 0 else f"it has {page_count:,} pages now"
            log.warning("%s: its old rows are kept: %s", source.uri, why, extra=about(source.uri, document_id))
        elif isinstance(opened, UnreadableDocument) and (opened.reason in RETRIED or under_way is None):
            self._finish_unreadable(opened)
        elif document_id in self._in_part:
            pass  # the same bytes again: the run that completes them records this source, too
        elif under_way is not None:
            under_way.sources.append(source)
        elif isinstance(opened, Document):
            await self._begin(opened, openings)
        self._breaker.add_document(opened)

    async def _begin(self, document: Document, openings: int) -> None:
        """Queue the wanted pages of a document that are not durable yet."""
        reopened = self._ledger.reopened.get(document.document_id)
        progress = DocumentProgress.begin(
            document,
            document.source,
            durable=self._ledger.unfinished_pages(document.document_id),
            wanted=self._pages.of(document.page_count) if self._pages else None,
            openings=openings,
            before=None if reopened is None else reopened.again,
        )
        self._open[document.document_id] = progress
        self._report.pages_known += len(progress.missing)
        if progress.missing:
            await self._queue.put(document, sorted(progress.missing))
        else:
            self._finish_document(progress)

    async def _read_again(self, before: DocumentProgress) -> None:
        """Continue a document whose source changed meanwhile: it has the same bytes, or holds a new document."""
        opened, before.openings = await self._open_until_stable(before.document.source, before.openings)
        same = isinstance(opened, Document) and opened.document_id == before.document.document_id
        if isinstance(opened, Document) and same:
            before.document, before.sources[0] = opened, opened.source
        elif len(before.sources) > 1:  # another source has the same bytes
            del before.sources[0]
            before.document = replace(before.document, source=before.sources[0])
        elif before.outcomes:
            self._replaced[opened.source.uri] = before.document.document_id
            for row in list(before.changed.values()):
                self._keep_page(before, row)
        else:  # none of its pages was read, so it gets no row
            del self._open[before.document.document_id]
            self._report.pages_known -= len(before.missing)
            before.missing.clear()
        if not same:
            await self._admit(opened, before.openings)
        if before.missing:
            pages = sorted(before.changed)
            before.changed.clear()
            await self._queue.put(before.document, pages)
        self._finished.set()

    async def _read_ranges(self) -> None:
        """Take ranges from the queue and read them; a page is finished as a row, or goes on to an engine."""
        while (pages := await self._queue.get()) is not None:
            undelivered = set(pages.page_numbers)
            self._trace.take(pages)
            try:
                async with aclosing(self._pool.read(pages)) as stream:
                    while undelivered and not self._stop.is_set():
                        await self._flusher.wait_for_room()
                        with await self._budget.acquire(self._page_bytes) as reserved:
                            page = await anext(stream)
                            if isinstance(page, PageRow):
                                undelivered.discard(page.page_number)
                                self._finish_page(page)
                            else:
                                undelivered.discard(page[0].page_number)
                                self._group.create_task(self._recognize(pages.document, *page, reserved.transfer()))
            except OcrmillError:
                raise
            except Exception as error:  # one bad page must not end the night
                uri, said = pages.document.source.uri, about(pages.document.source.uri, pages.document.document_id)
                log.exception("%s: reading it failed with an unexpected error", uri, extra=said)
                for number in sorted(undelivered):
                    detail = f"{type(error).__name__}: {error}"
                    self._finish_page(unrendered_row(pages.document, number, Reason.RENDER_CRASH, detail))

    async def _recognize(self, document: Document, page: RenderedPage, image: Image, reserved: Reservation) -> None:
        with reserved:
            reserved.resize(page.image_bytes)
            try:
                row = await self._tries.recognize(document, page, image, self._stop.is_set, reserved)
            except OcrmillError:
                raise
            except Exception as error:  # one bad page must not end the night
                said = about(document.source.uri, document.document_id, page.page_number)
                log.exception("%s: OCR failed with an unexpected error", document.source.uri, extra=said)
                row = failed_row(document, page, Reason.ENGINE_ERROR, f"{type(error).__name__}: {error}")
        if row is None:
            await self._render_again(document, page)
        else:
            self._finish_page(row)

    async def _render_again(self, document: Document, page: RenderedPage) -> None:
        """Queue a page whose image was lost. It has released its bytes before, which avoids a deadlock."""
        opened = self._open[document.document_id]
        opened.losses[page.page_number] += 1
        if opened.losses[page.page_number] < RENDERS_PER_PAGE:
            await self._queue.put(opened.document, [page.page_number])
        else:
            detail = f"its image was lost {RENDERS_PER_PAGE} times with the node that held it"
            self._finish_page(failed_row(document, page, Reason.RENDER_CRASH, detail))

    def _finish_page(self, row: PageRow) -> None:
        self._trace.finish(row)
        opened = self._open[row.document_id]
        if row.reason is Reason.CHANGED and opened.openings < OPENINGS:
            opened.changed[row.page_number] = row
        else:
            self._keep_page(opened, row)
        if opened.changed.keys() == opened.missing and opened.missing:
            self._group.create_task(self._read_again(opened))
        self._breaker.add_page(row)

    def _keep_page(self, opened: DocumentProgress, row: PageRow) -> None:
        if opened.add(row):
            self._sink.add_page(row)
        self._report.add_page(row)
        if not opened.missing:
            self._finish_document(opened)

    def _finish_document(self, opened: DocumentProgress) -> None:
        document = opened.document
        if not opened.is_whole:
            self._leave_in_part(document.document_id)
            return
        row = opened.row(self._find_superseded(document.source, document.document_id))
        self._finish(row, opened.sources, opened.waiting or ())
        del self._open[document.document_id]
        self._finished.set()

    def _leave_in_part(self, document_id: str) -> None:
        """Drop a document that was read in part, as wanted: without a row it stays unfinished."""
        self._in_part.add(document_id)
        self._report.documents_in_part += 1
        del self._open[document_id]
        self._finished.set()

    def _finish_unreadable(self, opened: UnreadableDocument) -> None:
        """Finish a document without pages. If it may be readable later, its row has no hash of these bytes."""
        uri = opened.source.uri
        log.warning("%s: %s (%s)", uri, opened.reason, opened.detail, extra=about(uri, opened.document_id))
        row = DocumentRow(
            document_id=None if opened.reason in RETRIED else opened.document_id,
            source=opened.source,
            page_count=0,
            status="failed",
            reason=opened.reason,
            detail=opened.detail,
            supersedes=self._find_superseded(opened.source, opened.document_id),
        )
        self._finish(row, [opened.source])

    def _finish(self, row: DocumentRow, sources: list[Source], pages: Sequence[PageRow] = ()) -> None:
        replaced = () if row.document_id is None else self._ledger.close_again(row.document_id)
        rows = [SourceRow(source, row.document_id) for source in sources]
        self._sink.finish_document(row, rows, pages, replaced)
        self._report.add_document(row)
        if row.document_id is not None:
            self._complete.add(row.document_id)

    def _find_superseded(self, source: Source, document_id: str | None) -> str | None:
        before = self._replaced.get(source.uri) or self._ledger.document_of_source(source.uri)
        return before if before != document_id else None

    def flush(self) -> None:
        """Make every finished row durable, without a second try.

        Raises:
            OutputError: the rows cannot be written.
        """
        self._flusher.flush_once()

    async def _drain(self, deadline: asyncio.Timeout) -> None:
        """Once the run is stopped, drop the queue, and give the pages in flight `workers.drain_s` to end."""
        await self._stop.wait()
        await self._queue.close(drop=True)
        deadline.reschedule(asyncio.get_running_loop().time() + self._settings.workers.drain_s)
