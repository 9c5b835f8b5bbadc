"""The rows of the three tables, before the columns that are the same for a whole run; schema.py flattens them."""

from dataclasses import dataclass

from ocrmill.pipeline.measures import AgreementMeasures, RepetitionMeasures, TextSignals
from ocrmill.pipeline.records import Attempt, Failure, Figure, PageResult, PageText, Reason, Source, Status


@dataclass(frozen=True, slots=True)
class PageReading:
    """The text of a page and all that was measured in it."""

    text: PageText
    measures: RepetitionMeasures
    signs: TextSignals
    repetition_flag: bool
    text_layer_agreement: float | None = None  # null if the page's own words cannot be trusted
    agreement: AgreementMeasures | None = None  # with these words, where their places are known
    figures: tuple[Figure, ...] | None = None  # null if none are wanted


@dataclass(frozen=True, slots=True)
class PictureOnly(Failure):
    """The silence of an engine about a page on which no line of text was detected."""


@dataclass(frozen=True, slots=True)
class PageRow:
    """One row of `pages/*.parquet`."""

    document_id: str
    source: str
    page_number: int
    page_count: int
    status: Status
    page: PageResult
    content: PageReading | Failure | None = None  # None: there is nothing on the page
    flags: tuple[str, ...] = ()
    attempts: tuple[Attempt, ...] = ()  # all of them
    standing: Attempt | None = None  # the one that gave the content
    defect: Reason | None = None  # of the first attempt, if the page has a reading nonetheless

    @property
    def reason(self) -> Reason | None:
        """The reason of the failure, or what was bad about the first attempt."""
        return self.content.reason if isinstance(self.content, Failure) else self.defect

    @property
    def detail(self) -> str | None:
        """The words about the failure, or the library's messages about the page."""
        return self.content.detail if isinstance(self.content, Failure) else self.page.detail

    @property
    def reading(self) -> PageReading | None:
        """The text with its measures, if there is one."""
        return self.content if isinstance(self.content, PageReading) else None

    @property
    def text(self) -> PageText | None:
        """The text, if there is one."""
        return None if self.reading is None else self.reading.text

    @property
    def figures(self) -> tuple[Figure, ...] | None:
        """The figures; None if none are wanted, or nothing was read."""
        return None if self.reading is None else self.reading.figures

    @property
    def repetition_flag(self) -> bool:
        """Tell if the text degenerates."""
        return self.reading is not None and self.reading.repetition_flag

    @property
    def engine_ms(self) -> float | None:
        """The time of all attempts; None if there are none."""
        return sum(attempt.seconds for attempt in self.attempts) * 1000 if self.attempts else None


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """One row of `documents/*.parquet`. The counts add up to `page_count`."""

    document_id: str | None
    source: Source
    page_count: int
    status: str  # complete or failed
    reason: Reason | None = None
    detail: str | None = None
    pages_ok: int = 0
    pages_repaired: int = 0
    pages_text_layer: int = 0
    pages_blank: int = 0
    pages_failed: int = 0
    pages_flagged: int = 0
    title: str | None = None
    producer: str | None = None
    warnings: str | None = None  # the library's messages on opening, if there are pages nonetheless
    supersedes: str | None = None  # the document that this source held before
    repetition_rate: float | None = None  # share of its pages with `repetition_flag`
    sequence: int | None = None  # the sink numbers the statements about sources, over all runs of an output


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One row of `sources/*.parquet`: a source held a document in this version."""

    source: Source
    document_id: str | None
    sequence: int | None = None  # that of its documents row
