"""The pages of an output for which a condition in SQL is true: `ocrmill export OUT DEST --where CONDITION`.

The condition is one expression over the columns of the page rows. DuckDB evaluates it in a locked database of a process
of its own: it reads no file, loads nothing, writes nothing, and has limits of memory and temporary files.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ocrmill.commands.sql.limited_query import run_limited
from ocrmill.commands.sql.page_rows import TEXTS_TABLE, FullRows, named_columns
from ocrmill.commands.sql.question import PAGE_BITS
from ocrmill.pipeline.errors import UsageError
from ocrmill.pipeline.output.schema import PAGES
from ocrmill.pipeline.output.stores.store import Store


class PagesWhere:
    """Pages by the place of their document in a list; 8 bytes each."""

    def __init__(self, keys: npt.NDArray[np.int64]) -> None:
        """Hold the sorted keys."""
        self._keys = keys

    def __contains__(self, page: tuple[int, int]) -> bool:
        """Tell if a page is among them, by the place of its document and its number."""
        at, number = page
        key = (at << PAGE_BITS) | number
        place = int(np.searchsorted(self._keys, key))
        return place < len(self._keys) and int(self._keys[place]) == key


def pages_where(store: Store, document_ids: Sequence[str | None], condition: str) -> PagesWhere:
    """Return the pages of these documents for which the condition is true.

    Raises:
        UsageError: The condition is no expression over the columns of pages, fails, needs too much memory, or asks for
            what is locked.
        OutputError: A shard cannot be read.
    """
    columns = named_columns(f"select document_id, page_number from {TEXTS_TABLE} where {condition}")  # noqa: S608 (only searched for names)
    places = pa.table({"document_id": pa.array(document_ids, pa.string()), "place": np.arange(len(document_ids))})
    try:
        found = run_limited("where", condition, {TEXTS_TABLE: FullRows(store, columns), "places": places})
    except UsageError as error:
        raise UsageError(
            f"--where {condition!r} cannot be used: {error}\nThe columns are {', '.join(PAGES.names)}"
        ) from error
    return PagesWhere(np.sort(np.frombuffer(found, np.int64)))
