"""Totals of a run. Every total is the sum of its parts: reasons stand beside the status that they belong to."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from ocrmill.pipeline.alarms import Alarm
from ocrmill.pipeline.degenerate_rates import DegenerateRates
from ocrmill.pipeline.records import FailedPage, Route, Status
from ocrmill.pipeline.rows import DocumentRow, PageRow

Reasons = defaultdict[str, Counter[str]]
"""Counts of reasons, by status."""


@dataclass(slots=True)
class RunReport:
    """Counts of a run, kept as rows come in. Unlike other records it is mutable: one coordinator writes it."""

    sources_known: int = 0  # skipped: done in an earlier run
    sources_forgotten: int = 0  # not read, because `ocrmill forget` removed them
    sources_gone: int = 0  # known from earlier runs, below the inputs of this run, and missing now
    documents: Counter[str] = field(default_factory=Counter)  # by status
    documents_by_reason: Reasons = field(default_factory=lambda: defaultdict(Counter))
    pages: Counter[str] = field(default_factory=Counter)  # by status
    pages_by_reason: Reasons = field(default_factory=lambda: defaultdict(Counter))
    routes: Counter[str] = field(default_factory=Counter)  # by route reason
    ocr_pages: int = 0  # with a route to an engine
    flagged: int = 0
    repetitive: int = 0  # with the repetition flag, from any reader
    pages_by_host: Counter[str] = field(default_factory=Counter)  # of the engine, or else the rasterizer
    rates: DegenerateRates = field(default_factory=DegenerateRates)  # of pages that degenerate
    documents_in_part: int = 0  # all chosen pages are read, but others are not
    pages_known: int = 0  # of documents that have been opened, done and to do
    sources_listed: int = 0  # with work left, as far as the listing has come
    sources_opened: int = 0
    listing_complete: bool = False
    render_s: float = 0.0
    engine_s: float = 0.0
    output_tokens: int = 0  # of engines, all attempts
    write_s: float = 0.0
    wall_s: float = 0.0
    stopped: bool = False  # before all work was done
    error: str | None = None  # what ended it, if an error did
    files_skipped: int = 0  # neither documents nor archives nor images
    bottleneck: str | None = None  # the part that all others waited for, and what to change
    alarms: tuple[Alarm, ...] = ()  # figures outside their bands

    @property
    def pages_done(self) -> int:
        """Pages that got their row in this run."""
        return self.pages.total()

    @property
    def results(self) -> int:
        """Pages that got their row, and documents that failed, which have none: each counts as one page."""
        return self.pages_done + self.documents["failed"]

    @property
    def failures(self) -> int:
        """Pages and documents that failed."""
        return self.pages[Status.FAILED] + self.documents["failed"]

    @property
    def exit_code(self) -> int:
        """The exit code of the run: 75 if work is left, 4 outside a band, 3 if something failed, else 0."""
        if self.stopped or self.documents_in_part:
            return 75
        if self.alarms:
            return 4
        return 3 if self.failures else 0

    @property
    def document_reasons(self) -> Counter[str]:
        """Documents by reason, whatever their status."""
        return sum(self.documents_by_reason.values(), Counter())

    @property
    def page_reasons(self) -> Counter[str]:
        """Pages by reason, whatever their status."""
        return sum(self.pages_by_reason.values(), Counter())

    @property
    def result_reasons(self) -> Counter[str]:
        """Pages, and documents that failed, by reason."""
        return self.page_reasons + self.documents_by_reason.get("failed", Counter())

    def add_page(self, row: PageRow) -> None:
        """Count a page."""
        self.pages[row.status] += 1
        if row.reason is not None:
            self.pages_by_reason[row.status][row.reason] += 1
        self.rates.add(row)
        if not isinstance(row.page, FailedPage):
            self.routes[row.page.decision.reason] += 1
            self.ocr_pages += row.page.decision.route is Route.OCR
        work = next((attempt.work for attempt in reversed(row.attempts) if attempt.work), row.page.work)
        if work is not None:
            self.pages_by_host[work.host] += 1
        self.flagged += bool(row.flags)
        self.repetitive += row.repetition_flag
        self.render_s += row.page.render_ms / 1000
        self.engine_s += (row.engine_ms or 0.0) / 1000
        self.output_tokens += sum(attempt.output_tokens or 0 for attempt in row.attempts)

    def add_document(self, row: DocumentRow) -> None:
        """Count a document whose last page is finished, or that has none."""
        self.documents[row.status] += 1
        if row.reason is not None:
            self.documents_by_reason[row.status][row.reason] += 1

    def to_record(self) -> dict[str, Any]:
        """Plain values for `runs/<run_id>.json`."""
        names = [each.name for each in fields(self) if each.name not in {"rates", "alarms"}]
        values = {name: getattr(self, name) for name in (*names, "document_reasons", "page_reasons")}
        total = self.rates.total
        return {
            **{name: dict(value) if isinstance(value, Counter) else value for name, value in values.items()},
            "engine_pages": total.pages,
            "degenerate": total.kept,
            "degenerate_at_first": total.at_first,
            "degenerate_rates": self.rates.to_record(),
            "alarms": [alarm.to_record() for alarm in self.alarms],
        }

    def _gone(self) -> str:
        return f"{self.sources_gone:,} known sources are missing now; their rows stay\n" if self.sources_gone else ""

    def _forgotten(self) -> str:
        return f"{self.sources_forgotten:,} sources were not read: `ocrmill forget` removed them"

    def to_text(self, output: str) -> str:
        """Return the totals of a run over `output`, for people."""
        passed_over = f"{self.files_skipped} files that are not documents" if self.files_skipped else ""
        if not (self.documents or self.documents_in_part or self.pages_done or self.stopped):
            known = f"{self.sources_known} sources are in {output} already"
            why = known if self.sources_known else "no document was found"
            why += f"; {self._forgotten()}" if self.sources_forgotten else ""
            return f"nothing to do: {why}\n{self._gone()}" + (f"passed over: {passed_over}\n" if passed_over else "")
        share = self.repetitive / max(1, self.pages_done)
        lines = [
            ("documents", outcomes_text(self.documents, self.documents_by_reason)),
            ("in part", self._in_part()),
            ("pages", outcomes_text(self.pages, self.pages_by_reason)),
            ("routes", parts_text(self.routes, self.pages_done, "not routed")),
            ("flagged", f"{self.flagged:,} pages, {self.repetitive:,} of them for repetition ({share:.2%})"),
            *self.rates.to_lines(),
            ("speed", f"{self.pages_done / max(self.wall_s, 1e-9):.1f} pages/s over {self.wall_s:.1f} s"),
            ("worker time", self._worker_time()),
            ("bottleneck", self.bottleneck or ""),
            (
                "known",
                f"{self.sources_known} sources hold what was read before or elsewhere" if self.sources_known else "",
            ),
            ("forgotten", self._forgotten() if self.sources_forgotten else ""),
            ("gone", self._gone().strip()),
            ("passed over", passed_over),
            ("rows", f"{output}/pages/*.parquet, {output}/documents/*.parquet"),
            *(("alarm", alarm.to_text()) for alarm in self.alarms),
            ("stopped", "before all work was done; the same command goes on" if self.stopped else ""),
        ]
        return "".join(f"{name:12} {line}\n" for name, line in lines if line)

    def _in_part(self) -> str:
        if not self.documents_in_part:
            return ""
        return f"{self.documents_in_part:,} documents are unfinished; a run without --pages reads the rest"

    def _worker_time(self) -> str:
        return (
            f"{self.render_s:.1f} s opening and rendering, {self.write_s:.1f} s writing; pages spent "
            f"{self.engine_s:.1f} s in engines, several at a time"
        )


def counts_text(counts: Mapping[str, int]) -> str:
    """A total and its parts, the largest first: "3: 2 ok, 1 blank"."""
    return outcomes_text(counts, {})


def parts_text(counts: Mapping[str, int], total: int, rest: str) -> str:
    """A total and its parts; `rest` names the remainder. Empty if there are no parts."""
    return counts_text({**counts, rest: total - sum(counts.values())}) if counts else ""


def outcomes_text(counts: Mapping[str, int], reasons: Mapping[str, Mapping[str, int]]) -> str:
    """A total, its parts by status, and in brackets the reasons of each: "5: 3 ok, 2 failed (damaged 2)".

    If only some rows of a status have a reason, `of these` stands before the reasons; else they add up to the status.
    """
    parts = ", ".join(f"{count:,} {name}{_reasons(reasons.get(name, {}), count)}" for name, count in _by_size(counts))
    return f"{sum(counts.values()):,}" + (f": {parts}" if parts else "")


def _reasons(reasons: Mapping[str, int], count: int) -> str:
    if not reasons:
        return ""
    some = "of these " if sum(reasons.values()) < count else ""
    return f" ({some}{', '.join(f'{name} {part:,}' for name, part in _by_size(reasons))})"


def _by_size(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(((name, count) for name, count in counts.items() if count), key=lambda item: (-item[1], item[0]))
