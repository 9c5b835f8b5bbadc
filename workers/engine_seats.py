"""Which engine takes the next page, and what happens when an engine dies."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.errors import EngineError

MAX_BLAMED = 3  # pages in a row, without a finished one between them: then it is the engine that is bad, not the pages
_NONE_LEFT = (
    f"no engine is left: each died at {MAX_BLAMED} pages in a row, or did not come back. "
    "Finished pages are kept: mend the cause and run again"
)
log = logging.getLogger("ocrmill")


@dataclass(slots=True, eq=False)
class EngineState:
    """One engine: its handle, and how many pages it has in work."""

    handle: Any
    seats: int
    taken: int = 0
    life: int = 1
    blamed: int = 0
    up: bool = True
    dropped: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Seat:
    """The right to send a page to an engine; `alone` if no other page is in there."""

    engine: EngineState
    width: int
    alone: bool
    life: int

    @property
    def is_current(self) -> bool:
        """Whether the engine is still the process that this seat was taken in."""
        return self.engine.up and self.life == self.engine.life


class EngineSeats:
    """`seats` pages at a time for each engine; waiters are served in order, the least busy engine first."""

    def __init__(self, handles: Sequence[Any], seats: int, revive: Callable[[Any], Awaitable[None]]) -> None:
        self._engines = [EngineState(handle, seats) for handle in handles]
        self._revive = revive
        self._waiters: deque[tuple[bool, asyncio.Future[Seat]]] = deque()
        self._revivals: set[asyncio.Task[None]] = set()

    def handles(self) -> list[Any]:
        """The engines that are up."""
        return [engine.handle for engine in self._engines if engine.up]

    async def take(self, *, alone: bool = False) -> Seat:
        """Wait for a seat; with `alone`, for a whole engine.

        Raises:
            EngineError: if every engine has been given up.
        """
        waiter: asyncio.Future[Seat] = asyncio.get_running_loop().create_future()
        self._waiters.append((alone, waiter))
        self._serve()
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self.give(waiter.result(), finished=False)
            raise

    def give(self, seat: Seat, *, finished: bool) -> None:
        """Give a seat back; `finished` if a page came out of it."""
        seat.engine.taken -= seat.width
        if finished:
            seat.engine.blamed = 0
        self._serve()

    def report_death(self, seat: Seat) -> None:
        """Send no more pages to this engine until it is up again."""
        engine = seat.engine
        if not seat.is_current:
            return
        engine.up = False
        task = asyncio.get_running_loop().create_task(self._bring_back(engine))
        self._revivals.add(task)
        task.add_done_callback(self._revivals.discard)

    def blame(self, seat: Seat) -> None:
        """A page is said to have killed this engine; after `MAX_BLAMED` of them in a row the engine is given up."""
        seat.engine.blamed += 1
        if seat.engine.blamed >= MAX_BLAMED:
            seat.engine.dropped = True
        self._serve()

    async def _bring_back(self, engine: EngineState) -> None:
        try:
            await self._revive(engine.handle)
            engine.up = True
            engine.life += 1
        except EngineError as error:
            log.warning("an engine is given up: %s", error)
            engine.dropped = True
        self._serve()

    def _serve(self) -> None:
        """Seat whoever can be seated, in order; a waiter for a whole engine holds back those behind it."""
        while self._waiters:
            alone, waiter = self._waiters[0]
            if not waiter.done():
                engine = self._free(alone=alone)
                if engine is not None:
                    width = engine.seats if alone else 1
                    seat = Seat(engine, width, width == engine.seats, engine.life)
                    engine.taken += seat.width
                    waiter.set_result(seat)
                elif all(engine.dropped for engine in self._engines):
                    waiter.set_exception(EngineError(_NONE_LEFT))
                else:
                    return
            self._waiters.popleft()

    def _free(self, *, alone: bool) -> EngineState | None:
        wanted = [
            engine
            for engine in self._engines
            if engine.up and not engine.dropped and (engine.taken == 0 if alone else engine.taken < engine.seats)
        ]
        return min(wanted, key=lambda engine: engine.taken, default=None)
