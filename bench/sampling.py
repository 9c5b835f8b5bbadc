"""Looks at something again and again while a benchmark runs."""

import threading
from collections.abc import Callable
from typing import Self


class Sampling:
    """Calls `look` every few seconds, in a thread, while it is open."""

    def __init__(self, every_s: float, look: Callable[[], None]) -> None:
        self._every_s = every_s
        self._look = look
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(self._every_s):
            self._look()
