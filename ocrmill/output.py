"""An output for readers: its current rows, in a folder or a bucket, also while a run or another command writes.

Left out is what pipeline/output/current_rows.py names: rows of documents that no source holds now, and rows that are
being removed or replaced.
"""

import os
from functools import partial

from ocrmill.configs.settings import RunSettings
from ocrmill.pipeline.output.current_rows import read_documents, read_pages, read_sources
from ocrmill.pipeline.output.schema import DOCUMENTS, PAGES, SOURCES
from ocrmill.pipeline.output.stores.open import open_output as open_store
from ocrmill.pipeline.output.stores.store import Store
from ocrmill.rows import Rows


def open_output(
    out: str | os.PathLike[str], *, settings: RunSettings | None = None, unfinished: bool = False
) -> "Output":
    """Open an output to read its current rows. No lease is taken: a run may write meanwhile.

    Args:
        out: A folder, or the URL of a bucket (s3://, gs://, az://).
        settings: Only those of storage matter.
        unfinished: Show pages of documents that are not finished, too: of a trial, or of a run that goes on.

    Raises:
        OutputError: There is no output.
        BucketError: The bucket does not answer, or refuses access.
    """
    store = open_store(os.fspath(out), (settings or RunSettings()).storage)
    return Output(store, unfinished=unfinished)


class Output:
    """An output of runs: its three tables, with current rows only."""

    def __init__(self, store: Store, *, unfinished: bool = False) -> None:
        """Keep the store; call `open_output` to make one."""
        self._store = store
        self._unfinished = unfinished

    @property
    def url(self) -> str:
        """The folder or URL, as a person names it."""
        return self._store.url

    @property
    def pages(self) -> Rows:
        """One row for every page, in no order."""
        return Rows(partial(read_pages, self._store, unfinished=self._unfinished), PAGES)

    @property
    def documents(self) -> Rows:
        """One row for every document that a source holds, and for every source whose document could not be read."""
        return Rows(partial(read_documents, self._store), DOCUMENTS)

    @property
    def sources(self) -> Rows:
        """One row for every source: the document that it holds now."""
        return Rows(partial(read_sources, self._store), SOURCES)
