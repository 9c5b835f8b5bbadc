"""Totals of a run."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from pipeline.records import DocumentRow, PageRow, Status


@dataclass(slots=True)
class RunReport:
    """What a run did, counted as rows come in. The only mutable record: one coordinator writes it."""

    sources_known: int = 0  # skipped: done in an earlier run
    sources_forgotten: int = 0  # not read, because `ocrmill forget` was told so
    sources_gone: int = 0  # known from earlier, below the folders and buckets of this run, and not there any more
    documents: Counter[str] = field(default_factory=Counter)  # by status
    document_reasons: Counter[str] = field(default_factory=Counter)
    pages: Counter[str] = field(default_factory=Counter)  # by status
    page_reasons: Counter[str] = field(default_factory=Counter)
    routes: Counter[str] = field(default_factory=Counter)  # by route reason
    flagged: int = 0
    repetitive: int = 0
    pages_known: int = 0  # of documents that have been opened, done and to do
    sources_listed: int = 0  # with something to do, as far as the listing has got
    sources_opened: int = 0
    listing_complete: bool = False
    render_s: float = 0.0
    engine_s: float = 0.0
    write_s: float = 0.0
    wall_s: float = 0.0
    stopped: bool = False  # before all work was done
    error: str | None = None  # what ended it, if an error did
    files_skipped: int = 0  # neither documents nor archives nor images

    @property
    def pages_done(self) -> int:
        """Pages that got their row in this run."""
        return self.pages.total()

    @property
    def failures(self) -> int:
        """Pages and documents that failed."""
        return self.pages[Status.FAILED] + self.documents["failed"]

    @property
    def exit_code(self) -> int:
        """The exit code of a run that ends so: 75 if work is left, 3 if something failed, else 0."""
        if self.stopped:
            return 75
        return 3 if self.failures else 0

    def add_page(self, row: PageRow) -> None:
        """Count a page."""
        self.pages[row.status] += 1
        if row.reason is not None:
            self.page_reasons[row.reason] += 1
        if row.rendered.decision is not None:
            self.routes[row.rendered.decision.reason] += 1
        self.flagged += bool(row.flags)
        self.repetitive += row.repetition_flag
        self.render_s += row.rendered.render_ms / 1000
        self.engine_s += (row.engine_ms or 0.0) / 1000

    def add_document(self, row: DocumentRow) -> None:
        """Count a document whose last page is in, or that has none."""
        self.documents[row.status] += 1
        if row.reason is not None:
            self.document_reasons[row.reason] += 1

    def to_record(self) -> dict[str, Any]:
        """Plain values for `runs/<run_id>.json`."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: dict(value) if isinstance(value, Counter) else value for name, value in values.items()}

    def _gone(self) -> str:
        return (
            f"{self.sources_gone:,} known sources are not there any more; their rows stay\n"
            if self.sources_gone
            else ""
        )

    def _forgotten(self) -> str:
        return f"{self.sources_forgotten:,} sources were not read, as `ocrmill forget` was told"

    def to_text(self, output: str) -> str:
        """The last words of a run over `output`, for people."""
        passed_over = f"{self.files_skipped} files that are no documents" if self.files_skipped else ""
        if not self.documents and not self.pages_done and not self.stopped:
            known = f"{self.sources_known} sources are in {output} already"
            why = known if self.sources_known else "no document was found"
            why += f"; {self._forgotten()}" if self.sources_forgotten else ""
            return f"nothing to do: {why}\n{self._gone()}" + (f"passed over: {passed_over}\n" if passed_over else "")
        share = self.repetitive / max(1, self.pages_done)
        lines = {
            "documents": counts_text(self.documents) + reasons_text(self.document_reasons),
            "pages": counts_text(self.pages) + reasons_text(self.page_reasons),
            "routes": counts_text(self.routes),
            "flagged": f"{self.flagged} pages, {self.repetitive} of them for repetition ({share:.2%})",
            "speed": f"{self.pages_done / max(self.wall_s, 1e-9):.1f} pages/s over {self.wall_s:.1f} s",
            "worker time": f"{self.render_s:.1f} s opening and rendering, {self.engine_s:.1f} s in the engine, "
            f"{self.write_s:.1f} s writing",
            "known": f"{self.sources_known} sources hold what was read before or elsewhere"
            if self.sources_known
            else "",
            "forgotten": self._forgotten() if self.sources_forgotten else "",
            "gone": self._gone().strip(),
            "passed over": passed_over,
            "rows": f"{output}/pages/*.parquet, {output}/documents/*.parquet",
            "stopped": "before all work was done; the same command goes on" if self.stopped else "",
        }
        return "".join(f"{name:12} {line}\n" for name, line in lines.items() if line)


def counts_text(counts: Mapping[str, int]) -> str:
    """A total and its parts, the largest first: "3: 2 ok, 1 blank"."""
    parts = ", ".join(f"{count:,} {name}" for name, count in _by_size(counts))
    return f"{sum(counts.values()):,}" + (f": {parts}" if parts else "")


def reasons_text(reasons: Mapping[str, int]) -> str:
    """Reasons in brackets, the most common first; nothing where there are none."""
    parts = ", ".join(f"{name} {count:,}" for name, count in _by_size(reasons))
    return f" ({parts})" if parts else ""


def _by_size(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(((name, count) for name, count in counts.items() if count), key=lambda item: (-item[1], item[0]))
