"""Rows made up for tests of the output: small, but each like one of a real run."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ocrmill.pipeline.measures import RepetitionMeasures, TextSignals
from ocrmill.pipeline.output.schema import RunStamp
from ocrmill.pipeline.records import (
    Attempt,
    Document,
    EngineDescription,
    Failure,
    PageGeometry,
    PageText,
    Reason,
    RenderedPage,
    Route,
    RouteDecision,
    Source,
    Status,
)
from ocrmill.pipeline.rows import DocumentRow, PageReading, PageRow, SourceRow
from ocrmill.workers.scheduling.document_progress import DocumentProgress


def made_id(name: str) -> str:
    """The document_id of a document whose bytes are its name."""
    return hashlib.sha256(name.encode()).hexdigest()


def made_source(name: str, version: str = "v1") -> Source:
    return Source(uri=f"/data/{name}.pdf", version=version, bytes=1234, path=f"/data/{name}.pdf")


def made_stamp(day: int = 1, fingerprint: str = "f" * 16) -> RunStamp:
    """The stamp that all rows of a run of some day have in common."""
    start = datetime(2026, 1, 1, 2, tzinfo=UTC) + timedelta(days=day - 1)
    engine = EngineDescription("cpu", slots=1, model="PP-OCR", model_revision="v5")
    return RunStamp(
        f"{start:%Y%m%d-%H%M%S}", start, fingerprint, quality_version=1, engine=engine, ocrmill_version="0.1.0"
    )


def rendered_page(number: int = 1, **others: Any) -> RenderedPage:
    """A page of Letter size that awaits OCR."""
    fields: dict[str, Any] = {
        "geometry": PageGeometry(612, 792, 0, 1224, 1584, 144),
        "decision": RouteDecision(Route.OCR, "no_text"),
    }
    return RenderedPage(number, **{**fields, **others})


def made_reading(text: PageText | str, **others: Any) -> PageReading:
    """A text with measures that nobody took."""
    text = PageText(text) if isinstance(text, str) else text
    signs = TextSignals("latin", "none", "en", "none", 0.0, 0, 0, 0, 0.0)
    fields: dict[str, Any] = {"measures": RepetitionMeasures(0.125, 2, 3, 1.5, 4), "signs": signs}
    return PageReading(**{"text": text, "repetition_flag": False, **fields, **others})


def made_page(name: str, number: int, count: int, status: Status = Status.OK, **others: Any) -> PageRow:
    """A page of a document: failed with a reason, blank without text, else with a line of Markdown."""
    content: PageReading | Failure | None = made_reading(f"# Page {number} of {name}")
    if status in (Status.FAILED, Status.BLANK):
        content = Failure(Reason.RENDER_CRASH, "SIGSEGV") if status is Status.FAILED else None
    fields: dict[str, Any] = {
        "document_id": made_id(name),
        "source": made_source(name).uri,
        "page_number": number,
        "page_count": count,
        "status": status,
        "page": rendered_page(number),
        "content": content,
        "standing": Attempt("cpu", 1.0) if status is Status.OK else None,
    }
    return PageRow(**{**fields, **others})


def made_pages(name: str, count: int) -> list[PageRow]:
    return [made_page(name, number, count) for number in range(1, count + 1)]


def made_document(name: str, pages: list[PageRow], **others: Any) -> DocumentRow:
    """The row of a document with just these pages."""
    document = Document(made_id(name), made_source(name), len(pages))
    progress = DocumentProgress.begin(document, document.source, durable={})
    for page in pages:
        progress.add(page)
    return replace(progress.row(), **others)


def made_unreadable(
    name: str, reason: Reason | None = Reason.UNREADABLE, version: str = "v1", **others: Any
) -> DocumentRow:
    """The row of a source that could not be read."""
    source = made_source(name, version)
    fields: dict[str, Any] = {"document_id": None, "source": source, "page_count": 0, "status": "failed"}
    return DocumentRow(**fields | others, reason=reason)


def made_source_row(name: str, document: str | None = None, version: str = "v1") -> SourceRow:
    """The row of a source that holds the document of its own name, or another one."""
    return SourceRow(made_source(name, version), made_id(document or name))
