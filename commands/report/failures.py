"""Failures by reason, each with a few examples and what to do."""

from collections import defaultdict
from typing import TYPE_CHECKING

from ocrmill.commands.presentation.stored_rows import read_stored
from ocrmill.commands.report.advice import advice_on
from ocrmill.commands.report.contents import Example, Failures
from ocrmill.pipeline.output.stores.store import Store
from ocrmill.pipeline.printable import printable_line

if TYPE_CHECKING:
    import duckdb

EXAMPLES = 3
MESSAGE_CHARACTERS = 300
_NO_REASON = "none"
_COUNTED = """
    SELECT coalesce(reason, ?), count(*) FROM {table} WHERE status = 'failed' GROUP BY 1 ORDER BY 2 DESC, 1
"""
# Of different documents, as far as there are some.
_PAGES = """
    SELECT coalesce(reason, ?), source, document_id, page_number, shard, row_group, row FROM (
        SELECT *, row_number() OVER (PARTITION BY reason, document_id ORDER BY page_number) AS nth
        FROM pages WHERE status = 'failed'
    ) QUALIFY row_number() OVER (PARTITION BY reason ORDER BY nth, source, page_number) <= ? ORDER BY nth, source
"""
_DOCUMENTS = """
    SELECT coalesce(reason, ?), source, document_id, detail FROM documents WHERE status = 'failed'
    QUALIFY row_number() OVER (PARTITION BY reason ORDER BY source, document_id) <= ? ORDER BY source
"""


def read_failures(cursor: "duckdb.DuckDBPyConnection", store: Store) -> list[Failures]:
    """Return the reasons of failed documents, then those of failed pages, the commonest first."""
    examples: dict[tuple[str, str], list[Example]] = defaultdict(list)
    for reason, source, document_id, detail in cursor.execute(_DOCUMENTS, [_NO_REASON, EXAMPLES]).fetchall():
        examples["documents", reason].append(_example(source, document_id, None, detail))
    for reason, source, document_id, number, *place in cursor.execute(_PAGES, [_NO_REASON, EXAMPLES]).fetchall():
        row = read_stored(store, (place[0], place[1], place[2]), ["detail"])
        examples["pages", reason].append(_example(source, document_id, number, row["detail"]))
    return [
        Failures(of=of, reason=reason, count=count, advice=advice_on(reason), examples=tuple(examples[of, reason]))
        for of in ("documents", "pages")
        for reason, count in cursor.execute(_COUNTED.format(table=of), [_NO_REASON]).fetchall()
    ]


def _example(source: str, document_id: str | None, page_number: int | None, detail: str | None) -> Example:
    said = None if detail is None else printable_line(detail, MESSAGE_CHARACTERS)
    return Example(source=source, document_id=document_id, page_number=page_number, detail=said)
