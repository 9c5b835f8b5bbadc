"""Remove documents and sources from an output permanently, text and name, as a takedown request asks.

The rows are removed from every shard, also from those that a repair has set aside, and the names from the records of
runs. Every change goes through the journal, so the next command that writes finishes what a kill cut off.

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
from ocrmill.pipeline.printable import printable
from ocrmill.pipeline.redaction import redacted
from ocrmill.pipeline.sources.globs import ChoosingGlob
from ocrmill.pipeline.sources.uri import joined_uri, one_line, original, split_uri

SHORTEST_KEY = 8  # characters of a document's id that may stand for it; two of a million documents rarely share so many
MOST_GONE = 0.5  # share of all sources; if more are missing, a disk is not mounted or a bucket was renamed
NO_NAME = "(forgotten)"  # stands in records of runs in place of a name
SHOWN = 10


@dataclass(frozen=True, slots=True)
class ForgetQuery:
    """Names of what to forget: everything that one of them names."""

    sources: tuple[str, ...] = ()  # URIs and paths; a folder or an archive stands for all that lies in it
    documents: tuple[str, ...] = ()  # ids, or at least the first SHORTEST_KEY characters of one
    globs: tuple[str, ...] = ()  # matched against sources, as in input.include
    gone: bool = False  # sources that are missing now; they are read if they come back

    def is_empty(self) -> bool:
        """Tell if the query names nothing."""
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
    unknown: tuple[str, ...] = ()  # names that no row has; sources of such names will not be read

    def to_text(self) -> str:
        """Return the report, for people. No other place shows the names again."""
        would = "would forget" if self.dry_run else "forgot"
        more = len(self.sources) - SHOWN
        lines = [
            *self.mended,
            f"{would} {len(self.sources):,} sources and {self.documents:,} documents, {self.rows:,} rows",
            *(f"  {printable(uri)}" for uri in self.sources[:SHOWN]),
            *([f"  and {more:,} more"] if more > 0 else []),
            *(f"no row names {printable(name)}: is it written as `ocrmill inspect` shows it?" for name in self.unknown),
        ]
        if self.is_for_good and not self.dry_run:
            lines.append("no run reads them again (to undo that, delete the record in _forgotten/)")
        lines += [f"{name} cannot be opened and may hold text of them; delete it" for name in self.unreadable]
        return "".join(f"{line}\n" for line in lines)


@dataclass(frozen=True, slots=True)
class _Held:
    """The statements of an output about its sources."""

    places: Mapping[str, set[tuple[str, str]]]  # document -> the sources that hold it or held it, with their versions
    sources: frozenset[str]  # all that any row names
    unfinished: Mapping[str, set[str]]  # document without a sources row -> the sources that its rows name

    def names_only_of(self, documents: Collection[str]) -> set[str]:
        """Return the sources that hold these documents and never held another."""
        of_others = {uri for document, places in self.places.items() if document not in documents for uri, _ in places}
        theirs = {uri for document in documents for uri, _ in self.places.get(document, ())}
        return (theirs | {uri for document in documents for uri in self.unfinished.get(document, ())}) - of_others


def forget(store: Store, query: ForgetQuery, storage: StorageSettings, *, dry_run: bool = False) -> ForgetReport:
    """Remove the rows and names that match the query, and write a record that keeps them out.

    Raises:
        UsageError: Nothing matches a name, or too many sources are missing.
        LeaseHeldError: A run is writing there.
        OutputError: A shard cannot be read or written; the next command that writes finishes the change.
    """
    if dry_run:
        return _plan_change(store, query, storage)[1]
    with store.lease(LeaseOwner.current("forget")):
        mended = recover(store)
        change, report = _plan_change(store, query, storage)
        if not change.sources and not change.documents:
            return replace(report, dry_run=False, mended=tuple(mended))
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}-forgetting"
        _remove_names(store, report.sources)
        begin(store, name, change)
        finish(store, name, change)
        return replace(report, dry_run=False, mended=tuple(mended), unreadable=tuple(unreadable_leftovers(store)))


def _plan_change(store: Store, query: ForgetQuery, storage: StorageSettings) -> tuple[Forgetting, ForgetReport]:
    """Find the rows to remove, the rows that only lose a name, and the shards that hold them."""
    held = _read_holdings(store)
    forms = {name: _name_forms(name) for name in query.sources}
    named = set().union(*forms.values())
    chosen = _matching_sources(held, query, named, storage)
    blocked = {document for prefix in query.documents for document in _matching_documents(held, prefix)}
    documents = blocked | {document for document, uris in held.unfinished.items() if uris & chosen}
    left = {}
    for document, places in held.places.items():
        stays = sorted(uri for uri, _ in places if uri not in chosen)
        if not stays:
            documents.add(document)
        elif len(stays) < len(places) and document not in documents:
            left[document] = stays[0]
    if not chosen and not documents and not named and query != ForgetQuery(gone=True):
        raise UsageError(f"{store.url}: nothing matches; `ocrmill inspect` shows what it holds")
    change = Forgetting(
        documents=tuple(sorted(documents)),
        blocked=tuple(sorted(blocked)),
        sources=tuple(sorted(map(hash_of, chosen | named))),
        versions=tuple(sorted({hash_of(*place) for document in blocked for place in held.places.get(document, ())})),
        named=left,
        old=(),
        is_for_good=not query.gone,
    )
    touched = dict(_affected_shards(store, change))
    names = tuple(sorted(chosen | held.names_only_of(documents)))
    unknown = tuple(name for name, its_forms in forms.items() if not _named_or_inside(held.sources, its_forms))
    rows = sum(touched.values())
    report = ForgetReport(names, len(documents), rows, is_for_good=change.is_for_good, unknown=unknown)
    return replace(change, old=tuple(touched)), report


def _read_holdings(store: Store) -> _Held:
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


def _matching_sources(held: _Held, query: ForgetQuery, named: Collection[str], storage: StorageSettings) -> set[str]:
    """Return the sources that a query names."""
    globs = [ChoosingGlob.parse(text) for text in query.globs]
    chosen = _named_or_inside(held.sources, named) | {uri for uri in held.sources if _matches(uri, globs)}
    if query.gone:
        gone = set(_missing_sources(held.sources, storage))
        if len(gone) > MOST_GONE * len(held.sources):
            raise UsageError(
                f"{len(gone):,} of {len(held.sources):,} sources are missing. Is a disk not mounted, or was a folder "
                "moved? If they are really gone, name them with --source or --glob"
            )
        chosen |= gone
    return chosen


def _named_or_inside(uris: Collection[str], named: Collection[str]) -> set[str]:
    inside = tuple(f"{name}{sign}" for name in named for sign in "/!#")
    return {uri for uri in uris if uri in named or uri.startswith(inside)}


def _matches(uri: str, globs: Sequence[ChoosingGlob]) -> bool:
    where = split_uri(uri)
    place, member = (where.archive, where.member) if where else (uri, "")
    return any(glob.matches(place, "", member) for glob in globs)


def _missing_sources(uris: Iterable[str], storage: StorageSettings) -> Iterator[str]:
    """Yield the sources whose file or object is missing now; web servers are not asked.

    The members of a missing archive are missing, too.
    """
    there: dict[str, bool] = {}
    for uri in uris:
        where = split_uri(uri)
        place = where.archive if where else original(uri)
        if place not in there:
            there[place] = _exists(place, storage)
        if not there[place]:
            yield uri


def _exists(place: str, storage: StorageSettings) -> bool:
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


def _name_forms(name: str) -> set[str]:
    """Return the forms that a name may have in rows: a URL, or an absolute path, with or without escapes."""
    if URL.match(name):
        return {redacted(name).rstrip("/"), one_line(redacted(name)).rstrip("/")}
    where = split_uri(name)
    if where is not None:
        return {joined_uri(replace(where, archive=os.path.abspath(where.archive)))}  # noqa: PTH100
    path = os.path.abspath(name)  # noqa: PTH100 - as in discovery
    return {path, one_line(path)}


def _matching_documents(held: _Held, prefix: str) -> set[str]:
    """Return the document of an id or of its beginning; a whole id need not be in the output."""
    if re.fullmatch(r"[0-9a-f]{64}", prefix):
        return {prefix}
    known = {*held.places, *held.unfinished}
    found = {document for document in known if len(prefix) >= SHORTEST_KEY and document.startswith(prefix)}
    if len(found) != 1:
        raise UsageError(
            f"--document {prefix}: {len(found):,} documents have an id that begins so; give at least {SHORTEST_KEY} "
            "characters of one, as `ocrmill inspect` shows them"
        )
    return found


def rows_left(store: Store) -> int:
    """Count the rows of forgotten sources and documents: old shards were restored, or an older ocrmill wrote them."""
    forgotten = read_forgotten(store)
    if not forgotten.documents and not forgotten.sources:
        return 0
    change = Forgetting(tuple(forgotten.documents), (), tuple(forgotten.sources), (), {}, ())
    return sum(rows for _, rows in _affected_shards(store, change))


def _affected_shards(store: Store, change: Forgetting) -> Iterator[tuple[str, int]]:
    """Yield the shards that change and the number of rows to remove: sources first, pages last, as in a withdrawal."""
    for folder in ("sources", "documents", "pages"):
        columns = ["source", "document_id", *(["supersedes"] if folder == "documents" else [])]
        for name in shards(store, folder):
            table = read_shard(store.file(name), name, columns)
            kept = without(table, folder, change)
            if kept is not table:
                yield name, len(table) - len(kept)


def _remove_names(store: Store, names: Collection[str]) -> None:
    """Replace names by NO_NAME in other rows and in the records of runs."""
    forms = {form for name in names for form in (name, original(name))}
    if not forms:
        return
    mention = re.compile("|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True)))
    for name in store.list("runs", ".json"):
        text = store.read(name).decode(errors="replace")
        try:
            record = _without_names(json.loads(text), forms, mention)
        except ValueError:
            record = mention.sub(NO_NAME, text)
        cleaned = record if isinstance(record, str) else json.dumps(record, indent=1)
        if cleaned != text:
            store.write(name, cleaned.encode())
    for folder, columns in (("documents", ("detail", "warnings")), ("pages", ("detail",))):
        for name in shards(store, folder):
            _clean_columns(store, name, columns, mention)


def _without_names(value: Any, forms: Collection[str], mention: re.Pattern[str]) -> Any:
    """Return a value of a record without the names; inputs may be relative to the folder where the run began."""
    if isinstance(value, dict):
        return {key: _without_names(each, forms, mention) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_names(each, forms, mention) for each in value]
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
