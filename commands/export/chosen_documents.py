"""The documents and pages that an export takes: what the sources hold now, as far as the options choose it."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from ocrmill.commands.export.document_text import TextForm
from ocrmill.commands.export.export_report import ExportReport
from ocrmill.commands.export.whole_documents import HeldDocuments, Page, WholeDocument, WholeDocuments
from ocrmill.commands.sql.pages_where import PagesWhere, pages_where
from ocrmill.configs.settings import RunSettings
from ocrmill.pipeline.output.stores.store import Store
from ocrmill.pipeline.records import Status

INSTRUCTION = "Convert the page to Markdown."
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """The options of an export; each format takes some of them (export.py)."""

    per_page: bool = False
    include_failed: bool = False
    figures: bool = False
    form: TextForm = field(default_factory=TextForm)
    where: str | None = None  # a condition in SQL over the columns of pages
    flagged: bool | None = None  # keep pages with flags; by default all but pairs do
    overwrite: bool = False  # replace the folder of an earlier export
    compression: Literal["gzip", "zstd"] = "gzip"
    shard_bytes: int = 512 * MIB
    instruction: str = INSTRUCTION  # of the user, before each page of a pair
    settings: RunSettings = field(default_factory=RunSettings)  # sources are opened with them

    @property
    def leaves_out_pages(self) -> bool:
        """Tell if an option leaves out pages of documents."""
        return self.where is not None or self.flagged is False


class ChosenDocuments:
    """The documents to export: those with pages in the order of the shards, then those without, by source."""

    def __init__(
        self, store: Store, held: HeldDocuments, scratch: Path, report: ExportReport, options: ExportOptions
    ) -> None:
        """Find the pages that `options.where` chooses.

        Args:
            store: Of the output.
            held: What its sources hold.
            scratch: The folder of a hidden temporary file.
            report: Counts what is exported and what is left out.
            options: What to choose.
        """
        self._held = held
        self._report = report
        self._options = options
        self._where: PagesWhere | None = None
        if options.where is not None:
            self._where = pages_where(store, held.document_ids(), options.where)
        self._whole = WholeDocuments(store, held, scratch, figures=options.figures, blocks=options.form.needs_blocks)

    def __iter__(self) -> Iterator[WholeDocument]:
        """One document after the other; its pages are those that are chosen.

        Raises:
            OutputError: A shard cannot be read, or a document does not have each page once. Some were yielded by then.
        """
        for document in self._whole:
            yield from self._counted(document)
        for at in (self._held.page_counts() == 0).nonzero()[0].tolist():
            yield from self._counted(WholeDocument(at, self._held[at], ()))
        self._report.superseded = len(self._held.superseded)
        self._report.unfinished = len(self._whole.unfinished)

    def _counted(self, document: WholeDocument) -> Iterator[WholeDocument]:
        self._report.failed += not document.facts.has_text
        if self._options.leaves_out_pages:
            document = replace(document, pages=tuple(page for page in document.pages if self._keeps(document.at, page)))
        failed = sum(page.status == Status.FAILED for page in document.pages)
        has_text = len(document.pages) > failed
        if has_text or (self._options.include_failed and (document.pages or not self._options.leaves_out_pages)):
            self._report.documents += 1
            self._report.pages += len(document.pages)
            self._report.failed_pages += failed
            yield document

    def _keeps(self, at: int, page: Page) -> bool:
        if self._where is not None and (at, page.page_number) not in self._where:
            self._report.not_chosen += 1
            return False
        if self._options.flagged is False and page.flags:
            self._report.flagged += 1
            return False
        return True
