"""Single rows of an output by their places in the index."""

from collections.abc import Sequence
from typing import Any

from ocrmill.pipeline.output.shard import open_shard, read_row_group
from ocrmill.pipeline.output.stores.store import Store


def read_stored(store: Store, place: tuple[str, int, int], columns: Sequence[str] | None = None) -> dict[str, Any]:
    """Read some or all columns of the row at a shard, row group and row.

    Raises:
        FileGoneError: The shard was merged or withdrawn meanwhile.
        OutputError: It cannot be read.
    """
    shard, group, row = place
    with open_shard(store.file(shard), shard) as parquet:
        found: dict[str, Any] = read_row_group(parquet, shard, group, columns).slice(row, 1).to_pylist()[0]
        return found
