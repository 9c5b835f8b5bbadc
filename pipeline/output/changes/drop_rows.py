"""Remove rows from a visible shard, in one step."""

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from ocrmill.pipeline.output.shard import encode_shard, open_shard
from ocrmill.pipeline.output.stores.store import Store


def drop_rows(store: Store, name: str, drop: Callable[[pa.Table], pa.Array]) -> int:
    """Rewrite a shard without some rows, in one step, and return their number.

    An emptied shard stays, without rows: a reader that has listed it must still find it.
    """
    with open_shard(store.file(name), name) as parquet:
        table = parquet.read()
    kept = table.filter(pc.invert(drop(table)))
    if len(kept) < len(table):
        store.write(name, encode_shard(kept.unify_dictionaries()))
    return len(table) - len(kept)


def unreadable_rows(table: pa.Table, uris: set[str]) -> pa.Array:
    """Select the rows that call one of these sources unreadable."""
    return pc.and_(pc.is_null(table["document_id"]), pc.is_in(table["source"], pa.array(sorted(uris), pa.string())))
