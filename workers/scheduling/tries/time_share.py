"""The bound on what further attempts take of the engines' time in a run."""

from collections.abc import Iterator
from contextlib import contextmanager

from ocrmill.configs.tries.rung import TriesSettings
from ocrmill.pipeline.rows import PageRow


class TimeShare:
    """Counts the seconds of first and of further attempts.

    One that is under way counts with the seconds of the page's first attempt, so that many at a time keep the bound,
    too. Only the difference between that guess and the truth may go beyond it.
    """

    def __init__(self, settings: TriesSettings) -> None:
        self._share = settings.engine_share
        self._free_s = settings.free_s
        self.first_s = 0.0
        self.further_s = 0.0
        self._under_way_s = 0.0

    def add_first(self, row: PageRow) -> None:
        """Count the first attempt at a page."""
        self.first_s += seconds_of(row)

    def allows(self, guess_s: float) -> bool:
        """Tell if there is time for a further attempt of about so many seconds."""
        further = self.further_s + self._under_way_s + guess_s
        return further <= max(self._free_s, self._share * (self.first_s + further)) or self._share == 1

    @contextmanager
    def under_way(self, guess_s: float) -> Iterator[None]:
        """Count an attempt that is being made."""
        self._under_way_s += guess_s
        try:
            yield
        finally:
            self._under_way_s -= guess_s

    def add_further(self, row: PageRow) -> None:
        """Count a further attempt that was made."""
        self.further_s += seconds_of(row)


def seconds_of(row: PageRow) -> float:
    """Return the seconds that the engine took for the attempts of a row."""
    return sum(attempt.seconds for attempt in row.attempts)
