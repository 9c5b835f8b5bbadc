"""The findings of `ocrmill verify`, for people and programs."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """The meaning of a finding for readers of the output."""

    DAMAGE = "damage"  # rows are missing, duplicate or wrong
    WORK_LEFT = "work left"  # for the next run
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of finding, with its number and a few examples."""

    severity: Severity
    text: str


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """The findings of `verify`; after a repair, those that are left."""

    shards: int
    pages: int
    documents: int
    sources: int
    unfinished_documents: int
    unfinished_pages: int
    findings: tuple[Finding, ...]
    repairs: tuple[str, ...] = ()  # what was done
    withdrawn_sources: int = 0  # by the repair; the next run reads their documents again

    @property
    def sound(self) -> bool:
        """Tell if no damage was found."""
        return all(finding.severity is not Severity.DAMAGE for finding in self.findings)

    def to_text(self) -> str:
        """The report, for people."""
        lines = [
            f"{self.pages} pages, {self.documents} documents and {self.sources} sources in {self.shards} shards",
            *(f"{finding.severity}: {finding.text}" for finding in self.findings),
            *(f"repaired: {repair}" for repair in self.repairs),
        ]
        if self.sound:
            lines.append("every page of every finished document has exactly one row, and the sums are right")
            if self.withdrawn_sources:
                lines.append(f"`ocrmill run` reads again what {self.withdrawn_sources:,} sources hold")
        elif not self.repairs:
            lines.append("`ocrmill verify --repair` mends what can be mended, and `ocrmill run` reads what is missing")
        return "".join(f"{line}\n" for line in lines)
