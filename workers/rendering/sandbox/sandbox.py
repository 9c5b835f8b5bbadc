"""Restrict a rendering process that has started: it may read its program and its fonts, and answer.

A PDF that takes over the renderer finds no network, no file but those of Python and the system's libraries, no way to
start a program, to write, or to touch another process. The document itself comes as an open file (mapped_file.py).

Landlock (Linux 5.13) closes the file system, seccomp the system calls. If the kernel, the container or the processor
lacks one, the other still works. Not covered: that a file exists and how large it is can be learnt; memory and
CPU time are bounded by limits that a process which was taken over could raise.
"""

import logging
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from ocrmill.configs.settings import RasterSettings
from ocrmill.pipeline.errors import UsageError
from ocrmill.workers.rendering.sandbox import landlock, seccomp

_SYSTEM = (
    *("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache", "/etc/ld.so.conf"),
    *("/usr/share/fonts", "/usr/share/X11/fonts", "/usr/local/share/fonts"),  # where PDFium looks
    *("/usr/share/zoneinfo", "/etc/localtime", "/dev/null", "/dev/urandom", "/dev/random"),
    *("/proc/self", "/proc/cpuinfo", "/proc/meminfo"),  # how onnxruntime knows the machine
    *("/sys/devices/system/cpu", "/sys/devices/system/node", "/sys/bus/pci/devices", "/sys/class/drm"),
)
_ROOMS = ("configs", "model_adapter", "pipeline", "workers")  # of ours, behind links where ocrmill is not installed
log = logging.getLogger(__name__)


def missing() -> list[str]:
    """Name the parts of a whole sandbox that this machine lacks; empty if it has all."""
    wishes = {
        "Landlock, which closes the file system (Linux 5.13 or newer, switched on)": landlock.version() > 0,
        "seccomp filters, which close the network (Linux on x86-64 or aarch64)": seccomp.is_available(),
    }
    return [name for name, there in wishes.items() if not there]


def check(raster: RasterSettings) -> None:
    """Log once, before the work begins, which parts of the sandbox are missing here.

    Raises:
        UsageError: the settings require it.
    """
    lacks = " and ".join(missing())
    if not lacks or raster.sandbox == "off":
        return
    if raster.sandbox == "require":
        raise UsageError(f"raster.sandbox is `require`, but this machine has no {lacks}; `auto` goes on without")
    log.warning("rendering goes on without %s: a PDF that takes over the renderer may do what you may", lacks)


def enter(documents: Iterable[int] = ()) -> None:
    """Drop the rights that this process does not need; call it before it has threads or has read a hostile file.

    It may open the files of `documents` again.

    Raises:
        OSError: the kernel refuses a feature that it claimed to have.
    """
    if landlock.version() > 0:
        landlock.read_only(readable(), documents)
    if seccomp.is_available():
        seccomp.refuse()


def readable() -> Iterator[str]:
    """Files and folders that Python, the libraries, their fonts and their models are read from."""
    yield from _SYSTEM
    yield from os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)
    for prefix in {sys.prefix, sys.base_prefix}:
        yield f"{prefix}/lib"
        yield f"{prefix}/pyvenv.cfg"
    ours = Path(__file__).parents[3]
    for entry in sys.path:
        if Path(entry) != ours.parent or ours.parent.name in {"site-packages", "dist-packages"}:
            yield entry
    yield str(ours)
    for room in _ROOMS:
        yield str((ours / room).resolve())
