"""The CPU time of another process, finer than /proc has it."""

import time


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has used, to the microsecond; /proc counts in steps of 10 ms."""
    return time.clock_gettime(~pid << 3 | 2)  # the clock that clock_getcpuclockid(3) names
