"""Processes below this one: looking for them, and talking with those whose pipes are open."""

import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from ocrmill.workers.rendering.child import PROCESS_NAME


def descendants(word: str) -> list[psutil.Process]:
    """The living processes below this one whose command line holds a word. Dead ones nobody waited for have none."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if any(word in part for part in process.cmdline()):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return found


def rendering_processes(below: int | None = None) -> list[psutil.Process]:
    """The living processes below this one, or another, that read pages; their templates are not among them."""
    return [each for each in psutil.Process(below).children(recursive=True) if each.name() == PROCESS_NAME]


def open_names() -> list[str]:
    """The names of what this process has open: a test looks for its own, other threads open and close others."""
    names = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # that of the listing itself, or closed meanwhile
            names.append(str(descriptor.readlink()))
    return names


@contextmanager
def stopping(word: str) -> Iterator[None]:
    """During the block, send SIGINT and SIGTERM to the processes whose command line holds a word, again and again."""
    ended = threading.Event()

    def send() -> None:
        while not ended.wait(0.01):
            for process in descendants(word):
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(signal.SIGINT)
                    process.terminate()

    sending = threading.Thread(target=send)
    sending.start()
    try:
        yield
    finally:
        ended.set()
        sending.join()


def say(process: subprocess.Popen[str], text: str) -> None:
    """Write to a process's standard input, which is a pipe, at once."""
    assert process.stdin is not None
    process.stdin.write(text)
    process.stdin.flush()


def next_line(process: subprocess.Popen[str]) -> str:
    """Wait for the next line of a process's standard output, which is a pipe."""
    assert process.stdout is not None
    return process.stdout.readline()
