"""The pages of an output for which a condition in SQL is true: `ocrmill export OUT DEST --where CONDITION`.

The condition is one expression over the columns of the page rows. DuckDB evaluates it in a locked database: it reads no
file but the output, loads nothing, writes nothing, and has limits of memory and temporary files.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ocrmill.commands.sql.locked_database import LockedDatabase
from ocrmill.commands.sql.page_rows import TEXTS_TABLE, FullRows, named_columns
from ocrmill.pipeline.errors import UsageError
from ocrmill.pipeline.output.schema import PAGES
from ocrmill.pipeline.output.stores.store import Store
from ocrmill.pipeline.printable import printable

MEMORY_LIMIT = "2GB"
_KEY = "document_id, page_number"
_PAGE_BITS = 32


class PagesWhere:
    """Pages by the place of their document in a list; 8 bytes each."""

    def __init__(self, keys: npt.NDArray[np.int64]) -> None:
        """Hold the sorted keys."""
        self._keys = keys

    def __contains__(self, page: tuple[int, int]) -> bool:
        """Tell if a page is among them, by the place of its document and its number."""
        at, number = page
        key = (at << _PAGE_BITS) | number
        place = int(np.searchsorted(self._keys, key))
        return place < len(self._keys) and int(self._keys[place]) == key


def pages_where(store: Store, document_ids: Sequence[str | None], condition: str) -> PagesWhere:
    """Return the pages of these documents for which the condition is true.

    Raises:
        UsageError: The condition is no expression over the columns of pages, fails, or asks for what is locked.
        OutputError: A shard cannot be read.
    """
    import duckdb

    rows = FullRows(store, named_columns(f"select {_KEY} from {TEXTS_TABLE} where {condition}"))  # noqa: S608 (only searched for names)
    places = pa.table({"document_id": pa.array(document_ids, pa.string()), "place": np.arange(len(document_ids))})
    database = LockedDatabase(MEMORY_LIMIT)
    cursor = database.cursor()

    def query() -> Mapping[str, npt.NDArray[Any]]:
        cursor.register(TEXTS_TABLE, rows)
        cursor.register("places", places)
        chosen = cursor.view(TEXTS_TABLE).filter(condition).project(_KEY)
        found = chosen.join(cursor.view("places"), "document_id").project("place, page_number").fetchnumpy()
        return cast("Mapping[str, npt.NDArray[Any]]", found)

    try:
        found = database.run(query)
    except duckdb.Error as error:
        if rows.error is not None:
            raise rows.error from error
        raise UsageError(
            f"--where {condition!r} cannot be used: {printable(str(error))}\nThe columns are {', '.join(PAGES.names)}"
        ) from error
    finally:
        database.close()
    places_found = found["place"].astype(np.int64)
    return PagesWhere(np.sort((places_found << _PAGE_BITS) | found["page_number"].astype(np.int64)))
