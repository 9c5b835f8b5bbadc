"""A rendering process, seen from its parent: started when needed, watched, killed if it does not answer.

MuPDF and PDFium run in a process of their own because a hostile page may crash them, never end, or eat the machine's
memory; Ray cannot confine that (it has no time limit for a task, and retries or drops the neighbours of a bad page).
The kernel ends the process at its CPU or memory limit; a process that sleeps for ever is killed here. Its replies are
not trusted: they are checked, and bounded in bytes and time; it cannot make the shared memory smaller.
"""

import fcntl
import math
import mmap
import os
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from multiprocessing.connection import Connection, Pipe
from multiprocessing.reduction import send_handle
from types import TracebackType
from typing import IO, Self, TypeVar

import numpy as np
import psutil
from pydantic import TypeAdapter

from ocrmill.configs.errors import words_of
from ocrmill.model_adapter.views import PageViews, views_bytes, views_in
from ocrmill.pipeline.errors import EngineError, PageError
from ocrmill.pipeline.pages.mapped_file import LARGE_BYTES, suffix_of
from ocrmill.pipeline.printable import printable_line
from ocrmill.pipeline.records import RGB, FailedPage, Failure, PageGeometry, PageResult, Reason
from ocrmill.pipeline.sources.archives.members import file_version
from ocrmill.workers.rendering.forking.forked_process import ForkedProcess, fork, tail
from ocrmill.workers.rendering.protocol import (
    MAX_REPLY_BYTES,
    OPEN_REPLY,
    PAGE_REPLY,
    REQUEST,
    ROUNDED_UP_PX,
    SETTINGS,
    ChildSettings,
    OpenReply,
    Request,
    checked,
    geometry_of_image,
    is_cut_into_views,
)

CHANNELS = 3
Reply = TypeVar("Reply")

_ENDED_BY = {
    signal.SIGXCPU: (Reason.RENDER_TIMEOUT, "used up the CPU time that raster.page_cpu_s allows"),
    signal.SIGKILL: (Reason.RENDER_MEMORY, "was killed from outside, as the kernel does when memory runs out"),
    signal.SIGBUS: (Reason.CHANGED, "lost the document: it was cut short, or its disk failed, while it was read"),
}


class RenderProcess:
    """One process that opens documents and reads pages with one renderer ("mupdf" or "pdfium")."""

    def __init__(self, renderer: str, settings: ChildSettings) -> None:
        self.renderer = renderer
        self._settings = settings
        self._process: ForkedProcess | None = None
        self._connection: Connection | None = None
        self._stderr: IO[bytes] | None = None
        self._documents = 0
        self._given: tuple[str, str] | None = None  # the document that the process has: path and version
        self._alone: tuple[str, str] | None = None  # the document whose other pages ended the process before
        largest_page = (settings.raster.max_side_px + ROUNDED_UP_PX) ** 2 * CHANNELS
        views = views_bytes(settings.layout.max_tiles, settings.layout) if settings.layout is not None else 0
        size = max(largest_page, views) + 1  # a byte for child.py to tell that it reads other pages for their words
        self._pixels_fd = os.memfd_create("ocrmill-page", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            os.ftruncate(self._pixels_fd, size)  # memory is taken only for the bytes that are written
        except OSError as error:
            os.close(self._pixels_fd)
            raise EngineError(
                f"no renderer can be started: {size >> 20} MiB for the pixels of a page are refused "
                f"({words_of(error)}). Raise the limit on the size of files (ulimit -f), or lower raster.max_side_px"
            ) from error
        fcntl.fcntl(self._pixels_fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
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
        """Open a document; if the process died of it or did not answer, the reply has the reason."""
        self._documents += 1
        self._recycle()
        self._given = None
        try:
            return self._ask(path, Request(passwords), OPEN_REPLY)
        except PageError as error:
            return Failure(error.reason, f"opening it failed: {error.detail}")

    def read(self, path: str, password: str | None, page_number: int) -> tuple[PageResult, RGB | PageViews | None]:
        """Read a page: with its image if it awaits OCR, or the views of an image file that is too large to pass on.

        If the process died of it or did not answer, the page has the reason.
        """
        self._recycle()
        request = Request(() if password is None else (password,), page_number)
        alone = self._alone
        try:
            try:
                page = self._ask(path, request, PAGE_REPLY)
            except PageError:
                if self._alone == alone:
                    raise
                page = self._ask(path, request, PAGE_REPLY)
            geometry = geometry_of_image(page)
            return page, None if geometry is None else self._image_or_views(geometry)
        except PageError as error:
            return FailedPage(page_number, error.reason, error.detail, self.renderer), None

    def close(self) -> None:
        """End the process and give its memory back."""
        self._stop()
        self._pixels.close()
        os.close(self._pixels_fd)

    def _ask(self, path: str, request: Request, adapter: TypeAdapter[Reply]) -> Reply:
        try:
            file = open(path, "rb", buffering=0)  # noqa: PTH123, SIM115 - a name may be bytes that are no Unicode
        except OSError as error:
            raise PageError(Reason.UNREADABLE, f"cannot be read: {error.strerror}") from error
        with file, ExitStack() as at_end:
            given = path, file_version(os.fstat(file.fileno()))
            if self._alone not in (None, given):
                self._alone = None
                self._stop()
            if given != self._given:
                request = replace(request, suffix=suffix_of(path), brings_file=True)
            connection, process = self._started(file.fileno(), is_new=request.brings_file)
            overdue = at_end.enter_context(_killed_after(self._settings.raster.page_wall_s, process))
            try:
                connection.send_bytes(REQUEST.dump_json(request))
                if request.brings_file:
                    send_handle(connection, file.fileno(), None)
                    self._given = given
                reply = checked(adapter.validate_json(connection.recv_bytes(MAX_REPLY_BYTES)), request)
            except (EOFError, OSError) as error:
                if self._pixels[-1]:
                    self._pixels[-1], self._alone = 0, given
                raise self._cause_of_death(overdue) from error
            except ValueError as error:
                self._stop()
                raise PageError(
                    Reason.RENDER_CRASH, f"{self.renderer} sent nonsense: {printable_line(str(error), 300)}"
                ) from error
        if overdue.is_set():  # the reply came just before the kill
            self._stop()
        return reply

    def _started(self, document: int, *, is_new: bool) -> tuple[Connection, ForkedProcess]:
        is_large = os.fstat(document).st_size >= LARGE_BYTES
        if is_large and is_new:
            self._stop()  # only a new process can be allowed to open this one
        if self._connection is None or self._process is None:
            self._start(document if is_large else None)
        assert self._connection is not None
        assert self._process is not None
        return self._connection, self._process

    def _start(self, document: int | None) -> None:
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self._connection, theirs = Pipe()
        with theirs:
            self._process = fork(
                self.renderer,
                self._settings.routing.mode,
                connection=theirs.fileno(),
                pixels=self._pixels_fd,
                stderr=self._stderr.fileno(),
                document=document,
            )
        settings = replace(self._settings, page_alone=self._alone is not None)
        with suppress(OSError):  # it has ended already: the request that follows tells how
            self._connection.send_bytes(SETTINGS.dump_json(settings))
        self._documents = 0

    def _recycle(self) -> None:
        """Replace a process that has served long, grown large or died; between pages, so that none is lost."""
        if self._process is None:
            return
        raster = self._settings.raster
        try:
            memory = psutil.Process(self._process.pid).memory_info()
        except psutil.NoSuchProcess:
            self._stop()
            return
        own_mb = (memory.rss - memory.shared) >> 20  # without the document, which is mapped
        died = self._process.poll() is not None or memory.rss == 0  # nobody has waited for it yet
        if died or self._documents > raster.recycle_documents or own_mb > raster.recycle_rss_mb:
            self._stop()

    def _image_or_views(self, geometry: PageGeometry) -> RGB | PageViews:
        layout = self._settings.layout
        if layout is None or geometry.height_px < 1:
            return self._image(geometry)
        if not is_cut_into_views(geometry.width_px, geometry.height_px, self._settings):
            return self._image(geometry)
        return views_in(np.frombuffer(self._pixels, np.uint8), geometry.width_px, geometry.height_px, layout)

    def _image(self, geometry: PageGeometry) -> RGB:
        shape = (geometry.height_px, geometry.width_px, CHANNELS)
        count = math.prod(shape)
        if min(shape) < 1 or count > len(self._pixels):
            raise PageError(Reason.RENDER_CRASH, f"{self.renderer} claims an image of {shape}, not of its memory")
        return np.frombuffer(self._pixels, dtype=np.uint8, count=count).reshape(shape).copy()

    def _cause_of_death(self, overdue: threading.Event) -> PageError:
        """Return the reason why the process died; one that only stopped answering is killed at the deadline."""
        assert self._process is not None
        code = self._process.wait()
        assert self._stderr is not None
        said = tail(self._stderr)
        self._stop()
        if overdue.is_set():
            reason, how = Reason.RENDER_TIMEOUT, f"was killed: no answer for {self._settings.raster.page_wall_s:g} s"
        elif code < 0:
            died = signal.Signals(-code)
            reason, how = _ENDED_BY.get(died, (Reason.RENDER_CRASH, f"crashed with {died.name}"))
        else:
            reason, how = Reason.RENDER_CRASH, f"ended with exit code {code}"
        return PageError(reason, f"{self.renderer} {how}" + (f": {said}" if said else ""))

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        if self._connection is not None:
            self._connection.close()
        if self._stderr is not None:
            self._stderr.close()
        self._process = self._connection = self._stderr = self._given = None


@contextmanager
def _killed_after(seconds: float, process: ForkedProcess) -> Iterator[threading.Event]:
    """Kill a process if the block takes longer than this; the event tells if it was killed."""
    overdue = threading.Event()

    def give_up() -> None:
        overdue.set()
        process.kill()

    deadline = threading.Timer(seconds, give_up)
    deadline.start()
    try:
        yield overdue
    finally:
        deadline.cancel()
        deadline.join()
