"""A rendering process, from outside: started when needed, watched, killed when it does not answer.

MuPDF and PDFium run in a process of their own because a hostile page may crash them, never end, or eat the machine's
memory; Ray cannot confine that (it has no time limit for a task, and retries or drops the neighbours of a bad page).
The kernel ends the process at its CPU or memory limit; what sleeps for ever is killed here.
"""

import mmap
import os
import signal
import subprocess
import sys
import tempfile
from multiprocessing.connection import Connection, Pipe
from types import TracebackType
from typing import IO, Self, TypeVar

import numpy as np
import psutil
from pydantic import TypeAdapter, ValidationError

from pipeline.errors import PageError
from pipeline.records import RGB, PageGeometry, Reason, RenderedPage
from workers.render_protocol import (
    OPEN_REPLY,
    PAGE_REPLY,
    REQUEST,
    SETTINGS,
    ChildSettings,
    OpenReply,
    Request,
    carries_image,
)

CHANNELS = 3
_STDERR_TAIL = 400
Reply = TypeVar("Reply")

_ENDED_BY = {
    signal.SIGXCPU: (Reason.RENDER_TIMEOUT, "used up the CPU time that raster.page_cpu_s allows"),
    signal.SIGKILL: (Reason.RENDER_MEMORY, "was killed from outside, as the kernel does when memory runs out"),
}


class RenderProcess:
    """One process that opens documents and reads pages with one renderer ("mupdf" or "pdfium")."""

    def __init__(self, renderer: str, settings: ChildSettings) -> None:
        self.renderer = renderer
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._stderr: IO[bytes] | None = None
        self._documents = 0
        size = (settings.raster.max_side_px + 2) ** 2 * CHANNELS  # renderers round sides up
        self._pixels_fd = os.memfd_create("ocrmill-page")
        os.ftruncate(self._pixels_fd, size)  # takes memory only where it is written
        self._pixels = mmap.mmap(self._pixels_fd, size)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """The process id, if it runs."""
        return self._process.pid if self._process else None

    def open(self, path: str, passwords: tuple[str, ...]) -> OpenReply:
        """Open a document.

        Raises:
            PageError: if the process died of it or did not answer.
        """
        self._documents += 1
        self._recycle()
        return self._ask(Request(path, passwords), OPEN_REPLY)

    def read(self, path: str, password: str | None, page_number: int) -> tuple[RenderedPage, RGB | None]:
        """Read a page: with its image where it awaits OCR.

        Raises:
            PageError: if the process died of it or did not answer.
        """
        passwords = () if password is None else (password,)
        page = self._ask(Request(path, passwords, page_number), PAGE_REPLY)
        if not carries_image(page):
            return page, None
        assert page.geometry is not None
        return page, self._image(page.geometry)

    def close(self) -> None:
        """End the process and give its memory back."""
        self._stop()
        self._pixels.close()
        os.close(self._pixels_fd)

    def _ask(self, request: Request, adapter: TypeAdapter[Reply]) -> Reply:
        connection = self._started()
        try:
            connection.send_bytes(REQUEST.dump_json(request))
            if not connection.poll(self._settings.raster.page_wall_s):
                self._stop()
                wall_s = self._settings.raster.page_wall_s
                raise PageError(Reason.RENDER_TIMEOUT, f"{self.renderer} was killed: no answer for {wall_s:g} s")
            return adapter.validate_json(connection.recv_bytes())
        except (EOFError, OSError) as error:
            raise self._epitaph() from error
        except ValidationError as error:
            self._stop()
            raise PageError(Reason.RENDER_CRASH, f"{self.renderer} sent nonsense: {error}") from error

    def _started(self) -> Connection:
        if self._connection is None:
            self._connection = self._start()
        return self._connection

    def _start(self) -> Connection:
        ours, theirs = Pipe()
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "workers.render_child", self.renderer),
                *(str(theirs.fileno()), str(self._pixels_fd), str(os.getpid())),
                SETTINGS.dump_json(self._settings).decode(),
            ],
            pass_fds=(theirs.fileno(), self._pixels_fd),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._stderr,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        theirs.close()
        self._documents = 0
        return ours

    def _recycle(self) -> None:
        """Replace a process that has served long or grown large; between documents, so that no page is lost."""
        if self._process is None:
            return
        raster = self._settings.raster
        try:
            rss_mb = psutil.Process(self._process.pid).memory_info().rss >> 20
        except psutil.NoSuchProcess:
            rss_mb = 0
        if self._documents > raster.recycle_documents or rss_mb > raster.recycle_rss_mb:
            self._stop()

    def _image(self, geometry: PageGeometry) -> RGB:
        shape = (geometry.height_px, geometry.width_px, CHANNELS)
        if np.prod(shape) > len(self._pixels):
            raise PageError(Reason.RENDER_CRASH, f"{self.renderer} claims an image of {shape}, larger than its memory")
        count = int(np.prod(shape))
        return np.frombuffer(self._pixels, dtype=np.uint8, count=count).reshape(shape).copy()

    def _epitaph(self) -> PageError:
        """Say what the process died of."""
        assert self._process is not None
        code = self._process.wait()
        said = self._stderr_tail()
        self._stop()
        if code < 0:
            died = signal.Signals(-code)
            reason, how = _ENDED_BY.get(died, (Reason.RENDER_CRASH, f"crashed with {died.name}"))
        else:
            reason, how = Reason.RENDER_CRASH, f"ended with exit code {code}"
        return PageError(reason, f"{self.renderer} {how}" + (f": {said}" if said else ""))

    def _stderr_tail(self) -> str:
        assert self._stderr is not None
        self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(0, self._stderr.tell() - _STDERR_TAIL))
        return self._stderr.read().decode(errors="replace").strip()

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        if self._connection is not None:
            self._connection.close()
        if self._stderr is not None:
            self._stderr.close()
        self._process = self._connection = self._stderr = None
