"""The service between HTTP and the workers: its states, its places for documents, and how a document is read.

Two event loops: HTTP in a thread of its own, so that it answers while a page is worked on, and the workers' in the main
thread, as in a run. A document passes from the first to the second, and its rows come back.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from typing import Any, Literal

from ocrmill.commands.serve.refusal import Refusal, unavailable
from ocrmill.configs.settings import RunSettings
from ocrmill.pipeline.errors import EngineError, OcrmillError
from ocrmill.pipeline.records import EngineDescription, Source
from ocrmill.pipeline.rows import PageRow
from ocrmill.pipeline.run_report import RunReport
from ocrmill.workers.pools.document_pool import Wanted
from ocrmill.workers.pools.pool import Pool
from ocrmill.workers.scheduling.single.document_reader import DocumentReader, ReadDocument
from ocrmill.workers.scheduling.single.warm_up import warm_up

State = Literal["starting", "ready", "draining", "failed"]
DRAIN_LOOK_S = 0.05
_WHY_NOT = {
    "starting": "the workers are being started: try again later",
    "draining": "the service is ending and takes no more documents",
    "failed": "no engine is left: the log of the service says why, and it has to be started again",
}
log = logging.getLogger(__name__)


class Service:
    """Takes documents while its workers are up; `run` has the workers' event loop, all else is called from HTTP's."""

    def __init__(self, settings: RunSettings) -> None:
        """Start nothing yet."""
        self.settings = settings
        self.report = RunReport()
        self.state: State = "starting"
        self.reader: DocumentReader | None = None
        self.engine: EngineDescription | None = None
        self.pool: Pool | None = None
        self._documents = 0  # with a place
        self._loop: asyncio.AbstractEventLoop | None = None
        self._reading: set[asyncio.Task[Any]] = set()
        self._ending = asyncio.Event()

    @property
    def documents(self) -> int:
        """The number of documents with a place: they are being sent, read or answered."""
        return self._documents

    async def run(self, pool: Pool) -> None:
        """Read documents with these workers until `end` is called, and those in work to their ends, within a limit."""
        self._loop = asyncio.get_running_loop()
        self.reader, self.engine, self.pool = DocumentReader(pool, self.settings, self.report), pool.describe(), pool
        try:
            await self._warm_up(pool)
            if self.state == "starting":
                self.state = "ready"
            await self._ending.wait()
            until = time.monotonic() + self.settings.workers.drain_s
            while self._documents and time.monotonic() < until:  # noqa: ASYNC110 - another thread counts them
                await asyncio.sleep(DRAIN_LOOK_S)
            if self._reading:
                log.warning("%d documents did not end within workers.drain_s: they are given up", len(self._reading))
                for task in self._reading:
                    task.cancel()
                await asyncio.wait(self._reading)
        finally:
            self.state = "draining"
            await pool.stop()

    async def _warm_up(self, pool: Pool) -> None:
        """Have the workers read a page that nobody counts, and none of them twice; a signal ends that."""
        engine = self.settings.engine
        once = engine.model_copy(update={"tries": engine.tries.model_copy(update={"most": 0})})
        reader = DocumentReader(pool, self.settings.model_copy(update={"engine": once}), RunReport())
        warming = asyncio.create_task(warm_up(reader, pool.rasterizers, pool.engines))
        ending = asyncio.create_task(self._ending.wait())
        await asyncio.wait({warming, ending}, return_when=asyncio.FIRST_COMPLETED)
        for task in (warming, ending):
            task.cancel()
        for error in await asyncio.gather(warming, ending, return_exceptions=True):
            if isinstance(error, Exception):
                raise error

    def end(self) -> None:
        """Take no more documents; called in the workers' event loop."""
        self.state = "draining"
        self._ending.set()

    def refuse_unless_ready(self) -> None:
        """Raise a refusal if no document can be read now."""
        if self.state != "ready":
            raise unavailable(_WHY_NOT[self.state])

    @contextmanager
    def place(self) -> Iterator[None]:
        """Take a place for a document, from its first byte to the last one of the answer.

        Raises:
            Refusal: the service is not ready, or all places are taken.
        """
        self.refuse_unless_ready()
        most = self.settings.serve.max_documents
        if self._documents >= most:
            message = f"{most} documents are in work, as many as this service reads at once: send it again later"
            raise Refusal(429, "busy", message, retry=True)
        self._documents += 1
        try:
            yield
        finally:
            self._documents -= 1

    async def read(self, source: Source, wanted: Wanted) -> AsyncGenerator[PageRow | ReadDocument, None]:
        """Read a document: yield its pages as they end, and then what became of it.

        Leaving the iteration gives the document up.

        Raises:
            Refusal: it cannot be read now.
        """
        self.refuse_unless_ready()
        assert self._loop is not None
        here = asyncio.get_running_loop()
        events: asyncio.Queue[PageRow | Future[ReadDocument]] = asyncio.Queue()

        def hand_over(event: PageRow | Future[ReadDocument]) -> None:
            here.call_soon_threadsafe(events.put_nowait, event)

        reading = asyncio.run_coroutine_threadsafe(self._read(source, wanted, hand_over), self._loop)
        reading.add_done_callback(hand_over)
        try:
            while isinstance(event := await events.get(), PageRow):
                yield event
            yield event.result()
        except CancelledError:
            raise unavailable("the service is ending, and the document was given up") from None
        except EngineError:
            raise unavailable(_WHY_NOT["failed"]) from None
        except OcrmillError as error:
            log.error("%s: %s", source.uri, error)  # noqa: TRY400 - a sentence for people
            raise unavailable("the document could not be read now: the log of the service says why") from None
        finally:
            reading.cancel()

    async def _read(self, source: Source, wanted: Wanted, hand_over: Callable[[PageRow], None]) -> ReadDocument:
        """Read a document in the workers' event loop."""
        task = asyncio.current_task()
        assert task is not None
        assert self.reader is not None
        self._reading.add(task)
        try:
            return await self.reader.read(source, wanted, hand_over)
        except EngineError as error:
            if self.state == "ready":
                self.state = "failed"
                log.error("no more documents are taken: %s", error)  # noqa: TRY400 - a sentence for people
            raise
        finally:
            self._reading.discard(task)
