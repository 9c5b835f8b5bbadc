"""Progress of a run: a bar on a terminal, a log line every half minute elsewhere, and the counts for the heartbeat.

A thread of its own shows it, so that slow work (Ray, an engine) does not silence it.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Self, TextIO

from tqdm import tqdm

from ocrmill.pipeline.records import Status
from ocrmill.pipeline.run_progress import READING, STARTING, RunProgress, duration_text
from ocrmill.pipeline.run_report import RunReport
from ocrmill.workers.logging import logs_json

LINE_EVERY_S = 30.0
TICK_S = 1.0
SAMPLE_EVERY_S = 10.0
WINDOW_SAMPLES = 60  # the rate is that of the last ten minutes: text layers come fast, and scans after them slowly
BAR = "{percentage:3.0f} %|{bar:20}| {desc} [{elapsed}]"  # tqdm's own has seconds per page below 1 page/s
log = logging.getLogger(__name__)


class Progress:
    """Shows a report that other code updates. Use as a context manager.

    Args:
        report: The counts; this class only reads them.
        stream: Gets the bar if it is a terminal and logs are not JSON; log lines take its place elsewhere.
        max_documents: Documents after which the run ends, if it has such a limit.
        line_every_s: Seconds between two log lines.
        clock: A monotonic clock, in seconds.
    """

    def __init__(
        self,
        report: RunReport,
        stream: TextIO,
        *,
        max_documents: int | None = None,
        line_every_s: float = LINE_EVERY_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._report = report
        self._max_documents = max_documents
        self._line_every_s = line_every_s
        self._clock = clock
        self._phase = STARTING
        self._started = self._last_line = clock()
        self._samples: deque[tuple[float, int, Mapping[str, int]]] = deque([(self._started, 0, {})], WINDOW_SAMPLES)
        self._last_page = (self._started, 0)  # the time of the last growth of the page count, and that count
        self._bar: tqdm[None] | None = None
        if stream.isatty() and not logs_json():
            self._bar = tqdm(total=None, file=stream, bar_format=BAR, dynamic_ncols=True)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep_showing, name="ocrmill-progress", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        if self._bar is not None:
            self.show()
            self._bar.close()

    def enter(self, phase: str) -> None:
        """Begin a phase of the run; rates count from `reading` on."""
        if phase == READING:
            now = self._clock()
            self._samples.clear()
            self._samples.append((now, self._report.pages_done, dict(self._report.pages_by_host)))
            self._last_page = (now, self._report.pages_done)
        self._phase = phase

    def snapshot(self) -> RunProgress:
        """Return the present counts; any thread may call this."""
        report, most = self._report, self._max_documents
        since, pages, of_hosts = self._samples[0]
        seconds, hosts = max(1e-3, self._clock() - since), dict(report.pages_by_host)
        listed = report.sources_listed
        return RunProgress(
            phase=self._phase,
            seconds=round(self._clock() - self._started, 1),
            pages_done=report.pages_done,
            pages_failed=report.pages[Status.FAILED],
            pages_flagged=report.flagged,
            pages_known=report.pages_known,
            documents_opened=report.sources_opened,
            documents_listed=listed if most is None else min(listed, most),
            listing_complete=report.listing_complete or (most is not None and listed >= most),
            pages_per_s=round((report.pages_done - pages) / seconds, 3),
            nodes={name: round((done - of_hosts.get(name, 0)) / seconds, 3) for name, done in hosts.items()}
            if len(hosts) > 1
            else {},
        )

    def show(self) -> None:
        """Update the bar, or log a line if one is due."""
        now, done = self._clock(), self._report.pages_done
        if done != self._last_page[1]:
            self._last_page = (now, done)
        if now - self._samples[-1][0] >= SAMPLE_EVERY_S:
            self._samples.append((now, done, dict(self._report.pages_by_host)))
        if self._bar is not None:
            progress = self.snapshot()
            expected = progress.pages_expected
            self._bar.total = max(expected, done) if expected and progress.listing_complete else None
            self._bar.n = done
            self._bar.set_description_str(progress.to_text())  # draws it, too
        elif now - self._last_line >= self._line_every_s:
            self._last_line = now
            progress = self.snapshot()
            fields = {"event": "progress", **asdict(progress), "left_s": progress.left_s}
            log.info("%s%s", progress.to_text(), self._stillness(now), extra={"fields": fields})

    def _stillness(self, now: float) -> str:
        still_s = now - self._last_page[0]
        if self._phase != READING or still_s < self._line_every_s:
            return ""
        return f"; no page has finished for {duration_text(still_s)}"

    def _keep_showing(self) -> None:
        while not self._ended.wait(TICK_S):
            self.show()
