"""Take documents and sources out of an output, text and name, for good: what a takedown request asks for.

The rows go from every shard, also from those that a repair has set aside, and the names from the records of runs. What
is done goes through the journal, so that a kill at any moment is mended by the next command that writes.

Not covered: copies elsewhere, such as exports, HTML views, and the old versions that a versioned bucket keeps.
"""

import json
import os
import re
import secrets
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from ocrmill.configs.settings import StorageSettings
from ocrmill.pipeline.buckets.bucket import BucketError, BucketErrorCode, BucketUrl
from ocrmill.pipeline.buckets.connect import open_bucket
from ocrmill.pipeline.errors import UsageError
from ocrmill.pipeline.output.forgotten import Forgetting, hash_of, read_forgotten, unreadable_leftovers, without
from ocrmill.pipeline.output.journal import begin, finish, recover, shards
from ocrmill.pipeline.output.shard import encode_shard, open_shard, read_shard
from ocrmill.pipeline.output.stores.store import URL, LeaseOwner, Store
from ocrmill.pipeline.redaction import redacted
from ocrmill.pipeline.sources.globs import ChoosingGlob
from ocrmill.pipeline.sources.uri import joined_uri, one_line, original, split_uri

SHORTEST_KEY = 8  # characters of a document's id that may stand for it: two of a million documents share so many rarely
MOST_GONE = 0.5  # of all sources: if more are missing, a disk is not mounted or a bucket was renamed
NO_NAME = "(forgotten)"  # what records of runs say in the place of a name
SHOWN = 10


@dataclass(frozen=True, slots=True)
class ForgetQuery:
    """Names of what to forget: everything that one of them names."""

    sources: tuple[str, ...] = ()  # URIs and paths; of a folder or an archive all that lies in it
    documents: tuple[str, ...] = ()  # ids, or the first SHORTEST_KEY and more characters of one
    globs: tuple[str, ...] = ()  # over sources, as in input.include
    gone: bool = False  # sources that are not there any more; they are read if they come back

    def is_empty(self) -> bool:
        """Return True if it names nothing."""
        return not (self.sources or self.documents or self.globs or self.gone)


@dataclass(frozen=True, slots=True)
class ForgetReport:
    """Report of what was forgotten, or would be."""

    sources: tuple[str, ...]
    documents: int
    rows: int
    dry_run: bool = True
    mended: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    is_for_good: bool = True

    def to_text(self) -> str:
        """The report, for people. The only place where the names stand once more."""
        would = "would forget" if self.dry_run else "forgot"
        more = len(self.sources) - SHOWN
        lines = [
            *self.mended,
            f"{would} {len(self.sources):,} sources and {self.documents:,} documents, {self.rows:,} rows",
            *(f"  {one_line(uri)}" for uri in self.sources[:SHOWN]),
            *([f"  and {more:,} more"] if more > 0 else []),
        ]
        if self.is_for_good and not self.dry_run:
            lines.append("they are not read again (to undo that, delete the record in _forgotten/)")
        lines += [f"cannot be opened, and may hold text of them; delete it: {name}" for name in self.unreadable]
        return "".join(f"{line}\n" for line in lines)


@dataclass(frozen=True, slots=True)
class _Held:
    """The statements of an output about its sources."""

    places: Mapping[str, set[tuple[str, str]]]  # document -> the sources that hold it or held it, with their versions
    sources: frozenset[str]  # all that any row names
    unfinished: Mapping[str, set[str]]  # document without a sources row -> the sources that its rows name

    def names_only_of(self, documents: Collection[str]) -> set[str]:
        """The sources that hold these documents, and never held another."""
        of_others = {uri for document, places in self.places.items() if document not in documents for uri, _ in places}
        theirs = {uri for document in documents for uri, _ in self.places.get(document, ())}
        return (theirs | {uri for document in documents for uri in self.unfinished.get(document, ())}) - of_others


def forget(store: Store, query: ForgetQuery, storage: StorageSettings, *, dry_run: bool = False) -> ForgetReport:
    """Take rows and names of what the query names out of an output, and leave a record that keeps it out.

    Raises:
        UsageError: Nothing matches, or too many sources are gone.
        LeaseHeldError: A run is writing there.
        OutputError: A shard cannot be read or written; the next command that writes goes on.
    """
    if dry_run:
        return _planned(store, query, storage)[1]
    with store.lease(LeaseOwner.current("forget")):
        mended = recover(store)
        change, report = _planned(store, query, storage)
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}-forgetting"
        _take_out_names(store, report.sources)
        begin(store, name, change)
        finish(store, name, change)
        return replace(report, dry_run=False, mended=tuple(mended), unreadable=tuple(unreadable_leftovers(store)))


def _planned(store: Store, query: ForgetQuery, storage: StorageSettings) -> tuple[Forgetting, ForgetReport]:
    """Find what goes, what only loses a name, and which shards that concerns."""
    held = _read_held(store)
    named = {form for name in query.sources for form in _forms(name)}
    chosen = _chosen(held, query, named, storage)
    blocked = {document for prefix in query.documents for document in _documents(held, prefix)}
    documents = blocked | {document for document, uris in held.unfinished.items() if uris & chosen}
    left = {}
    for document, places in held.places.items():
        stays = sorted(uri for uri, _ in places if uri not in chosen)
        if not stays:
            documents.add(document)
        elif len(stays) < len(places) and document not in documents:
            left[document] = stays[0]
    if not chosen and not documents and not named:
        raise UsageError(f"{store.url}: nothing there matches; `ocrmill inspect` shows what it holds")
    change = Forgetting(
        documents=tuple(sorted(documents)),
        blocked=tuple(sorted(blocked)),
        sources=tuple(sorted(map(hash_of, chosen | named))),
        versions=tuple(sorted({hash_of(*place) for document in blocked for place in held.places.get(document, ())})),
        named=left,
        old=(),
        is_for_good=not query.gone,
    )
    touched = dict(_touched(store, change))
    names = tuple(sorted(chosen | held.names_only_of(documents)))
    report = ForgetReport(names, len(documents), sum(touched.values()), is_for_good=change.is_for_good)
    return replace(change, old=tuple(touched)), report


def _read_held(store: Store) -> _Held:
    places: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
    columns = ["source", "source_version", "document_id"]
    sources = set()
    for name in shards(store, "sources"):
        for row in read_shard(store.file(name), name, columns).to_pylist():
            sources.add(row["source"])
            if row["document_id"] is not None:
                places[row["document_id"]].add((row["source"], row["source_version"]))
    unfinished: defaultdict[str, set[str]] = defaultdict(set)
    for folder in ("documents", "pages"):
        for name in shards(store, folder):
            table = read_shard(store.file(name), name, ["document_id", "source"])
            for row in table.group_by(["document_id", "source"]).aggregate([]).to_pylist():
                sources.add(row["source"])
                if row["document_id"] is not None and row["document_id"] not in places:
                    unfinished[row["document_id"]].add(row["source"])
    return _Held(places, frozenset(sources), unfinished)


def _chosen(held: _Held, query: ForgetQuery, named: Collection[str], storage: StorageSettings) -> set[str]:
    """The sources that a query names."""
    globs = [ChoosingGlob.parse(text) for text in query.globs]
    inside = tuple(f"{name}{sign}" for name in named for sign in "/!#")
    chosen = {uri for uri in held.sources if uri in named or uri.startswith(inside) or _matches(uri, globs)}
    if query.gone:
        gone = set(_gone(held.sources, storage))
        if len(gone) > MOST_GONE * len(held.sources):
            raise UsageError(
                f"{len(gone):,} of {len(held.sources):,} sources are not there. Is a disk not mounted, or was a folder "
                "moved? If they are really gone, name them with --source or --glob"
            )
        chosen |= gone
    return chosen


def _matches(uri: str, globs: Sequence[ChoosingGlob]) -> bool:
    where = split_uri(uri)
    place, member = (where.archive, where.member) if where else (uri, "")
    return any(glob.matches(place, "", member) for glob in globs)


def _gone(uris: Iterable[str], storage: StorageSettings) -> Iterator[str]:
    """The sources whose file or object is not there any more; what the web holds is not asked for.

    An archive's members go with the archive.
    """
    there: dict[str, bool] = {}
    for uri in uris:
        where = split_uri(uri)
        place = where.archive if where else original(uri)
        if place not in there:
            there[place] = _is_there(place, storage)
        if not there[place]:
            yield uri


def _is_there(place: str, storage: StorageSettings) -> bool:
    bucket = BucketUrl.parse(place)
    if bucket is None:
        return URL.match(place) is not None or os.path.lexists(place)
    try:
        open_bucket(bucket, storage).head(bucket.key)
    except BucketError as error:
        if error.code is not BucketErrorCode.NO_OBJECT:
            raise
        return False
    return True


def _forms(name: str) -> set[str]:
    """Return the names in rows for what a person names: an address, or a path from here, with or without escapes."""
    if URL.match(name):
        return {redacted(name).rstrip("/"), one_line(redacted(name)).rstrip("/")}
    where = split_uri(name)
    if where is not None:
        return {joined_uri(replace(where, archive=os.path.abspath(where.archive)))}  # noqa: PTH100
    path = os.path.abspath(name)  # noqa: PTH100 - as in discovery
    return {path, one_line(path)}


def _documents(held: _Held, prefix: str) -> set[str]:
    """The document of an id or of its beginning; a whole id need not be known."""
    if re.fullmatch(r"[0-9a-f]{64}", prefix):
        return {prefix}
    known = {*held.places, *held.unfinished}
    found = {document for document in known if len(prefix) >= SHORTEST_KEY and document.startswith(prefix)}
    if len(found) != 1:
        raise UsageError(
            f"--document {prefix}: {len(found):,} documents have an id that begins so; give {SHORTEST_KEY} or more "
            "characters of one, as `ocrmill inspect` shows them"
        )
    return found


def rows_left(store: Store) -> int:
    """Count the rows that name what was forgotten: old shards that were brought back, or an older version's writes."""
    forgotten = read_forgotten(store)
    if not forgotten.documents and not forgotten.sources:
        return 0
    change = Forgetting(tuple(forgotten.documents), (), tuple(forgotten.sources), (), {}, ())
    return sum(rows for _, rows in _touched(store, change))


def _touched(store: Store, change: Forgetting) -> Iterator[tuple[str, int]]:
    """The shards that change, with the number of rows that go: of sources first, of pages last, as in a withdrawal."""
    for folder in ("sources", "documents", "pages"):
        columns = ["source", "document_id", *(["supersedes"] if folder == "documents" else [])]
        for name in shards(store, folder):
            table = read_shard(store.file(name), name, columns)
            kept = without(table, folder, change)
            if kept is not table:
                yield name, len(table) - len(kept)


def _take_out_names(store: Store, names: Collection[str]) -> None:
    """Put NO_NAME in the place of names where other rows and the records of runs mention them."""
    forms = {form for name in names for form in (name, original(name))}
    if not forms:
        return
    mention = re.compile("|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True)))
    for name in store.list("runs", ".json"):
        text = store.read(name).decode(errors="replace")
        try:
            record = _cleaned(json.loads(text), forms, mention)
        except ValueError:
            record = mention.sub(NO_NAME, text)
        cleaned = record if isinstance(record, str) else json.dumps(record, indent=1)
        if cleaned != text:
            store.write(name, cleaned.encode())
    for folder, columns in (("documents", ("detail", "warnings")), ("pages", ("detail",))):
        for name in shards(store, folder):
            _clean_columns(store, name, columns, mention)


def _cleaned(value: Any, forms: Collection[str], mention: re.Pattern[str]) -> Any:
    """A value of a record without the names; inputs may be paths from the folder in which the run was started."""
    if isinstance(value, dict):
        return {key: _cleaned(each, forms, mention) for key, each in value.items()}
    if isinstance(value, list):
        return [_cleaned(each, forms, mention) for each in value]
    if not isinstance(value, str):
        return value
    return NO_NAME if not URL.match(value) and os.path.abspath(value) in forms else mention.sub(NO_NAME, value)  # noqa: PTH100


def _clean_columns(store: Store, name: str, columns: Sequence[str], mention: re.Pattern[str]) -> None:
    table = read_shard(store.file(name), name, columns)
    texts = {column: table[column].to_pylist() for column in columns}
    cleaned = {column: [text and mention.sub(NO_NAME, text) for text in values] for column, values in texts.items()}
    if cleaned == texts:
        return
    with open_shard(store.file(name), name) as parquet:
        table = parquet.read()
    for column, values in cleaned.items():
        at = table.column_names.index(column)
        table = table.set_column(at, table.schema.field(column), pa.array(values, table.schema.field(column).type))
    store.write(name, encode_shard(table.unify_dictionaries()))
