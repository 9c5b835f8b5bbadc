"""The progress of a run, which its heartbeat carries to `ocrmill status`.

    {"phase": "reading", "seconds": 184.0, "pages_done": 1200, "pages_known": 2600, "documents_opened": 300,
     "documents_listed": 1350, "listing_complete": true, "pages_per_s": 7.1, "pages_failed": 3, "pages_flagged": 2}

Documents that are listed and not opened yet count as many pages as those opened so far have on average.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ocrmill.pipeline.printable import printable_line

SHOWN_NODES = 6
_LONGEST_NAME = 60
_ENOUGH_PAGES = 5  # for a rate to go by: the first ones wait until models are loaded
STARTING, READING, STOPPING = "starting", "reading", "stopping"


@dataclass(frozen=True, slots=True)
class RunProgress:
    """Counts of one run at one moment. Rows that are counted here need not be durable yet."""

    phase: str = STARTING
    seconds: float = 0.0  # since the run began
    pages_done: int = 0
    pages_failed: int = 0
    pages_flagged: int = 0
    pages_known: int = 0  # of the documents opened so far, done and to do
    documents_opened: int = 0
    documents_listed: int = 0  # to do, opened or not
    listing_complete: bool = False
    pages_per_s: float = 0.0  # over the last minutes
    nodes: Mapping[str, float] = field(default_factory=dict)  # pages/s of each machine, if there is more than one

    @property
    def pages_expected(self) -> int | None:
        """Pages of all documents listed so far; None before the first one is open."""
        if not self.documents_opened:
            return None
        unopened = max(0, self.documents_listed - self.documents_opened)
        return self.pages_known + round(unopened * self.pages_known / self.documents_opened)

    @property
    def left_s(self) -> float | None:
        """Seconds that the pages left will take at the present rate; None if it is unknown, as with few pages done."""
        if self.phase != READING or self.pages_expected is None:
            return None
        if self.pages_done < min(_ENOUGH_PAGES, self.pages_expected) or not self.pages_per_s > 0:
            return None
        return max(0, self.pages_expected - self.pages_done) / self.pages_per_s

    def to_text(self) -> str:
        """Return in one line what is done and what is left."""
        if self.phase == STARTING:
            return f"starting the workers, {duration_text(self.seconds)} so far"
        stopping = ", stopping after the pages in work" if self.phase == STOPPING else ""
        return (
            f"{self.pages_done:,}{self._of_pages()} ({self.documents_opened:,} of {self.documents_listed:,} documents "
            f"opened), {self.pages_per_s:.{1 if self.pages_per_s >= 1 else 2}f} pages/s, {self.pages_failed:,} failed, "
            f"{self.pages_flagged:,} flagged{self._to_go()}{stopping}{self._by_node()}"
        )

    def _by_node(self) -> str:
        if not self.nodes:
            return ""
        ordered = sorted(self.nodes.items(), key=lambda item: -item[1])
        parts = [f"{printable_line(name, _LONGEST_NAME)} {rate:.1f}" for name, rate in ordered[:SHOWN_NODES]]
        more = f" and {len(ordered) - SHOWN_NODES:,} more" if len(ordered) > SHOWN_NODES else ""
        return f"; pages/s by node: {', '.join(parts)}{more}"

    def _of_pages(self) -> str:
        if self.pages_expected is None:
            return " pages"
        exact = self.listing_complete and self.documents_opened >= self.documents_listed
        about = "" if exact else "about " if self.listing_complete else "more than "
        return f" of {about}{self.pages_expected:,} pages"

    def _to_go(self) -> str:
        if self.left_s is None:
            return ""
        return f", {'about' if self.listing_complete else 'more than'} {duration_text(self.left_s)} to go"


def duration_text(seconds: float) -> str:
    """Write a duration in the unit in which it is a number of one to three digits: 40 s, 12 min, 3.5 h, 2.1 days."""
    for unit_s, unit, limit in ((1, "s", 90), (60, "min", 90), (3600, "h", 48)):
        if round(seconds / unit_s) < limit:
            return f"{seconds / unit_s:.{1 if unit == 'h' else 0}f} {unit}"
    return f"{seconds / 86400:,.1f} days"
