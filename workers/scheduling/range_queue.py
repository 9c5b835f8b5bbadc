"""The queue of page ranges, in two lanes: a long document must not hold back the short ones behind it."""

import asyncio
import time
from collections import deque
from collections.abc import Sequence

from ocrmill.pipeline.records import Document, PageRange


class RangeQueue:
    """Two lanes of ranges, of short and of long documents, served in turn.

    Within the long lane documents are served in turn as well, so that none waits for the end of another.
    """

    def __init__(self, pages_per_range: int, long_document_pages: int) -> None:
        self._pages_per_range = pages_per_range
        self._long_document_pages = long_document_pages
        self._short: deque[PageRange] = deque()
        self._long: deque[deque[PageRange]] = deque()
        self._long_turn = False
        self._closed = False
        self._dropped = False
        self._changed = asyncio.Condition()

    def __len__(self) -> int:
        """Return the number of queued ranges."""
        return len(self._short) + sum(map(len, self._long))

    async def put(self, document: Document, page_numbers: Sequence[int]) -> None:
        """Queue the unread pages of a document; do nothing once the queue is dropped."""
        step = self._pages_per_range
        parts = [tuple(page_numbers[at : at + step]) for at in range(0, len(page_numbers), step)]
        ranges = [PageRange(document, part, queued=time.time()) for part in parts]
        async with self._changed:
            if self._dropped:
                return
            if len(page_numbers) > self._long_document_pages:
                self._long.append(deque(ranges))
            else:
                self._short.extend(ranges)
            self._changed.notify_all()

    async def get(self) -> PageRange | None:
        """Take the next range; None once the queue is closed and empty."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._closed or self._short or self._long)
            pages = self._next() if self._short or self._long else None
            self._changed.notify_all()
            return pages

    async def wait_until_shorter_than(self, ranges: int) -> None:
        """Wait until fewer than this many ranges are queued, or the queue is closed."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._closed or len(self) < ranges)

    async def close(self, *, drop: bool = False) -> None:
        """Let the readers end once the queue is empty; with `drop`, empty it now."""
        async with self._changed:
            self._closed = True
            self._dropped = drop
            if drop:
                self._short.clear()
                self._long.clear()
            self._changed.notify_all()

    def _next(self) -> PageRange:
        if self._long and (self._long_turn or not self._short):
            self._long_turn = False
            document = self._long.popleft()
            pages = document.popleft()
            if document:
                self._long.append(document)
            return pages
        self._long_turn = True
        return self._short.popleft()
