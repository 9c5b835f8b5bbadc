"""A trace of a run: what each page waited for and who worked on it, from the queue to the disk.

Memory: the times of the pages in flight and of those that wait to be written. Times are those of the machine where
something happened; on a cluster its clocks count.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from ocrmill.pipeline.records import PageRange, Source
from ocrmill.pipeline.rows import PageRow
from ocrmill.workers.scheduling.tracing.span import Attributes, Span, SpanWriter, Subject

WRITER = "writer"


class FinishedPage(NamedTuple):
    """A page with a row that is not durable yet."""

    subject: Subject
    at: float


class Trace:
    """The trace of a run, or nothing if nobody takes it. Any thread may call it."""

    def __init__(self, writers: Sequence[SpanWriter] = ()) -> None:
        """Hold what takes the spans; it is closed with the trace."""
        self._writers = writers
        self._lock = threading.Lock()
        self._taken: dict[tuple[str, int], tuple[float, float]] = {}  # by page: when its range was queued, and taken
        self._unwritten: list[FinishedPage] = []

    def close(self) -> None:
        """End the trace."""
        for writer in self._writers:
            writer.close()

    @contextmanager
    def opening(self, source: Source) -> Iterator[None]:
        """Trace the opening of a document: its fetching, hashing and parsing, and the wait for a rasterizer."""
        began = time.time()
        yield
        if self._writers:
            subject = Subject(source.uri, {"ocrmill.source": source.uri})
            self._write(subject, [Span("open", began, time.time())])

    def take(self, pages: PageRange) -> None:
        """Note that a range left the queue."""
        if self._writers and pages.queued is not None:
            for number in pages.page_numbers:
                self._taken[pages.document.document_id, number] = pages.queued, time.time()

    def finish(self, row: PageRow) -> None:
        """Write the spans of a page that has its row."""
        if not self._writers:
            return
        now = time.time()
        queued, taken = self._taken.pop((row.document_id, row.page_number), (None, None))
        spans: list[Span] = []
        if queued is not None and taken is not None:
            spans.append(Span("queue", queued, taken))
        last = taken
        if (work := row.page.work) is not None:
            if taken is not None:
                spans.append(Span("wait for a rasterizer", taken, work.began))
            rendered = min(work.began + row.page.render_ms / 1000, work.ended)
            track = f"rasterizers on {work.host}"
            spans.append(Span("render", work.began, rendered, track, work.pid))
            spans.append(Span("cut and encode", rendered, work.ended, track, work.pid))
            last = work.ended
        for attempt in row.attempts:
            if attempt.work is None or attempt.sent is None:
                continue
            work = attempt.work
            spans.append(Span("wait for an engine", last or attempt.sent, attempt.sent))
            spans.append(Span("transfer", attempt.sent, work.began))
            track = f"{attempt.engine} on {work.host}, process {work.pid}"
            if work.first_token is not None:
                spans.append(Span("encode", work.began, work.first_token, track))
            spans.append(Span("decode", work.first_token or work.began, work.ended, track))
            last = work.ended
        if last is not None:
            spans.append(Span("post-process", last, now))
        subject = _page(row)
        with self._lock:
            self._unwritten.append(FinishedPage(subject, now))
        self._write(subject, spans)

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
        elif pages:
            now = time.time()
            self._write(Subject(f"{len(pages)} pages"), [Span("write", began, now, WRITER, 1)])
            for page in pages:
                self._write(page.subject, [Span("until durable", page.at, now)])

    def _write(self, subject: Subject, spans: Sequence[Span]) -> None:
        for writer in self._writers:
            writer.write(subject, spans)


def _page(row: PageRow) -> Subject:
    """Return the subject of a page, with what its row says."""
    attributes: Attributes = {
        "ocrmill.source": row.source,
        "ocrmill.document_id": row.document_id,
        "ocrmill.page_number": row.page_number,
        "ocrmill.status": str(row.status),
        "ocrmill.flags": tuple(row.flags),
    }
    return Subject(f"{row.source} {row.page_number}", attributes, str(row.reason) if row.status == "failed" else None)
