"""Make documents rows agree with the rows of their pages, after these were judged again."""

from collections.abc import Mapping, Sequence
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc

from ocrmill.pipeline.output.schema import PAGE_COUNTS
from ocrmill.pipeline.output.shard import encode_shard, open_shard, read_shard
from ocrmill.pipeline.output.stores.store import Store

_COUNTS = (*PAGE_COUNTS.values(), "pages_flagged", "repetitive")
_PAGE_COLUMNS = ("document_id", "status", "flags", "repetition_flag", "settings_fingerprint")


def recount(store: Store, documents: Sequence[str], pages: Sequence[str], fingerprints: Mapping[str, str]) -> int:
    """Count the pages of each document again, and rewrite the shards of documents that differ.

    A row whose pages are not all there stays as it is.

    Args:
        store: The output.
        documents: The shards of documents.
        pages: All shards of pages.
        fingerprints: New ones by old ones. A row gets its new one unless a page of it still has the old one.

    Returns:
        The number of rows that changed.
    """
    tables = [_count(read_shard(store.file(name), name, _PAGE_COLUMNS)) for name in pages]
    if not tables:
        return 0
    every = pa.concat_tables(tables)
    old = every.filter(pc.is_in(every["settings_fingerprint"], pa.array(fingerprints, pa.string())))
    counts = every.group_by("document_id").aggregate([(name, "sum") for name in _COUNTS])
    return sum(_correct(store, name, counts, pc.unique(old["document_id"]), fingerprints) for name in documents)


def _count(table: pa.Table) -> pa.Table:
    """Count the pages of a shard by document and fingerprint."""
    status = table["status"].cast(pa.string())
    columns = {
        "document_id": table["document_id"].cast(pa.string()),
        "settings_fingerprint": table["settings_fingerprint"].cast(pa.string()),
        **{column: pc.equal(status, value).cast(pa.int64()) for value, column in PAGE_COUNTS.items()},
        "pages_flagged": pc.greater(pc.fill_null(pc.list_value_length(table["flags"]), 0), 0).cast(pa.int64()),
        "repetitive": pc.fill_null(table["repetition_flag"], False).cast(pa.int64()),
    }
    counts = pa.table(columns).group_by(["document_id", "settings_fingerprint"])
    counted = counts.aggregate([(name, "sum") for name in _COUNTS])
    return counted.rename_columns([name.removesuffix("_sum") for name in counted.column_names])


def _correct(
    store: Store, name: str, counts: pa.Table, keeping: pa.ChunkedArray, fingerprints: Mapping[str, str]
) -> int:
    """Rewrite a shard of documents if rows of it differ, and return their number."""
    with open_shard(store.file(name), name) as parquet:
        table = parquet.read().combine_chunks()
    ids = table["document_id"].cast(pa.string())
    places = pc.index_in(ids, counts["document_id"].combine_chunks()).combine_chunks()
    found = counts.select([f"{column}_sum" for column in _COUNTS]).rename_columns(_COUNTS).take(places)
    total = reduce(pc.add, (found[column] for column in PAGE_COUNTS.values()))
    is_whole = pc.fill_null(pc.equal(total, table["page_count"].cast(pa.int64())), False)
    rate = pc.divide(found["repetitive"].cast(pa.float64()), total.cast(pa.float64()))
    new = {**{column: found[column] for column in (*PAGE_COUNTS.values(), "pages_flagged")}, "repetition_rate": rate}
    right = {
        column: pc.if_else(
            pc.and_(is_whole, pc.is_valid(values)), values.cast(table.schema.field(column).type), table[column]
        )
        for column, values in new.items()
    }
    was = table["settings_fingerprint"].cast(pa.string())
    now = pa.array(fingerprints.values(), pa.string()).take(pc.index_in(was, pa.array(fingerprints, pa.string())))
    right["settings_fingerprint"] = pc.if_else(pc.is_in(ids, keeping), was, pc.coalesce(now, was))
    changed = [_differs(table[column], values) for column, values in right.items()]
    count = int(pc.sum(reduce(pc.or_, changed)).as_py() or 0)
    if count:
        for column, values in right.items():
            place = table.column_names.index(column)
            table = table.set_column(place, table.schema.field(column), values.cast(table.schema.field(column).type))
        store.write(name, encode_shard(table.unify_dictionaries()))
    return count


def _differs(one: pa.ChunkedArray, other: pa.ChunkedArray) -> pa.ChunkedArray:
    """Select the rows in which two columns differ; null equals null alone."""
    one = one.cast(other.type)
    both_null = pc.and_(pc.is_null(one), pc.is_null(other))
    return pc.invert(pc.or_(both_null, pc.fill_null(pc.equal(one, other), False)))
