"""Lists the sources of a run in a thread, ahead of their opening, so that the time left is known early."""

import threading
from collections import deque
from collections.abc import Iterator

from ocrmill.pipeline.records import Source
from ocrmill.pipeline.run_report import RunReport

SOURCES_AHEAD = 100_000  # 42 MB with paths of 60 characters; for a longer listing progress says "more than"


class Listing:
    """Reads sources from an iterator, up to a bound ahead, and keeps their order.

    It updates `report.sources_listed` and `report.listing_complete`.
    """

    def __init__(self, sources: Iterator[Source], report: RunReport, ahead: int = SOURCES_AHEAD) -> None:
        self._sources = sources
        self._report = report
        self._ahead = ahead
        self._waiting: deque[Source] = deque()
        self._changed = threading.Condition()
        self._ended = self._complete = False
        self.exhausted = False  # every source was taken
        self._error: BaseException | None = None
        threading.Thread(target=self._list, name="ocrmill-listing", daemon=True).start()

    def take(self, most: int) -> list[Source]:
        """Wait for the next sources, at most `most`; return none after the last one, or once the listing is closed.

        Raises:
            OcrmillError: the listing broke off here.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ended)
            taken = [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
            self._changed.notify_all()
            if not taken and self._error is not None:
                raise self._error
            self.exhausted = self._complete and not self._waiting
            return taken

    def close(self) -> None:
        """End the thread after its present source; a waiting `take` returns none."""
        with self._changed:
            self._ended = True
            self._complete = self._complete and not self._waiting
            self._waiting.clear()
            self._changed.notify_all()

    def _list(self) -> None:
        try:
            for source in self._sources:
                with self._changed:
                    self._changed.wait_for(lambda: len(self._waiting) < self._ahead or self._ended)
                    if self._ended:
                        return
                    self._waiting.append(source)
                    self._report.sources_listed += 1
                    self._changed.notify_all()
            self._complete = self._report.listing_complete = True
        except BaseException as error:  # noqa: BLE001 - `take` raises it after the sources listed before
            self._error = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()
