"""The pool of workers: the interface that the coordinator uses, and the pool that runs in this process."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Protocol

from ocrmill.configs.settings import RouteMode, RunSettings
from ocrmill.pipeline.errors import EngineError
from ocrmill.pipeline.records import (
    Document,
    EngineDescription,
    EngineDown,
    PageRange,
    RenderedPage,
    RetryParams,
    Source,
    UnreadableDocument,
)
from ocrmill.pipeline.rows import PageRow
from ocrmill.workers.engines.recognizer import Recognizer
from ocrmill.workers.engines.registry import make_engine
from ocrmill.workers.pools.image_memory import image_memory, in_flight_bytes
from ocrmill.workers.pools.worker_slots import WorkerLoad
from ocrmill.workers.rendering.rasterizer import Rasterizer

Image = Any
"""A page image or its views, or a reference to them in Ray's object store."""


class Pool(Protocol):
    """Opens documents, reads page ranges, recognizes page images."""

    rasterizers: int
    engines: int
    in_flight_bytes: int  # of page images in flight, at most

    def describe(self) -> EngineDescription:
        """Return the description of the engines."""

    def load(self) -> Mapping[str, WorkerLoad]:
        """Return the present load of the rasterizers and of the engines; any thread may call this."""

    async def open(self, source: Source) -> Document | UnreadableDocument:
        """Hash and open a document."""

    def read(self, pages: PageRange) -> AsyncGenerator[PageRow | tuple[RenderedPage, Image], None]:
        """Read a range in order; yield each page as its row, or rendered for OCR."""

    async def recognize(
        self, document: Document, page: RenderedPage, image: Image, params: RetryParams | None = None, /
    ) -> PageRow | None:
        """Turn a page image into the row of one attempt at it; None if the node that held the image died.

        Raises:
            EngineError: if no engine is left.
        """

    async def stop(self) -> None:
        """End the engines; called in the event loop that used them."""

    def close(self) -> None:
        """End all workers."""


class SerialPool:
    """Everything in this process, one page at a time: for debugging, and for tests that need no Ray."""

    rasterizers = 1
    engines = 1

    def __init__(self, settings: RunSettings) -> None:
        engine = make_engine(settings.engine)
        self._description = engine.describe()
        self.in_flight_bytes = in_flight_bytes(settings, self._description.slots, image_memory())
        self._rasterizer = Rasterizer(settings, self._description)
        self._recognizer = Recognizer(engine, settings)
        self._turn = asyncio.Semaphore(self._description.slots)  # else a page's time has the wait for all before it
        self._taken = 0
        self._started: asyncio.Task[None] | None = None

    def describe(self) -> EngineDescription:
        """Return the description of the engine."""
        return self._description

    def load(self) -> Mapping[str, WorkerLoad]:
        """Return the present load: one rasterizer, which works in this thread, and one engine."""
        engine = WorkerLoad(1, min(1, self._taken), self._description.slots, self._taken, 0)
        return {"rasterizer": WorkerLoad(1, 1, 1, 1, 0), "engine": engine}

    def rasterizer_with_route(self, route: RouteMode) -> Rasterizer:
        """Return another rasterizer for the same files; close it before the pool."""
        return self._rasterizer.with_route(route)

    async def open(self, source: Source) -> Document | UnreadableDocument:
        """Hash and open a document."""
        return self._rasterizer.open(source)

    async def read(self, pages: PageRange) -> AsyncGenerator[PageRow | tuple[RenderedPage, Image], None]:
        """Read a range in order."""
        for number in pages.page_numbers:
            yield self._rasterizer.read(pages.document, number)
            await asyncio.sleep(0)  # so that pages yielded before are recognized

    async def recognize(
        self, document: Document, page: RenderedPage, image: Image, params: RetryParams | None = None
    ) -> PageRow:
        """Turn a page image into the row of one attempt at it."""
        self._started = self._started or asyncio.create_task(self._recognizer.start())
        await asyncio.shield(self._started)
        async with self._turn:
            self._taken += 1
            try:
                row = await self._recognizer.read(document, page, image, params)
            finally:
                self._taken -= 1
        if isinstance(row, EngineDown):  # there is no other one
            raise EngineError(row.detail)
        return row

    async def stop(self) -> None:
        """End the engine, while its event loop runs."""
        await self._recognizer.close()

    def close(self) -> None:
        """End the rendering processes."""
        self._rasterizer.close()
