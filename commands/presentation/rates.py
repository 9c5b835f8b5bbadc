"""The counts of pages that degenerated, as the index holds them."""

from typing import TYPE_CHECKING

from ocrmill.pipeline.degenerate_rates import Counts, DegenerateRates, Group

if TYPE_CHECKING:
    import duckdb

PUBLISHED = (("DeepSeek-OCR 2, published", 0.0288), ("DeepSeek-OCR, published", 0.0369))
DEFINITIONS = {
    "kept": "Kept text repeats itself or has no end",
    "at_first": "The first attempt did",
    "no_end": "No end of sequence at first (DeepSeek's measure)",
}


def read_rates(cursor: "duckdb.DuckDBPyConnection") -> DegenerateRates:
    """Add up the counts of all shards."""
    sums = "sum(pages)::BIGINT, sum(kept)::BIGINT, sum(at_first)::BIGINT, sum(no_end)::BIGINT"
    rows = cursor.execute(f"SELECT route, engine, type, night, {sums} FROM rates GROUP BY ALL").fetchall()  # noqa: S608
    rates = DegenerateRates()
    for route, engine, kind, night, *numbers in rows:
        rates.counts[Group(route, engine, kind, night)].add(Counts(*numbers))
    return rates
