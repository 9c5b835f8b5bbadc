"""Merge small shards into few large ones, and drop the rows of superseded documents.

A nightly run leaves some small shards; after a year readers open thousands. A kill at any moment loses nothing and
doubles nothing: every step goes through the journal (journal.py). Readers may go on meanwhile.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from ocrmill.pipeline.errors import OutputError
from ocrmill.pipeline.output.catalogue import read_catalogue
from ocrmill.pipeline.output.journal import Merge, Withdrawal, begin, finish, recover, shard_sizes, shards
from ocrmill.pipeline.output.schema import TABLES
from ocrmill.pipeline.output.shard import encode_shards, open_shard, read_shard
from ocrmill.pipeline.output.stores.store import LeaseOwner, Store

MIB = 1 << 20
TARGET_MB = 256  # of a merged shard; what readers like DuckDB and Spark take in one piece
GROUP_BYTES = 64 * MIB  # decoded rows that are gathered for one row group
log = logging.getLogger(__name__)


@dataclass(slots=True)
class CompactReport:
    """The result of `compact`."""

    mended: tuple[str, ...] = ()  # what a killed writer left behind
    superseded_documents: int = 0
    superseded_rows: int = 0  # of pages, documents and sources
    shards_before: int = 0
    shards_after: int = 0
    bytes_before: int = 0
    bytes_after: int = 0

    def to_text(self) -> str:
        """The report, for people."""
        return "".join(
            f"{line}\n"
            for line in (
                *self.mended,
                f"dropped {self.superseded_rows:,} rows of {self.superseded_documents:,} superseded documents",
                f"{self.shards_before:,} shards of {self.bytes_before / 1e6:,.1f} MB became {self.shards_after:,} of "
                f"{self.bytes_after / 1e6:,.1f} MB",
            )
        )


def compact(store: Store, *, target_mb: int = TARGET_MB) -> CompactReport:
    """Drop superseded rows and merge shards smaller than `target_mb` MiB, as far as they follow each other.

    Raises:
        LeaseHeldError: A run is writing there.
        OutputError: A shard cannot be read or written; what was done until then holds.
    """
    report = CompactReport()
    with store.lease(LeaseOwner.current("compact")):
        report.mended = tuple(recover(store))
        report.shards_before, report.bytes_before = _count_shards(store)
        _withdraw_superseded(store, report)
        for folder in TABLES:
            for group in list(_merge_groups(store, folder, target_mb * MIB)):
                _merge(store, folder, group)
        report.shards_after, report.bytes_after = _count_shards(store)
    return report


def _withdraw_superseded(store: Store, report: CompactReport) -> None:
    documents = read_catalogue(store).superseded()
    if not len(documents):
        return
    folders = ("sources", "documents", "pages")
    touched = [name for folder in folders for name in _shards_holding(store, folder, documents)]
    change = Withdrawal(tuple(documents.to_pylist()), tuple(touched))
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-withdrawal"
    begin(store, name, change)
    report.superseded_documents = len(documents)
    report.superseded_rows = finish(store, name, change)


def _shards_holding(store: Store, folder: str, documents: pa.Array) -> Iterator[str]:
    """Yield the shards that hold rows of these documents."""
    for name in shards(store, folder):
        ids = read_shard(store.file(name), name, ["document_id"])["document_id"]
        if pc.any(pc.is_in(ids.cast(pa.string()), documents)).as_py():
            yield name


def _merge_groups(store: Store, folder: str, target: int) -> Iterator[Sequence[str]]:
    """Yield groups of two or more neighbouring shards of at most `target` bytes together."""
    group: list[str] = []
    total = 0
    for name, size in shard_sizes(store, folder).items():
        if group and total + size > target:
            if len(group) > 1:
                yield group
            group, total = [], 0
        group.append(name)
        total += size
    if len(group) > 1:
        yield group


def _merge(store: Store, folder: str, group: Sequence[str]) -> None:
    """Replace several shards with one."""
    schema = _common_schema(store, folder, group)
    new = f"{group[-1].removesuffix('.parquet')}-m.parquet"  # sorts where the group was
    change = Merge(new, tuple(group))
    name = new.rpartition("/")[2].removesuffix(".parquet") + f"-{folder}"
    begin(store, name, change)
    data = encode_shards(_gather(store, group, schema), schema)
    store.write(new, data)
    del data
    _check_merged(store, change)
    finish(store, name, change)
    log.info("merged %d shards into %s", len(group), new)


def _common_schema(store: Store, folder: str, group: Sequence[str]) -> pa.Schema:
    """A schema that the rows of all shards fit: with the columns of every version that wrote them."""
    schemas = []
    for name in group:
        with open_shard(store.file(name), name) as parquet:
            schemas.append(parquet.schema_arrow)
    try:
        return pa.unify_schemas([TABLES[folder], *schemas]).with_metadata(TABLES[folder].metadata)
    except pa.ArrowException as error:
        raise OutputError(f"{group[0]} to {group[-1]} cannot be merged: {error}") from error


def _gather(store: Store, group: Sequence[str], schema: pa.Schema) -> Iterator[pa.Table]:
    """Yield the rows of the shards, in tables of about GROUP_BYTES."""
    waiting: list[pa.Table] = []
    for name in group:
        with open_shard(store.file(name), name) as parquet:
            for number in range(parquet.num_row_groups):
                waiting.append(
                    pa.concat_tables([schema.empty_table(), parquet.read_row_group(number)], promote_options="default")
                )
                if sum(table.nbytes for table in waiting) >= GROUP_BYTES:
                    yield pa.concat_tables(waiting).unify_dictionaries()
                    waiting = []
    if waiting:
        yield pa.concat_tables(waiting).unify_dictionaries()


def _check_merged(store: Store, change: Merge) -> None:
    """Check that the merged shard has every row, before the old shards are deleted.

    Raises:
        OutputError: A row is missing; the old shards are kept, and the next writer removes the merged one.
    """
    before = sum(_row_count(store, name) for name in change.old)
    after = _row_count(store, change.new)
    if before != after:
        store.delete(change.new)
        raise OutputError(f"{change.new} has {after:,} rows instead of {before:,}; this is a bug in ocrmill")


def _row_count(store: Store, name: str) -> int:
    with open_shard(store.file(name), name) as parquet:
        return int(parquet.metadata.num_rows)


def _count_shards(store: Store) -> tuple[int, int]:
    sizes = [size for folder in TABLES for size in shard_sizes(store, folder).values()]
    return len(sizes), sum(sizes)
