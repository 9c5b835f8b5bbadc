"""The end of a process together with the one that started it, however that ends."""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # of prctl(2)


def end_with_parent(parent_pid: int) -> None:
    """Let the kernel kill this process once its parent is dead.

    Args:
        parent_pid: Who started it: if it died before the kernel was asked, this process ends now.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        sys.exit(0)
