"""Keeps every worker busy and accounts for every page: one asyncio loop that sees only small records.

    sources -> open -> lanes -> read ranges -> row
                                            `-> recognize -> row -> sink

Bounds: documents that wait in the lanes, ranges in work, bytes of page images (`Room`). Nothing else queues.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from itertools import islice

from configs.settings import RunSettings
from pipeline.errors import OcrmillError
from pipeline.ledger import RETRIED, Ledger, PageOutcome
from pipeline.records import (
    Document,
    DocumentRow,
    PageRange,
    PageRow,
    Reason,
    RenderedPage,
    Source,
    SourceRow,
    Status,
    UnreadableDocument,
)
from pipeline.report import RunReport
from pipeline.rows import failed_row
from pipeline.sink import Sink
from workers.lanes import Lanes
from workers.pool import Image, ImageLostError, Pool
from workers.progress import Progress
from workers.room import Room

SOURCES_AT_A_TIME = 64
PAGE_BYTES = 6 << 20  # a Letter page at 144 dpi; corrected when the page is there
QUEUED_RANGES_PER_RASTERIZER = 4
RENDERS_PER_PAGE = 20  # times that an image may be lost with its node
FLUSH_CHECK_S = 0.5
BEAT_S = 10.0  # how often the lease shows that we are alive
DRAIN_S = 30.0  # what is in flight may finish for so long after a stop
log = logging.getLogger("ocrmill")


@dataclass(slots=True, eq=False)
class OpenDocument:
    """A document whose pages are being read."""

    document: Document
    sources: list[Source]
    missing: set[int]
    outcomes: dict[int, PageOutcome] = field(default_factory=dict)


class Coordinator:
    """Drives one run. `stop` may be called from a signal handler of the loop."""

    def __init__(
        self, pool: Pool, sink: Sink, ledger: Ledger, settings: RunSettings, report: RunReport, progress: Progress
    ) -> None:
        self._pool = pool
        self._sink = sink
        self._ledger = ledger
        self._report = report
        self._progress = progress
        workers = settings.workers
        self._lanes = Lanes(workers.pages_per_range, workers.long_document_pages)
        self._room = Room(workers.in_flight_mb << 20)
        self._open: dict[str, OpenDocument] = {}
        self._complete: set[str] = set()  # document ids finished in this run
        self._stop = asyncio.Event()
        self._readers = pool.rasterizers * 2

    def stop(self) -> None:
        """Take no more work, finish what is in flight, and return from `run`."""
        self._report.stopped = True
        self._stop.set()

    async def run(
        self, sources: Iterator[Source], *, beat: Callable[[], None] | None = None, max_documents: int | None = None
    ) -> None:
        """Read every page of every source that is not done yet; `beat` is called every few seconds meanwhile.

        Raises:
            OcrmillError: if the run cannot go on; what was finished is durable.
        """
        flushing = asyncio.create_task(self._flush_when_due(beat))
        drain = asyncio.create_task(self._drain())
        reading = asyncio.create_task(self._read_everything(sources, max_documents))
        try:
            await asyncio.wait({flushing, drain, reading}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            unfinished = [task for task in (reading, flushing, drain) if not task.done()]
            for task in unfinished:
                task.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)
        for task in (flushing, reading):
            if not task.cancelled() and (error := task.exception()) is not None:
                raise _cause_of(error)

    async def _read_everything(self, sources: Iterator[Source], max_documents: int | None) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(self._readers):
                group.create_task(self._read_ranges(group))
            await self._open_sources(sources, max_documents)
            await self._lanes.close()
        assert self._stop.is_set() or not self._open, "a document was left open"

    async def _open_sources(self, sources: Iterator[Source], max_documents: int | None) -> None:
        begun = 0
        at_once = asyncio.Semaphore(self._readers)
        async with asyncio.TaskGroup() as group:
            while batch := await asyncio.to_thread(lambda: list(islice(sources, SOURCES_AT_A_TIME))):
                for source in batch:
                    await self._lanes.wait_until_shorter_than(QUEUED_RANGES_PER_RASTERIZER * self._pool.rasterizers)
                    await at_once.acquire()
                    if self._stop.is_set():
                        return
                    if begun == max_documents:
                        self._report.stopped = True
                        return
                    begun += 1
                    group.create_task(self._open_source(source)).add_done_callback(lambda _: at_once.release())

    async def _open_source(self, source: Source) -> None:
        if source.reason is not None:
            opened: Document | UnreadableDocument = UnreadableDocument(
                None, source, source.reason, source.detail or source.reason
            )
        else:
            try:
                opened = await self._pool.open(source)
            except OcrmillError:
                raise
            except Exception as error:  # one bad file must not end the night
                log.exception("%s: opening it failed in a way that ocrmill does not know", source.uri)
                opened = UnreadableDocument(None, source, Reason.RENDER_CRASH, f"{type(error).__name__}: {error}")
        await self._take_in(opened)

    async def _take_in(self, opened: Document | UnreadableDocument) -> None:
        """Begin a document, or see that its bytes are known or cannot be read."""
        document_id, source = opened.document_id, opened.source
        if document_id is not None and (document_id in self._complete or self._ledger.is_complete(document_id)):
            self._report.sources_known += 1
            self._sink.add_source(SourceRow(source, document_id))
        elif isinstance(opened, UnreadableDocument):
            self._finish_unreadable(opened)
        elif opened.document_id in self._open:
            self._open[opened.document_id].sources.append(source)
        else:
            done = dict(self._ledger.unfinished_pages(opened.document_id))
            missing = set(range(1, opened.page_count + 1)) - done.keys()
            self._open[opened.document_id] = OpenDocument(opened, [source], missing, done)
            self._report.pages_known += len(missing)
            if missing:
                await self._lanes.put(opened, sorted(missing))
            else:
                self._finish_document(self._open[opened.document_id])

    async def _read_ranges(self, group: asyncio.TaskGroup) -> None:
        while (pages := await self._lanes.get()) is not None:
            undelivered = set(pages.page_numbers)
            try:
                await self._read_range(pages, undelivered, group)
            except OcrmillError:
                raise
            except Exception as error:  # one bad page must not end the night
                log.exception("%s: reading it failed in a way that ocrmill does not know", pages.document.source.uri)
                for number in sorted(undelivered):
                    detail = f"{type(error).__name__}: {error}"
                    page = RenderedPage(number)
                    self._finish_page(failed_row(pages.document, page, Reason.RENDER_CRASH, detail))

    async def _read_range(self, pages: PageRange, undelivered: set[int], group: asyncio.TaskGroup) -> None:
        async with aclosing(self._pool.read(pages)) as stream:
            while undelivered and not self._stop.is_set():
                await self._room.take(PAGE_BYTES)
                try:
                    page = await anext(stream)
                except BaseException:
                    self._room.give(PAGE_BYTES)
                    raise
                if isinstance(page, PageRow):
                    self._room.give(PAGE_BYTES)
                    undelivered.discard(page.page_number)
                    self._finish_page(page)
                else:
                    undelivered.discard(page[0].page_number)
                    group.create_task(self._recognize(pages.document, *page))

    async def _recognize(self, document: Document, page: RenderedPage, image: Image) -> None:
        size = page.image_bytes
        self._room.resize(PAGE_BYTES, size)
        try:
            row = await self._recognized(document, page, image)
        except OcrmillError:
            raise
        except Exception as error:  # one bad page must not end the night
            log.exception("%s: OCR failed in a way that ocrmill does not know", document.source.uri)
            row = failed_row(document, page, Reason.ENGINE_ERROR, f"{type(error).__name__}: {error}")
        finally:
            self._room.give(size)
        self._finish_page(row)

    async def _recognized(self, document: Document, page: RenderedPage, image: Image) -> PageRow:
        for _ in range(RENDERS_PER_PAGE):
            try:
                return await self._pool.recognize(document, page, image)
            except ImageLostError:
                rendered = await anext(self._pool.read(PageRange(document, (page.page_number,))))
                if isinstance(rendered, PageRow):
                    return rendered
                page, image = rendered
        detail = f"its image was lost {RENDERS_PER_PAGE} times with the node that held it"
        return failed_row(document, page, Reason.RENDER_CRASH, detail)

    def _finish_page(self, row: PageRow) -> None:
        document = self._open[row.document_id]
        self._sink.add_page(row)
        self._report.add_page(row)
        document.missing.discard(row.page_number)
        document.outcomes[row.page_number] = PageOutcome(row.status, bool(row.flags), row.repetition_flag)
        if not document.missing:
            self._finish_document(document)
        self._progress.show()

    def _finish_document(self, opened: OpenDocument) -> None:
        document = opened.document
        by_status = Counter(outcome.status for outcome in opened.outcomes.values())
        row = DocumentRow(
            document_id=document.document_id,
            source=document.source,
            page_count=document.page_count,
            status="complete",
            reason=document.reason,
            detail=document.detail if document.reason is not None else None,
            warnings=document.detail if document.reason is None else None,
            pages_ok=by_status[Status.OK],
            pages_repaired=by_status[Status.REPAIRED],
            pages_text_layer=by_status[Status.TEXT_LAYER],
            pages_blank=by_status[Status.BLANK],
            pages_failed=by_status[Status.FAILED],
            pages_flagged=sum(outcome.flagged for outcome in opened.outcomes.values()),
            title=document.title,
            producer=document.producer,
            supersedes=self._superseded(document.source, document.document_id),
        )
        self._finish(row, opened.sources)
        del self._open[document.document_id]

    def _finish_unreadable(self, opened: UnreadableDocument) -> None:
        row = DocumentRow(
            document_id=opened.document_id,
            source=opened.source,
            page_count=0,
            status="failed",
            reason=opened.reason,
            detail=opened.detail,
            supersedes=self._superseded(opened.source, opened.document_id),
        )
        self._finish(row, [opened.source])
        log.warning("%s: %s (%s)", opened.source.uri, opened.reason, opened.detail)

    def _finish(self, row: DocumentRow, sources: list[Source]) -> None:
        self._sink.finish_document(row, [SourceRow(source, row.document_id) for source in sources])
        self._report.add_document(row)
        if row.document_id is not None and row.reason not in RETRIED:
            self._complete.add(row.document_id)

    def _superseded(self, source: Source, document_id: str | None) -> str | None:
        before = self._ledger.document_of_source(source.uri)
        return before if before != document_id else None

    def flush(self) -> None:
        """Make every finished row durable."""
        started = time.monotonic()
        self._sink.flush()
        self._report.write_s += time.monotonic() - started

    async def _flush_when_due(self, beat: Callable[[], None] | None) -> None:
        beaten = time.monotonic()
        while True:
            await asyncio.sleep(FLUSH_CHECK_S)
            if self._sink.due():
                await asyncio.to_thread(self.flush)
            if beat is not None and time.monotonic() - beaten >= BEAT_S:
                beaten = time.monotonic()
                await asyncio.to_thread(beat)

    async def _drain(self) -> None:
        await self._stop.wait()
        await self._lanes.close(drop=True)
        await asyncio.sleep(DRAIN_S)


def _cause_of(error: BaseException) -> BaseException:
    """What made a task group fail: an error of ours if there is one among them."""
    while isinstance(error, BaseExceptionGroup):
        ours = error.subgroup(OcrmillError)
        error = (ours or error).exceptions[0]
    return error
