"""A run that cannot end by itself: it holds all documents but the first one until it is stopped.

So a test that stops, interrupts or disturbs a run in its middle does not race against its end.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

from waiting import wait_for

from ocrmill.pipeline.records import Document, Source, UnreadableDocument
from ocrmill.workers.pools.pool import SerialPool
from ocrmill.workers.scheduling.coordinator import Coordinator


def hold_later_documents(set_attribute: Callable[[type, str, object], None] = setattr) -> None:
    """Change this process so that runs without Ray hold their later documents; `monkeypatch.setattr` undoes it."""
    open_now, stop_now = SerialPool.open, Coordinator.stop
    opened, stopped = False, asyncio.Event()

    async def open_in_turn(pool: SerialPool, source: Source) -> Document | UnreadableDocument:
        nonlocal opened
        is_later, opened = opened, True
        if is_later:
            await stopped.wait()
        return await open_now(pool, source)

    def stop(coordinator: Coordinator) -> None:
        stop_now(coordinator)
        stopped.set()

    set_attribute(SerialPool, "open", open_in_turn)
    set_attribute(Coordinator, "stop", stop)


def wait_for_pages(out: Path) -> None:
    """Wait until the first pages of a run are durable."""
    wait_for(lambda: list(out.glob("pages/*.parquet")), seconds=120, what="the first shard of pages")
