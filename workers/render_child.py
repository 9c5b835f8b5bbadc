"""The program of a rendering process: opens documents and reads pages, one request at a time.

It may crash, hang or run out of memory: that costs the one page it is at (render_process.py). Started as
`python -m workers.render_child RENDERER CONNECTION_FD PIXELS_FD PARENT_PID SETTINGS`.
"""

import ctypes
import mmap
import os
import resource
import signal
import sys
from multiprocessing.connection import Connection
from typing import Protocol

import numpy as np

from configs.settings import RasterSettings
from pipeline.records import RGB, RenderedPage
from workers.render_protocol import OPEN_REPLY, PAGE_REPLY, REQUEST, SETTINGS, ChildSettings, OpenReply, Request

STDERR_BYTES = 1 << 20
_PR_SET_PDEATHSIG = 1


class PageReader(Protocol):
    """What reads pages: mupdf_reader.py or pdfium_reader.py."""

    def open(self, request: Request) -> OpenReply:
        """Open a document, or say why no page of it can be had."""

    def read(self, request: Request) -> tuple[RenderedPage, RGB | None]:
        """Read one page: with its image where it awaits OCR."""


def serve(connection: Connection, pixels: mmap.mmap, reader: PageReader, raster: RasterSettings) -> None:
    """Answer requests until the other side hangs up."""
    while True:
        try:
            request = REQUEST.validate_json(connection.recv_bytes())
        except EOFError:
            return
        if request.page_number is None:
            allow_cpu_seconds(raster.open_cpu_s)
            connection.send_bytes(OPEN_REPLY.dump_json(reader.open(request)))
            continue
        allow_cpu_seconds(raster.page_cpu_s)
        page, image = reader.read(request)
        if image is not None:
            np.frombuffer(pixels, dtype=np.uint8, count=image.size)[:] = image.reshape(-1)
        connection.send_bytes(PAGE_REPLY.dump_json(page))


def allow_cpu_seconds(seconds: float) -> None:
    """Let the kernel end this process (SIGXCPU) once it has used this much more CPU, to the next full second."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


def confine(memory_mb: int, parent_pid: int) -> None:
    """Bound what a hostile file can take from the machine, and die with the parent, not by what stops the run."""
    for stop in (signal.SIGINT, signal.SIGTERM):  # sent to the whole group, they would cost the page in work
        signal.signal(stop, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:  # it died before we asked
        sys.exit(0)
    resource.setrlimit(resource.RLIMIT_AS, (memory_mb << 20, memory_mb << 20))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (STDERR_BYTES, STDERR_BYTES))


def make_reader(renderer: str, settings: ChildSettings) -> PageReader:
    """Load one renderer; the other one is not imported."""
    if renderer == "pdfium":
        from workers.pdfium_reader import PdfiumReader

        return PdfiumReader(settings)
    from workers.mupdf_reader import MupdfReader

    return MupdfReader(settings)


def main(arguments: list[str]) -> None:
    """Run one rendering process."""
    renderer, connection_fd, pixels_fd, parent_pid, settings_json = arguments
    settings = SETTINGS.validate_json(settings_json)
    confine(settings.raster.memory_mb, int(parent_pid))
    pixels = mmap.mmap(int(pixels_fd), 0)
    serve(Connection(int(connection_fd)), pixels, make_reader(renderer, settings), settings.raster)


if __name__ == "__main__":
    main(sys.argv[1:])
