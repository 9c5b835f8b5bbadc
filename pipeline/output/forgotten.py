"""The record of forgotten sources, without their names, and the removal of their rows.

`_forgotten/<name>.json` keeps hashes: the ids of documents, which are the sha256 of their bytes, and the sha256 of the
URIs of sources. So a run knows what it must not read again, and nobody can read the names there.

Not covered: a person with a list of names can find out by hashing which of them were forgotten.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Annotated

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, TypeAdapter, ValidationError

from ocrmill.pipeline.errors import FileGoneError, OutputError
from ocrmill.pipeline.output.shard import encode_shard, open_shard
from ocrmill.pipeline.output.stores.store import DAMAGED, FORGOTTEN, Store

# Any other name is not one of our shards; a journal entry cannot make us delete or open it.
ShardName = Annotated[str, Field(pattern=r"^(pages|documents|sources)/[^/]+\.parquet$")]


@dataclass(frozen=True, slots=True)
class Forgotten:
    """The sources and documents that are not read again."""

    documents: frozenset[str] = frozenset()  # ids
    sources: frozenset[str] = frozenset()  # hashes of URIs
    versions: frozenset[str] = frozenset()  # hashes of a URI and a version that held such a document

    def has_source(self, uri: str, version: str) -> bool:
        """Tell if a source must not be read in this version."""
        if self.sources and hash_of(uri) in self.sources:
            return True
        return bool(self.versions) and hash_of(uri, version) in self.versions


@dataclass(frozen=True, slots=True)
class Forgetting:
    """One act of forgetting, as in its journal entry: hashes instead of the forgotten names."""

    documents: tuple[str, ...] = field(repr=False)  # ids; all of their rows are removed
    blocked: tuple[str, ...] = field(repr=False)  # ids of documents whose bytes are never read again
    sources: tuple[str, ...] = field(repr=False)  # hashes of URIs; rows with them are removed or renamed
    versions: tuple[str, ...] = field(repr=False)  # hashes of the URIs and versions that held them
    named: dict[str, str] = field(repr=False)  # ids of documents that stay -> one of their remaining sources
    old: tuple[ShardName, ...] = field(repr=False)  # the shards that may hold such rows
    is_for_good: bool = True  # never read again


@dataclass(frozen=True, slots=True)
class _Record:
    """The content of a record."""

    forgotten_at: str
    documents: tuple[str, ...]
    sources: tuple[str, ...]
    versions: tuple[str, ...] = ()
    is_for_good: bool = True


def hash_of(uri: str, version: str | None = None) -> str:
    """Return the sha256 of a source's URI, or of its URI and version, as 64 hexadecimal digits."""
    text = uri if version is None else f"{uri}\0{version}"
    return hashlib.sha256(text.encode()).hexdigest()


def read_forgotten(store: Store) -> Forgotten:
    """Read all that must not be read again into an output.

    Raises:
        OutputError: a record cannot be read; going on might read forgotten documents.
    """
    documents: set[str] = set()
    sources: set[str] = set()
    versions: set[str] = set()
    for record in records(store):
        if record.is_for_good:
            documents.update(record.documents)
            sources.update(record.sources)
            versions.update(record.versions)
    return Forgotten(frozenset(documents), frozenset(sources), frozenset(versions))


def records(store: Store) -> list[_Record]:
    """The records of an output, oldest first."""
    found = []
    for name in store.list(FORGOTTEN, ".json"):
        try:
            found.append(TypeAdapter(_Record).validate_json(store.read(name)))
        except (ValidationError, FileGoneError) as error:
            raise OutputError(
                f"{store.url}/{name} cannot be read ({type(error).__name__}): it lists what must not be read again; "
                "restore it from a copy, or move it away and run `ocrmill forget` again"
            ) from error
    return found


def carry_out(store: Store, name: str, change: Forgetting) -> int:
    """Write the record, then remove all rows; return their number. A second call does no harm."""
    record = _Record(
        datetime.now(UTC).isoformat(timespec="seconds"),
        change.blocked,
        change.sources,
        change.versions,
        change.is_for_good,
    )
    store.write(f"{FORGOTTEN}/{name}.json", json.dumps(asdict(record), indent=1).encode())
    rows = sum(_rewrite(store, shard, shard.partition("/")[0], change) for shard in change.old)
    for shard in store.list(DAMAGED, ""):
        try:
            rows += _rewrite(store, shard, shard.rpartition("/")[2].partition("-")[0], change)
        except OutputError:
            continue  # it cannot be opened; `unreadable_leftovers` names it
    return rows


def unreadable_leftovers(store: Store) -> list[str]:
    """Return the files that a repair set aside and that cannot be opened, so that no rows can be removed from them."""
    found = []
    for name in store.list(DAMAGED, ""):
        try:
            with open_shard(store.file(name), name) as parquet:
                parquet.read()
        except OutputError:
            found.append(name)
    return found


def _rewrite(store: Store, name: str, folder: str, change: Forgetting) -> int:
    """Replace a shard by one without the forgotten rows, in one step. An emptied shard stays, without rows."""
    with open_shard(store.file(name), name) as parquet:
        table = parquet.read()
    kept = without(table, folder, change)
    if kept is not table:
        store.write(name, encode_shard(kept.unify_dictionaries()))
    return len(table) - len(kept)


def without(table: pa.Table, folder: str, change: Forgetting) -> pa.Table:
    """Return the rows that stay, without those of forgotten sources; the table itself if nothing changes."""
    documents = pa.array(change.documents, pa.string())
    ids = table["document_id"].cast(pa.string())
    is_named = _each(table["source"], lambda uri: hash_of(uri) in set(change.sources)) if change.sources else _no(table)
    goes = pc.is_in(ids, documents)
    nameless = pc.invert(pc.is_in(ids, pa.array(list(change.named), pa.string())))
    goes = pc.or_(goes, is_named if folder == "sources" else pc.and_(is_named, nameless))
    kept = table.filter(pc.invert(goes)) if pc.any(goes).as_py() else table
    if folder != "sources" and pc.any(pc.and_(is_named, pc.invert(goes))).as_py():
        kept = _renamed(kept, change)
    if "supersedes" in kept.column_names and pc.any(pc.is_in(kept["supersedes"], documents)).as_py():
        cleared = pc.if_else(pc.is_in(kept["supersedes"], documents), None, kept["supersedes"])
        kept = kept.set_column(kept.column_names.index("supersedes"), kept.schema.field("supersedes"), cleared)
    return kept


def _renamed(table: pa.Table, change: Forgetting) -> pa.Table:
    gone = set(change.sources)
    names = [
        change.named.get(document, uri) if hash_of(uri) in gone else uri
        for uri, document in zip(table["source"].to_pylist(), table["document_id"].to_pylist(), strict=True)
    ]
    at = table.column_names.index("source")
    return table.set_column(at, table.schema.field("source"), pa.array(names, table.schema.field("source").type))


def _each(column: pa.ChunkedArray, holds: Callable[[str], bool]) -> pa.ChunkedArray:
    """Select rows by a test of their string; the test runs once for each different string."""
    strings = column.cast(pa.string())
    chosen = [value for value in strings.unique().to_pylist() if value is not None and holds(value)]
    return pc.is_in(strings, pa.array(chosen, pa.string()))


def _no(table: pa.Table) -> pa.ChunkedArray:
    return pc.is_null(table["source"].cast(pa.string()).fill_null(""))


def to_text(found: list[_Record]) -> str:
    """A line for `ocrmill status`; nothing if there are no records."""
    if not found:
        return ""
    documents = len({document for record in found for document in record.documents})
    sources = len({source for record in found for source in record.sources})
    return f"{documents:,} documents and {sources:,} sources, the last ones {found[-1].forgotten_at[:10]}"
