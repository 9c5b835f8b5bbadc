"""The functions of ours that are on the way when something is called, noted in whichever process that is.

Put into a folder of PYTHONPATH as `sitecustomize.py`, so that actors of Ray and rendering processes have it as well.
They write to a file that is opened before the sandbox closes: one line a call, `where: module.function > ...`.
"""

import multiprocessing.connection as connections
import os
import sys
import threading
from collections.abc import Iterable
from types import FrameType
from typing import Any

FILE = os.open(os.path.join(os.path.dirname(__file__), "stacks.txt"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)  # noqa: PTH118, PTH120
OURS = "/ocrmill/"
WAITING: dict[str, list[FrameType]] = {}
WATCHED = {"get_pixmap": "pixels", "generate": "vllm"}


def note(where: str, frame: FrameType | None) -> None:
    """Write down our functions between this frame and the bottom of its stack."""
    frames = []
    while frame is not None:
        frames.append(frame)
        frame = frame.f_back
    _write(where, reversed(frames))


def note_all(where: str, frames: Iterable[FrameType]) -> None:
    """Write down our functions among some frames, below those that were written for the same place before."""
    WAITING.setdefault(where, []).extend(frames)
    _write(where, WAITING[where])


def _write(where: str, frames: Iterable[FrameType]) -> None:
    names = {}
    for frame in frames:
        module, code = frame.f_globals.get("__name__", ""), frame.f_code
        if (module.startswith("ocrmill.") or (module == "__main__" and OURS in code.co_filename)) and (
            not code.co_name.startswith("<")
        ):
            names[id(frame)] = f"{module}.{code.co_name}"
    os.write(FILE, f"{where}: {' > '.join(names.values())}\n".encode())


def _see_calls(frame: FrameType, event: str, _argument: object) -> None:
    code = frame.f_code
    if event == "call" and code.co_name in WATCHED and OURS not in code.co_filename:
        note(WATCHED[code.co_name], frame)


def _noting_sends() -> None:
    plain = connections.Connection.send_bytes

    def send_bytes(self: connections.Connection, *arguments: Any) -> None:
        note("to child", sys._getframe(1))
        plain(self, *arguments)

    connections.Connection.send_bytes = send_bytes  # type: ignore[method-assign, assignment]


if "ocrmill.workers.rendering.forking.template" in " ".join(sys.orig_argv):
    sys.setprofile(_see_calls)
elif "default_worker.py" in " ".join(sys.orig_argv):
    threading.setprofile(_see_calls)
    _noting_sends()
