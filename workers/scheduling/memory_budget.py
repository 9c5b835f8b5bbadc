"""Byte budget for page images in flight; the run's only back-pressure."""

import asyncio
from collections import deque


class MemoryBudget:
    """A number of bytes that page images may take together. Waiters are served in order.

    A page larger than the whole budget is let in when the budget is empty, so that it can be read at all.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._taken = 0
        self._waiters: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def taken(self) -> int:
        """Bytes in use."""
        return self._taken

    async def acquire(self, size: int) -> None:
        """Wait until `size` bytes are free, and take them."""
        if not self._waiters and self._fits(size):
            self._taken += size
            return
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append((size, waiter))
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self.release(size)
            raise

    def resize(self, before: int, after: int) -> None:
        """Correct a reservation, now that the true size is known. May overdraw: the image exists already."""
        self._taken += after - before
        self._admit()

    def release(self, size: int) -> None:
        """Give bytes back."""
        self.resize(size, 0)

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
