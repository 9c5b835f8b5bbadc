"""Stop a run while its workers start: no page is in work yet, so the run ends at the next step."""

import math
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from ocrmill.pipeline.errors import StoppedEarlyError

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)
TIME_IS_UP = "the time budget ended before the workers were up: nothing was read"


class _StopNowError(BaseException):
    """Raised by a signal handler. It is no Exception, because Ray catches and logs those while it starts processes."""


@contextmanager
def ended_early(until: float) -> Iterator[None]:
    """Raise StoppedEarlyError if SIGTERM or SIGINT comes in the block, or the time budget ends.

    Python delivers signals to the main thread only: in another thread the start goes on, and the pool checks the time.

    Args:
        until: The time of `time.monotonic` at which the budget ends; an alarm is set, since Ray may take 30 s to start.
    """
    check_time(until)
    if threading.current_thread() is threading.main_thread():
        with _raising_on_signals(until):
            yield
    else:
        yield


@contextmanager
def _raising_on_signals(until: float) -> Iterator[None]:
    def stop(number: int, _frame: FrameType | None) -> None:
        if number != signal.SIGALRM:
            raise _StopNowError(f"{signal.Signals(number).name}: stopped before the workers were up")
        if time.monotonic() >= until:
            raise _StopNowError(TIME_IS_UP)

    reader, writer = socket.socketpair()
    for end in (reader, writer):
        end.setblocking(False)
    wakeup = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    numbers = [signal.SIGTERM, signal.SIGINT, *([] if math.isinf(until) else [signal.SIGALRM])]
    before = {number: signal.signal(number, stop) for number in numbers}
    alarm = (0.0, 0.0)
    if signal.SIGALRM in before:
        alarm = signal.setitimer(signal.ITIMER_REAL, max(0.001, until - time.monotonic()) + 0.001)
    try:
        yield
        _raise_dropped(reader)
    except _StopNowError as error:
        raise StoppedEarlyError(str(error)) from error
    except SystemExit as error:  # Ray's own handler of SIGTERM, which it sets when it starts
        raise StoppedEarlyError("SIGTERM: stopped before the workers were up") from error
    finally:
        if signal.SIGALRM in before:
            signal.setitimer(signal.ITIMER_REAL, *alarm)
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(wakeup)
        reader.close()
        writer.close()


def _raise_dropped(reader: socket.socket) -> None:
    """Raise if Python dropped the exception of a signal handler, as it does in fork hooks and in `__del__`."""
    try:
        numbers = reader.recv(4096)
    except BlockingIOError:
        return
    for number in (signal.SIGTERM, signal.SIGINT):
        if number in numbers:
            raise _StopNowError(f"{number.name}: stopped before the workers were up")


@contextmanager
def signals_after() -> Iterator[None]:
    """Deliver signals that come in the block once it has ended, for steps that must not be broken off."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = {number: signal.signal(number, lambda number, _frame: came.append(number)) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for missed in came:
            signal.raise_signal(missed)


def check_time(until: float) -> None:
    """Check that the time budget, which ends at `until` of `time.monotonic`, has time left.

    Raises:
        StoppedEarlyError: no time is left.
    """
    if time.monotonic() >= until:
        raise StoppedEarlyError(TIME_IS_UP)
