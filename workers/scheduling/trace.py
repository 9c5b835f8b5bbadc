"""A trace of a run: what each page waited for and who worked on it, for Perfetto or chrome://tracing.

    [
    {"name":"process_name","ph":"M","pid":1,"args":{"name":"waiting"}},
    {"name":"render","ph":"X","pid":2,"tid":4711,"ts":0,"dur":12000,"args":{"page":"/in/a.pdf 1"}},

Written while the run goes on, a line for each event and all of a page in one write: a run that is killed leaves a trace
that can be read, as this form of JSON may lack its end. Memory: the times of the pages in flight and of those that
wait to be written. Times are Unix times of the machine where something happened; on a cluster its clocks count.
"""

import json
import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, NamedTuple

from ocrmill.pipeline.errors import OutputError
from ocrmill.pipeline.records import PageRange, Source, Work
from ocrmill.pipeline.rows import PageRow

TRACE_BEGINS = b'[\n{"name":"process_name"'
WAITING, WRITER = "waiting", "writer"
Event = dict[str, Any]
log = logging.getLogger(__name__)


class FinishedPage(NamedTuple):
    """A page with a row that is not durable yet."""

    name: str
    at: float


class Trace:
    """The trace of a run, or nothing if there is no path. Any thread may call it."""

    def __init__(self, path: Path | None) -> None:
        """Begin the file.

        Raises:
            OutputError: It cannot be written.
        """
        self._path = path
        self._file: IO[str] | None = None
        self._lock = threading.RLock()
        self._began = time.time()
        self._processes = {WAITING: 1}
        self._named = 0  # of these, in the file
        self._lanes: dict[str, list[float]] = {}  # of each engine, the ends of the last spans
        self._taken: dict[tuple[str, int], tuple[float, float]] = {}  # by page: when its range was queued, and taken
        self._unwritten: list[FinishedPage] = []
        self._spans = 0
        if path is not None:
            try:
                self._file = path.open("w", buffering=1, encoding="utf-8")
                self._file.write("[\n")
            except OSError as error:
                raise OutputError(f"{path} cannot be written: {error.strerror}") from error
            self._write([])

    def close(self) -> None:
        """End the file."""
        with self._lock:
            if self._file is not None:
                with suppress(OSError):  # a trace may lack its end
                    self._file.write('{"name":"end","ph":"M","pid":1,"args":{}}\n]\n')
                with suppress(OSError):
                    self._file.close()
                self._file = None

    @contextmanager
    def opening(self, source: Source) -> Iterator[None]:
        """Trace the opening of a document: its fetching, hashing and parsing, and the wait for a rasterizer."""
        began = time.time()
        yield
        if self._file is not None:
            self._write(self._wait("open", source.uri, began, time.time()))

    def take(self, pages: PageRange) -> None:
        """Note that a range left the queue."""
        if self._file is not None and pages.queued is not None:
            for number in pages.page_numbers:
                self._taken[pages.document.document_id, number] = pages.queued, time.time()

    def finish(self, row: PageRow) -> None:
        """Write the spans of a page that has its row."""
        if self._file is None:
            return
        name, now = f"{row.source} {row.page_number}", time.time()
        queued, taken = self._taken.pop((row.document_id, row.page_number), (None, None))
        events: list[Event] = []
        if queued is not None and taken is not None:
            events += self._wait("queue", name, queued, taken)
        last = taken
        if (work := row.page.work) is not None:
            if taken is not None:
                events += self._wait("wait for a rasterizer", name, taken, work.began)
            rendered = min(work.began + row.page.render_ms / 1000, work.ended)
            track = f"rasterizers on {work.host}"
            events.append(self._span("render", track, work.pid, name, work.began, rendered))
            events.append(self._span("cut and encode", track, work.pid, name, rendered, work.ended))
            last = work.ended
        for attempt in row.attempts:
            if attempt.work is None or attempt.sent is None:
                continue
            events += self._wait("wait for an engine", name, last or attempt.sent, attempt.sent)
            events += self._wait("transfer", name, attempt.sent, attempt.work.began)
            events.append(self._decoded(attempt.work, attempt.engine, name))
            last = attempt.work.ended
        if last is not None:
            events += self._wait("post-process", name, last, now)
        with self._lock:
            self._unwritten.append(FinishedPage(name, now))
        self._write(events)

    def begin_write(self) -> list[FinishedPage]:
        """Take the pages that the next write makes durable."""
        with self._lock:
            pages, self._unwritten = self._unwritten, []
        return pages

    def end_write(self, pages: Sequence[FinishedPage], began: float, *, durable: bool) -> None:
        """Write the span of a write, and of each page that waited for it; if that failed, they wait on."""
        if not durable:
            with self._lock:
                self._unwritten[:0] = pages
        elif self._file is not None and pages:
            now = time.time()
            self._write([self._span("write", WRITER, 1, f"{len(pages)} pages", began, now)])
            for page in pages:
                self._write(self._wait("until durable", page.name, page.at, now))

    def _decoded(self, work: Work, engine: str, page: str) -> Event:
        """Return the span of an engine; it has several pages at a time, each in the first lane that is free."""
        track = f"{engine} on {work.host}, process {work.pid}"
        ends = self._lanes.setdefault(track, [])
        lane = next((at for at, end in enumerate(ends) if end <= work.began), len(ends))
        ends[lane:] = [work.ended, *ends[lane + 1 :]]
        return self._span("decode", track, lane + 1, page, work.began, work.ended)

    def _span(self, name: str, track: str, thread: int, page: str, began: float, ended: float) -> Event:
        at = {"pid": self._process(track), "tid": thread, "ts": self._us(began)}
        return {"name": name, "ph": "X", **at, "dur": max(0, self._us(ended) - self._us(began)), "args": {"page": page}}

    def _wait(self, name: str, page: str, began: float, ended: float) -> list[Event]:
        """Return the two events of a wait: many pages wait at the same time."""
        self._spans += 1
        shared: Event = {"name": name, "cat": name, "id": self._spans, "pid": self._process(WAITING), "tid": 1}
        end = max(self._us(began), self._us(ended))
        return [
            {**shared, "ph": "b", "ts": self._us(began), "args": {"page": page}},
            {**shared, "ph": "e", "ts": end},
        ]

    def _us(self, moment: float) -> int:
        return round((moment - self._began) * 1e6)

    def _process(self, track: str) -> int:
        with self._lock:
            return self._processes.setdefault(track, len(self._processes) + 1)

    def _write(self, events: Sequence[Event]) -> None:
        with self._lock:
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
