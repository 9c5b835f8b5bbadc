"""Changes to an output in several steps; after a kill between two steps the next writer finishes or undoes them.

An entry, `_journal/<name>.json`, is written before the first step and deleted after the last. Its change has happened
once all of its new files are visible; then only the files that they replace must be removed, which may be done twice.
`recover` does that, or undoes a change that has not happened. Only the owner of the lease writes or recovers entries.

Meanwhile our own readers see the rows of a merged shard once. A reader with a plain glob over the shards may see rows
twice for a moment, or find a shard missing; it never sees too few rows.
"""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import TypeAdapter

from ocrmill.pipeline.buckets.bucket import BucketError, BucketErrorCode
from ocrmill.pipeline.errors import FileGoneError, OutputError
from ocrmill.pipeline.output.changes.document_counts import recount
from ocrmill.pipeline.output.changes.drop_rows import drop_rows
from ocrmill.pipeline.output.forgotten import Forgetting, ShardName, carry_out
from ocrmill.pipeline.output.shard import read_shard
from ocrmill.pipeline.output.stores.store import JOURNAL, Store

KEYS: Mapping[str, tuple[str, ...]] = {"pages": ("document_id", "page_number"), "documents": ("document_id",)}
TRIES = 3  # of a reader whose shards are removed
_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True)
class Merge:
    """One shard replaces several, row for row."""

    new: ShardName
    old: tuple[ShardName, ...]


@dataclass(frozen=True, slots=True)
class Replacement:
    """Rows of the new shards replace rows with the same key in the old ones."""

    new: tuple[ShardName, ...]
    old: tuple[ShardName, ...]


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """All rows of some documents are removed: sources first, pages last."""

    documents: tuple[str, ...] = field(repr=False)
    old: tuple[ShardName, ...]  # the shards that may hold rows of them


@dataclass(frozen=True, slots=True)
class Rejudgement:
    """Rows of pages are judged again, shard by shard; then documents rows are counted again.

    After a kill only the count is finished. Pages that were not judged again stay as they were, which their rows say.
    """

    old: tuple[ShardName, ...]  # shards of documents
    fingerprints: dict[str, str]  # of settings: new ones by old ones


Change = Merge | Replacement | Withdrawal | Forgetting | Rejudgement
_ONLY_FORWARDS = Withdrawal | Forgetting | Rejudgement  # they write no new files, so they can only be finished
_KINDS = {
    "merge": Merge,
    "replacement": Replacement,
    "withdrawal": Withdrawal,
    "forgetting": Forgetting,
    "rejudgement": Rejudgement,
}


def begin(store: Store, name: str, change: Change) -> None:
    """Write the entry of a change, before its first step."""
    kind = next(kind for kind, cls in _KINDS.items() if isinstance(change, cls))
    store.write(_entry(name), json.dumps({"kind": kind, **asdict(change)}, indent=1).encode())


def finish(store: Store, name: str, change: Change) -> int:
    """Remove the files and rows that the new ones replace, and the entry; return the number of removed rows.

    Of a rejudgement, correct the documents rows, and return their number.
    """
    gone = 0
    if isinstance(change, Merge):
        for shard in change.old:
            store.delete(shard)
    elif isinstance(change, Replacement):
        for new in change.new:
            folder = new.partition("/")[0]
            old = [shard for shard in change.old if shard.startswith(f"{folder}/") and shard != new]
            gone += _drop_replaced(store, new, old, KEYS[folder])
    elif isinstance(change, Forgetting):
        gone = carry_out(store, name, change)
    elif isinstance(change, Rejudgement):
        gone = recount(store, change.old, shards(store, "pages"), change.fingerprints)
    else:
        ids = pa.array(change.documents, pa.string())
        for shard in change.old:
            gone += drop_rows(store, shard, partial(_of_documents, ids=ids))
    store.delete(_entry(name))
    return gone


def recover(store: Store) -> list[str]:
    """Finish or undo the changes of a killed writer, under the lease; return a sentence for each."""
    mended = []
    for entry, change in pending(store):
        name = entry.removeprefix(f"{JOURNAL}/").removesuffix(".json")
        if has_happened(store, change):
            finish(store, name, change)
            mended.append(f"finished a {_kind(change)} that was cut off ({name})")
            continue
        for shard in [change.new] if isinstance(change, Merge) else getattr(change, "new", ()):
            store.delete(shard)
        store.delete(entry)
        mended.append(f"undid a {_kind(change)} that was cut off ({name})")
    return mended


def shards(store: Store, folder: str) -> list[str]:
    """List the shards of a table so that each row is in one of them: a merged shard hides those that it replaces."""
    return _not_replaced(store, store.list(folder))


def shard_sizes(store: Store, folder: str) -> dict[str, int]:
    """Return the same shards with their sizes in bytes; in local folders each costs a system call."""
    sizes = store.sizes(folder)
    return {name: sizes[name] for name in _not_replaced(store, sizes)}


def _not_replaced(store: Store, names: Collection[str]) -> list[str]:
    """Leave out replaced shards. They were listed before this reads the journal: rows may be missed, never doubled."""
    hidden = {
        old for _, change in pending(store) if isinstance(change, Merge) and change.new in names for old in change.old
    }
    return [name for name in names if name not in hidden]


def read_again(read: Callable[[], _Read]) -> _Read:
    """Call a reader, again if shards were removed or replaced meanwhile.

    Raises:
        OcrmillError: the error of the last call.
    """
    for _ in range(TRIES - 1):
        try:
            return read()
        except FileGoneError:
            continue
        except BucketError as error:
            if error.code not in (BucketErrorCode.CHANGED, BucketErrorCode.NO_OBJECT):
                raise
    return read()


def pending(store: Store) -> Iterable[tuple[str, Change]]:
    """Yield the unfinished changes, each with the name of its entry.

    Raises:
        OutputError: An entry is not one of ours.
    """
    for entry in store.list(JOURNAL, ".json"):
        try:
            record = json.loads(store.read(entry))
            yield entry, TypeAdapter(_KINDS[record.pop("kind")]).validate_python(record)
        except FileGoneError:
            continue  # it was finished meanwhile
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise OutputError(
                f"{store.url}/{entry} is not one of ours ({error}): check it, and move it away if it is foreign"
            ) from error


def has_happened(store: Store, change: Change) -> bool:
    """Tell if all files that a change writes are visible, so that only the replaced ones must be removed."""
    if isinstance(change, _ONLY_FORWARDS):
        return True
    new = [change.new] if isinstance(change, Merge) else change.new
    return all(name in store.list(name.partition("/")[0]) for name in new)


def _drop_replaced(store: Store, new: str, old: Sequence[str], keys: tuple[str, ...]) -> int:
    replacing = keys_of(read_shard(store.file(new), new, keys), keys)
    return sum(drop_rows(store, shard, partial(has_key_among, keys=keys, wanted=replacing)) for shard in old)


def keys_of(table: pa.Table, keys: Sequence[str]) -> pa.ChunkedArray:
    """Return the key of each row as one string; null if a part of it is."""
    return pc.binary_join_element_wise(
        *(table[name].cast(pa.string()) for name in keys), "#", null_handling="emit_null"
    )


def has_key_among(table: pa.Table, keys: Sequence[str], wanted: pa.ChunkedArray) -> pa.ChunkedArray:
    """Tell of each row if its key is among those; a row without a key, as of an unreadable source, has none."""
    return pc.is_in(keys_of(table, keys), wanted.combine_chunks().drop_null())


def _of_documents(table: pa.Table, ids: pa.Array) -> pa.Array:
    return pc.is_in(table["document_id"].cast(pa.string()), ids)


def _entry(name: str) -> str:
    return f"{JOURNAL}/{name}.json"


def _kind(change: Change) -> str:
    return type(change).__name__.lower()
