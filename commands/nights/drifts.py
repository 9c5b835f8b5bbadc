"""The last nights of an output side by side, and what drifts between them: `ocrmill status --since`.

The figures are those of `runs/*.json`. Retries and `reflag` are left out: they choose their pages.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ocrmill.configs.errors import SettingsError
from ocrmill.pipeline.degenerate_rates import interval
from ocrmill.pipeline.output.runs.records import RunRecord, read_runs
from ocrmill.pipeline.output.stores.store import Store
from ocrmill.pipeline.records import Status

# Five shares are compared each night: at 99 % an interval of two equal nights is apart once in some hundreds.
DRIFT_CONFIDENCE = 0.99
SLOWER = 0.8  # of the slowest earlier night: from this share on a night is called slower


@dataclass(frozen=True, slots=True)
class Share:
    """Pages of a kind among others."""

    pages: int
    of: int

    def __add__(self, other: "Share") -> "Share":
        """Add the pages of other nights."""
        return Share(self.pages + other.pages, self.of + other.of)

    def to_text(self) -> str:
        """Return the share in percent, or a dash if there are no pages."""
        return f"{self.pages / self.of:.2%}" if self.of else "-"


@dataclass(frozen=True, slots=True)
class Night:
    """The figures of a run."""

    run_id: str
    started: datetime
    pages: int
    wall_s: float
    exit_code: int | None
    alarms: tuple[str, ...]
    failed: Share  # a document that failed has no pages, and counts as one
    flagged: Share
    ocr: Share  # of the pages with a route
    repetition: Share  # of the pages from an engine, those whose kept text degenerates

    @property
    def pages_per_s(self) -> float:
        """Pages a second over the whole run."""
        return self.pages / max(self.wall_s, 1e-9)


SHARES = {"failed": "failed", "flagged": "flagged", "ocr": "OCR", "repetition": "repetition"}


def since(text: str, now: datetime) -> datetime:
    """Read `--since`: a day or time (2026-11-20, 2026-11-20T18:00; UTC if it has no zone), or a duration (7d, 36h).

    Raises:
        SettingsError: it has another form.
    """
    if found := re.fullmatch(r"(?:(\d{1,4})d)?(?:(\d{1,5})h)?", text.strip()):
        days, hours = (int(part or 0) for part in found.groups())
        if days or hours:
            return now - timedelta(days=days, hours=hours)
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise SettingsError(f"--since {text:.40}: write it as 7d, 36h or 2026-11-20") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def read_nights(store: Store, from_: datetime) -> list[Night]:
    """Return the runs that began since then and read something, oldest first; broken records are skipped."""
    nights = (_night(record) for record in read_runs(store))
    found = [night for night in nights if night is not None and night.started >= from_ and night.failed.of]
    return sorted(found, key=lambda night: night.started)


def _night(record: RunRecord) -> Night | None:
    """Return the figures of a run over inputs; None if its record lacks one that every version writes."""
    if not record.reads_inputs or record.started is None or record.wall_s is None or record.flagged is None:
        return None
    done, unread = sum(record.pages.values()), record.documents.get("failed", 0)
    return Night(
        run_id=record.run_id,
        started=record.started,
        pages=done,
        wall_s=record.wall_s,
        exit_code=record.exit_code,
        alarms=record.alarms,
        failed=Share(record.pages.get(Status.FAILED, 0) + unread, done + unread),
        flagged=Share(record.flagged, done),
        ocr=Share(0, 0) if record.ocr_pages is None else Share(record.ocr_pages, record.routed_pages),
        repetition=Share(record.degenerate, record.engine_pages),
    )


def drifts(nights: Sequence[Night]) -> list[str]:
    """Return a sentence for each figure in which the last night differs from the earlier ones together.

    A share differs if its Wilson interval and that of the earlier nights lie apart.
    """
    if len(nights) <= 1:
        return []
    *earlier, last = nights
    found = []
    for name, label in SHARES.items():
        before = sum((getattr(night, name) for night in earlier), Share(0, 0))
        now = getattr(last, name)
        low, high = interval(before.pages, before.of, DRIFT_CONFIDENCE)
        now_low, now_high = interval(now.pages, now.of, DRIFT_CONFIDENCE)
        if now_low > high or now_high < low:
            verb = "rose" if now_low > high else "fell"
            found.append(f"{label} {verb} from {before.to_text()} to {now.to_text()}")
    slowest = min(night.pages_per_s for night in earlier)
    if last.pages_per_s < SLOWER * slowest:
        found.append(f"{last.pages_per_s:.2f} pages/s, the slowest night before had {slowest:.2f}")
    return found


def nights_text(nights: Sequence[Night]) -> str:
    """Return a line for each night and one for each drift, for people."""
    if not nights:
        return "no run that read something began since then\n"
    head = f"{'run':24} {'pages':>12} {'pages/s':>9} {'failed':>8} {'flagged':>8} {'OCR':>8} {'repetition':>11}  end"
    lines = [head]
    for night in nights:
        shares = [getattr(night, name).to_text() for name in SHARES]
        end = f"exit code {night.exit_code}" + (f", alarms: {', '.join(night.alarms)}" if night.alarms else "")
        lines.append(
            f"{night.run_id:24} {night.pages:>12,} {night.pages_per_s:>9.2f} {shares[0]:>8} {shares[1]:>8} "
            f"{shares[2]:>8} {shares[3]:>11}  {end}"
        )
    found = drifts(nights)
    lines += [f"drift: {sentence}" for sentence in found]
    if len(nights) > 1 and not found:
        lines.append("no drift: the last night is like the earlier ones")
    return "\n".join(lines) + "\n"
