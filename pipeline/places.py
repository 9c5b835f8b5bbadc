"""Where the documents of an output lie, to be read from there again."""

import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.journal import shards
from pipeline.shard import read_shard
from pipeline.store import Store

SOURCES_TRIED = 3  # of a document that lies in several places


def places_of(store: Store, documents: Iterable[str]) -> dict[str, list[str]]:
    """Where these documents were found: at most SOURCES_TRIED places each, the last first."""
    ids = pa.array(documents, pa.string())
    found: defaultdict[str, list[str]] = defaultdict(list)
    for name in shards(store, "sources"):
        table = read_shard(store.file(name), name, ["source", "document_id"])
        for row in table.filter(pc.is_in(table["document_id"].cast(pa.string()), ids)).to_pylist():
            found[row["document_id"]].append(row["source"])
    return {name: list(dict.fromkeys(reversed(places[-SOURCES_TRIED:]))) for name, places in found.items()}


@contextmanager
def manifest_of(sources: list[str]) -> Iterator[Path]:
    """A manifest of these sources, for as long as this lasts."""
    with tempfile.TemporaryDirectory(prefix="ocrmill-retry-") as folder:
        path = Path(folder) / "sources.parquet"
        pq.write_table(pa.table({"source": sources}), path)
        yield path
