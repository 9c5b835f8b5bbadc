"""Background tasks, and the error that made a group of tasks fail."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from ocrmill.pipeline.errors import OcrmillError


@asynccontextmanager
async def beside(*watches: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run these tasks until the block ends; if one fails, the block is cancelled."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(watch) for watch in watches]
        yield
        for task in tasks:
            task.cancel()


def cause_of(error: BaseException) -> BaseException:
    """Return the error that made a task group fail, preferably one of ours."""
    while isinstance(error, BaseExceptionGroup):
        ours = error.subgroup(OcrmillError)
        error = (ours or error).exceptions[0]
    return error
