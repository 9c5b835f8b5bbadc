"""The program of a template: loads a renderer once, and is forked for every rendering process (child.py).

A fork is there in 20 ms; a Python that loads PyMuPDF, our modules and the layout model takes 1 to 2 s of CPU, which a
page that crashes its process, or a folder of small runs, would pay each time. A template reads no document but a page
of its own, by which the renderer is warm, and none that it is sent: those files go to the fork. It has one thread, as a
process that forks must.

Started as `python -P -m ocrmill.workers.rendering.forking.template RENDERER SOCKET_FD PARENT_PID`; it ends when its
parent does, or once no fork has lived for `UNUSED_S`, or none lives and the parent has closed the socket.

For a fork it is sent the descriptors of `Files` and, as text, the route of its pages. It answers on the fork's own
socket: first the process id, at its end the exit code. When the other side closes or shuts down that socket, the fork
is killed, so that it cannot outlive who asked for it.
"""

import array
import contextlib
import gc
import mmap
import os
import selectors
import signal
import socket
import sys
import time
from typing import NamedTuple

from ocrmill.configs.settings import RasterSettings, RoutingSettings
from ocrmill.pipeline.pages.mapped_file import map_descriptor
from ocrmill.pipeline.records import Failure
from ocrmill.workers.held_signals import ignore_signals
from ocrmill.workers.rendering.child import Fork, load_renderer, main
from ocrmill.workers.rendering.protocol import ChildSettings

UNUSED_S = 30.0
# A page with a line of text. Its table of objects is left out: every renderer makes one itself.
_PAGE = b"""%PDF-1.4
1 0 obj <</Type /Catalog /Pages 2 0 R>> endobj
2 0 obj <</Type /Pages /Kids [3 0 R] /Count 1>> endobj
3 0 obj <</Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 5 0 R /Resources <</Font <</F1 4 0 R>>>>>> endobj
4 0 obj <</Type /Font /Subtype /Type1 /BaseFont /Helvetica>> endobj
5 0 obj <</Length 77>> stream
BT /F1 12 Tf 72 700 Td (A page of one line, read before any other is.) Tj ET
endstream endobj
trailer <</Root 1 0 R>>
"""
_LOOKS_EACH_S = 1.0  # whether the parent still lives; its socket tells sooner, unless another process has a copy


class Files(NamedTuple):
    """Descriptors that a fork is given; `document` is a large one that it may open again."""

    control: int
    connection: int
    pixels: int
    stderr: int
    document: int | None = None


class Template:
    """Forks rendering processes and tells how they end."""

    def __init__(self, renderer: str, requests: socket.socket, parent_pid: int) -> None:
        """Load the renderer; `requests` is where forks are asked for."""
        self._make_opener = load_renderer(renderer)
        self._renderer, self._requests, self._parent_pid = renderer, requests, parent_pid
        self._warm: set[str] = set()  # routes by which a page was read
        self._controls: dict[int, socket.socket] = {}  # of the forks that live, by their process ids
        self._woken, self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._selector = selectors.DefaultSelector()
        self._selector.register(requests, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)
        signal.set_wakeup_fd(self._wake)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # wakes the selector

    def serve(self) -> Fork | None:
        """Fork whenever asked to. Return in each fork, with what it has, and in the template at its end, with None."""
        used_at, is_wanted = time.monotonic(), True
        while os.getppid() == self._parent_pid:
            if self._controls:
                used_at = time.monotonic()
            elif not is_wanted or time.monotonic() - used_at > UNUSED_S:
                return None
            for key, _ in self._selector.select(_LOOKS_EACH_S):
                if key.fileobj is self._requests:
                    files, route = self._receive()
                    if files is None:
                        is_wanted = False
                        self._selector.unregister(self._requests)
                    elif fork := self._fork(files, route):
                        return fork
                elif key.fileobj == self._woken:
                    with contextlib.suppress(BlockingIOError):
                        os.read(self._woken, 4096)
                else:
                    self._kill(key.data)
            self._reap()
        return None

    def _receive(self) -> tuple[Files | None, str]:
        message, ancillary, _, _ = self._requests.recvmsg(64, socket.CMSG_SPACE(len(Files._fields) * 4))
        descriptors = array.array("i")
        for _, _, data in ancillary:
            descriptors.frombytes(data)
        return (Files(*descriptors) if message else None), message.decode()

    def _warm_up(self, route: str) -> None:
        """Read a page by this route: what its first page loads, the layout model above all, all forks then have."""
        if route in self._warm:
            return
        self._warm.add(route)
        settings = ChildSettings(RasterSettings(), RoutingSettings.model_validate({"mode": route}))
        page = os.memfd_create("ocrmill-first-page")
        os.write(page, _PAGE)
        with contextlib.suppress(Exception):  # whatever fails here fails in the forks, too, and they say it
            opened, reader = self._make_opener(settings, mmap.mmap(-1, 1)).open(map_descriptor(page, ".pdf"), ())
            if not isinstance(opened, Failure):
                reader.read(1)
        os.close(page)

    def _fork(self, files: Files, route: str) -> Fork | None:
        """Fork; return in the fork what it has, and None in the template."""
        self._warm_up(route)
        gc.freeze()  # what is there now is shared by all forks as long as nobody writes to it
        template = os.getpid()
        pid = os.fork()
        if pid == 0:
            return self._become_child(files, template)
        control = socket.socket(fileno=files.control)
        self._controls[pid] = control
        self._selector.register(control, selectors.EVENT_READ, data=pid)
        for descriptor in (files.connection, files.pixels, files.stderr, files.document):
            if descriptor is not None:
                os.close(descriptor)
        with contextlib.suppress(OSError):  # who asked is gone: the socket tells that next
            control.send(str(pid).encode())
        return None

    def _become_child(self, files: Files, template: int) -> Fork:
        """Give up all that is the template's: a fork that is taken over must not reach its siblings."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._selector.close()
        for ours in (*self._controls.values(), self._requests):
            ours.close()
        for descriptor in (self._woken, self._wake, files.control):
            os.close(descriptor)
        os.dup2(files.stderr, sys.stderr.fileno())
        os.close(files.stderr)
        return Fork(self._renderer, self._make_opener, files.connection, files.pixels, files.document, template)

    def _kill(self, pid: int) -> None:
        """Kill a fork whose socket was shut down; it is not reaped yet, so the id is still its own."""
        if control := self._controls.get(pid):
            self._selector.unregister(control)
            os.kill(pid, signal.SIGKILL)

    def _reap(self) -> None:
        """Tell of each fork that has ended how it did."""
        while self._controls:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            control = self._controls.pop(pid)
            with contextlib.suppress(KeyError):  # it was killed
                self._selector.unregister(control)
            with control, contextlib.suppress(OSError):
                control.send(str(os.waitstatus_to_exitcode(status)).encode())


def forked(arguments: list[str]) -> Fork | None:
    """Run a template. Return in each fork with what it has, in the template at its end with None."""
    renderer, socket_fd, parent_pid = arguments
    ignore_signals()
    return Template(renderer, socket.socket(fileno=int(socket_fd)), int(parent_pid)).serve()


if __name__ == "__main__" and (fork := forked(sys.argv[1:])):
    main(fork)
