"""The counts of pages that degenerated, as the index holds them."""

from typing import TYPE_CHECKING

from ocrmill.pipeline.degenerate_rates import Counts, DegenerateRates, Group

if TYPE_CHECKING:
    import duckdb


def read_rates(cursor: "duckdb.DuckDBPyConnection") -> DegenerateRates:
    """Add up the counts of all shards."""
    sums = "sum(pages)::BIGINT, sum(kept)::BIGINT, sum(at_first)::BIGINT, sum(no_end)::BIGINT"
    rows = cursor.execute(f"SELECT route, engine, type, night, {sums} FROM rates GROUP BY ALL").fetchall()  # noqa: S608
    rates = DegenerateRates()
    for route, engine, kind, night, *numbers in rows:
        rates.counts[Group(route, engine, kind, night)].add(Counts(*numbers))
    return rates
