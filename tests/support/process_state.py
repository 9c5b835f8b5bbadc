"""State of the process that one test changes and the next one finds: kept, and given back."""

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
OURS = "ocrmill"  # above all loggers of ours


@contextmanager
def keeping_process() -> Iterator[None]:
    """Give back environment, current folder, umask and the handlers of signals, however the block leaves them."""
    variables, folder, mask = dict(os.environ), Path.cwd(), os.umask(0o077)
    os.umask(mask)
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(variables)
        os.chdir(folder)
        os.umask(mask)
        for number, handler in handlers.items():
            if handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)


@contextmanager
def keeping_loggers() -> Iterator[None]:
    """Give back how our messages are handled: a command that starts in this process keeps them from `caplog`."""
    logger = logging.getLogger(OURS)
    handlers, level, propagate = logger.handlers[:], logger.level, logger.propagate
    try:
        yield
    finally:
        logger.handlers[:] = handlers
        logger.setLevel(level)
        logger.propagate = propagate
