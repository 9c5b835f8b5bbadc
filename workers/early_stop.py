"""Stopping a run whose workers are only just starting: nothing is in work yet, so it ends at the next step."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from pipeline.errors import StoppedEarlyError


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Raise StoppedEarlyError where SIGTERM or SIGINT comes meanwhile. For the main thread."""

    def stop(number: int, _frame: FrameType | None) -> None:
        raise StoppedEarlyError(f"{signal.Signals(number).name}: stopped before the workers were up")

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    except SystemExit as error:  # Ray's own handler of SIGTERM, which it sets when it starts
        raise StoppedEarlyError("SIGTERM: stopped before the workers were up") from error
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def check_time(until: float) -> None:
    """Return if the time budget, which ends at `until` of `time.monotonic`, has time left.

    Raises:
        StoppedEarlyError: it has none.
    """
    if time.monotonic() >= until:
        raise StoppedEarlyError("the time budget ended before the workers were up: nothing was read")
