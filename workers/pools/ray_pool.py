"""The pool on Ray actors: rasterizers and engines, on this machine or a cluster.

Work of a dead actor is assigned again here. No page is blamed for the death of a rasterizer, because MuPDF runs in a
process of its own; a page is blamed for the death of an engine only if it was alone in it.
"""

import asyncio
import logging
import math
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import ray
from ray.exceptions import ObjectLostError, RayActorError, RayTaskError

from ocrmill.configs.engine_settings import EngineSettings
from ocrmill.configs.settings import RunSettings
from ocrmill.configs.tries.rung_settings import settings_of_rung
from ocrmill.pipeline.errors import EngineError, OcrmillError
from ocrmill.pipeline.quality.page_row import failed_row, unrendered_row
from ocrmill.pipeline.records import (
    Attempt,
    Document,
    EngineDescription,
    EngineDown,
    PageRange,
    Reason,
    RenderedPage,
    RetryParams,
    Source,
    UnreadableDocument,
)
from ocrmill.pipeline.rows import PageRow
from ocrmill.workers.engines.engine import Engine
from ocrmill.workers.pools.early_stop import check_time
from ocrmill.workers.pools.pool import Image
from ocrmill.workers.pools.ray_actors import EngineActor, Handle, RasterizerActor, await_start, bring_back
from ocrmill.workers.pools.ray_cluster import start_ray, with_absolute_paths
from ocrmill.workers.pools.worker_slots import MAX_FAILURES, Slot, WorkerLoad, WorkerSlots
from ocrmill.workers.rendering.rasterizer import Rasterizer

SUSPECTS = 8  # pages tried together after an engine died; that finds the bad one of 80 in 18 rounds, not 80
MAKE_AHEAD = 16  # objects that a rasterizer makes ahead; a page is two, a record and an image
STREAMING = {"num_returns": "streaming", "_generator_backpressure_num_objects": MAKE_AHEAD}
CALLS_PER_RASTERIZER = 4  # one in work, the others waiting: documents to open, ranges to read
RASTERIZER_TRIES = 20  # deaths of rasterizers (nodes, really) that a document or a range survives
BACK_WITHIN_S = 600.0  # a rasterizer, on another node if need be
START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 10.0
WATCH_EVERY_S = 5.0
ANSWER_TIMEOUT_S = 30.0  # for an engine's answer to `idle_s`
LONGEST_PAGE = 12  # times engine.page_timeout_s: no page takes an hour, but vLLM may lose one
LESS_MEMORY = 0.85  # share of the memory that an engine took before it ran out
STUCK_S = 900.0  # two renderers take 2 x raster.page_wall_s for a page; before the first, 2 GiB come from a bucket
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _EngineLost:
    """The loss of the engine that had a page; `why` continues the message."""

    reason: Reason
    why: str = ""


class OcrRequest(NamedTuple):
    """A request to an engine: the arguments of `Recognizer.read`."""

    document: Document
    page: RenderedPage
    image: Image
    params: RetryParams | None


class RayPool:
    """Rasterizer and engine actors behind the interface of `ocrmill.workers.pools.pool.Pool`."""

    def __init__(
        self,
        settings: RunSettings,
        make_engine: Callable[[EngineSettings], Engine],
        make_rasterizer: Callable[[RunSettings, EngineDescription], Rasterizer] = Rasterizer,
        until: float = math.inf,
    ) -> None:
        self._settings = settings
        self._description = make_engine(settings.engine).describe()
        check_time(until)
        crew = start_ray(settings, self._description)
        self._session = crew.session
        settings = with_absolute_paths(settings)  # actors run in another folder
        self.rasterizers, self.engines, self.in_flight_bytes = crew.rasterizers, crew.engines, crew.in_flight_bytes
        gpus = self._description.gpus
        engine_actor = EngineActor.options(num_gpus=gpus, num_cpus=0 if gpus else 1)  # type: ignore[attr-defined]
        actors = [
            RasterizerActor.remote(make_rasterizer, settings, self._description)  # type: ignore[attr-defined]
            for _ in range(self.rasterizers)
        ]
        engines = [engine_actor.remote(make_engine, settings) for _ in range(self.engines)]
        try:
            rasterizer_handles = await_start(actors, START_TIMEOUT_S, until)
            engine_handles = await_start(engines, settings.engine.start_timeout_s, until)
        except BaseException:
            self.close()
            raise
        self._rasterizer_slots = WorkerSlots(
            "a rasterizer", rasterizer_handles, CALLS_PER_RASTERIZER, self._revive_rasterizer
        )
        slots = ray.get([handle.actor.slots.remote() for handle in engine_handles])  # each by the GPU of its node
        self._engine_slots = WorkerSlots("an engine", engine_handles, slots, self._revive_engine)
        self._make_engine = make_engine
        self._starting: dict[int, asyncio.Task[WorkerSlots]] = {}  # by rung: other engines, for further attempts
        self._killers: Counter[str] = Counter()  # by document: pages that killed an engine
        self._watching: asyncio.Task[None] | None = None

    def describe(self) -> EngineDescription:
        """Return the description of the engines."""
        return self._description

    def load(self) -> Mapping[str, WorkerLoad]:
        """Return the present load of the rasterizers and of the engines."""
        return {"rasterizer": self._rasterizer_slots.load(), "engine": self._engine_slots.load()}

    async def open(self, source: Source) -> Document | UnreadableDocument:
        """Hash and open a document, on the least busy rasterizer."""
        for _ in range(RASTERIZER_TRIES):
            slot = await self._acquire_rasterizer()
            try:
                opened: Document | UnreadableDocument = await slot.worker.handle.actor.open.remote(source)
            except RayActorError:
                self._rasterizer_slots.report_death(slot)
            except RayTaskError as error:
                raise _cause_of(error) from error
            else:
                return opened
            finally:
                self._rasterizer_slots.release(slot, finished=True)
        detail = f"{RASTERIZER_TRIES} workers died while opening it"
        return UnreadableDocument(None, source, Reason.UNREADABLE, detail)

    async def read(self, pages: PageRange) -> AsyncGenerator[PageRow | tuple[RenderedPage, Image], None]:
        """Read a range in order; another rasterizer reads what a dead one left."""
        missing = list(pages.page_numbers)
        for _ in range(RASTERIZER_TRIES):
            slot = await self._acquire_rasterizer()
            image_lost = False
            try:
                read = slot.worker.handle.actor.read.options(**STREAMING)
                stream = read.remote(replace(pages, page_numbers=tuple(missing)))
                async for reference in stream:  # images stay in the object store, only their references come here
                    page = await reference
                    if not isinstance(page, PageRow):
                        page = page, await anext(stream, None)
                        image_lost = page[1] is None
                        if image_lost:
                            break
                    missing.pop(0)
                    yield page
            except (RayActorError, ObjectLostError):  # first: a RayTaskError may be one of them as well
                self._rasterizer_slots.report_death(slot)
            except RayTaskError as error:
                raise _cause_of(error) from error
            else:
                if not image_lost:
                    return
                self._rasterizer_slots.report_death(slot)
            finally:
                self._rasterizer_slots.release(slot, finished=True)
        for number in missing:
            detail = f"{RASTERIZER_TRIES} workers died while reading it"
            yield unrendered_row(pages.document, number, Reason.RENDER_CRASH, detail)

    async def recognize(
        self, document: Document, page: RenderedPage, image: Image, params: RetryParams | None = None
    ) -> PageRow | None:
        """Turn a page image into the row of one attempt at it, on the least busy engine; None if the image is lost.

        An engine that dies loses all its pages. Each is tried again with a few others, then alone in an engine, so that
        only the page that kills it is blamed. Once several pages of a document were blamed, its other pages are not
        tried. A further attempt waits behind all first ones.
        """
        request = OcrRequest(document, page, image, params)
        slots = await self._slots_of(page)
        is_patient = params is not None or page.rung is not None
        attempts: list[Attempt] = []
        deaths = 0
        while True:
            slot = await self._acquire_engine(slots, document, deaths, is_patient=is_patient)
            if slot is None:
                detail = f"not tried: {MAX_FAILURES} other pages of this document made the engine fail"
                return replace(failed_row(document, page, Reason.ENGINE_CRASH, detail), attempts=tuple(attempts))
            started = time.monotonic()
            outcome: PageRow | _EngineLost | None = None  # None: the image is lost, or this was cancelled
            try:
                request = request._replace(page=replace(page, sent=time.time()))
                reading = slot.worker.handle.actor.read.remote(*request)
                outcome = await self._await_outcome(slots, slot, request, reading)
            finally:
                slots.release(slot, finished=isinstance(outcome, PageRow))
            if isinstance(outcome, PageRow):
                return replace(outcome, attempts=(*attempts, *outcome.attempts))
            if outcome is None:
                return None
            deaths += 1
            if slot.alone or outcome.reason is Reason.ENGINE_TIMEOUT:
                seconds = time.monotonic() - started
                attempts.append(Attempt(self._name_of(page), seconds, reason=outcome.reason))
            if len(attempts) >= self._settings.engine.max_attempts:
                slots.record_failure(slot, document.document_id)
                self._killers[document.document_id] += slots is self._engine_slots
                detail = f"the engine failed {len(attempts)} times on this page{outcome.why}"
                return replace(failed_row(document, page, outcome.reason, detail), attempts=tuple(attempts))

    async def _await_outcome(
        self, slots: WorkerSlots, slot: Slot, request: OcrRequest, reading: Any
    ) -> PageRow | _EngineLost | None:
        """Wait for the row of a page that an engine reads; None if the image is gone.

        An engine that is lost gets no more pages until it is back.
        """
        engine = slot.worker.handle.actor
        try:
            answer = await self._await_row(engine, reading)
            if isinstance(answer, PageRow):
                return answer
            if answer.is_final:
                raise EngineError(answer.detail)
            self._note_death(answer, slot)
            lost = _EngineLost(Reason.ENGINE_CRASH, f": {answer.detail}")
        except RayTaskError as error:  # first: one that wraps the death of the image's owner is a RayActorError as well
            if isinstance(error.cause, RayActorError | ObjectLostError):
                return None
            detail = f"{type(error.cause).__name__}: {error.cause}"
            return failed_row(request.document, request.page, Reason.ENGINE_ERROR, detail)
        except ObjectLostError:
            return None
        except TimeoutError:
            if slot.is_current:
                ray.kill(engine, no_restart=False)
            lost = _EngineLost(Reason.ENGINE_TIMEOUT)
        except RayActorError:
            lost = _EngineLost(Reason.ENGINE_CRASH)
        slots.report_death(slot)
        return lost

    async def stop(self) -> None:
        """Let the engines end their processes; one that does not answer is killed with its actor."""
        if self._watching is not None:
            self._watching.cancel()
        others = [task.result() for task in self._starting.values() if task.done() and not task.exception()]
        handles = [handle for slots in (self._engine_slots, *others) for handle in slots.handles()]
        stops = [handle.actor.close.remote() for handle in handles]
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*stops, return_exceptions=True), STOP_TIMEOUT_S)

    def close(self) -> None:
        """End all actors, and Ray if this pool started it."""
        self._session.close()

    def _note_death(self, down: EngineDown, slot: Slot) -> None:
        """Log the death of an engine; if it ran out of memory, it gets fewer pages and less memory from now on."""
        if not slot.is_current:
            return
        log.warning("an engine died and is started again: %s", down.detail)
        if down.out_of_memory:
            slot.worker.slots = max(1, slot.worker.slots // 2)
            slot.worker.handle.memory *= LESS_MEMORY
            log.warning(
                "it ran out of memory: from now on it gets %d pages at a time and %.0f %% of the memory that its "
                "settings allow",
                slot.worker.slots,
                100 * slot.worker.handle.memory,
            )

    async def _await_row(self, engine: Any, reading: Any) -> PageRow | EngineDown:
        """Wait for an engine's row of a page, as long as the engine makes progress with its pages.

        Raises:
            TimeoutError: it made no progress for `engine.page_timeout_s`, or this page takes too long.
        """
        timeout = self._settings.engine.page_timeout_s
        until = math.inf if self._description.keeps_deadlines else time.monotonic() + LONGEST_PAGE * timeout
        row: asyncio.Future[PageRow | EngineDown] = asyncio.ensure_future(reading)
        wait_s = timeout
        try:
            while not (await asyncio.wait([row], timeout=wait_s))[0]:
                wait_s = timeout - await asyncio.wait_for(engine.idle_s.remote(), ANSWER_TIMEOUT_S)
                if wait_s <= 0 or time.monotonic() > until:
                    raise TimeoutError
            return row.result()
        finally:
            row.cancel()

    async def _acquire_engine(
        self, slots: WorkerSlots, document: Document, deaths: int, *, is_patient: bool
    ) -> Slot | None:
        """Acquire a slot for a page whose engines died `deaths` times; None if its document has killed too many."""
        parts = 1 if deaths > 1 or self._description.slots <= SUSPECTS else SUSPECTS
        slot = await slots.acquire(parts=parts if deaths else None, patient=is_patient)
        if slots is not self._engine_slots or self._killers[document.document_id] < MAX_FAILURES:
            return slot
        slots.release(slot, finished=False)
        return None

    async def _slots_of(self, page: RenderedPage) -> WorkerSlots:
        """Return the slots of the engine that reads a page; one that only a rung names is started for its first page.

        Raises:
            EngineError: it cannot be started.
        """
        at = page.rung
        if at is None or self._settings.engine.tries.rungs[at].engine is None:
            return self._engine_slots
        if at not in self._starting:
            self._starting[at] = asyncio.create_task(self._start_other(at))
        return await asyncio.shield(self._starting[at])

    async def _start_other(self, at: int) -> WorkerSlots:
        """Start one engine of another kind, beside those of the run; it takes the cores that they leave idle."""
        settings = with_absolute_paths(settings_of_rung(self._settings, self._settings.engine.tries.rungs[at]))
        actor = EngineActor.options(num_gpus=0, num_cpus=0).remote(self._make_engine, settings)  # type: ignore[attr-defined]
        handle = Handle(actor, pid=-1)  # no process yet
        await self._revive_engine(handle)
        return WorkerSlots("an engine", [handle], await actor.slots.remote(), self._revive_engine)

    def _name_of(self, page: RenderedPage) -> str:
        other = None if page.rung is None else self._settings.engine.tries.rungs[page.rung].engine
        return other or self._description.name

    async def _acquire_rasterizer(self) -> Slot:
        self._watching = self._watching or asyncio.create_task(self._watch())
        return await self._rasterizer_slots.acquire()

    async def _watch(self) -> None:
        """End rasterizers that hang; Ray then returns their work as if they had died."""
        while True:
            await asyncio.sleep(min(WATCH_EVERY_S, self._settings.workers.unresponsive_s))
            await asyncio.gather(*map(self._check, self._rasterizer_slots.handles()))

    async def _check(self, rasterizer: Handle) -> None:
        timeout = self._settings.workers.unresponsive_s
        try:
            busy_s = await asyncio.wait_for(rasterizer.actor.busy_s.remote(), timeout)
        except RayActorError:
            return  # the call that waits for its work fails, too
        except TimeoutError:
            busy_s = math.inf
        if busy_s > max(STUCK_S, 3 * self._settings.raster.page_wall_s):
            log.warning("a rasterizer hangs (process %d) and is replaced; others take over its work", rasterizer.pid)
            ray.kill(rasterizer.actor, no_restart=False)

    async def _revive_rasterizer(self, rasterizer: Handle) -> None:
        await bring_back(rasterizer, BACK_WITHIN_S)

    async def _revive_engine(self, engine: Handle) -> None:
        await bring_back(engine, self._settings.engine.start_timeout_s, engine.memory)


def _cause_of(error: RayTaskError) -> Exception:
    """Return the error that a rasterizer raised; our own errors end the run unchanged."""
    return error.cause if isinstance(error.cause, OcrmillError) else error
