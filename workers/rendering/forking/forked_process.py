"""Rendering processes, seen from where they are asked for: each is a fork of a template (template.py).

A process that renders has one template for each renderer. A template ends by itself once it is not needed, and is
started again when it is.
"""

import atexit
import math
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import wait as wait_for_any
from typing import IO

from ocrmill.configs.settings import RouteMode
from ocrmill.pipeline.errors import PageError
from ocrmill.pipeline.printable import printable_line
from ocrmill.pipeline.records import Reason
from ocrmill.workers.held_signals import holding_signals
from ocrmill.workers.import_path import safe_variables

TEMPLATE = "ocrmill.workers.rendering.forking.template"
_TAIL_BYTES = 300
_START_S = 120.0  # that a template may take to load what is there in two
_LOOKS_EACH_S = 1.0  # at a template that does not tell of an end: something may have stopped it
# The rest may hold credentials, and a document that takes over its renderer can read what is here.
_ENVIRONMENT = ("PYTHON", "LD_", "LANG", "LC_", "TZ", "MALLOC_")
_lock = threading.Lock()
_templates: dict[tuple[int, str], "_Template"] = {}  # by the process that they belong to and their renderer
_retired: list["_Template"] = []  # end with their forks


class ForkedProcess:
    """A rendering process that can be killed and waited for, as one of `subprocess`."""

    def __init__(self, pid: int, control: socket.socket, resume: Callable[[], None]) -> None:
        """`control` is the socket on which the template tells the exit code; `resume` lets a stopped one go on."""
        self.pid = pid
        self._control, self._resume = control, resume
        self._code: int | None = None

    def kill(self) -> None:
        """Have it killed; nothing happens if it has ended."""
        self._resume()
        try:
            self._control.shutdown(socket.SHUT_WR)
        except OSError:  # it has ended, and so has the other side of the socket
            return

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal; None while it runs."""
        if self._code is None:
            try:
                said = self._control.recv(64, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return None
            except OSError:
                said = b""
            self._ended(said)
        return self._code

    def wait(self) -> int:
        """Wait for its end and return the exit code, negative for a signal."""
        if self._code is None:
            self._ended(_next_word(self._control, self._resume))
        assert self._code is not None
        return self._code

    def _ended(self, said: bytes) -> None:
        # A template that is gone takes its forks with it, by the signal that they asked for in `confine`.
        self._code = int(said) if said else -signal.SIGKILL
        self._control.close()


def fork(
    renderer: str, route: RouteMode, *, connection: int, pixels: int, stderr: int, document: int | None
) -> ForkedProcess:
    """Start a rendering process that has these descriptors; it waits for its settings on `connection`.

    Args:
        renderer: "mupdf" or "pdfium".
        route: the route that most of its pages will take; for that it is warm.
        connection: one end of a `multiprocessing.Pipe`.
        pixels: memory for the pixels of a page.
        stderr: a file for what it has to say.
        document: a large document that it may open again.

    Raises:
        PageError: it cannot be started.
    """
    given = [connection, pixels, stderr, *(() if document is None else (document,))]
    with _lock:
        for _ in range(2):
            template = _template(renderer)
            if process := template.fork(given, route):
                return process
            del _templates[os.getpid(), renderer]  # it has ended after a time without work, or was killed
            said = template.end() or f"its template was killed, or gave no answer within {_START_S:g} s"
    raise PageError(Reason.RENDER_CRASH, f"{renderer} cannot be started: {said}")


def _template(renderer: str) -> "_Template":
    """Return the running template of this process, or start one; call it under the lock."""
    environment = {name: value for name, value in os.environ.items() if name.startswith(_ENVIRONMENT)}
    environment.update({name: value or "" for name, value in safe_variables(environment).items()})
    environment |= {"OMP_NUM_THREADS": "1", "ORT_DISABLE_TELEMETRY": "1"}
    key = os.getpid(), renderer
    template = _templates.get(key)
    if template is not None and template.environment == environment:
        return template
    _retired[:] = [other for other in _retired if not other.has_ended()]
    if template is not None:
        template.retire()
        _retired.append(template)
    _templates[key] = _Template(renderer, environment)
    return _templates[key]


@atexit.register
def _end_templates() -> None:
    """End all templates of this process, and not those that it has from the process that it was forked from."""
    for template in (*_templates.values(), *_retired):
        if template.owner == os.getpid():
            template.end()


def tail(stderr: IO[bytes]) -> str:
    """Return the last of what a process wrote to its standard error."""
    size = stderr.seek(0, os.SEEK_END)
    stderr.seek(max(0, size - _TAIL_BYTES))
    return printable_line(stderr.read().decode(errors="replace").strip(), _TAIL_BYTES)


def _next_word(control: socket.socket, resume: Callable[[], None], at_most_s: float = math.inf) -> bytes:
    """Wait for what a template says of a fork; nothing if it has ended, or says nothing for so many seconds."""
    until = time.monotonic() + at_most_s
    while not wait_for_any([control], _LOOKS_EACH_S):
        resume()
        if time.monotonic() > until:
            return b""
    try:
        return control.recv(64)
    except OSError:
        return b""


class _Template:
    """A template that was started."""

    def __init__(self, renderer: str, environment: dict[str, str]) -> None:
        self.owner, self.environment = os.getpid(), environment
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        with theirs, holding_signals():
            self._process = subprocess.Popen(
                [
                    # -P: no module is taken from the current folder, which may hold the documents
                    *(sys.executable, "-P", "-m", TEMPLATE, renderer),
                    *(str(theirs.fileno()), str(self.owner)),
                ],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._stderr,
                env=environment,
            )

    def fork(self, descriptors: list[int], route: RouteMode) -> ForkedProcess | None:
        """Ask for a fork that has these descriptors; None if the template has ended or does not answer."""
        control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with theirs:
                socket.send_fds(self._requests, [route.encode()], [theirs.fileno(), *descriptors])
            pid = _next_word(control, self.resume, _START_S)
        except OSError:
            pid = b""
        if not pid:
            control.close()
            return None
        return ForkedProcess(int(pid), control, self.resume)

    def resume(self) -> None:
        """Let it go on if a signal stopped it: nobody else can kill its forks, or tell how they end."""
        self._process.send_signal(signal.SIGCONT)

    def retire(self) -> None:
        """Let it end as soon as its forks have."""
        self._requests.close()

    def has_ended(self) -> bool:
        """True once it has; it is then waited for."""
        if self._process.poll() is None:
            return False
        self._stderr.close()
        return True

    def end(self) -> str:
        """End it and its forks, and return the last of what it wrote to its standard error."""
        self._requests.close()
        self._process.kill()
        self._process.wait()
        with self._stderr:
            return tail(self._stderr)
