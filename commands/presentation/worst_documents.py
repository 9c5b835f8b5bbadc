"""The documents that took longest, and those that came out worst."""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import duckdb


class Ranked(NamedTuple):
    """A document, a source of it, its pages, and the number by which it is ranked."""

    document_id: str
    source: str
    pages: int | None  # null if its pages were never counted
    number: float


_SLOWEST = """
    SELECT document_id, any_value(source), count(*),
        sum(coalesce(engine_ms, 0) + coalesce(render_ms, 0)) / 1000 AS worst
    FROM pages GROUP BY document_id ORDER BY worst DESC, document_id LIMIT ?
"""
_WORST = """
    SELECT document_id, source, page_count, coalesce(pages_failed, 0) + coalesce(pages_flagged, 0) AS worst
    FROM documents WHERE document_id IS NOT NULL AND worst > 0
    ORDER BY worst DESC, worst / page_count DESC, document_id LIMIT ?
"""


def slowest_documents(cursor: "duckdb.DuckDBPyConnection", most: int) -> list[Ranked]:
    """Return documents by their seconds of rendering and engine."""
    return [Ranked(*row) for row in cursor.execute(_SLOWEST, [most]).fetchall()]


def worst_documents(cursor: "duckdb.DuckDBPyConnection", most: int) -> list[Ranked]:
    """Return documents by their failed and flagged pages."""
    return [Ranked(*row) for row in cursor.execute(_WORST, [most]).fetchall()]
