"""The pages of a selection with their texts, from the shards: in stored order, a row group at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from ocrmill.commands.view.output_data import OutputData
from ocrmill.commands.view.selection import Selection
from ocrmill.pipeline.output.shard import open_shard, read_row_group

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True, slots=True)
class Group:
    """The selected rows of a row group: what the index has of them, and the columns read from the shard."""

    indexed: pa.Table
    stored: pa.Table


def read_groups(
    data: OutputData, selection: Selection, indexed: Sequence[str], stored: Sequence[str] | None
) -> Iterator[Group]:
    """Read the selected pages: these columns of the index, and these of the shards, or all of theirs.

    Pages of a selection of documents or sources are those of its documents.

    Raises:
        FileGoneError: A shard was merged or withdrawn meanwhile.
        OutputError: A shard cannot be read.
    """
    cursor = data.cursor()
    condition, values = _pages_of(selection)
    query = f"SELECT DISTINCT shard FROM pages WHERE {condition} ORDER BY 1"  # noqa: S608 (names of ours)
    for (shard,) in cursor.execute(query, values).fetchall():
        chosen = _chosen(data.cursor(), shard, condition, values, indexed)
        groups = chosen["row_group"].unique().to_pylist()
        with open_shard(data.store.file(shard), shard) as parquet:
            for group in sorted(groups):
                here = chosen.filter(pa.compute.equal(chosen["row_group"], group))
                rows = read_row_group(parquet, shard, group, stored)
                yield Group(here, rows.take(here["row"]))


def _pages_of(selection: Selection) -> tuple[str, list[object]]:
    """Return the condition over `pages`, and the values of its parameters."""
    condition, values = selection.to_sql()
    if (table := selection.columns.table) != "pages":
        condition = f"document_id IN (SELECT document_id FROM {table} WHERE {condition})"  # noqa: S608 (names of ours)
    return condition, values


def _chosen(
    cursor: "duckdb.DuckDBPyConnection", shard: str, condition: str, values: list[object], indexed: Sequence[str]
) -> pa.Table:
    names = ", ".join(dict.fromkeys([*indexed, "row_group", "row"]))
    query = f"SELECT {names} FROM pages WHERE shard = ? AND {condition} ORDER BY row_group, row"  # noqa: S608
    return cursor.sql(query, params=[shard, *values]).to_arrow_table()
