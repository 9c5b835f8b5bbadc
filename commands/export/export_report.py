"""The counts of an export, and what it left out and why."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

from ocrmill.commands.export.paths import FIGURES

_DOCUMENTS_NAMED = 5  # whose pictures are missing


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
    not_chosen: int = 0  # pages for which --where is not true
    flagged: int = 0  # pages left out for their flags
    without_text: int = 0  # pages left out of pairs: blank, failed, or nothing was read
    with_tags: int = 0  # pages left out of pairs: their text has a tag of the trainer's own
    without_picture: Counter[str] = field(default_factory=Counter)  # pages left out of pairs, by source and reason

    def to_text(self, where: str) -> str:
        """The report in words, for people."""
        lines = [f"{self.documents} documents, {self.pages} pages, {self.bytes} bytes in {where}"]
        lines += [f"{self.figures} figures, in folders `{FIGURES}` beside the documents"] if self.figures else []
        left_out = {
            "pages failed; each has its reason": self.failed_pages,
            "documents could not be read at all": self.failed,
            "documents left out: their sources hold other bytes by now": self.superseded,
            "documents left out: not finished; `ocrmill run` finishes them": self.unfinished,
            "pages left out by --where": self.not_chosen,
            "pages left out for their flags; --flagged keeps them": self.flagged,
            "pages left out: they have no text": self.without_text,
            "pages left out: their text has a tag that ms-swift reads as its own": self.with_tags,
            "pages left out: no picture of them": self.without_picture.total(),
        }
        lines += [f"{count} {what}" for what, count in left_out.items() if count]
        lines += [f"  {count} of {why}" for why, count in self.without_picture.most_common(_DOCUMENTS_NAMED)]
        more = len(self.without_picture) - _DOCUMENTS_NAMED
        lines += [f"  and of {more} more documents"] if more > 0 else []
        return "".join(f"{line}\n" for line in lines)

    def counts(self) -> dict[str, Any]:
        """Return the counts by name, for machines."""
        return {**asdict(self), "without_picture": self.without_picture.total()}
