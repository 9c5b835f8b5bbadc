"""A document, or a page, as a record with Dolma's fields."""

import json
from collections.abc import Iterator
from typing import Any

from ocrmill.commands.export.document_text import TextForm, document_text, page_text
from ocrmill.commands.export.whole_documents import DocumentFacts, Page, WholeDocument

SIGNIFICANT_DIGITS = 6  # a float32 keeps at least six
_NOT_METADATA = frozenset({"document_id", "source", "ingested_at", "pages"})  # they have fields of their own, or none
_LONG = frozenset({"markdown", "figures", "spans"})


def document_record(document: WholeDocument, form: TextForm) -> dict[str, Any]:
    """Return the record of a document: its text, and in `metadata.pages` where each page is in it."""
    written = document_text(document, form)
    empty = len(written.text), len(written.text)
    spans = [(page, written.spans.get(page.page_number, empty)) for page in document.pages]
    pages = [{**page_facts(page), "start": start, "end": end} for page, (start, end) in spans]
    facts = document.facts
    return _record(facts.document_id, written.text, facts, {**document_facts(facts), "pages": pages})


def page_records(document: WholeDocument, form: TextForm, *, include_failed: bool) -> Iterator[dict[str, Any]]:
    """Yield a record for each page; of a document without pages one with its reason."""
    facts = document.facts
    if not document.pages:
        yield _record(facts.document_id, "", facts, {"page_number": None, **document_facts(facts)})
    for page in document.pages:
        if page.status != "failed" or include_failed:
            name = f"{facts.document_id}-{page.page_number}"
            about = {"document_id": facts.document_id, "page_count": facts.page_count, **page_facts(page)}
            yield _record(name, page_text(page, form), facts, about)


def _record(name: str | None, text: str, facts: DocumentFacts, metadata: dict[str, Any]) -> dict[str, Any]:
    """Make a record with Dolma's fields. `created` is null: the time at which the document was made is unknown."""
    added = facts.ingested_at.isoformat()
    return {"id": name, "text": text, "source": facts.source, "added": added, "created": None, "metadata": metadata}


def document_facts(facts: DocumentFacts) -> dict[str, Any]:
    """Return what is known of a document, without its text."""
    return _values(facts, leave_out=_NOT_METADATA)


def page_facts(page: Page) -> dict[str, Any]:
    """Return what is known of a page, without its text."""
    return _values(page, leave_out=_LONG)


def _values(record: DocumentFacts | Page, leave_out: frozenset[str]) -> dict[str, Any]:
    """A record's fields and values; dataclasses.asdict would copy each and take six times as long."""
    names = [name for name in record.__slots__ if name not in leave_out]
    values = [(name, getattr(record, name)) for name in names]
    return {name: _rounded(value) if isinstance(value, float) else value for name, value in values}


def _rounded(value: float) -> float:
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}")


def line(record: dict[str, Any]) -> bytes:
    """Return a record as a line of JSON."""
    return json.dumps(record, ensure_ascii=False, default=str).encode() + b"\n"
