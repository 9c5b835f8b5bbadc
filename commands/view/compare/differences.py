"""Pages that two outputs have differently: of two engines, two settings or two nights.

A page is the same page if the bytes of its document and its number are. Texts are compared by their hashes, which go
with the other columns of each side into a temporary, locked DuckDB. Whole rows stay in the outputs, and are read when
somebody looks at them.
"""

import logging
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ocrmill.commands.sql.locked_database import LockedDatabase
from ocrmill.pipeline.errors import FileGoneError, OcrmillError
from ocrmill.pipeline.output.current_rows import PLACE, CurrentPages
from ocrmill.pipeline.output.schema import PAGES
from ocrmill.pipeline.output.shard import open_shard, read_row_group
from ocrmill.pipeline.output.stores.store import Store

if TYPE_CHECKING:
    import duckdb

COMPARED_IN = "1GB"
SIDES = ("here", "there")  # the output that is shown, and the one it is compared with
KINDS = {
    "text": "Text",
    "status": "Status or reason",
    "flags": "Flags",
    "only_here": "Only in this output",
    "only_there": "Only in the other",
}
_READ = ("document_id", "page_number", "source", "status", "reason", "flags", "engine", "markdown")
_SHORT = (
    "document_id::VARCHAR AS document_id, page_number, source::VARCHAR AS source, status::VARCHAR AS status, "
    "reason::VARCHAR AS reason, list_sort(coalesce(flags, [])::VARCHAR[]) AS flags, engine::VARCHAR AS engine, "
    "hash(coalesce(markdown, '')) AS text, length(coalesce(markdown, '')) AS characters, "
    "shard::VARCHAR AS shard, row_group, row"
)
_SIDE = ("status", "reason", "flags", "engine", "characters", *PLACE)
_JOINED = """
CREATE TABLE differences AS
SELECT row_number() OVER (ORDER BY source, page_number, document_id) AS id, * FROM (
  SELECT coalesce(here.document_id, there.document_id) AS document_id,
    coalesce(here.page_number, there.page_number) AS page_number, coalesce(here.source, there.source) AS source,
    {columns},
    there.document_id IS NULL AS only_here, here.document_id IS NULL AS only_there,
    coalesce(here.text <> there.text, false) AS text,
    coalesce(here.status <> there.status OR here.reason IS DISTINCT FROM there.reason, false) AS status,
    coalesce(here.flags <> there.flags, false) AS flags
  FROM here FULL JOIN there USING (document_id, page_number)
) WHERE only_here OR only_there OR text OR status OR flags
"""
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ComparisonState:
    """Progress of the comparison."""

    pages: int = 0  # read so far, of both outputs
    is_complete: bool = False
    error: str | None = None  # why it does not go on


class Differences:
    """The differences, and the thread that finds them once; what is written later is not looked at."""

    def __init__(self, here: Store, there: Store) -> None:
        """Begin to read both outputs."""
        self.stores = dict(zip(SIDES, (here, there), strict=True))
        self.state = ComparisonState()
        self._database = LockedDatabase(COMPARED_IN)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._find, name="differences", daemon=True)
        self._thread.start()

    @property
    def against(self) -> str:
        """The folder or URL of the other output."""
        return self.stores["there"].url

    def cursor(self) -> "duckdb.DuckDBPyConnection":
        """Return a connection for one request, with the table `differences` once the comparison is complete."""
        return self._database.cursor()

    def close(self) -> None:
        """End the thread and remove the temporary file."""
        self._stopped.set()
        self._database.interrupt()
        self._thread.join()
        self._database.close()

    def row(self, difference: dict[str, Any], side: str) -> dict[str, Any] | None:
        """Read the whole row that one side has of a page; None if it has none.

        Raises:
            OutputError: It cannot be read, as when shards were merged meanwhile.
        """
        shard, group, row = (difference[f"{name}_{side}"] for name in PLACE)
        if shard is None:
            return None
        with open_shard(self.stores[side].file(shard), shard) as parquet:
            found: dict[str, Any] = read_row_group(parquet, shard, group).slice(row, 1).to_pylist()[0]
            return found

    def _find(self) -> None:
        while not self._stopped.is_set():
            try:
                self._compare()
            except FileGoneError:
                continue
            except OcrmillError as error:
                log.warning("the comparison cannot be brought up to date: %s", error)
                self.state = replace(self.state, error=str(error))
            except Exception as error:
                if self._stopped.is_set():  # the database is closed
                    return
                self.state = replace(self.state, error=f"{type(error).__name__}: {error}")
                raise
            return

    def _compare(self) -> None:
        cursor = self.cursor()
        self.state = ComparisonState()
        for side, store in self.stores.items():
            current = CurrentPages(store, unfinished=True)
            cursor.register("batch", _empty())
            cursor.execute(f"CREATE OR REPLACE TABLE {side} AS SELECT {_SHORT} FROM batch")  # noqa: S608 (names of ours)
            for shard in current.shards:
                if self._stopped.is_set():
                    return
                table = current.read_with_places(shard, _READ)
                cursor.register("batch", table)
                cursor.execute(f"INSERT INTO {side} SELECT {_SHORT} FROM batch")  # noqa: S608 (names of ours)
                self.state = replace(self.state, pages=self.state.pages + len(table))
        columns = ", ".join(f"{side}.{name} AS {name}_{side}" for side in SIDES for name in _SIDE)
        cursor.execute("DROP TABLE IF EXISTS differences")
        cursor.execute(_JOINED.format(columns=columns))
        for side in SIDES:
            cursor.execute(f"DROP TABLE {side}")
        self.state = replace(self.state, is_complete=True)


def _empty() -> pa.Table:
    table = PAGES.empty_table().select(list(_READ))
    for place, kind in zip(PLACE, (pa.string(), pa.int32(), pa.int32()), strict=True):
        table = table.append_column(place, pa.array([], kind))
    return table
