"""Makes rows durable during a run, and waits while the output cannot be written.

Rows wait in memory meanwhile, so no new pages are taken until they can be written: at most a shard and the pages in
flight wait.
"""

import asyncio
import logging
import random
import time
from collections.abc import Iterator
from contextlib import suppress

from ocrmill.pipeline.buckets.retries import count_retry
from ocrmill.pipeline.errors import OutputError
from ocrmill.pipeline.output.sink import RowSink
from ocrmill.pipeline.run_report import RunReport
from ocrmill.workers.scheduling.tracing.trace import Trace

CHECK_S = 0.5
LOOK_AGAIN_S = 0.05
FIRST_WAIT_S, LONGEST_PAUSE_S = 0.5, 15.0
log = logging.getLogger(__name__)


class Flusher:
    """Flushes a sink whenever it is due."""

    def __init__(self, sink: RowSink, report: RunReport, trace: Trace | None = None) -> None:
        self._sink = sink
        self._report = report
        self._trace = trace or Trace()
        self._failing = False
        self._wake = asyncio.Event()

    async def wait_for_room(self) -> None:
        """Wait while the output cannot be written, or a whole shard waits behind one that is being written."""
        while self._failing or self._sink.full():
            self._wake.set()
            await asyncio.sleep(LOOK_AGAIN_S)

    def flush_soon(self) -> None:
        """Make `keep_flushing` flush all rows now, due or not."""
        self._wake.set()

    async def keep_flushing(self, patience_s: float) -> None:
        """Flush whenever it is due, forever; see `flush`.

        Raises:
            OutputError: the output cannot be written.
        """
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), CHECK_S)
            if self._wake.is_set() or self._sink.due():
                self._wake.clear()
                await self.flush(patience_s)

    async def flush(self, patience_s: float) -> None:
        """Make every finished row durable; a transient failure is retried for `patience_s` seconds.

        Raises:
            OutputError: the failure is not transient, or lasts longer.
        """
        until = time.monotonic() + patience_s
        for wait_s in _waits():
            try:
                await asyncio.to_thread(self.flush_once)
                break
            except OutputError as error:
                left_s = until - time.monotonic()
                if not error.transient or left_s <= 0:
                    raise
                self._failing = True
                count_retry("write")
                log.warning("%s. Trying again for %.0f s; no new pages are taken meanwhile", error, left_s)
                await asyncio.sleep(min(wait_s, left_s))
        self._failing = False

    def flush_once(self) -> None:
        """Make every finished row durable, without a second try.

        Raises:
            OutputError: the rows cannot be written now.
        """
        started, began, is_durable = time.monotonic(), time.time(), False
        pages = self._trace.begin_write()
        try:
            self._sink.flush()
            is_durable = True
        finally:
            self._trace.end_write(pages, began, durable=is_durable)
            self._report.write_s += time.monotonic() - started


def _waits() -> Iterator[float]:
    """Yield the seconds between tries: doubling, with jitter, so that writers to one bucket do not retry together."""
    wait_s = FIRST_WAIT_S
    while True:
        yield wait_s * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
        wait_s = min(2 * wait_s, LONGEST_PAUSE_S)
