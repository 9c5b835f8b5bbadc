"""The cores and the memory of this machine that its control groups (cgroups) leave to us.

A container shows all 64 cores of its machine even if only two may be used, and so does systemd. Limits count from the
process's own group up to the topmost visible one, in both versions of control groups.
"""

import math
import os
from collections.abc import Iterator
from pathlib import Path

import psutil

_MEMBERSHIP = Path("/proc/self/cgroup")
_MOUNT = Path("/sys/fs/cgroup")


def usable_cores() -> int:
    """Return the number of cores that we may run on, bounded by our CPU quota."""
    cores = [len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1]
    for group in _groups("cpu"):
        quota, period = _numbers(group, "cpu.max") or _numbers(group, "cpu.cfs_quota_us", "cpu.cfs_period_us") or (0, 1)
        if quota > 0:
            cores.append(math.ceil(quota / period))
    return min(cores)


def usable_memory() -> int:
    """Return the bytes that we and all other processes of our groups may take."""
    limits = [_numbers(group, "memory.max") or _numbers(group, "memory.limit_in_bytes") for group in _groups("memory")]
    total: int = psutil.virtual_memory().total
    return min([total, *(limit[0] for limit in limits if limit)])


def _groups(controller: str) -> Iterator[Path]:
    """Yield the visible folders of the groups that we are in."""
    for line in _MEMBERSHIP.read_text().splitlines() if _MEMBERSHIP.is_file() else []:
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        top = _MOUNT / controller if controllers else _MOUNT
        group = top / path.lstrip("/")
        yield from (folder for folder in (group, *group.parents) if folder.is_relative_to(top) and folder.is_dir())


def _numbers(group: Path, *names: str) -> list[int]:
    """Return the numbers in the files; none if one is missing or says `max`."""
    try:
        return [int(word) for name in names for word in (group / name).read_text().split()]
    except (OSError, ValueError):
        return []
