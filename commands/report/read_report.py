"""Reads what a report says of an output: counts from the index, a few whole rows, the records of runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from ocrmill.commands.presentation.columns import COUNTED, PAGE_COLUMNS
from ocrmill.commands.presentation.page_index import PageIndex
from ocrmill.commands.presentation.plots import PLOTS, draw, has_values, speeds
from ocrmill.commands.presentation.rates import DEFINITIONS, PUBLISHED, read_rates
from ocrmill.commands.presentation.stored_rows import read_stored
from ocrmill.commands.presentation.worst_documents import Ranked, slowest_documents, worst_documents
from ocrmill.commands.report.contents import (
    Count,
    PublishedRate,
    RankedDocument,
    Rate,
    Repetition,
    Report,
    Speed,
    SuspiciousPage,
    Totals,
)
from ocrmill.commands.report.failures import read_failures
from ocrmill.commands.report.flag_meanings import MEANINGS
from ocrmill.commands.report.run_records import read_runs
from ocrmill.commands.report.suspicion import Suspect, most_suspicious, raised_flags
from ocrmill.commands.report.thumbnails import Thumbnail, thumbnails
from ocrmill.configs.settings import RunSettings
from ocrmill.pipeline.degenerate_rates import CONFIDENCE, interval
from ocrmill.pipeline.output.stores.store import Store
from ocrmill.pipeline.printable import printable
from ocrmill.pipeline.redaction import redacted

if TYPE_CHECKING:
    import duckdb

SHOWN_DOCUMENTS = 10
TEXT_LINES, TEXT_CHARACTERS = 12, 700
COUNTS = (*COUNTED, "model", "settings_fingerprint", "ocrmill_version")
_ROW = (
    *("source", "document_id", "page_number", "page_count", "status", "engine", "markdown", "flags"),
    *dict.fromkeys(name for meaning in MEANINGS.values() for name in meaning.measures),
)


@dataclass(frozen=True, slots=True)
class Pictures:
    """The pictures of a report, which only its HTML file has."""

    plots: Mapping[str, str]  # SVG, by name; those that have something to show
    pages: Mapping[tuple[str, int], Thumbnail]  # by document_id and page_number


def read_report(store: Store, settings: RunSettings) -> tuple[Report, Pictures]:
    """Read an output.

    Raises:
        FileGoneError: Shards were merged or withdrawn meanwhile: begin again.
        OutputError: A shard cannot be read.
    """
    index = PageIndex(store)
    try:
        index.refresh()
        cursor = index.cursor()
        suspects = most_suspicious(cursor)
        pictures = Pictures(
            {name: draw(spec, links=False) for name, plot in PLOTS.items() if has_values(spec := plot(cursor))},
            thumbnails(store, [(suspect.document_id, suspect.page_number) for suspect in suspects], settings),
        )
        return _report(store, index, suspects, pictures), pictures
    finally:
        index.close()


def _report(store: Store, index: PageIndex, suspects: list[Suspect], pictures: Pictures) -> Report:
    cursor, facets = index.cursor(), index.facets[PAGE_COLUMNS.table]
    totals = _totals(cursor)
    return Report(
        output=redacted(store.url),
        made_at=datetime.now(UTC),
        ocrmill_version=version("ocrmill"),
        totals=totals,
        counts={
            name: tuple(
                Count(value=value, pages=pages, share=pages / max(1, totals.pages)) for value, pages in facets[name]
            )
            for name in COUNTS
        },
        runs=read_runs(store),
        repetition=_repetition(cursor),
        speed=tuple(Speed(at=at, pages_per_s=rate) for at, rate in speeds(cursor)),
        slowest_documents=_ranked(slowest_documents(cursor, SHOWN_DOCUMENTS)),
        worst_documents=_ranked(worst_documents(cursor, SHOWN_DOCUMENTS)),
        failures=tuple(read_failures(cursor, store)),
        suspicious_pages=tuple(_suspicious(store, suspect, pictures) for suspect in suspects),
    )


def _totals(cursor: "duckdb.DuckDBPyConnection") -> Totals:
    row = cursor.execute(
        "SELECT count(*), count(*) FILTER (status = 'failed'), count(*) FILTER (len(flags) > 0), "
        "(SELECT count(*) FROM documents), (SELECT count(*) FROM sources) FROM pages"
    ).fetchone()
    assert row is not None
    return Totals(**dict(zip(Totals.model_fields, row, strict=True)))


def _repetition(cursor: "duckdb.DuckDBPyConnection") -> Repetition:
    total = read_rates(cursor).total
    rates = []
    for definition, says in DEFINITIONS.items():
        pages = getattr(total, definition)
        low, high = interval(pages, total.pages)
        share = pages / total.pages if total.pages else 0.0
        values: dict[str, Any] = {"definition": definition, "says": says}
        rates.append(Rate(**values, pages=pages, share=share, low=low, high=high))
    published = tuple(PublishedRate(name=name, share=share) for name, share in PUBLISHED)
    return Repetition(answered=total.pages, confidence=CONFIDENCE, rates=tuple(rates), published=published)


def _ranked(rows: Sequence[Ranked]) -> tuple[RankedDocument, ...]:
    return tuple(RankedDocument(**{**row._asdict(), "pages": row.pages or 0}) for row in rows)


def _suspicious(store: Store, suspect: Suspect, pictures: Pictures) -> SuspiciousPage:
    row = read_stored(store, suspect.place, _ROW)
    _, why_not = pictures.pages[suspect.document_id, suspect.page_number]
    lines = (row["markdown"] or "").strip()[:TEXT_CHARACTERS].splitlines()[:TEXT_LINES]
    return SuspiciousPage(
        **{name: row[name] for name in ("source", "document_id", "page_number", "page_count", "status", "engine")},
        suspicion=suspect.suspicion,
        flags=tuple(raised_flags(row)),
        begins=printable("\n".join(lines)),
        no_picture=why_not,
    )
