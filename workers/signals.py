"""Signals to an event loop: the first one asks it to end in order, the second one ends the process at once."""

import asyncio
import logging
import signal
import threading
from collections.abc import Callable
from typing import Any

log = logging.getLogger(__name__)


def stop_on_signals(loop: asyncio.AbstractEventLoop, stop: Callable[[], None], doing: str) -> None:
    """Call `stop` in the loop at the first SIGTERM or SIGINT, and log what is done then: `doing`.

    Nothing is installed outside the main thread: Python delivers signals to no other.
    """
    loop.set_exception_handler(_report_unless_interrupted)
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, _stop_on_signal, number, stop, doing)


def _report_unless_interrupted(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Report an unhandled exception, but no Ctrl-C: since Python 3.13 tasks keep that, too."""
    if not isinstance(context.get("exception"), KeyboardInterrupt):
        loop.default_exception_handler(context)


def _stop_on_signal(number: signal.Signals, stop: Callable[[], None], doing: str) -> None:
    loop = asyncio.get_running_loop()  # the next signal is prepared first: whoever reads the warning may send it
    if number == signal.SIGINT:
        loop.add_signal_handler(number, _interrupt)
    else:
        loop.remove_signal_handler(number)
    log.warning("%s: %s", number.name, doing)
    stop()


def _interrupt() -> None:
    """Raise KeyboardInterrupt in a callback of its own.

    Python's own handler raises it wherever the loop is, also between the moment it takes a callback from its list and
    the moment it calls it. A task that this callback would have woken waits for ever, and the end of the loop for it.
    """
    asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)
    raise KeyboardInterrupt
