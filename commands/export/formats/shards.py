"""Files of about one size: a new one begins once the last has no room for the next item."""

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

_GROUP_BYTES = 32 << 20  # of texts and pictures, which a reader takes at once
_GROUP_ROWS = 1000
Item_contra = TypeVar("Item_contra", contravariant=True)


class Shard(Protocol[Item_contra]):
    """One of the files."""

    def has_room(self, item: Item_contra, limit: int) -> bool:
        """Tell if the file stays within `limit` bytes with this item; at least about so."""

    def add(self, item: Item_contra) -> None:
        """Write an item."""

    def close(self) -> None:
        """Finish the file."""


class Shards(Generic[Item_contra]):
    """The files of a folder, one after the other; there is always one, also without items."""

    def __init__(self, open_shard: Callable[[int], Shard[Item_contra]], limit: int) -> None:
        """Open the first file.

        Args:
            open_shard: Opens the file of a number, from 0.
            limit: Bytes of a file; a single item may exceed them.
        """
        self._open = open_shard
        self._limit = limit
        self._number = 0
        self._is_empty = True
        self._shard = open_shard(0)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish the last file."""
        self._shard.close()

    def add(self, item: Item_contra) -> None:
        """Write an item into the file that has room for it."""
        if not self._is_empty and not self._shard.has_room(item, self._limit):
            self._shard.close()
            self._number += 1
            self._shard = self._open(self._number)
        self._shard.add(item)
        self._is_empty = False


class ParquetShard:
    """A Parquet file of rows; its row groups are small enough to be read one at a time."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        """Open the file."""
        self._schema = schema
        self._file = path.open("wb")
        self._writer = pq.ParquetWriter(self._file, schema, compression="zstd")
        self._rows: list[dict[str, Any]] = []
        self._waiting = 0  # bytes of these

    def has_room(self, item: dict[str, Any], limit: int) -> bool:
        """Tell if the file stays within `limit` bytes with a row, before it is compressed."""
        return self._file.tell() + self._waiting + _size(item) <= limit

    def add(self, item: dict[str, Any]) -> None:
        """Add a row."""
        self._rows.append(item)
        self._waiting += _size(item)
        if self._waiting >= _GROUP_BYTES or len(self._rows) >= _GROUP_ROWS:
            self._flush()

    def close(self) -> None:
        """Write what waits, and the footer."""
        self._flush()
        self._writer.close()
        self._file.close()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, schema=self._schema))
            self._rows, self._waiting = [], 0


def _size(value: Any) -> int:
    """Return about how many bytes a value takes: those of its texts and pictures."""
    if isinstance(value, bytes | str):
        return len(value)
    if isinstance(value, dict):
        return sum(map(_size, value.values()))
    return sum(map(_size, value)) if isinstance(value, list | tuple) else 8
