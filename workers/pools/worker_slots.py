"""Which worker takes the next piece of work, and what happens when a worker dies. For engines and rasterizers alike."""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ocrmill.pipeline.errors import EngineError

MAX_BLAMED = 3  # pages in a row, without a finished one between them: then it is the engine that is bad, not the pages
log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class WorkerState:
    """One worker: its handle, and how many pieces of work it has."""

    handle: Any
    seats: int
    taken: int = 0
    life: int = 1
    blamed: Counter[str] = field(default_factory=Counter)  # pages since the last finished one, by document
    up: bool = True
    dropped: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Seat:
    """The right to send work to a worker; `alone` if it has no other."""

    worker: WorkerState
    width: int
    alone: bool
    life: int

    @property
    def is_current(self) -> bool:
        """Whether the worker is still the process that this seat was taken in."""
        return self.worker.up and self.life == self.worker.life


class Seats:
    """`seats` pieces of work at a time for each worker; waiters are served in order, the least busy worker first."""

    def __init__(self, what: str, handles: Sequence[Any], seats: int, revive: Callable[[Any], Awaitable[None]]) -> None:
        self._what = what
        self._workers = [WorkerState(handle, seats) for handle in handles]
        self._revive = revive
        self._waiters: deque[tuple[int, asyncio.Future[Seat]]] = deque()
        self._revivals: set[asyncio.Task[None]] = set()

    def handles(self) -> list[Any]:
        """The workers that are up."""
        return [worker.handle for worker in self._workers if worker.up]

    async def take(self, *, together: int | None = None) -> Seat:
        """Wait for a seat: one of so wide a share of a worker that so many fit in there together.

        Raises:
            EngineError: if every worker has been given up.
        """
        waiter: asyncio.Future[Seat] = asyncio.get_running_loop().create_future()
        self._waiters.append((together or 0, waiter))
        self._serve()
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self.give(waiter.result(), finished=False)
            raise

    def give(self, seat: Seat, *, finished: bool) -> None:
        """Give a seat back; `finished` if a page came out of it."""
        seat.worker.taken -= seat.width
        if finished:
            seat.worker.blamed.clear()
        self._serve()

    def report_death(self, seat: Seat) -> None:
        """Send no more work to this worker until it is up again."""
        worker = seat.worker
        if not seat.is_current:
            return
        worker.up = False
        task = asyncio.get_running_loop().create_task(self._bring_back(worker))
        self._revivals.add(task)
        task.add_done_callback(self._revivals.discard)

    def blame(self, seat: Seat, document_id: str) -> None:
        """A page is said to have killed this worker; after some of them in a row the worker is given up.

        After `MAX_BLAMED`, and not all of one document: that may be a poisonous one.
        """
        blamed = seat.worker.blamed
        blamed[document_id] += 1
        if blamed.total() >= MAX_BLAMED and len(blamed) > 1:
            seat.worker.dropped = True
        self._serve()

    async def _bring_back(self, worker: WorkerState) -> None:
        try:
            await self._revive(worker.handle)
            worker.up = True
            worker.life += 1
        except EngineError as error:
            log.warning("%s is given up: %s", self._what, error)
            worker.dropped = True
        self._serve()

    def _serve(self) -> None:
        """Seat whoever can be seated, in order; a waiter for a wide seat holds back those behind it."""
        while self._waiters:
            together, waiter = self._waiters[0]
            if not waiter.done():
                seat = self._free_seat(together)
                if seat is not None:
                    seat.worker.taken += seat.width
                    waiter.set_result(seat)
                elif all(worker.dropped for worker in self._workers):
                    waiter.set_exception(EngineError(self._none_left()))
                else:
                    return
            self._waiters.popleft()

    def _free_seat(self, together: int) -> Seat | None:
        free = [
            Seat(worker, width, width == worker.seats, worker.life)
            for worker in self._workers
            if worker.up
            and not worker.dropped
            and worker.taken + (width := -(-worker.seats // together) if together else 1) <= worker.seats
        ]
        return min(free, key=lambda seat: seat.worker.taken, default=None)

    def _none_left(self) -> str:
        return (
            f"no {self._what.split()[-1]} is left: each died at {MAX_BLAMED} pages in a row, or did not come back. "
            "Finished pages are kept: mend the cause and run again"
        )
