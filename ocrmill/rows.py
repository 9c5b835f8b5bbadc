"""Rows of an output as Arrow, pandas or DuckDB have them.

Every reading looks at the output again, so that rows which a run adds meanwhile are seen by the next one. Memory of
`batches` is one row group; the other forms hold all columns that are selected, so select few.
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
        """Hold how to read; nothing is read yet. `schema` has the columns in their order."""
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
        """Read the rows in pieces of at most some thousand; none of them is empty.

        Raises:
            FileGoneError: Shards were merged or withdrawn meanwhile: begin again.
            OutputError: A shard cannot be read.
        """
        for table in self._read(self.schema.names):
            yield from table.cast(self.schema).to_batches()

    def to_arrow(self) -> pa.Table:
        """Read all rows as one table; begun again if shards are merged meanwhile.

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
        """Make a relation of DuckDB that reads the rows each time it is asked, a row group at a time.

        Args:
            connection: Where the relation lives; by default DuckDB's own.

        Raises:
            MissingPackageError: duckdb is not installed.
        """
        _require("duckdb")
        import duckdb

        return (connection or duckdb.default_connection()).from_arrow(self)

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """Give the rows to any library that knows Arrow's C interface: Polars, DuckDB, `pyarrow.table(rows)`."""
        return pa.RecordBatchReader.from_batches(self.schema, self.batches()).__arrow_c_stream__(requested_schema)


def _require(package: str) -> None:
    from importlib.util import find_spec

    if find_spec(package) is None:
        raise MissingPackageError(f"this needs the package {package}, which is not installed: pip install {package}")
