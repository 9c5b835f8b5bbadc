"""Slots of workers: choose the worker for the next task, and revive dead ones. Used for engines and rasterizers."""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ocrmill.pipeline.errors import EngineError

MAX_FAILURES = 3  # pages in a row without a finished one between them; then the engine is bad, not the pages
log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class WorkerState:
    """One worker: its handle, and its tasks in work."""

    handle: Any
    slots: int
    taken: int = 0
    generation: int = 1
    failures: Counter[str] = field(default_factory=Counter)  # pages since the last finished one, by document
    up: bool = True
    retired: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Slot:
    """The right to send a task to a worker, for `weight` of its slots; `alone` if it has no other task."""

    worker: WorkerState
    weight: int
    alone: bool
    generation: int

    @property
    def is_current(self) -> bool:
        """Tell if the worker is still the process for which this slot was acquired."""
        return self.worker.up and self.generation == self.worker.generation


@dataclass(frozen=True, slots=True)
class WorkerLoad:
    """Workers of a kind at a moment."""

    up: int
    busy: int  # of those that are up: with a task, be it one that waits for room
    slots: int  # of those that are up
    taken: int
    restarts: int  # since the run began


class WorkerSlots:
    """`slots` tasks at a time for each worker. Waiters are served in order, by the least busy worker.

    Workers may have a number of slots each.
    """

    def __init__(
        self, what: str, handles: Sequence[Any], slots: int | Sequence[int], revive: Callable[[Any], Awaitable[None]]
    ) -> None:
        self._what = what
        numbers = [slots] * len(handles) if isinstance(slots, int) else slots
        self._workers = [WorkerState(handle, number) for handle, number in zip(handles, numbers, strict=True)]
        self._revive = revive
        self._waiters: deque[tuple[int, asyncio.Future[Slot]]] = deque()
        self._patient: deque[tuple[int, asyncio.Future[Slot]]] = deque()  # are served once nobody else waits
        self._revivals: set[asyncio.Task[None]] = set()
        self._restarts = 0

    def handles(self) -> list[Any]:
        """The workers that are up."""
        return [worker.handle for worker in self._workers if worker.up]

    def load(self) -> WorkerLoad:
        """Return the present load; any thread may call this."""
        up = [worker for worker in self._workers if worker.up and not worker.retired]
        busy = sum(worker.taken > 0 for worker in up)
        slots, taken = sum(worker.slots for worker in up), sum(worker.taken for worker in up)
        return WorkerLoad(len(up), busy, slots, taken, self._restarts)

    async def acquire(self, *, parts: int | None = None, patient: bool = False) -> Slot:
        """Wait for one slot of a worker; with `parts`, for 1/`parts` of a worker's slots; if `patient`, behind others.

        Raises:
            EngineError: if every worker has been given up.
        """
        waiter: asyncio.Future[Slot] = asyncio.get_running_loop().create_future()
        (self._patient if patient else self._waiters).append((parts or 0, waiter))
        self._serve()
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self.release(waiter.result(), finished=False)
            raise

    def release(self, slot: Slot, *, finished: bool) -> None:
        """Release a slot; `finished` if its task succeeded."""
        slot.worker.taken -= slot.weight
        if finished:
            slot.worker.failures.clear()
        self._serve()

    def report_death(self, slot: Slot) -> None:
        """Send no more work to this worker until it is up again."""
        worker = slot.worker
        if not slot.is_current:
            return
        worker.up = False
        task = asyncio.get_running_loop().create_task(self._revive_worker(worker))
        self._revivals.add(task)
        task.add_done_callback(self._revivals.discard)

    def record_failure(self, slot: Slot, document_id: str) -> None:
        """Record that a page killed this worker, and retire the worker after some in a row.

        It takes `MAX_FAILURES` of more than one document: a single document may be poisonous.
        """
        failures = slot.worker.failures
        failures[document_id] += 1
        if failures.total() >= MAX_FAILURES and len(failures) > 1:
            slot.worker.retired = True
        self._serve()

    async def _revive_worker(self, worker: WorkerState) -> None:
        try:
            await self._revive(worker.handle)
            worker.up = True
            worker.generation += 1
            self._restarts += 1
        except EngineError as error:
            log.warning("%s is given up: %s", self._what, error)
            worker.retired = True
        self._serve()

    def _serve(self) -> None:
        """Assign slots to waiters in order; one that waits for many slots blocks those behind it."""
        while queue := self._waiters or self._patient:
            parts, waiter = queue[0]
            if not waiter.done():
                slot = self._free_slot(parts)
                if slot is not None:
                    slot.worker.taken += slot.weight
                    waiter.set_result(slot)
                elif all(worker.retired for worker in self._workers):
                    waiter.set_exception(EngineError(self._none_left_text()))
                else:
                    return
            queue.popleft()

    def _free_slot(self, parts: int) -> Slot | None:
        free = [
            Slot(worker, weight, weight == worker.slots, worker.generation)
            for worker in self._workers
            if worker.up
            and not worker.retired
            and worker.taken + (weight := -(-worker.slots // parts) if parts else 1) <= worker.slots
        ]
        return min(free, key=lambda slot: slot.worker.taken, default=None)

    def _none_left_text(self) -> str:
        return (
            f"no {self._what.split()[-1]} is left: each died at {MAX_FAILURES} pages in a row, or did not come back. "
            "Finished pages are kept: fix the cause and run again"
        )
