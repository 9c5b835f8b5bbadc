"""The pool on Ray actors: rasterizers and engines, on this machine or a cluster.

Ray's own fault tolerance is not used for pages: it retries or drops the neighbours of a bad page and has no time limit.
Actors restart (`max_restarts=-1`) but their tasks do not (`max_task_retries=0`): what a dead actor had in work is given
out again here. No page is blamed for the death of a rasterizer, since MuPDF runs in a process of its own; a page is
blamed for the death of an engine only if it was the only one in there.
"""

import asyncio
import logging
import os
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, ObjectLostError, RayActorError, RayTaskError

from configs.engine_settings import EngineSettings
from configs.settings import RunSettings
from pipeline.errors import EngineDownError, EngineError
from pipeline.records import (
    Attempt,
    Document,
    EngineDescription,
    PageRange,
    PageRow,
    Reason,
    RenderedPage,
    Source,
    UnreadableDocument,
)
from pipeline.rows import failed_row
from workers.engine_seats import EngineSeats, Seat
from workers.pool import Image, ImageLostError
from workers.rasterizer import Rasterizer
from workers.recognizer import Engine, PageImage, Recognizer

MAKE_AHEAD = 16  # objects (a page is a record and an image) that a rasterizer makes before they are taken
RANGES_PER_RASTERIZER = 2  # one in work, one waiting, so that none idles between two
RASTERIZER_TRIES = 20  # deaths of rasterizers (nodes, really) that a page survives
RESTART_S = 1.0
START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 10.0
MIN_OBJECT_STORE_MB = 256
log = logging.getLogger("ocrmill")


@ray.remote(num_cpus=1, max_restarts=-1, max_task_retries=0)
class RasterizerActor:
    """A `Rasterizer` in a process of its own."""

    def __init__(self, make_rasterizer: Callable[[RunSettings], Rasterizer], settings: RunSettings) -> None:
        self._rasterizer = make_rasterizer(settings)

    def ping(self) -> int:
        """Answer once it is up, with the process that it is."""
        return os.getpid()

    def open(self, source: Source) -> Document | UnreadableDocument:
        """See `Rasterizer.open`."""
        return self._rasterizer.open(source)

    def read(self, pages: PageRange) -> Iterator[PageRow | RenderedPage | PageImage]:
        """See `Rasterizer.read`; a rendered page is followed by its image, as an object of its own."""
        for page in self._rasterizer.read(pages):
            if isinstance(page, PageRow):
                yield page
            else:
                rendered, image = page
                yield rendered
                yield image  # on its own, so that only its reference travels on


@ray.remote(max_restarts=-1, max_task_retries=0, max_concurrency=1000)
class EngineActor:
    """A `Recognizer` in a process of its own."""

    def __init__(self, make_engine: Callable[[EngineSettings], Engine], settings: RunSettings) -> None:
        self._recognizer = Recognizer(make_engine(settings.engine), settings)
        self._starting: asyncio.Task[None] | None = None

    async def ping(self) -> int:
        """Answer once the engine is up, with the process that it is.

        Raises:
            EngineError: if it cannot be started.
        """
        self._starting = self._starting or asyncio.create_task(self._recognizer.start())
        await asyncio.shield(self._starting)
        return os.getpid()

    async def stop(self) -> None:
        """End what the engine has started."""
        await self._recognizer.close()

    async def read(self, document: Document, page: RenderedPage, image: PageImage) -> PageRow:
        """See `Recognizer.read`."""
        return await self._recognizer.read(document, page, image)


@dataclass(slots=True)
class EngineHandle:
    """An engine: its actor, and the process that the actor is now."""

    actor: Any
    pid: int


class RayPool:
    """Rasterizer and engine actors behind the interface of `workers.pool.Pool`."""

    def __init__(
        self,
        settings: RunSettings,
        make_engine: Callable[[EngineSettings], Engine],
        make_rasterizer: Callable[[RunSettings], Rasterizer] = Rasterizer,
    ) -> None:
        self._settings = settings
        self._description = make_engine(settings.engine).describe()
        cores = os.cpu_count() or 1
        self.rasterizers = settings.workers.rasterizers or cores
        self.engines = settings.workers.engines or cores
        self._start_ray()
        if settings.engine.name == "deepseek-ocr2":
            self.engines = min(self.engines, self._engines_that_fit())
        self._actors = [RasterizerActor.remote(make_rasterizer, settings) for _ in range(self.rasterizers)]  # type: ignore[attr-defined]
        self._loads = [0] * self.rasterizers  # ranges
        self._opening = [0] * self.rasterizers  # documents
        self._rasterizer_freed = asyncio.Condition()
        gpus = self._description.gpus
        engine_actor = EngineActor.options(num_gpus=gpus, num_cpus=0 if gpus else 1)  # type: ignore[attr-defined]
        engines = [engine_actor.remote(make_engine, settings) for _ in range(self.engines)]
        self._await_start(self._actors, START_TIMEOUT_S)
        pids = self._await_start(engines, settings.engine.start_timeout_s)
        handles = [EngineHandle(engine, pid) for engine, pid in zip(engines, pids, strict=True)]
        self._seats = EngineSeats(handles, self._description.slots, self._revive)

    def describe(self) -> EngineDescription:
        """What the engines say of themselves."""
        return self._description

    async def open(self, source: Source) -> Document | UnreadableDocument:
        """Hash and open a document, on the rasterizer that has least to do."""
        for _ in range(RASTERIZER_TRIES):
            index = min(range(self.rasterizers), key=lambda each: self._loads[each] + self._opening[each])
            self._opening[index] += 1
            try:
                opened: Document | UnreadableDocument = await self._actors[index].open.remote(source)
            except RayActorError:
                await asyncio.sleep(RESTART_S)
            else:
                return opened
            finally:
                self._opening[index] -= 1
        detail = f"{RASTERIZER_TRIES} workers died while opening it"
        return UnreadableDocument(None, source, Reason.UNREADABLE, detail)

    async def read(self, pages: PageRange) -> AsyncGenerator[PageRow | tuple[RenderedPage, Image], None]:
        """Read a range in order; what a dead rasterizer left undone is read by another."""
        missing = list(pages.page_numbers)
        for _ in range(RASTERIZER_TRIES):
            async with self._rasterizer_freed:
                await self._rasterizer_freed.wait_for(lambda: min(self._loads) < RANGES_PER_RASTERIZER)
                index = min(range(self.rasterizers), key=self._loads.__getitem__)
                self._loads[index] += 1
            try:
                async for page in self._stream(self._actors[index], replace(pages, page_numbers=tuple(missing))):
                    missing.pop(0)
                    yield page
            except (RayActorError, ObjectLostError, ImageLostError):
                await asyncio.sleep(RESTART_S)
            else:
                return
            finally:
                async with self._rasterizer_freed:
                    self._loads[index] -= 1
                    self._rasterizer_freed.notify_all()
        for number in missing:
            detail = f"{RASTERIZER_TRIES} workers died while reading it"
            yield failed_row(pages.document, RenderedPage(number), Reason.RENDER_CRASH, detail)

    async def recognize(self, document: Document, page: RenderedPage, image: Image) -> PageRow:
        """Turn a page image into its row, on the engine that has least to do.

        An engine that dies takes all its pages along. Each is tried again, now alone in an engine, so that only the
        page that kills it is blamed.
        """
        attempts: list[Attempt] = []
        suspect = False
        while True:
            seat = await self._seats.take(alone=suspect)
            row, failure, why = None, None, ""
            started = time.monotonic()
            try:
                row = await self._call(seat.engine.handle.actor, document, page, image)
            except TimeoutError:
                failure = Reason.ENGINE_TIMEOUT
                if seat.is_current:
                    ray.kill(seat.engine.handle.actor, no_restart=False)
            except RayActorError:
                failure = Reason.ENGINE_CRASH
            except EngineDownError as error:
                failure, why = Reason.ENGINE_CRASH, f": {error}"
                self._take_note(error, seat)
            finally:
                if failure is not None:
                    self._seats.report_death(seat)
                self._seats.give(seat, finished=row is not None)
            if row is not None:
                return replace(row, attempts=(*attempts, *row.attempts))
            if seat.alone or failure is Reason.ENGINE_TIMEOUT:
                seconds = time.monotonic() - started
                attempts.append(Attempt(self._description.name, seconds, reason=failure))
            suspect = True
            if failure is not None and len(attempts) >= self._settings.engine.max_attempts:
                self._seats.blame(seat)
                detail = f"the engine failed {len(attempts)} times on this page{why}"
                return replace(failed_row(document, page, failure, detail), attempts=tuple(attempts))

    async def stop(self) -> None:
        """Let the engines end what they started; one that does not answer is killed with its actor."""
        stops = [handle.actor.stop.remote() for handle in self._seats.handles()]
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*stops, return_exceptions=True), STOP_TIMEOUT_S)

    def close(self) -> None:
        """End all actors, and Ray if it was started here."""
        ray.shutdown()

    def _take_note(self, error: EngineDownError, seat: Seat) -> None:
        """Log why an engine is down; one that ran out of memory gets fewer pages at a time from now on."""
        if not seat.is_current:
            return
        log.warning("an engine is down and is started again: %s", error)
        if error.out_of_memory and seat.engine.seats > 1:
            seat.engine.seats //= 2
            log.warning("it ran out of memory: from now on it gets %d pages at a time", seat.engine.seats)

    async def _call(self, engine: Any, document: Document, page: RenderedPage, image: Image) -> PageRow:
        timeout = self._settings.engine.page_timeout_s
        try:
            row: PageRow = await asyncio.wait_for(engine.read.remote(document, page, image), timeout)
        except RayTaskError as error:  # first: one that wraps the death of the image's owner is a RayActorError as well
            if isinstance(error.cause, EngineDownError):
                raise error.cause from error
            if isinstance(error.cause, RayActorError | ObjectLostError):
                raise ImageLostError from error
            return failed_row(document, page, Reason.ENGINE_ERROR, f"{type(error.cause).__name__}: {error.cause}")
        except ObjectLostError as error:
            raise ImageLostError from error
        return row

    async def _stream(self, actor: Any, pages: PageRange) -> AsyncGenerator[PageRow | tuple[RenderedPage, Image], None]:
        """Take pages from a rasterizer; images stay in the object store, only their references come here."""
        stream = actor.read.options(num_returns="streaming", _generator_backpressure_num_objects=MAKE_AHEAD).remote(
            pages
        )
        async for reference in stream:
            page = await reference
            if isinstance(page, PageRow):
                yield page
            else:
                image = await anext(stream, None)
                if image is None:
                    raise ImageLostError
                yield page, image

    async def _revive(self, engine: EngineHandle) -> None:
        """Wait until an engine is up again, as another process (Ray restarts it)."""
        timeout = self._settings.engine.start_timeout_s
        try:
            async with asyncio.timeout(timeout):
                while True:
                    try:
                        pid = await engine.actor.ping.remote()
                    except RayTaskError as error:
                        raise EngineError(f"an engine could not be started again: {error.cause}") from error
                    except RayActorError:
                        await asyncio.sleep(RESTART_S)
                        continue
                    if pid != engine.pid:
                        engine.pid = pid
                        return
                    ray.kill(engine.actor, no_restart=False)  # its end has not come yet, or it was only out of reach
                    await asyncio.sleep(RESTART_S)
        except TimeoutError as error:
            raise EngineError(f"an engine did not come back within {timeout:g} s") from error

    def _start_ray(self) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        address = self._settings.workers.ray_address
        quiet = {"include_dashboard": False} if address is None else {}
        local = {
            "num_cpus": self.rasterizers + self.engines,
            **({} if self._description.gpus else {"num_gpus": 0}),
            "object_store_memory": max(MIN_OBJECT_STORE_MB, 2 * self._settings.workers.in_flight_mb) << 20,
        }
        try:
            ray.init(address=address, log_to_driver=False, logging_level="ERROR", **quiet, **({} if address else local))
        except (ConnectionError, RuntimeError) as error:
            where = f"the Ray cluster at {address}" if address else "Ray on this machine"
            raise EngineError(f"cannot start with {where}: {error}") from error

    def _engines_that_fit(self) -> int:
        """As many vLLMs as there are GPUs, or groups of them; one on the CPU, of which it takes all cores."""
        if not self._description.gpus:
            return 1
        gpus = int(ray.cluster_resources().get("GPU", 0))
        if gpus < self._description.gpus:
            self.close()
            raise EngineError(
                f"an engine takes {self._description.gpus} GPUs and Ray has {gpus}: look at nvidia-smi and "
                "CUDA_VISIBLE_DEVICES, or take --engine cpu"
            )
        return gpus // self._description.gpus

    def _await_start(self, actors: Sequence[Any], timeout_s: float) -> list[int]:
        try:
            pids: list[int] = ray.get([actor.ping.remote() for actor in actors], timeout=timeout_s)
        except RayTaskError as error:
            self.close()
            raise error.cause if isinstance(error.cause, EngineError) else EngineError(str(error.cause)) from error
        except GetTimeoutError as error:
            self.close()
            raise EngineError(
                f"{len(actors)} workers were not up after {timeout_s:g} s: ask for fewer with --workers"
            ) from error
        except RayActorError as error:
            self.close()
            raise EngineError(f"a worker died while it started: {error}") from error
        return pids
