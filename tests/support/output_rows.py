"""Select rows of an output as any reader of Parquet does, by a plain glob."""

from pathlib import Path
from typing import Any

import duckdb


def select_rows(out: Path, columns: str = "*", table: str = "pages", order: str = "all") -> list[tuple[Any, ...]]:
    """The columns of every row of a table, sorted."""
    found: list[tuple[Any, ...]] = duckdb.sql(
        f"select {columns} from '{out}/{table}/*.parquet' order by {order}"
    ).fetchall()
    return found
