"""The state of a document while its pages are read, and its row when all are."""

from collections import Counter
from dataclasses import dataclass, field

from ocrmill.pipeline.output.ledger import PageOutcome
from ocrmill.pipeline.records import Document, DocumentRow, PageRow, Source, Status


@dataclass(slots=True, eq=False)
class OpenDocument:
    """A document whose pages are being read."""

    document: Document
    sources: list[Source]
    missing: set[int]
    outcomes: dict[int, PageOutcome]
    openings: int = 1  # times that its source had to be opened in this run
    losses: Counter[int] = field(default_factory=Counter)  # of images, by page
    changed: dict[int, PageRow] = field(default_factory=dict)  # missing pages whose source is no longer what it was

    @property
    def is_whole(self) -> bool:
        """Tell if all of its pages have been read."""
        return len(self.outcomes) == self.document.page_count

    def row(self, supersedes: str | None) -> DocumentRow:
        """Its row, once it is whole. `supersedes`: the document that its source held before."""
        document = self.document
        by_status = Counter(outcome.status for outcome in self.outcomes.values())
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
            pages_flagged=sum(outcome.flagged for outcome in self.outcomes.values()),
            title=document.title,
            producer=document.producer,
            supersedes=supersedes,
        )
