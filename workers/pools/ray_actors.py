"""The processes that Ray runs for us: rasterizers and engines, their start, and their restart.

Pages do not use Ray's own fault tolerance, which retries or drops the neighbours of a bad page and has no time limit.
Actors restart (`max_restarts=-1`) but their tasks do not (`max_task_retries=0`): the pool assigns the work of a dead
actor again.
"""

import asyncio
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import ActorDiedError, ActorUnavailableError, GetTimeoutError, RayActorError, RayTaskError

from ocrmill.configs.engine_settings import EngineSettings
from ocrmill.configs.settings import RunSettings
from ocrmill.pipeline.errors import EngineError
from ocrmill.pipeline.records import Document, EngineDescription, PageRange, RenderedPage, Source, UnreadableDocument
from ocrmill.pipeline.rows import PageRow
from ocrmill.workers.engines.engine import Engine
from ocrmill.workers.engines.recognizer import Recognizer
from ocrmill.workers.pools.early_stop import check_time
from ocrmill.workers.rendering.protocol import PageImage
from ocrmill.workers.rendering.rasterizer import Rasterizer

DEATHS_AT_START = 3  # of one actor while it starts: its node may go, or its GPU's memory may not be free yet
RESTART_S = 1.0


@ray.remote(num_cpus=1, max_restarts=-1, max_task_retries=0, concurrency_groups={"watch": 1})
class RasterizerActor:
    """A `Rasterizer` in a process of its own."""

    def __init__(
        self,
        make_rasterizer: Callable[[RunSettings, EngineDescription], Rasterizer],
        settings: RunSettings,
        engine: EngineDescription,
    ) -> None:
        self._rasterizer = make_rasterizer(settings, engine)
        self._since: float | None = None

    @ray.method(concurrency_group="watch")  # type: ignore[untyped-decorator]
    def ping(self) -> int:
        """Return the process id, once the rasterizer is up."""
        return os.getpid()

    @ray.method(concurrency_group="watch")  # type: ignore[untyped-decorator]
    def busy_s(self) -> float:
        """Return the seconds since it began its present document or page; 0 if it is idle. Answers during its work."""
        since = self._since
        return 0.0 if since is None else time.monotonic() - since

    def open(self, source: Source) -> Document | UnreadableDocument:
        """Call `Rasterizer.open`."""
        self._since = time.monotonic()
        try:
            return self._rasterizer.open(source)
        finally:
            self._since = None

    def read(self, pages: PageRange) -> Iterator[PageRow | RenderedPage | PageImage]:
        """Read pages in order. After a rendered page comes its image, as an object of its own."""
        for number in pages.page_numbers:
            self._since = time.monotonic()
            try:
                if pages.rung is None:
                    page = self._rasterizer.of_route(pages.route).read(pages.document, number)
                else:
                    page = self._rasterizer.read_again(pages)
            finally:
                self._since = None
            if isinstance(page, PageRow):
                yield page
            else:
                rendered, image = page
                yield rendered
                yield image  # a separate object, so that only its reference travels


@ray.remote(max_restarts=-1, max_task_retries=0, max_concurrency=1000)
class EngineActor(Recognizer):
    """A `Recognizer` in a process of its own. If it does not answer `idle_s`, it hangs."""

    def __init__(self, make_engine: Callable[[EngineSettings], Engine], settings: RunSettings) -> None:
        super().__init__(make_engine(settings.engine), settings)
        self._starting: asyncio.Task[None] | None = None

    def slots(self) -> int:
        """Return the pages that it wants, which depends on the GPU of its node."""
        return self._description.slots

    async def ping(self, memory: float = 1.0) -> int:
        """Return the process id, once the engine is up.

        Args:
            memory: the memory to start it with, if it is not up; see `Engine.start`.

        Raises:
            EngineError: if it cannot be started.
        """
        self._starting = self._starting or asyncio.create_task(self.start(memory))
        await asyncio.shield(self._starting)
        return os.getpid()


@dataclass(slots=True)
class Handle:
    """A worker: its actor, and the actor's present process."""

    actor: Any
    pid: int
    memory: float = 1.0  # for the restart of an engine; see `Engine.start`


def await_start(actors: Sequence[Any], timeout_s: float, until: float = math.inf) -> list[Handle]:
    """Wait until all actors are up; Ray restarts one that dies meanwhile.

    Raises:
        EngineError: one cannot start, does not answer in time, or died `DEATHS_AT_START` times.
        StoppedEarlyError: the time budget ended first, at `until`.
    """
    given_up = min(time.monotonic() + timeout_s, until)
    pings = [actor.ping.remote() for actor in actors]  # all at once, so that they start side by side
    try:
        return [
            Handle(actor, _pid(actor, ping, min(given_up, until))) for actor, ping in zip(actors, pings, strict=True)
        ]
    except EngineError:
        check_time(until)
        raise


def _pid(actor: Any, ping: Any, until: float) -> int:
    for death in range(1, DEATHS_AT_START + 1):
        try:
            pid: int = ray.get(ping, timeout=max(0.0, until - time.monotonic()))
        except RayTaskError as error:
            raise error.cause if isinstance(error.cause, EngineError) else EngineError(str(error.cause)) from error
        except GetTimeoutError as error:
            raise EngineError("the workers were not up in time: ask for fewer with --workers") from error
        except RayActorError as error:
            if death == DEATHS_AT_START or isinstance(error, ActorDiedError):
                raise EngineError(f"a worker died {death} times while it started: {error}") from error
            _await_restart(actor, until)
            ping = actor.ping.remote()
        else:
            return pid
    raise AssertionError


def _await_restart(actor: Any, until: float) -> None:
    """Wait until Ray has restarted an actor: calls before that fail at once, and do not count as a death."""
    while time.monotonic() < until:
        try:
            ray.get(actor.__ray_ready__.remote(), timeout=max(0.0, until - time.monotonic()))
        except ActorUnavailableError:
            time.sleep(RESTART_S)
        except (ActorDiedError, GetTimeoutError):
            return  # the next ping fails, too
        else:
            return


async def bring_back(worker: Handle, timeout_s: float, *start_with: float) -> None:
    """Wait until Ray has restarted a worker as another process; kill the old one if it is merely unreachable.

    Args:
        worker: the dead worker.
        timeout_s: seconds until it is given up.
        start_with: arguments of its `ping`.

    Raises:
        EngineError: it does not come back in time, or failed `DEATHS_AT_START` times to start.
    """
    failures = 0
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                try:
                    pid = await worker.actor.ping.remote(*start_with)
                except RayTaskError as error:
                    failures += 1
                    if failures == DEATHS_AT_START:
                        raise EngineError(f"it could not be started again: {error.cause}") from error
                    ray.kill(worker.actor, no_restart=False)  # the processes of a failed actor end with it
                except RayActorError:
                    pass
                else:
                    if pid != worker.pid:
                        worker.pid = pid
                        return
                    ray.kill(worker.actor, no_restart=False)
                await asyncio.sleep(RESTART_S)
    except TimeoutError as error:
        raise EngineError(f"it did not come back within {timeout_s:g} s") from error
