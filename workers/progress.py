"""Progress of a run: a bar on a terminal, a line now and then elsewhere."""

import logging
import time
from typing import TextIO

from tqdm import tqdm

from pipeline.records import Status
from pipeline.report import RunReport

LINE_EVERY_S = 30.0
log = logging.getLogger("ocrmill")


class Progress:
    """Shows a report that someone else keeps up to date."""

    def __init__(self, report: RunReport, stream: TextIO) -> None:
        self._report = report
        self._started = self._last_line = time.monotonic()
        self._bar = tqdm(total=0, unit=" pages", file=stream, smoothing=0.05) if stream.isatty() else None

    def show(self) -> None:
        """Bring the display up to date; cheap enough to be called for every page."""
        report = self._report
        if self._bar is not None:
            self._bar.total = report.pages_known
            self._bar.set_postfix(failed=report.pages[Status.FAILED], flagged=report.flagged, refresh=False)
            self._bar.update(report.pages_done - self._bar.n)
        elif time.monotonic() - self._last_line >= LINE_EVERY_S:
            self._last_line = time.monotonic()
            log.info("%s", self._line())

    def close(self) -> None:
        """Leave the last state standing."""
        if self._bar is not None:
            self._bar.refresh()
            self._bar.close()

    def _line(self) -> str:
        report = self._report
        elapsed = time.monotonic() - self._started
        rate = report.pages_done / elapsed
        left = max(0, report.pages_known - report.pages_done)
        eta = f", about {left / rate / 60:.0f} min to go" if rate else ""
        return (
            f"{report.pages_done} of {report.pages_known} pages known so far, {rate:.1f} pages/s, "
            f"{report.pages[Status.FAILED]} failed, {report.flagged} flagged{eta}"
        )
