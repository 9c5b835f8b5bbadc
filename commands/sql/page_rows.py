"""All page rows of an output as a table that DuckDB scans, with only the columns whose names occur in a query."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from ocrmill.pipeline.errors import OcrmillError
from ocrmill.pipeline.output.current_rows import read_pages
from ocrmill.pipeline.output.schema import PAGES
from ocrmill.pipeline.output.stores.store import Store

TEXTS_TABLE = "page_rows"
# A star that is no multiplication, COLUMNS, a natural join, or a query that begins with FROM or SUMMARIZE.
_MEANS_ALL = re.compile(
    r"(\bselect|\bdistinct|\ball|[,.(])\s*\*|\bcolumns\b|\bnatural\b|^\s*(?!select|with)|[(]\s*from\b|\bas\s+from\b"
)


class FullRows:
    """All page rows that count, for DuckDB to scan as often as a query does.

    DuckDB turns an error of reading into one of its own; `error` keeps what it was.
    """

    def __init__(self, store: Store, columns: Sequence[str]) -> None:
        """Keep what to read."""
        self.error: OcrmillError | None = None
        self._store = store
        self._schema = pa.schema([PAGES.field(name) for name in columns])

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """Stream the rows by Arrow's C interface."""
        return pa.RecordBatchReader.from_batches(self._schema, self._batches()).__arrow_c_stream__(requested_schema)

    def _batches(self) -> Iterator[pa.RecordBatch]:
        try:
            for table in read_pages(self._store, self._schema.names, unfinished=True):
                yield from table.cast(self._schema).to_batches()
        except OcrmillError as error:
            self.error = error
            raise


def named_columns(query: str) -> list[str]:
    """Return the columns of pages whose names occur in a query; all if it may mean columns that it does not name."""
    text = re.sub(r"count\s*\(\s*\*\s*\)", "", query.lower())
    if _MEANS_ALL.search(text):
        return list(PAGES.names)
    words = set(re.findall(r"\w+", text))
    return [name for name in PAGES.names if name in words] or ["page_number"]
