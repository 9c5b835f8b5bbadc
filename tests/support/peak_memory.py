"""The most memory that this process has had at a time, from a moment on.

`ru_maxrss` does not serve: it never falls, so that after a test that takes much it hides what others take, and a child
begins with that of its parent.
"""

from pathlib import Path

_PROCESS = Path("/proc/self")
_FORGET_PEAK = "5"  # proc(5)


def forget_peak() -> int:
    """Begin again with the memory that there is now, in bytes."""
    (_PROCESS / "clear_refs").write_text(_FORGET_PEAK)
    return peak_bytes()


def peak_bytes() -> int:
    """Return the most since the process began, or since `forget_peak`."""
    status = (_PROCESS / "status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) << 10
