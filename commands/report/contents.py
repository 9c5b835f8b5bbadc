"""The contents of a report, as `report.json` has them; docs/report.schema.json is their JSON Schema.

A reader may rely on every name here. Names may be added within a version; one that goes, or means something else, takes
a new one.
"""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Count(_Part):
    """Pages with a value of a column."""

    value: str | None = Field(description="Null: the pages have none.")
    pages: int
    share: float = Field(description="Of all pages. A page counts for each of its flags.")


class Run(_Part):
    """A run, as its record says."""

    run_id: str
    started_at: datetime
    pages: int = Field(description="That it read; later runs may have replaced some.")
    pages_failed: int
    wall_s: float
    pages_per_s: float
    exit_code: int | None
    settings_fingerprint: str
    bottleneck: str | None = Field(description="The part that all others waited for, and what to change.")
    alarms: tuple[str, ...] = Field(description="Measures outside their bands.")
    versions: dict[str, str] = Field(description="Of packages that can change rows.")


class Totals(_Part):
    """Rows that count."""

    pages: int
    failed: int
    flagged: int
    documents: int
    sources: int


class Rate(_Part):
    """Pages that degenerate, of those that an engine answered."""

    definition: Literal["kept", "at_first", "no_end"]
    says: str
    pages: int
    share: float
    low: float = Field(description="Lower end of Wilson's interval.")
    high: float


class PublishedRate(_Part):
    """A rate that others have published."""

    name: str
    share: float


class Repetition(_Part):
    """The repetition rate by three definitions (docs/repetition.md)."""

    answered: int = Field(description="Pages that an engine answered.")
    confidence: float = Field(description="Of the intervals.")
    rates: tuple[Rate, ...]
    published: tuple[PublishedRate, ...]


class Speed(_Part):
    """Pages/s from a moment of the last run on, until the next one."""

    at: datetime
    pages_per_s: float


class RankedDocument(_Part):
    """A document among the slowest or the worst."""

    document_id: str
    source: str
    pages: int
    number: float = Field(description="Seconds of rendering and engine; or failed and flagged pages.")


class Example(_Part):
    """A failed page, or a failed document."""

    source: str
    document_id: str | None
    page_number: int | None = Field(description="Null: of a document.")
    detail: str | None = Field(description="The message; what a terminal could obey is escaped.")


class Failures(_Part):
    """Failures for one reason."""

    of: Literal["pages", "documents"]
    reason: str
    count: int
    advice: str = Field(description="What to do about it.")
    examples: tuple[Example, ...]


class RaisedFlag(_Part):
    """A flag of a page, and what raised it."""

    flag: str
    meaning: str
    measures: dict[str, float] = Field(description="Those that the flag judges, as the page has them.")


class SuspiciousPage(_Part):
    """A page that should be looked at, the most suspicious first (docs/report.md has the order)."""

    source: str
    document_id: str
    page_number: int
    page_count: int
    status: str
    engine: str | None
    suspicion: float = Field(description="The share of its text in doubt, 0 to 1.")
    flags: tuple[RaisedFlag, ...]
    begins: str = Field(description="The first lines of the Markdown; what a terminal could obey is escaped.")
    no_picture: str | None = Field(description="Why the page has no picture in the HTML file; null: it has one.")


class Report(_Part):
    """An output at a glance."""

    schema_version: Literal[1] = 1
    output: str
    made_at: datetime
    ocrmill_version: str = Field(description="That made the report; of the rows: `counts`.")
    totals: Totals
    counts: dict[str, tuple[Count, ...]] = Field(
        description="Pages by value of a column, the most frequent first, at most 200 values."
    )
    runs: tuple[Run, ...] = Field(description="Those that read pages, the last first, at most 30.")
    repetition: Repetition
    speed: tuple[Speed, ...] = Field(description="Of the last run; empty if that took less than two minutes.")
    slowest_documents: tuple[RankedDocument, ...]
    worst_documents: tuple[RankedDocument, ...]
    failures: tuple[Failures, ...]
    suspicious_pages: tuple[SuspiciousPage, ...]
