"""Changes to an output that take several steps, so that a kill between two of them is mended by the next writer.

An entry, `_journal/<name>.json`, is written before the first step and deleted after the last. Its change has happened
once all files that it writes are visible; what is left then is taking away what they replace, which may be done twice.
`recover` goes on from there, or undoes what came before. Only the holder of the lease writes or recovers entries.

Between the two our own readers see a merged shard only once. Whoever reads the shards by a plain glob may see rows
twice for that moment, or meet a shard that is gone; never too few rows.
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
from ocrmill.pipeline.output.drop_rows import drop_rows
from ocrmill.pipeline.output.forgotten import Forgetting, ShardName, carry_out
from ocrmill.pipeline.output.shard import read_shard
from ocrmill.pipeline.output.stores.store import JOURNAL, Store

KEYS: Mapping[str, tuple[str, ...]] = {"pages": ("document_id", "page_number"), "documents": ("document_id",)}
TRIES = 3  # of a reader whose shards are taken away
_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True)
class Merge:
    """One shard takes the place of several, row for row."""

    new: ShardName
    old: tuple[ShardName, ...]


@dataclass(frozen=True, slots=True)
class Replacement:
    """Rows of the new shards take the place of those of the same key in the old ones."""

    new: tuple[ShardName, ...]
    old: tuple[ShardName, ...]


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """All rows of some documents go: of their sources first, of their pages last."""

    documents: tuple[str, ...] = field(repr=False)
    old: tuple[ShardName, ...]  # the shards that may hold rows of them


Change = Merge | Replacement | Withdrawal | Forgetting
_KINDS = {"merge": Merge, "replacement": Replacement, "withdrawal": Withdrawal, "forgetting": Forgetting}


def begin(store: Store, name: str, change: Change) -> None:
    """Say what is about to be done; nothing of it has been done yet."""
    kind = next(kind for kind, cls in _KINDS.items() if isinstance(change, cls))
    store.write(_entry(name), json.dumps({"kind": kind, **asdict(change)}, indent=1).encode())


def finish(store: Store, name: str, change: Change) -> int:
    """Take away what the new files replace, and the entry; gives the number of rows that went."""
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
    else:
        ids = pa.array(change.documents, pa.string())
        for shard in change.old:
            gone += drop_rows(store, shard, partial(_of_documents, ids=ids))
    store.delete(_entry(name))
    return gone


def recover(store: Store) -> list[str]:
    """Finish or undo what a killed writer left half-done; gives a sentence for each. To be called under the lease."""
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
    """The shards of a table, each row in one of them: a merged one hides those that it replaces."""
    return _not_replaced(store, store.list(folder))


def shard_sizes(store: Store, folder: str) -> dict[str, int]:
    """Yield the same with their sizes in bytes; in local folders each costs a call."""
    sizes = store.sizes(folder)
    return {name: sizes[name] for name in _not_replaced(store, sizes)}


def _not_replaced(store: Store, names: Collection[str]) -> list[str]:
    """Of shards that were listed before this reads the journal: what a later step takes away is missed, not doubled."""
    hidden = {
        old for _, change in pending(store) if isinstance(change, Merge) and change.new in names for old in change.old
    }
    return [name for name in names if name not in hidden]


def read_again(read: Callable[[], _Read]) -> _Read:
    """Call a reader; once more if shards were taken away or replaced under it.

    Raises:
        OcrmillError: what the reader raises, the last time.
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
    """The changes that are begun and not finished, each with the name of its entry.

    Raises:
        OutputError: An entry is not one of ours.
    """
    for entry in store.list(JOURNAL, ".json"):
        try:
            record = json.loads(store.read(entry))
            yield entry, TypeAdapter(_KINDS[record.pop("kind")]).validate_python(record)
        except FileGoneError:
            continue  # it was finished while we looked
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise OutputError(
                f"{store.url}/{entry} is not one of ours ({error}): look at it, and move it away if it is foreign"
            ) from error


def has_happened(store: Store, change: Change) -> bool:
    """Tell if all files that a change writes are visible, so that only what they replace is left to be taken away."""
    if isinstance(change, Withdrawal | Forgetting):
        return True  # it writes nothing, so it can only go forwards
    new = [change.new] if isinstance(change, Merge) else change.new
    return all(name in store.list(name.partition("/")[0]) for name in new)


def _drop_replaced(store: Store, new: str, old: Sequence[str], keys: tuple[str, ...]) -> int:
    replacing = _keys(read_shard(store.file(new), new, keys), keys)
    return sum(drop_rows(store, shard, partial(_with_keys, keys=keys, wanted=replacing)) for shard in old)


def _keys(table: pa.Table, keys: Sequence[str]) -> pa.ChunkedArray:
    """The key of each row as one string."""
    return pc.binary_join_element_wise(
        *(table[name].cast(pa.string()) for name in keys), "#", null_handling="emit_null"
    )


def _with_keys(table: pa.Table, keys: Sequence[str], wanted: pa.ChunkedArray) -> pa.Array:
    return pc.is_in(_keys(table, keys), wanted.combine_chunks().drop_null())


def _of_documents(table: pa.Table, ids: pa.Array) -> pa.Array:
    return pc.is_in(table["document_id"].cast(pa.string()), ids)


def _entry(name: str) -> str:
    return f"{JOURNAL}/{name}.json"


def _kind(change: Change) -> str:
    return type(change).__name__.lower()
