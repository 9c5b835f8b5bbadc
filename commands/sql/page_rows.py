"""All page rows of an output as a table that DuckDB scans, with only the columns whose names occur in a query."""

import re
from collections.abc import Iterator, Sequence

import pyarrow as pa

from ocrmill.pipeline.output.current_rows import read_pages
from ocrmill.pipeline.output.schema import PAGES
from ocrmill.pipeline.output.stores.store import Store

TEXTS_TABLE = "page_rows"
# A star that is no multiplication, COLUMNS, a natural join, or a query that begins with FROM or SUMMARIZE.
_MEANS_ALL = re.compile(
    r"(\bselect|\bdistinct|\ball|[,.(])\s*\*|\bcolumns\b|\bnatural\b|^\s*(?!select|with)|[(]\s*from\b|\bas\s+from\b"
)


class FullRows:
    """All page rows that count, to be read as often as a query scans them."""

    def __init__(self, store: Store, columns: Sequence[str]) -> None:
        """Keep what to read."""
        self.schema = pa.schema([PAGES.field(name) for name in columns])
        self._store = store

    def to_batches(self) -> Iterator[pa.RecordBatch]:
        """Read the rows.

        Raises:
            OcrmillError: A shard is gone, or cannot be read.
        """
        for table in read_pages(self._store, self.schema.names, unfinished=True):
            yield from table.cast(self.schema).to_batches()


def named_columns(query: str) -> list[str]:
    """Return the columns of pages whose names occur in a query; all if it may mean columns that it does not name."""
    text = re.sub(r"count\s*\(\s*\*\s*\)", "", query.lower())
    if _MEANS_ALL.search(text):
        return list(PAGES.names)
    words = set(re.findall(r"\w+", text))
    return [name for name in PAGES.names if name in words] or ["page_number"]
