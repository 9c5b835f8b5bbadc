"""The output as files that others read: a tree of Markdown, or JSON lines with Dolma's field names.

What is exported is what the sources hold now, each document once however many sources hold it; whole_documents.py says
what is left out, and how much memory that takes. Each file appears complete or not at all. The same output gives the
same bytes again.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ocrmill.commands.export.document_text import TextForm, document_markdown, document_text, page_text
from ocrmill.commands.export.figures import drop_figures, write_figures
from ocrmill.commands.export.new_file import new_file, refuse_url, regular_file, reporting_os_errors
from ocrmill.commands.export.paths import ENDING, FIGURES, INDEX, export_paths
from ocrmill.commands.export.whole_documents import (
    DocumentFacts,
    HeldDocuments,
    Page,
    WholeDocument,
    WholeDocuments,
    read_held_documents,
)
from ocrmill.pipeline.errors import UsageError
from ocrmill.pipeline.output.stores.store import Store

_NOT_METADATA = frozenset({"document_id", "source", "ingested_at", "pages"})  # they have fields of their own, or none
_LONG = frozenset({"markdown", "figures", "spans"})
PAGE_AFTER_PAGE = TextForm()
_LINE_BEGINS = b'{"'
SIGNIFICANT_DIGITS = 6  # a float32 keeps at least six


@dataclass(slots=True)
class ExportReport:
    """The counts of an export."""

    documents: int = 0
    pages: int = 0
    failed: int = 0  # documents without any readable page, exported or not
    failed_pages: int = 0  # of the documents that were exported
    superseded: int = 0  # left out: no source holds them any more
    unfinished: int = 0  # left out: a run still has to finish them
    figures: int = 0  # files of pictures
    bytes: int = 0

    def to_text(self, where: str) -> str:
        """The report in words, for people."""
        lines = [f"{self.documents} documents, {self.pages} pages, {self.bytes} bytes in {where}"]
        lines += [f"{self.figures} figures, in folders `{FIGURES}` beside the documents"] if self.figures else []
        left_out = {
            "pages failed; each has its reason": self.failed_pages,
            "documents could not be read at all": self.failed,
            "documents left out: their sources hold other bytes by now": self.superseded,
            "documents left out: not finished; `ocrmill run` finishes them": self.unfinished,
        }
        lines += [f"{count} {what}" for what, count in left_out.items() if count]
        return "".join(f"{line}\n" for line in lines)


def export_jsonl(
    store: Store,
    destination: Path,
    *,
    per_page: bool = False,
    include_failed: bool = False,
    form: TextForm = PAGE_AFTER_PAGE,
) -> ExportReport:
    """Write one line for each document, or for each page, into one file.

    A document's `text` is its pages, joined by a blank line or as `form` says; `metadata.pages` has the span, status
    and measures of each page. With `include_failed`, documents or pages that could not be read get lines, too: a reason
    and no text.

    Raises:
        OutputError: The output cannot be read or the file not written; the destination is unchanged.
        UsageError: The destination is a folder, a pipe, a device, a URL or somebody's file.
    """
    report = ExportReport()
    held = read_held_documents(store)
    with reporting_os_errors(destination):
        destination = regular_file(destination, _LINE_BEGINS)
        destination.parent.mkdir(parents=True, exist_ok=True)
        with new_file(destination) as file:
            whole = WholeDocuments(store, held, destination.parent, blocks=form.needs_blocks)
            for document in _documents(whole, held, report, include_failed=include_failed):
                records = _page_records(document, include_failed, form) if per_page else [_record_of(document, form)]
                for record in records:
                    report.bytes += file.write(_line(record))
    return report


def export_markdown(
    store: Store,
    destination: Path,
    *,
    include_failed: bool = False,
    figures: bool = False,
    form: TextForm = PAGE_AFTER_PAGE,
) -> ExportReport:
    """Write one file for each document into a folder, at the path that paths.py gives, and list them in `_index.jsonl`.

    Each page follows a line `<!-- page: 3 status: ok -->`, also a page that failed, with its reason; no other line of
    a file begins like that. In a continuous text only failed pages have one. With `include_failed`, a document without
    any text gets a file too. With `figures`, stored figures become files and links (figures.py). Files of an earlier
    export that are not part of this one are deleted.

    Raises:
        OutputError: The output cannot be read or a file not written. The files that are there are complete; run again.
        UsageError: The destination holds files that no export wrote, or is a URL.
    """
    refuse_url(destination)
    held = read_held_documents(store)
    paths = [path + ENDING for path in export_paths(held.sources())]
    report = ExportReport()
    with reporting_os_errors(destination):
        index = _Index(destination)
        listed = zip(paths, held, strict=True)
        index.begin(_index_entry(path, facts) for path, facts in listed if include_failed or facts.has_text)
        if figures:
            ids = zip(held.document_ids(), paths, strict=True)
            for size in write_figures(store, {name: destination / path for name, path in ids if name}):
                report.figures += 1
                report.bytes += size
        whole = WholeDocuments(store, held, destination, figures=figures, blocks=form.needs_blocks)
        for document in _documents(whole, held, report, include_failed=include_failed):
            path = destination / paths[document.at]
            path.parent.mkdir(parents=True, exist_ok=True)
            with new_file(path) as file:
                report.bytes += file.write(document_markdown(document, path, form).encode())
            drop_figures(path, {(page.page_number, name) for page in document.pages for _, name, _ in page.figures})
        index.finish()
    return report


def _documents(
    whole: WholeDocuments, held: HeldDocuments, report: ExportReport, *, include_failed: bool
) -> Iterator[WholeDocument]:
    """Yield the documents to export: those with pages in the order of the shards, then those without, by source."""
    for document in whole:
        yield from _count(document, report, include_failed=include_failed)
    for at in (held.page_counts() == 0).nonzero()[0].tolist():
        yield from _count(WholeDocument(at, held[at], ()), report, include_failed=include_failed)
    report.superseded = len(held.superseded)
    report.unfinished = len(whole.unfinished)


def _count(document: WholeDocument, report: ExportReport, *, include_failed: bool) -> Iterator[WholeDocument]:
    report.failed += not document.facts.has_text
    if include_failed or document.facts.has_text:
        report.documents += 1
        report.pages += document.facts.pages
        report.failed_pages += document.facts.pages_failed
        yield document


def _record_of(document: WholeDocument, form: TextForm) -> dict[str, Any]:
    written = document_text(document, form)
    empty = len(written.text), len(written.text)
    spans = [(page, written.spans.get(page.page_number, empty)) for page in document.pages]
    pages = [{**_page_facts(page), "start": start, "end": end} for page, (start, end) in spans]
    facts = document.facts
    return _record(facts.document_id, written.text, facts, {**_document_facts(facts), "pages": pages})


def _page_records(document: WholeDocument, include_failed: bool, form: TextForm) -> Iterator[dict[str, Any]]:
    facts = document.facts
    if not document.pages:
        yield _record(facts.document_id, "", facts, {"page_number": None, **_document_facts(facts)})
    for page in document.pages:
        if page.status != "failed" or include_failed:
            name = f"{facts.document_id}-{page.page_number}"
            about = {"document_id": facts.document_id, "page_count": facts.page_count, **_page_facts(page)}
            yield _record(name, page_text(page, form), facts, about)


def _record(name: str | None, text: str, facts: DocumentFacts, metadata: dict[str, Any]) -> dict[str, Any]:
    """Make a line with Dolma's fields. `created` is null: the time at which the document was made is unknown."""
    added = facts.ingested_at.isoformat()
    return {"id": name, "text": text, "source": facts.source, "added": added, "created": None, "metadata": metadata}


def _document_facts(facts: DocumentFacts) -> dict[str, Any]:
    return _values(facts, leave_out=_NOT_METADATA)


def _page_facts(page: Page) -> dict[str, Any]:
    return _values(page, leave_out=_LONG)


def _values(record: DocumentFacts | Page, leave_out: frozenset[str]) -> dict[str, Any]:
    """A record's fields and values; dataclasses.asdict would copy each and take six times as long."""
    names = [name for name in record.__slots__ if name not in leave_out]
    values = [(name, getattr(record, name)) for name in names]
    return {name: _rounded(value) if isinstance(value, float) else value for name, value in values}


def _rounded(value: float) -> float:
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}")


def _index_entry(path: str, facts: DocumentFacts) -> dict[str, Any]:
    return {"path": path, "document_id": facts.document_id, **_document_facts(facts)}


class _Index:
    """`_index.jsonl`, the list of the files of an exported tree. At any time it lists at least the files that exist."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / INDEX
        self._stale: list[str] = []  # paths of an earlier export that are not part of this one
        if not self._file.is_file() and folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UsageError(f"{folder} holds files that no export wrote: choose a new or an empty folder")

    def begin(self, entries: Iterable[dict[str, Any]]) -> None:
        """Write the index: the files of this export, and those that an earlier export left."""
        old = self._lines()
        self._folder.mkdir(parents=True, exist_ok=True)
        with new_file(self._file) as file:
            new = set()
            for entry in entries:
                new.add(entry["path"])
                file.write(_line(entry))
            for line in old:
                if (path := self._path(line)) not in new:
                    self._stale.append(path)
                    file.write(line)

    def finish(self) -> None:
        """Delete the files that an earlier export left, and drop them from the index."""
        for path in self._stale:
            _delete(self._folder, path)
        stale = set(self._stale)
        if stale:
            kept = [line for line in self._lines() if self._path(line) not in stale]
            with new_file(self._file) as file:
                file.writelines(kept)

    def _lines(self) -> list[bytes]:
        return self._file.read_bytes().splitlines(keepends=True) if self._file.is_file() else []

    def _path(self, line: bytes) -> str:
        """Return the path in a line. It must be one that an export writes, because its file may be deleted."""
        try:
            path = json.loads(line)["path"]
            good = path.endswith(ENDING) and all(name not in ("", ".", "..") for name in path.split("/"))
        except (ValueError, TypeError, KeyError, AttributeError):
            good = False
        if not good:
            raise UsageError(f"{self._file} was changed, or was not written by an export: choose another folder")
        return str(path)


def _delete(folder: Path, path: str) -> None:
    """Delete a file, and the folders that it leaves empty."""
    file = folder / path
    file.unlink(missing_ok=True)
    drop_figures(file)
    for above in file.parents:
        if above == folder or not above.is_dir() or any(above.iterdir()):
            break
        above.rmdir()


def _line(record: dict[str, Any]) -> bytes:
    return json.dumps(record, ensure_ascii=False, default=str).encode() + b"\n"
