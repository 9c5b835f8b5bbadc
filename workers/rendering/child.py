"""The program of a rendering process: opens documents and reads pages, one request at a time.

It may crash, hang or run out of memory: that costs one page (process.py). It may be taken over by
what it reads: that must not cost the machine (sandbox.py). It is forked by a template (forking/template.py), and gets
its settings as the first message.
"""

import ctypes
import gc
import mmap
import os
import resource
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle
from typing import NamedTuple, Protocol

import numpy as np

from ocrmill.configs.settings import RasterSettings
from ocrmill.model_adapter.views import PageViews
from ocrmill.pipeline.errors import PageError
from ocrmill.pipeline.pages.mapped_file import MappedFile, map_descriptor
from ocrmill.pipeline.records import FailedPage, Failure, PageResult, Reason
from ocrmill.workers.held_signals import ignore_signals
from ocrmill.workers.parent_death import end_with_parent
from ocrmill.workers.rendering.protocol import (
    MAX_REPLY_BYTES,
    OPEN_REPLY,
    PAGE_REPLY,
    REQUEST,
    SETTINGS,
    ChildSettings,
    OpenReply,
    PageReader,
    RenderedImage,
    Request,
)
from ocrmill.workers.rendering.sandbox import sandbox

STDERR_BYTES = 1 << 20
PROCESS_NAME = "ocrmill-render"  # in `ps` and `top`; its template is called by its program
_PR_SET_NAME = 15  # of prctl(2)
_COLLECTED_AFTER = 100_000  # objects made and not given back; Python's own is 700


class Opener(Protocol):
    """Opens documents: document_opener.py or pdfium_reader.py."""

    def open(self, file: MappedFile, passwords: Sequence[str]) -> tuple[OpenReply, PageReader]:
        """Close the last document and open this one: the reply, and the reader of its pages if the reply has any."""


MakeOpener = Callable[[ChildSettings, mmap.mmap], Opener]


class Fork(NamedTuple):
    """The renderer and the open files that a rendering process is forked with."""

    renderer: str
    make_opener: MakeOpener
    connection: int  # to who asks for pages
    pixels: int  # memory for those of a page
    document: int | None  # a large document that it may open again (mapped_file.py)
    parent_pid: int


def write_pixels(pixels: mmap.mmap, image: RenderedImage) -> None:
    """Put a page's image, or its views one after the other, into the memory that is shared."""
    at = 0
    for part in (image.global_view, image.tiles) if isinstance(image, PageViews) else (image,):
        np.frombuffer(pixels, dtype=np.uint8, count=part.size, offset=at)[:] = part.reshape(-1)
        at += part.size


def _next_request(connection: Connection) -> Request | None:
    """Wait for the next request; None once the other side hangs up."""
    try:
        return REQUEST.validate_json(connection.recv_bytes())
    except EOFError:
        return None


def _open(
    descriptor: int, request: Request, opener: Opener, raster: RasterSettings
) -> tuple[OpenReply, PageReader | None]:
    allow_cpu_seconds(raster.open_cpu_s)
    allow_memory(raster.memory_mb, mapped=os.fstat(descriptor).st_size)
    try:
        file = map_descriptor(descriptor, request.suffix)
    except PageError as error:
        return error.to_failure(), None
    if file.path is None:
        os.close(descriptor)
    return opener.open(file, request.passwords)


def _reply_of(page: PageResult) -> bytes:
    reply = PAGE_REPLY.dump_json(page)
    if len(reply) <= MAX_REPLY_BYTES:
        return reply
    detail = f"the page's text takes {len(reply) >> 20} MiB, more than the {MAX_REPLY_BYTES >> 20} that a page may"
    return PAGE_REPLY.dump_json(FailedPage(page.page_number, Reason.RENDER_MEMORY, detail, page.renderer))


def allow_cpu_seconds(seconds: float) -> None:
    """Let the kernel end this process (SIGXCPU) once it has used this much more CPU, to the next full second."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


def allow_memory(memory_mb: int, mapped: int = 0) -> None:
    """Bound the address space; a document of `mapped` bytes is in it, but takes no memory that others need."""
    resource.setrlimit(resource.RLIMIT_AS, ((memory_mb << 20) + mapped, resource.RLIM_INFINITY))


def confine(raster: RasterSettings, parent_pid: int, documents: Sequence[int] = ()) -> None:
    """Limit what a hostile file can take or reach; die with the parent, but not by the signals that stop a run."""
    ignore_signals()
    ctypes.CDLL(None).prctl(_PR_SET_NAME, PROCESS_NAME.encode())
    end_with_parent(parent_pid)
    allow_memory(raster.memory_mb)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (STDERR_BYTES, STDERR_BYTES))
    if raster.sandbox != "off":
        sandbox.enter(documents)


@contextmanager
def _marked(pixels: mmap.mmap) -> Iterator[None]:
    """Tell the parent by the last byte that is shared, while the block runs, at what the process dies if it does."""
    pixels[-1] = 1
    try:
        yield
    finally:
        pixels[-1] = 0


def load_renderer(renderer: str) -> MakeOpener:
    """Load one renderer, and return what makes its opener; the other one is not imported."""
    if renderer == "pdfium":
        from ocrmill.workers.rendering.pdfium_reader import PdfiumReader

        return lambda settings, _: PdfiumReader(settings)
    from ocrmill.workers.rendering.document_opener import DocumentOpener

    return lambda settings, pixels: DocumentOpener(settings, partial(_marked, pixels))


def spare_collections() -> None:
    """Have Python look for garbage in cycles rarely, and not among what the imports made: a tenth of a page's time.

    A page's characters are 10,000 objects and more, and go without that.
    """
    gc.freeze()
    gc.set_threshold(_COLLECTED_AFTER)


def main(fork: Fork) -> None:
    """Run one rendering process: answer requests until the other side hangs up."""
    connection = Connection(fork.connection)
    settings = SETTINGS.validate_json(connection.recv_bytes())
    raster = settings.raster
    pixels = mmap.mmap(fork.pixels, 0)
    confine(raster, fork.parent_pid, [] if fork.document is None else [fork.document])
    opener = fork.make_opener(settings, pixels)
    spare_collections()
    opened: OpenReply = Failure(Reason.UNREADABLE, "no document came")
    reader: PageReader | None = None
    while (request := _next_request(connection)) is not None:
        if request.brings_file:
            opened, reader = _open(recv_handle(connection), request, opener, raster)
        if request.page_number is None:
            connection.send_bytes(OPEN_REPLY.dump_json(opened))
        elif isinstance(opened, Failure):
            page = FailedPage(request.page_number, opened.reason, opened.detail, fork.renderer)
            connection.send_bytes(PAGE_REPLY.dump_json(page))
        else:
            assert reader is not None
            allow_cpu_seconds(raster.page_cpu_s)
            result, image = reader.read(request.page_number)
            if image is not None:
                write_pixels(pixels, image)
            connection.send_bytes(_reply_of(result))
