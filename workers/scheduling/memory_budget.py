"""Byte budget for page images in flight; the run's only back-pressure."""

import asyncio
from collections import deque
from typing import Self


class Reservation:
    """Bytes taken from a budget. As a context manager it releases them at the end."""

    def __init__(self, budget: "MemoryBudget", size: int) -> None:
        self._budget = budget
        self._size = size

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.resize(0)

    def resize(self, size: int) -> None:
        """Correct the size once it is known. This may overdraw the budget: the image exists already."""
        self._budget.change(size - self._size)
        self._size = size

    def transfer(self) -> "Reservation":
        """Move the bytes to a new reservation, for the next owner of the image; this one then holds none."""
        moved = Reservation(self._budget, self._size)
        self._size = 0
        return moved


class MemoryBudget:
    """A number of bytes that page images may take together. Waiters are served in order.

    A page larger than the whole budget is admitted when no bytes are taken, or it could never be read.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._taken = 0
        self._waiters: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def taken(self) -> int:
        """Bytes in use."""
        return self._taken

    @property
    def capacity(self) -> int:
        """Bytes in all."""
        return self._capacity

    async def acquire(self, size: int) -> Reservation:
        """Wait until `size` bytes are free, and take them."""
        if not self._waiters and self._fits(size):
            self._taken += size
            return Reservation(self, size)
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append((size, waiter))
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self.change(-size)
            raise
        return Reservation(self, size)

    def change(self, size: int) -> None:
        """Take bytes without waiting, or release them if `size` is negative; `Reservation` calls this."""
        self._taken += size
        self._admit()

    def _fits(self, size: int) -> bool:
        return self._taken == 0 or self._taken + size <= self._capacity

    def _admit(self) -> None:
        while self._waiters:
            size, waiter = self._waiters[0]
            if waiter.cancelled():
                self._waiters.popleft()
                continue
            if not self._fits(size):
                return
            self._waiters.popleft()
            self._taken += size
            waiter.set_result(None)
