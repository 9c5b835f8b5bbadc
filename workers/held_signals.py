"""Signals that stop a run, kept from the processes that it starts: they end with it, or when it ends them.

Ctrl-C goes to the whole process group, SIGTERM to all processes of a service. A process that only ignores them once it
has loaded its modules would be ended by one that comes before.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

_STOPS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def holding_signals() -> Iterator[None]:
    """Hold them back in this thread; a process that is started in the block does so until `ignore_signals`."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def ignore_signals() -> None:
    """Ignore them in this process from now on, with those that were held back."""
    for stop in _STOPS:
        signal.signal(stop, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
