"""The pool of workers: the interface that the coordinator uses, and the pool that runs in this process."""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from typing import Any, Protocol

from ocrmill.configs.settings import RouteMode, RunSettings
from ocrmill.configs.tries.rung_settings import settings_of_rung
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
from ocrmill.workers.pools.worker_slots import WorkerLoad, WorkerSlots
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
        self._settings = settings
        self._recognizer = Recognizer(engine, settings)
        self._others: dict[int, Recognizer] = {}  # by rung: other engines, for further attempts
        # Else a page's time has the wait for all before it.
        self._turns = WorkerSlots("an engine", [None], self._description.slots, _revive_nothing)
        self._starting: dict[int | None, asyncio.Task[None]] = {}  # by rung

    def describe(self) -> EngineDescription:
        """Return the description of the engine."""
        return self._description

    def load(self) -> Mapping[str, WorkerLoad]:
        """Return the present load: one rasterizer, which works in this thread, and one engine."""
        engine = self._turns.load()
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
            if pages.rung is None:
                yield self._rasterizer.of_route(pages.route).read(pages.document, number)
            else:
                yield self._rasterizer.read_again(pages)
            await asyncio.sleep(0)  # so that pages yielded before are recognized

    async def recognize(
        self, document: Document, page: RenderedPage, image: Image, params: RetryParams | None = None
    ) -> PageRow:
        """Turn a page image into the row of one attempt at it."""
        recognizer, at = self._recognizer_of(page)
        if at not in self._starting:
            self._starting[at] = asyncio.create_task(recognizer.start())
        await asyncio.shield(self._starting[at])
        turn = await self._turns.acquire(patient=params is not None or page.rung is not None)
        try:
            row = await recognizer.read(document, replace(page, sent=time.time()), image, params)
        finally:
            self._turns.release(turn, finished=True)
        if isinstance(row, EngineDown):  # there is no other one
            raise EngineError(row.detail)
        return row

    def _recognizer_of(self, page: RenderedPage) -> tuple[Recognizer, int | None]:
        """Return what reads a page, and the rung of it if only that names its engine."""
        at = page.rung
        if at is None or self._settings.engine.tries.rungs[at].engine is None:
            return self._recognizer, None
        if at not in self._others:
            settings = settings_of_rung(self._settings, self._settings.engine.tries.rungs[at])
            self._others[at] = Recognizer(make_engine(settings.engine), settings)
        return self._others[at], at

    async def stop(self) -> None:
        """End the engines, while their event loop runs."""
        for recognizer in (self._recognizer, *self._others.values()):
            await recognizer.close()

    def close(self) -> None:
        """End the rendering processes."""
        self._rasterizer.close()


async def _revive_nothing(_worker: object) -> None:
    """Do nothing: the engine is in this process."""
