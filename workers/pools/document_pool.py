"""One document's view of a pool that many documents share: what it asks for, and how many pages it may have."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, replace

from ocrmill.configs.part import PageChoice
from ocrmill.configs.settings import RouteMode
from ocrmill.pipeline.records import (
    Document,
    EngineDescription,
    PageRange,
    Reason,
    RenderedPage,
    RetryParams,
    Source,
    UnreadableDocument,
)
from ocrmill.pipeline.rows import PageRow
from ocrmill.workers.pools.pool import Image, Pool
from ocrmill.workers.pools.worker_slots import WorkerLoad


@dataclass(frozen=True, slots=True)
class Wanted:
    """The part of a document that is to be read, and by which route."""

    pages: PageChoice | None = None  # None: all
    route: RouteMode | None = None  # None: that of the settings
    most_pages: int | None = None  # a document with more wanted pages is refused
    prompt: str | None = None  # None: that of the settings


class DocumentPool:
    """Hands a document's work to the shared pool, which outlives it: `stop` and `close` leave the workers running."""

    def __init__(self, pool: Pool, wanted: Wanted) -> None:
        self._pool = pool
        self._wanted = wanted
        self.rasterizers, self.engines = pool.rasterizers, pool.engines
        self.in_flight_bytes = pool.in_flight_bytes
        self.page_count = 0  # of the document, once it is open

    def describe(self) -> EngineDescription:
        """Return the description of the engines; beside a prompt of its own a page gets no other one."""
        engine = self._pool.describe()
        if self._wanted.prompt is None:
            return engine
        return replace(engine, retry_policy=tuple(each for each in engine.retry_policy if each.prompt is None))

    def load(self) -> Mapping[str, WorkerLoad]:
        """Return the present load of all workers."""
        return self._pool.load()

    async def open(self, source: Source) -> Document | UnreadableDocument:
        """Hash and open the document; one with too many pages comes out as unreadable (`object_limit`)."""
        opened = await self._pool.open(source)
        if isinstance(opened, UnreadableDocument):
            if opened.reason is not Reason.PASSWORD_REQUIRED:
                return opened
            tried = (
                "the password that came with it does not open it" if source.passwords else "no password came with it"
            )
            return replace(opened, detail=f"it is encrypted, and {tried}")
        self.page_count, most = opened.page_count, self._wanted.most_pages
        chosen = self._wanted.pages
        pages = opened.page_count if chosen is None else len(chosen.of(opened.page_count))
        if most is None or pages <= most:
            return opened
        detail = f"{pages:,} of its {opened.page_count:,} pages are wanted, and at most {most:,} read: ask for parts"
        return UnreadableDocument(opened.document_id, source, Reason.OBJECT_LIMIT, detail)

    def read(self, pages: PageRange) -> AsyncGenerator[PageRow | tuple[RenderedPage, Image], None]:
        """Read a range in order, by the document's route."""
        return self._pool.read(replace(pages, route=self._wanted.route))

    async def recognize(
        self, document: Document, page: RenderedPage, image: Image, params: RetryParams | None = None
    ) -> PageRow | None:
        """Turn a page image into the row of one attempt at it."""
        return await self._pool.recognize(document, replace(page, prompt=self._wanted.prompt), image, params)

    async def stop(self) -> None:
        """Leave the engines running: other documents use them."""

    def close(self) -> None:
        """Leave the workers running."""
