"""A trace as a file for Perfetto or chrome://tracing.

    [
    {"name":"process_name","ph":"M","pid":1,"args":{"name":"waiting"}},
    {"name":"render","ph":"X","pid":2,"tid":4711,"ts":0,"dur":12000,"args":{"page":"/in/a.pdf 1"}},

Written while the run goes on, a line for each event and all of a page in one write: a run that is killed leaves a trace
that can be read, as this form of JSON may lack its end.
"""

import json
import logging
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from ocrmill.pipeline.errors import OutputError
from ocrmill.workers.scheduling.tracing.span import Span, Subject

TRACE_BEGINS = b'[\n{"name":"process_name"'
WAITING = "waiting"
Event = dict[str, Any]
log = logging.getLogger(__name__)


class PerfettoFile:
    """The file of a trace: a track for each kind of worker on each machine, and one for waits."""

    def __init__(self, path: Path) -> None:
        """Begin the file.

        Raises:
            OutputError: It cannot be written.
        """
        self._path = path
        self._lock = threading.Lock()
        self.began = time.time()
        self._processes = {WAITING: 1}
        self._named = 0  # of these, in the file
        self._lanes: dict[str, list[float]] = {}  # of each track without threads, the ends of the last spans
        self._spans = 0
        try:
            self._file: IO[str] | None = path.open("w", buffering=1, encoding="utf-8")
            self._file.write("[\n")
        except OSError as error:
            raise OutputError(f"{path} cannot be written: {error.strerror}") from error
        self._write([])

    def write(self, subject: Subject, spans: Sequence[Span]) -> None:
        """Write spans of a subject; if that fails, the trace ends and the run goes on."""
        with self._lock:
            self._write([event for span in spans for event in self._events(subject.name, span)])

    def close(self) -> None:
        """End the file."""
        with self._lock:
            if self._file is not None:
                with suppress(OSError):  # a trace may lack its end
                    self._file.write('{"name":"end","ph":"M","pid":1,"args":{}}\n]\n')
                with suppress(OSError):
                    self._file.close()
                self._file = None

    def _events(self, name: str, span: Span) -> list[Event]:
        """Return the event of a span on its track, or the two events of a wait: many pages wait at the same time."""
        begin, args = self._us(span.began), {"page": name}
        end = max(begin, self._us(span.ended))
        if span.track is not None:
            thread = self._lane(span.track, span) if span.thread is None else span.thread
            at = {"pid": self._process(span.track), "tid": thread, "ts": begin}
            return [{"name": span.name, "ph": "X", **at, "dur": end - begin, "args": args}]
        self._spans += 1
        wait: Event = {"name": span.name, "cat": span.name, "id": self._spans, "pid": self._process(WAITING), "tid": 1}
        return [{**wait, "ph": "b", "ts": begin, "args": args}, {**wait, "ph": "e", "ts": end}]

    def _lane(self, track: str, span: Span) -> int:
        """Return the first lane of a track that is free: its worker has several pages at a time."""
        ends = self._lanes.setdefault(track, [])
        lane = next((at for at, end in enumerate(ends) if end <= span.began), len(ends))
        ends[lane:] = [span.ended, *ends[lane + 1 :]]
        return lane + 1

    def _us(self, moment: float) -> int:
        return round((moment - self.began) * 1e6)

    def _process(self, track: str) -> int:
        return self._processes.setdefault(track, len(self._processes) + 1)

    def _write(self, events: Sequence[Event]) -> None:
        if self._file is None:
            return
        new = list(self._processes.items())[self._named :]
        self._named += len(new)
        named = [{"name": "process_name", "ph": "M", "pid": at, "args": {"name": track}} for track, at in new]
        lines = [json.dumps(event, separators=(",", ":")) + ",\n" for event in (*named, *events)]
        try:
            self._file.write("".join(lines))
        except OSError as error:
            log.warning("%s: the trace ends here, the run goes on: %s", self._path, error.strerror)
            with suppress(OSError):
                self._file.close()
            self._file = None
