"""Signals to an event loop: the first one asks it to end in order, the second one ends the process at once."""

import asyncio
import logging
import signal
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

log = logging.getLogger(__name__)


def stop_on_signals(loop: asyncio.AbstractEventLoop, stop: Callable[[], None], doing: str) -> None:
    """Call `stop` in the loop at the first SIGTERM or SIGINT, and log what is done then: `doing`.

    Nothing is installed outside the main thread: Python delivers signals to no other.
    """
    loop.set_exception_handler(_report_unless_interrupted)
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            steps = iter((partial(_stop, number, stop, doing), partial(_end, number)))
            loop.add_signal_handler(number, _take_next, steps)


def _report_unless_interrupted(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Report an unhandled exception, but no Ctrl-C: since Python 3.13 tasks keep that, too."""
    if not isinstance(context.get("exception"), KeyboardInterrupt):
        loop.default_exception_handler(context)


def _take_next(steps: Iterator[Callable[[], None]]) -> None:
    """Take the next step, if there is one: a third signal does not break off the end.

    Signals that come while the loop is busy, with a page for example, all call what was installed then.
    """
    if step := next(steps, None):
        step()


def _stop(number: signal.Signals, stop: Callable[[], None], doing: str) -> None:
    if number == signal.SIGTERM:  # the next one ends a loop that is busy, too
        asyncio.get_running_loop().remove_signal_handler(number)  # before the warning, whose reader may send it
    log.warning("%s: %s", number.name, doing)
    stop()


def _end(number: signal.Signals) -> None:
    """Raise KeyboardInterrupt in a callback of its own, or end this process by SIGTERM.

    Python's own handler raises wherever the loop is, also between the moment it takes a callback from its list and the
    moment it calls it. A task that this callback would have woken waits for ever, and the end of the loop for it.
    """
    asyncio.get_running_loop().remove_signal_handler(number)
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    signal.raise_signal(number)
