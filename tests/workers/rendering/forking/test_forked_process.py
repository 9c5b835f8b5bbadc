"""Rendering processes are forked from a template: what a fork has, how it ends, and when its template does."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection, Pipe
from pathlib import Path

import psutil
import pytest
from narrowed import instance
from pdfs import text_pdf
from processes import descendants, stopping
from waiting import wait_for

from ocrmill.configs.settings import RasterSettings, RoutingSettings
from ocrmill.pipeline.errors import PageError
from ocrmill.pipeline.records import RenderedPage
from ocrmill.workers.rendering.forking.forked_process import TEMPLATE, ForkedProcess, fork
from ocrmill.workers.rendering.process import RenderProcess
from ocrmill.workers.rendering.protocol import REQUEST, SETTINGS, ChildSettings, Request

RENDERS = ChildSettings(RasterSettings(), RoutingSettings(mode="ocr"))


def forked() -> tuple[ForkedProcess, Connection]:
    """A fork that has answered a request, and so is in its sandbox, and the connection to it."""
    ours, theirs = Pipe()
    with theirs, tempfile.TemporaryFile() as pixels, tempfile.TemporaryFile() as stderr:
        os.ftruncate(pixels.fileno(), 4096)
        process = fork(
            "mupdf",
            "ocr",
            connection=theirs.fileno(),
            pixels=pixels.fileno(),
            stderr=stderr.fileno(),
            document=None,
        )
    ours.send_bytes(SETTINGS.dump_json(RENDERS))
    ours.send_bytes(REQUEST.dump_json(Request(())))
    ours.recv_bytes()
    return process, ours


def test_forks_of_all_threads_have_one_template_with_one_thread(tmp_path: Path) -> None:
    """A process with threads must not be forked: locks that one holds stay closed in the fork for ever."""
    path = str(text_pdf(tmp_path / "a.pdf", pages=1))
    processes = [RenderProcess("mupdf", ChildSettings(RasterSettings(), RoutingSettings())) for _ in range(3)]
    with ThreadPoolExecutor(3) as threads:
        list(threads.map(lambda process: process.open(path, ()), processes))
    templates = {psutil.Process(process.pid).ppid() for process in processes}
    for process in processes:
        process.close()

    (template,) = templates
    assert psutil.Process(template).num_threads() == 1


def test_the_exit_code_is_that_of_the_fork() -> None:
    """Processes learn it that are not the fork's parent: 0 if the other side hangs up, the signal if one ends it."""
    for code, end in (
        (0, lambda _, connection: connection.close()),
        (-signal.SIGKILL, lambda process, _: process.kill()),
        (-signal.SIGSEGV, lambda process, _: os.kill(process.pid, signal.SIGSEGV)),
    ):
        process, connection = forked()
        assert process.poll() is None
        end(process, connection)

        assert (code, code) == (process.wait(), process.poll())
        process.kill()  # does no harm any more
        connection.close()


@pytest.mark.parametrize("end", [ForkedProcess.kill, lambda process: os.kill(process.pid, signal.SIGKILL)])
def test_a_stopped_template_goes_on_when_it_is_needed(end: Callable[[ForkedProcess], None]) -> None:
    """Only a template can kill its forks and knows how they ended: without it no deadline would end a page."""
    process, connection = forked()
    template = instance(psutil.Process, psutil.Process(process.pid).parent())
    template.suspend()
    end(process)
    assert process.wait() == -signal.SIGKILL
    template.suspend()
    another, to_another = forked()
    for each in (connection, to_another):
        each.close()

    assert another.wait() == 0
    assert psutil.Process(template.pid).is_running()


def test_signals_do_not_end_a_template_that_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C goes to the whole group, SIGTERM to all of a service: the first page of a run would fail for it."""
    monkeypatch.setenv("TZ", "Europe/Rome")  # for a new one
    with stopping(TEMPLATE):
        process, connection = forked()
    connection.close()

    assert process.wait() == 0


def test_a_fork_reaches_no_sibling() -> None:
    """One that a document takes over has its own connection, and neither those of others nor its template's."""
    first, to_first = forked()
    second, to_second = forked()
    sockets = []
    for process in (first, second):
        names = [str(each.readlink()) for each in Path(f"/proc/{process.pid}/fd").iterdir()]
        sockets.append({name for name in names if name.startswith("socket:")})
        assert not [name for name in names if name.startswith(("pipe:", "anon_inode:"))]
    for process, connection in ((first, to_first), (second, to_second)):
        connection.close()
        process.wait()

    assert [1, 1] == [len(each) for each in sockets]
    assert not sockets[0] & sockets[1]


def test_a_changed_environment_is_that_of_the_next_fork(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fork has the variables of the time when it was asked for; those that live go on, with their template."""
    path = str(text_pdf(tmp_path / "a.pdf", pages=2))
    monkeypatch.setenv("TZ", "Europe/Oslo")  # for a template that has no forks of other tests
    with RenderProcess("mupdf", RENDERS) as before, RenderProcess("mupdf", RENDERS) as after:
        before.open(path, ())
        old = psutil.Process(psutil.Process(before.pid).ppid())
        monkeypatch.setenv("TZ", "Asia/Tokyo")
        after.open(path, ())
        assert "Asia/Tokyo" in psutil.Process(after.pid).environ()["TZ"]
        page, _ = before.read(path, None, 2)
        assert instance(RenderedPage, page).page_number == 2

    assert wait_for(lambda: old.status() == psutil.STATUS_ZOMBIE or not old.is_running())


def test_a_template_that_cannot_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error has what Python wrote; once the cause is gone, the next fork is one."""
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    with pytest.raises(PageError, match=r"mupdf cannot be started: .*ModuleNotFoundError"):
        forked()
    monkeypatch.delenv("PYTHONHOME")
    process, connection = forked()
    connection.close()

    assert process.wait() == 0


def test_a_template_ends_when_it_is_not_used(tmp_path: Path) -> None:
    """Templates keep 80 MB, and nobody but they know when the last page was read."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    program = (
        f"import sys; from {TEMPLATE.rpartition('.')[0]} import template\n"
        f"template.UNUSED_S = 0.5; template.forked(['pdfium', sys.argv[1], '{os.getpid()}'])"
    )
    with ours, theirs:
        process = subprocess.Popen([sys.executable, "-c", program, str(theirs.fileno())], pass_fds=(theirs.fileno(),))

        assert process.wait(60) == 0


def test_nothing_is_left_of_a_process_that_was_killed(tmp_path: Path) -> None:
    """Template and forks end with the process that asked for them, also while a fork is busy."""
    program = (
        "import os, sys\n"
        f"from {__name__.rpartition('.')[2]} import forked\n"
        "process, connection = forked()\n"
        "print(process.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    folders = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    asking = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": folders},
    )
    with asking:
        assert asking.stdout is not None
        child = psutil.Process(int(asking.stdout.readline()))
        template = child.parent()
        child.suspend()
        asking.kill()

    assert template is not None
    assert wait_for(lambda: not child.is_running() and not template.is_running())
    assert asking.pid not in {each.ppid() for each in descendants(TEMPLATE)}
