"""A process that dies by SIGKILL before some change to its output, as a test of each step wants it."""

import os
import signal
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from ocrmill.pipeline.output.stores.local import LocalStore

P = ParamSpec("P")
R = TypeVar("R")


def die_before_change(number: int) -> None:
    """Let this process make so many changes to folders of outputs, and die before the next one."""
    left = number

    def counted(method: Callable[P, R]) -> Callable[P, R]:
        def step(*args: P.args, **kwargs: P.kwargs) -> R:
            nonlocal left
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1
            return method(*args, **kwargs)

        return step

    LocalStore.write, LocalStore.delete = counted(LocalStore.write), counted(LocalStore.delete)  # type: ignore[method-assign]
