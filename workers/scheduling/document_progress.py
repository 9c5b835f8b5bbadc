"""The outcomes of a document's pages in a run, and the document's row made from them. No other place keeps them."""

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from ocrmill.pipeline.output.ledger import PageOutcome
from ocrmill.pipeline.records import NOT_READ, Document, Source, Status
from ocrmill.pipeline.rows import DocumentRow, PageRow
from ocrmill.workers.logging import about

log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class DocumentProgress:
    """A document whose pages are being read: the missing pages, and the outcomes of the others.

    Every page is counted once: a second row of a page raises `KeyError`, so that none is written twice.
    """

    document: Document
    sources: list[Source]
    missing: set[int]
    outcomes: dict[int, PageOutcome]
    openings: int = 1  # of its source, in this run
    losses: Counter[int] = field(default_factory=Counter)  # of images, by page
    changed: dict[int, PageRow] = field(default_factory=dict)  # rows of missing pages whose source has changed
    waiting: list[PageRow] | None = None  # its new rows, if they replace old ones all together; else None
    before: Mapping[int, PageOutcome] = field(default_factory=dict)  # pages of these old rows

    @classmethod
    def begin(
        cls,
        document: Document,
        source: Source,
        *,
        durable: Mapping[int, PageOutcome],
        wanted: set[int] | None = None,
        openings: int = 1,
        before: Mapping[int, PageOutcome] | None = None,
    ) -> "DocumentProgress":
        """Begin a document.

        Args:
            document: What was opened.
            source: Its place.
            durable: The pages that have their rows, and keep them.
            wanted: The pages to read, by default all, except those that are durable.
            openings: Of its source, in this run.
            before: The pages whose old rows are replaced; None if the document is not read again.
        """
        every = set(range(1, document.page_count + 1))
        missing = (every if wanted is None else wanted) - durable.keys()
        waiting: list[PageRow] | None = None if before is None else []
        return cls(document, [source], missing, dict(durable), openings, waiting=waiting, before=before or {})

    def add(self, row: PageRow) -> bool:
        """Count a page. Return True if its row may be written at once; else it waits here for the document's row.

        An old row with a text is not given up for a failure that says nothing about the page: it stays.
        """
        if row.page_number not in self.missing:
            raise KeyError(
                f"page {row.page_number} of {self.document.source.uri} is not awaited: it has its row, or is none"
            )
        self.missing.remove(row.page_number)
        before = self.before.get(row.page_number)
        if row.reason in NOT_READ and row.status is Status.FAILED and before and before.status is not Status.FAILED:
            where = about(row.source, row.document_id, row.page_number)
            log.warning("%s: page %d keeps its old row: %s", row.source, row.page_number, row.reason, extra=where)
            self.outcomes[row.page_number] = before
            return False
        self.outcomes[row.page_number] = PageOutcome(row.status, bool(row.flags), row.repetition_flag)
        if self.waiting is not None:
            self.waiting.append(row)
        return self.waiting is None

    @property
    def is_whole(self) -> bool:
        """Tell if all of its pages have been read."""
        return len(self.outcomes) == self.document.page_count

    def row(self, supersedes: str | None = None) -> DocumentRow:
        """Return the document's row, once it is whole. `supersedes`: the document that its source held before."""
        assert self.is_whole
        document, outcomes = self.document, self.outcomes.values()
        by_status = Counter(outcome.status for outcome in outcomes)
        return DocumentRow(
            document_id=document.document_id,
            source=document.source,
            page_count=document.page_count,
            status="complete",
            reason=document.reason,
            detail=document.detail if document.reason is not None else None,
            warnings=document.detail if document.reason is None else None,
            pages_ok=by_status[Status.OK],
            pages_repaired=by_status[Status.REPAIRED],
            pages_text_layer=by_status[Status.TEXT_LAYER],
            pages_blank=by_status[Status.BLANK],
            pages_failed=by_status[Status.FAILED],
            pages_flagged=sum(outcome.flagged for outcome in outcomes),
            title=document.title,
            producer=document.producer,
            supersedes=supersedes,
            repetition_rate=sum(outcome.repetitive for outcome in outcomes) / len(outcomes) if outcomes else None,
        )
