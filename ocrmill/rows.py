"""Rows of an output for Arrow, pandas and DuckDB.

Every call reads the output again and so sees the rows that a run has added. `batches` holds one row group in memory;
the other forms hold all selected columns, so select few.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ocrmill.pipeline.errors import MissingPackageError, UsageError
from ocrmill.pipeline.output.journal import read_again

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

Reader = Callable[[Sequence[str]], Iterator[pa.Table]]
"""A function that reads some columns, table after table."""


class Rows:
    """The current rows of one table of an output."""

    def __init__(self, read: Reader, schema: pa.Schema) -> None:
        """Keep the reader; nothing is read yet. `schema` has the columns in their order."""
        self._read = read
        self.schema = schema

    @property
    def column_names(self) -> list[str]:
        """The names of the columns, in order."""
        names: list[str] = self.schema.names
        return names

    def select(self, *columns: str) -> "Rows":
        """Return the same rows with some of the columns, in this order.

        Raises:
            UsageError: There is no such column.
        """
        unknown = [name for name in columns if name not in self.schema.names]
        if unknown or not columns:
            raise UsageError(f"no column {', '.join(unknown) or 'is named'}: there are {', '.join(self.schema.names)}")
        return Rows(self._read, pa.schema([self.schema.field(name) for name in columns]))

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Read the rows in batches of at most some thousand; no batch is empty.

        Raises:
            FileGoneError: Shards were merged or withdrawn meanwhile: begin again.
            OutputError: A shard cannot be read.
        """
        for table in self._read(self.schema.names):
            yield from table.cast(self.schema).to_batches()

    def to_arrow(self) -> pa.Table:
        """Read all rows as one table; read again if shards are merged meanwhile.

        Raises:
            OutputError: A shard cannot be read.
        """
        return read_again(lambda: pa.Table.from_batches(self.batches(), self.schema)).unify_dictionaries()

    def to_pandas(self) -> "pd.DataFrame":
        """Read all rows as a DataFrame.

        Raises:
            MissingPackageError: pandas is not installed.
            OutputError: A shard cannot be read.
        """
        _require("pandas")
        return self.to_arrow().to_pandas()

    def to_duckdb(self, connection: "duckdb.DuckDBPyConnection | None" = None) -> "duckdb.DuckDBPyRelation":
        """Make a DuckDB relation that reads the rows at each query, a row group at a time.

        Args:
            connection: The connection of the relation; by default DuckDB's default one.

        Raises:
            MissingPackageError: duckdb is not installed.
        """
        _require("duckdb")
        import duckdb

        return (connection or duckdb.default_connection()).from_arrow(self)

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """Stream the rows to any library that supports Arrow's C interface: Polars, DuckDB, `pyarrow.table(rows)`."""
        return pa.RecordBatchReader.from_batches(self.schema, self.batches()).__arrow_c_stream__(requested_schema)


def _require(package: str) -> None:
    from importlib.util import find_spec

    if find_spec(package) is None:
        raise MissingPackageError(f"this needs the package {package}, which is not installed: pip install {package}")
