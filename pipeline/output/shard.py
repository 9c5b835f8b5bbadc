"""Shards as Parquet files: encode them, and read some of their columns."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ocrmill.pipeline.errors import FileGoneError, OutputError, UsageError
from ocrmill.pipeline.output.schema import ADDED, SCHEMA_VERSION, TABLES

# A page of 3,000 characters takes 0.033 ms at level 3; level 1 saves a third of it for 9 % more bytes, level 9 takes
# 2.7 times as long for 10 % fewer.
ZSTD_LEVEL = 3
# Rows are sorted by document, so that min and max of document_id tell a reader which row group to open. 1,024 rows are
# 1.5 to 2.5 MB packed: worth skipping, and the 9 kB that each group adds to the footer stay under 1 %.
ROW_GROUP_ROWS = 1024
# No dictionary, because hardly two values are equal, and no statistics, which would put whole texts into the footer.
_LONG_TEXT = {"detail", "markdown", "raw", "title", "warnings"}
_WORDS_WITHIN = (
    "blocks.list.element.label",
    "flags.list.element",
    "features.script",
    *(f"attempts.list.element.{name}" for name in ("engine", "prompt", "finish_reason", "reason")),
)


def encode_shard(table: pa.Table) -> memoryview:
    """Encode a table as a Parquet file in memory, so that it can become visible in one step."""
    return encode_shards([table], table.schema)


def encode_shards(tables: Iterable[pa.Table], schema: pa.Schema) -> memoryview:
    """Encode tables of one schema, one after the other, as one Parquet file.

    Without rows it has no row group either: Hugging Face's `datasets` fails at one that is empty.
    """
    names = [field.name for field in schema if field.name not in _LONG_TEXT]
    buffer = pa.BufferOutputStream()
    with pq.ParquetWriter(
        buffer,
        schema,
        compression="zstd",
        compression_level=ZSTD_LEVEL,
        use_dictionary=[*names, *_WORDS_WITHIN],
        write_statistics=names,
        write_page_checksum=True,
    ) as writer:
        for table in tables:
            if len(table):
                writer.write_table(table, row_group_size=ROW_GROUP_ROWS)
    return memoryview(buffer.getvalue())


@contextmanager
def open_shard(file: Any, name: str, *, words: Sequence[str] = ()) -> Iterator[pq.ParquetFile]:
    """Open a shard for reading, with the string columns in `words` as dictionaries.

    Raises:
        FileGoneError: It was removed meanwhile.
        OutputError: It cannot be read, now or in the block, or is not one of ours.
        UsageError: A newer ocrmill wrote it.
    """
    try:
        parquet = pq.ParquetFile(file, read_dictionary=list(words), page_checksum_verification=True)
        version = (parquet.metadata.metadata or {}).get(b"schema_version", b"none").decode()
        if version.isdecimal() and int(version) > SCHEMA_VERSION:  # no damage: a repair must not set it aside
            raise UsageError(
                f"{name} was written by a newer ocrmill (schema version {version}): use that one to read it"
            )
        if not version.isdecimal() or int(version) < 1:
            raise OutputError(f"{name} is not a shard of ocrmill. `ocrmill verify --repair` sets it aside.")
        yield parquet
    except FileNotFoundError as error:
        raise FileGoneError(f"{name} is gone: it was merged or withdrawn meanwhile") from error
    except (OSError, pa.ArrowException, KeyError, UnicodeError) as error:  # the last two: damaged names of columns
        raise OutputError(
            f"{name} cannot be read: {error}. `ocrmill verify --repair` sets it aside; the next run then reads its "
            "pages again."
        ) from error


def read_shard(file: Any, name: str, columns: Iterable[str], *, words: Sequence[str] = ()) -> pa.Table:
    """Read some columns of a shard, in their order; a column that is newer than the shard is null.

    Raises:
        OutputError: As `open_shard` does, or a column is missing that was never left out.
    """
    wanted = list(columns)
    with open_shard(file, name, words=words) as parquet:
        return fitted(parquet.read(columns=wanted, use_threads=False), name, wanted)


def read_row_group(parquet: pq.ParquetFile, name: str, group: int, columns: Sequence[str] | None = None) -> pa.Table:
    """Read some or all columns of a row group of an open shard, as `read_shard` does."""
    return fitted(parquet.read_row_group(group, columns=columns, use_threads=False), name, columns)


def fitted(table: pa.Table, name: str, columns: Sequence[str] | None) -> pa.Table:
    """Fit rows of a shard to the present contract: a newer column or nested field is null.

    Args:
        table: The rows as they were read.
        name: The name of the shard, with its folder.
        columns: The wanted columns; None for all columns of the shard and the contract.

    Raises:
        OutputError: A wanted column is missing that every release wrote.
    """
    contract = TABLES.get(name.partition("/")[0], table.schema)
    if columns is not None:  # `figures.list.element.name` gives the column, with that field alone
        columns = list(dict.fromkeys(column.partition(".")[0] for column in columns))
    else:
        columns = [*contract.names, *(each for each in table.column_names if each not in contract.names)]
    fields, arrays = [], []
    for column in columns:
        field = contract.field(column) if column in contract.names else None
        if column in table.column_names:
            have = table.schema.field(column)
            want = field if field is not None and pa.types.is_nested(field.type) else have
            fields.append(want)
            arrays.append(table[column].cast(want.type))
        elif field is not None and column in ADDED:
            fields.append(field)
            arrays.append(pa.nulls(len(table), field.type))
        else:
            raise OutputError(f"{name} has no column {column}. `ocrmill verify --repair` sets it aside.")
    return pa.table(arrays, schema=pa.schema(fields, metadata=table.schema.metadata))
