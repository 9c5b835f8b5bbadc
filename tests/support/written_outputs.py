"""Outputs for tests, written by the real sink.

with writing(root) as sink:
    add_document(sink, "/in/a.pdf", [page("text"), failed_page()])
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from made_rows import made_id, made_reading, made_stamp, rendered_page

from ocrmill.configs.settings import OutputSettings
from ocrmill.pipeline.output.ledger import read_ledger
from ocrmill.pipeline.output.schema import PAGE_COUNTS, RunStamp
from ocrmill.pipeline.output.sink import Sink
from ocrmill.pipeline.output.stores.local import LocalStore
from ocrmill.pipeline.output.stores.store import LeaseOwner
from ocrmill.pipeline.records import Attempt, Failure, Reason, Route, RouteDecision, Source, Status
from ocrmill.pipeline.rows import DocumentRow, PageReading, PageRow, SourceRow


@dataclass(frozen=True, slots=True)
class PageContent:
    """A page as a test describes it."""

    markdown: str | None
    status: Status
    reason: Reason | None
    detail: str | None
    flags: tuple[str, ...]


def page(
    markdown: str | None = "text",
    status: Status = Status.OK,
    reason: Reason | None = None,
    detail: str | None = None,
    flags: tuple[str, ...] = (),
) -> PageContent:
    return PageContent(markdown, status, reason, detail, flags)


def failed_page(reason: Reason = Reason.RENDER_TIMEOUT, detail: str | None = None) -> PageContent:
    return PageContent(None, Status.FAILED, reason, detail, ())


def source(uri: str, version: str = "1") -> Source:
    return Source(uri=uri, version=version, bytes=1000, path=uri)


@contextmanager
def writing(root: Path, *, run: int = 1, stamp: RunStamp | None = None) -> Iterator[Sink]:
    """A sink as the nth run has it; runs are a day apart, and all rows of one have the same time."""
    store = LocalStore(root)
    stamp = stamp or made_stamp(day=run)
    with store.lease(LeaseOwner.current(stamp.run_id)):
        sink = Sink(store, stamp, OutputSettings(), read_ledger(store), clock=lambda: 0.0)
        yield sink
        sink.close()


def add_pages(
    sink: Sink, uri: str, pages: Sequence[PageContent], *, content: str | None = None, count: int = 0, first: int = 1
) -> None:
    """Add some pages of a document that is not finished by that."""
    for number, content_of_page in enumerate(pages, first):
        sink.add_page(page_row(uri, number, count or len(pages), content_of_page, content=content))


def add_document(
    sink: Sink,
    uri: str,
    pages: Sequence[PageContent],
    *,
    content: str | None = None,
    version: str = "1",
    added: int = 0,
    others: Sequence[str] = (),
    title: str | None = None,
) -> None:
    """Add a whole document whose first `added` pages are there already; `others` hold the same bytes."""
    add_pages(sink, uri, pages[added:], content=content, count=len(pages), first=added + 1)
    tally: dict[str, Any] = Counter(PAGE_COUNTS[each.status] for each in pages)
    flagged = sum(bool(each.flags) for each in pages)
    name = made_id(content or uri)
    held = source(uri, version)
    row = DocumentRow(name, held, len(pages), "complete", pages_flagged=flagged, title=title, **tally)
    sink.finish_document(row, [SourceRow(held, name), *(SourceRow(source(other), name) for other in others)])


def add_failed_document(
    sink: Sink,
    uri: str,
    reason: Reason = Reason.PASSWORD_REQUIRED,
    detail: str = "no password fits",
    version: str = "1",
) -> None:
    """Add a document without a readable page; `unreadable` is one without bytes, and so without document_id."""
    name = None if reason is Reason.UNREADABLE else made_id(uri)
    held = source(uri, version)
    sink.finish_document(DocumentRow(name, held, 0, "failed", reason, detail), [SourceRow(held, name)])


def content_of(about: PageContent) -> PageReading | Failure | None:
    if about.markdown is not None:
        return made_reading(about.markdown, repetition_flag="repetition" in about.flags)
    return None if about.reason is None else Failure(about.reason, about.detail or about.reason)


def page_row(uri: str, number: int, count: int, about: PageContent, *, content: str | None = None) -> PageRow:
    return PageRow(
        document_id=made_id(content or uri),
        source=uri,
        page_number=number,
        page_count=count,
        status=about.status,
        page=rendered_page(number, decision=RouteDecision(Route.OCR, "no_text_layer"), detail=about.detail),
        content=content_of(about),
        flags=about.flags,
        standing=Attempt("cpu", 1.0),
        defect=about.reason,
    )
