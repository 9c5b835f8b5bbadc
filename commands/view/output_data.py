"""An output as the viewer asks for it: selections of its pages, and whole rows of single ones."""

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ocrmill.commands.eval.verdicts import VerdictFile, verdicts_beside
from ocrmill.commands.inspect.query import PageQuery, select_rows
from ocrmill.commands.presentation.page_index import PageIndex
from ocrmill.commands.presentation.stored_rows import read_stored
from ocrmill.commands.sql.database_folder import DatabaseFolder
from ocrmill.commands.view.compare.differences import Differences
from ocrmill.commands.view.page.source_pages import SourcePages
from ocrmill.commands.view.selection import Selection
from ocrmill.configs.settings import RunSettings
from ocrmill.pipeline.output.stores.store import Store

if TYPE_CHECKING:
    import duckdb

Key = tuple[str, int]  # document_id and page_number


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The pages before and after a page in a selection; None at its ends."""

    previous: Key | None
    next: Key | None


class OutputData:
    """An output: its store, the settings to read its sources with, and the index of its rows."""

    def __init__(
        self,
        store: Store,
        settings: RunSettings,
        *,
        verdicts: Path | None = None,
        against: Store | None = None,
        index_folder: DatabaseFolder | None = None,
        index_after_s: float = 0.0,
    ) -> None:
        """Begin to index the output, after some seconds in which the first page may be shown.

        `verdicts` is the file for those, by default beside the output; `against` an output to compare with;
        `index_folder` has or gets the index, by default a temporary one.
        """
        self.store = store
        self.settings = settings
        path = verdicts or verdicts_beside(store)
        self.verdicts = None if path is None else VerdictFile(path)
        self.source_pages = SourcePages(store, settings)
        self.differences = None if against is None else Differences(store, against)
        self.index = PageIndex(store, index_folder)
        self.index.start(index_after_s)

    @property
    def url(self) -> str:
        """The folder or URL of the output, as a person names it."""
        return self.store.url

    def cursor(self) -> "duckdb.DuckDBPyConnection":
        """Return a connection for one request, with the tables `pages`, `documents`, `sources` and `rates`."""
        return self.index.cursor()

    def close(self) -> None:
        """Stop to index, close the index, and end the processes that render."""
        self.index.close()
        self.source_pages.close()
        if self.differences is not None:
            self.differences.close()

    def find_page(self, document_id: str, page_number: int) -> dict[str, Any] | None:
        """Read the whole row of a page; None if there is none that counts."""
        place = (
            self.cursor()
            .execute(
                "SELECT shard, row_group, row FROM pages WHERE document_id = ? AND page_number = ?",
                [document_id, page_number],
            )
            .fetchone()
        )
        if place is None:  # not indexed yet
            rows = select_rows(self.store, PageQuery(document=document_id, page_number=page_number), 2, None)
            return next((row for row in islice(rows, 2) if row["document_id"] == document_id), None)
        return read_stored(self.store, place)

    def neighbours(self, selection: Selection, document_id: str, page_number: int) -> Neighbours:
        """Find the pages before and after a page in the order of the selection, also if it is not in that itself."""
        return Neighbours(
            self._next(selection, document_id, page_number, forwards=False),
            self._next(selection, document_id, page_number, forwards=True),
        )

    def _next(self, selection: Selection, document_id: str, page_number: int, *, forwards: bool) -> Key | None:
        cursor = self.cursor()
        key = selection.sort or "id"
        here = cursor.execute(
            f"SELECT {key}, id FROM pages WHERE document_id = ? AND page_number = ?",  # noqa: S608 (a known column)
            [document_id, page_number],
        ).fetchone()
        if here is None:
            return None
        condition, values = selection.to_sql()
        beyond, order, more = selection.beyond(here[0], here[1], forwards=forwards)
        found = cursor.execute(
            f"SELECT document_id, page_number FROM pages WHERE {condition} AND {beyond} ORDER BY {order} LIMIT 1",  # noqa: S608
            [*values, *more],
        ).fetchone()
        return None if found is None else (found[0], found[1])
