"""The rows of an output as a user finds them, with DuckDB and plain globs."""

from typing import Any

import duckdb

from ocrmill.pipeline.output.stores.local import LocalStore


def query(store: LocalStore, columns: str, table: str) -> list[tuple[Any, ...]]:
    """The rows that a user finds with a plain glob, sorted."""
    return sorted(duckdb.connect().sql(f"select {columns} from '{store.root}/{table}/*.parquet'").fetchall())
