"""The places of an output's documents, from which they are read again."""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ocrmill.pipeline.output.catalogue import read_catalogue
from ocrmill.pipeline.output.stores.store import Store

SOURCES_TRIED = 3  # of a document with several sources


def places_of(store: Store, documents: Iterable[str]) -> dict[str, list[str]]:
    """Return the places of these documents: at most SOURCES_TRIED each, the last first."""
    places = read_catalogue(store).places(documents)
    return {document_id: sources[:SOURCES_TRIED] for document_id, sources in places.items()}


@contextmanager
def manifest_of(sources: list[str]) -> Iterator[Path]:
    """Write a temporary manifest of these sources."""
    with tempfile.TemporaryDirectory(prefix="ocrmill-retry-") as folder:
        path = Path(folder) / "sources.parquet"
        pq.write_table(pa.table({"source": sources}), path)
        yield path
