"""Pages and documents that match a query, as text that is safe to print.

Two passes: the first reads and sorts the keys of all matching pages, without their texts; the second reads the rows,
`ROWS_AT_ONCE` at a time. Memory: about 200 bytes for each page that matches (with a limit: for `limit` pages of each
shard), and the row groups of `ROWS_AT_ONCE` rows, one after the other.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from packaging.version import InvalidVersion, Version

from ocrmill.pipeline.errors import UsageError
from ocrmill.pipeline.measures import RepetitionMeasures
from ocrmill.pipeline.output.catalogue import read_catalogue
from ocrmill.pipeline.output.journal import shards
from ocrmill.pipeline.output.schema import PAGE_COUNTS, WORD
from ocrmill.pipeline.output.shard import open_shard, read_row_group, read_shard
from ocrmill.pipeline.output.stores.store import Store
from ocrmill.pipeline.printable import printable, printable_line
from ocrmill.pipeline.records import Reason, Status

ROWS_AT_ONCE = 256
EXCERPT_CHARACTERS = 160
LINE_CHARACTERS = 300
SHOWN_ID = 12  # hex digits that are shown of a document_id
SHOWN_WORD = 60
SHORTEST_ID = 4  # hex digits that count as the start of a document_id, as in git

_ORDER = [("source", "ascending"), ("page_number", "ascending"), ("document_id", "ascending")]
_KEYS = ("source", "page_number", "document_id")
_TEXTS = ("detail", "markdown", "raw")
_MEASURES = tuple(RepetitionMeasures.__slots__)
_SUMMARY = (*_KEYS, "page_count", "status", "reason", "detail", "route_reason", "flags", "markdown", *_MEASURES)
_DOCUMENT = ("document_id", "source", "status", "reason", "detail", "page_count", "bytes", *PAGE_COUNTS.values())


@dataclass(frozen=True, slots=True)
class PageQuery:
    """A choice of pages; all conditions hold at once, and none means all pages."""

    flagged: bool = False
    failed: bool = False
    status: str | None = None
    reason: str | None = None
    document: str | None = None  # the start of a document_id, or a part of any source that holds the document
    page_number: int | None = None
    older_than: Version | None = None  # rows that an earlier ocrmill wrote; the first release did not store its version

    def __post_init__(self) -> None:
        """Refuse a status or reason that no row can have.

        Raises:
            UsageError: it is misspelt; the text lists the valid ones.
        """
        _check_word("status", self.status, Status)
        _check_word("reason", self.reason, Reason)


def _check_word(what: str, word: str | None, known: type[StrEnum]) -> None:
    if word is not None and word not in set(known):
        near = get_close_matches(word, list(known), n=1)
        guess = f"; did you mean {near[0]}?" if near else "."
        raise UsageError(
            f"{printable_line(word, SHOWN_WORD)}: no row has this {what}{guess} There are: {', '.join(known)}"
        )


@dataclass(frozen=True, slots=True)
class PageSummary:
    """A page in one line. Every text is safe to print and has no line feed."""

    document_id: str
    source: str
    page_number: int
    page_count: int
    status: str
    reason: str | None
    detail: str | None  # its first line
    route_reason: str | None
    flags: tuple[str, ...]
    characters: int  # of the Markdown
    measures: RepetitionMeasures | None
    excerpt: str  # the beginning of the Markdown

    def to_text(self) -> str:
        """Return the page as one line; empty parts are left out."""
        parts = [
            self.document_id[:SHOWN_ID],
            f"{self.source} {self.page_number}/{self.page_count}",
            _with_reason(self.status, self.reason, self.detail),
            self.route_reason,
            ", ".join(self.flags),
            _measured(self.measures) if self.flags and self.measures else None,
            f"{self.characters} characters",
            self.excerpt,
        ]
        return "  ".join(filter(None, parts))


@dataclass(frozen=True, slots=True)
class PageDetail:
    """A whole row, as column names and values in the order of the file. Every text is whole, and safe to print."""

    columns: tuple[tuple[str, str], ...]  # those that are null are left out

    @staticmethod
    def is_long(name: str) -> bool:
        """Tell if a column holds a text that stands below its name."""
        return name in _TEXTS

    def to_text(self) -> str:
        """Return a line for each short column, then each long text below its name."""
        long = [f"\n{name}:\n{value}" for name, value in self.columns if name in _TEXTS]
        return "\n".join([*(f"{name}: {value}" for name, value in self.columns if name not in _TEXTS), *long])


@dataclass(frozen=True, slots=True)
class DocumentSummary:
    """A document without pages. Every text is safe to print and has no line feed."""

    document_id: str | None
    source: str
    status: str
    reason: str | None
    detail: str | None
    page_count: int | None
    bytes: int

    def to_text(self) -> str:
        """The document as one line."""
        name = self.document_id[:SHOWN_ID] if self.document_id else "-" * SHOWN_ID
        return f"{name}  {self.source}  document {_with_reason(self.status, self.reason, self.detail)}"


@dataclass(frozen=True, slots=True)
class _Held:
    """The documents that a query is about, as the catalogue has them."""

    now: pa.Array  # a source that the query names holds them
    left_out: pa.Array  # no source holds them, or no longer one that the query names


def select_pages(store: Store, query: PageQuery, limit: int | None = None) -> Iterator[PageSummary]:
    """Read the matching pages of the whole output by (source, page_number); with a limit, the first ones.

    Raises:
        OutputError: A shard cannot be read.
    """
    return (_page_summary(row) for row in select_rows(store, query, limit, _SUMMARY))


def select_details(store: Store, query: PageQuery, limit: int | None = None) -> Iterator[PageDetail]:
    """Read the matching pages in the same order, with all columns."""
    return (_page_detail(row) for row in select_rows(store, query, limit, None))


def select_documents(store: Store, query: PageQuery, limit: int | None = None) -> Iterator[DocumentSummary]:
    """Read the matching documents without pages (`password_required`, `damaged` ...), by source.

    Raises:
        OutputError: A shard cannot be read.
    """
    return (_document_summary(row) for row in document_rows(store, query, limit))


def document_rows(store: Store, query: PageQuery, limit: int | None = None) -> Iterator[dict[str, Any]]:
    """Read the rows of the matching documents without pages, by source."""
    if query.flagged or query.page_number is not None:
        return
    held = _find_held(store, query)
    tables = []
    for name in shards(store, "documents"):
        table = read_shard(store.file(name), name, [*_DOCUMENT, "ocrmill_version"])
        pages = [pc.equal(pc.fill_null(table[column], 0), 0) for column in PAGE_COUNTS.values()]
        found = table.filter(_all_of([*pages, *_conditions(table, query, held)], len(table)))
        tables.append(found.select(_DOCUMENT))
    if tables:
        rows = pa.concat_tables(tables).sort_by([("source", "ascending"), ("document_id", "ascending")])
        yield from rows.slice(0, limit).to_pylist()


def select_rows(
    store: Store, query: PageQuery, limit: int | None, columns: Sequence[str] | None
) -> Iterator[dict[str, Any]]:
    """Read the rows of the matching pages, in the same order: these columns, or all."""
    keys = page_keys(store, query, limit)
    for start in range(0, len(keys), ROWS_AT_ONCE):
        yield from _read_rows(store, keys.slice(start, ROWS_AT_ONCE), columns)


def page_keys(store: Store, query: PageQuery, limit: int | None = None) -> pa.Table:
    """Find pages that match, sorted by (source, page_number): `document_id`, `page_number`, `shard`, and `row` in it.

    Raises:
        OutputError: A shard cannot be read.
    """
    held = _find_held(store, query)
    tables = []
    for name in shards(store, "pages"):
        table = read_shard(store.file(name), name, [*_KEYS, *_columns_of(query)])
        rows = pc.indices_nonzero(_all_of(_conditions(table, query, held), len(table)))
        keys = table.select(_KEYS).take(rows).append_column("row", rows.cast(pa.int64()))
        keys = keys.append_column("shard", pa.array([name] * len(keys), WORD))
        tables.append(keys if limit is None else keys.sort_by(_ORDER).slice(0, limit))
    if not tables:
        return pa.table({"row": pa.array([], pa.int64())})
    return pa.concat_tables(tables).sort_by(_ORDER).slice(0, limit)


def _columns_of(query: PageQuery) -> list[str]:
    wanted = {
        "status": query.failed or query.status,
        "reason": query.reason,
        "flags": query.flagged,
        "ocrmill_version": query.older_than,
    }
    return [name for name, value in wanted.items() if value]


def _conditions(table: pa.Table, query: PageQuery, held: _Held) -> Iterator[pa.ChunkedArray]:
    """Yield an array of booleans or nulls for each condition."""
    stays = pc.invert(pc.is_in(table["document_id"], value_set=held.left_out))
    if query.document is None:
        yield stays
    if query.failed:
        yield pc.equal(table["status"].cast(pa.string()), "failed")
    if query.status is not None:
        yield pc.equal(table["status"].cast(pa.string()), query.status)
    if query.reason is not None:
        yield pc.equal(table["reason"].cast(pa.string()), query.reason)
    if query.flagged:
        yield pc.greater(pc.list_value_length(table["flags"]), 0)
    if query.page_number is not None:
        yield pc.equal(table["page_number"], query.page_number)
    if query.older_than is not None:
        yield _is_older(table["ocrmill_version"], query.older_than)
    if query.document is not None:
        named = pc.and_(pc.match_substring(table["source"], query.document), stays)
        found = pc.or_(named, pc.is_in(table["document_id"], value_set=held.now))
        if len(query.document) >= SHORTEST_ID:
            begins = pc.starts_with(table["document_id"], query.document.lower())
            found = pc.or_(found, pc.fill_null(begins, fill_value=False))
        yield found


def _is_older(versions: pa.ChunkedArray, than: Version) -> pa.ChunkedArray:
    """Select rows with a lower version, or none: the first release wrote those."""
    words = versions.cast(pa.string())
    older = [word for word in words.unique().drop_null().to_pylist() if _version(word) < than]
    return pc.or_(pc.is_null(words), pc.is_in(words, pa.array(older, pa.string())))


def _version(word: str) -> Version:
    try:
        return Version(word)
    except InvalidVersion:  # a build with a version of its own; nothing shows that it is newer
        return Version("0")


def _all_of(conditions: Sequence[pa.ChunkedArray] | Iterator[pa.ChunkedArray], rows: int) -> pa.ChunkedArray:
    """Select rows for which all conditions hold; null does not."""
    mask = pa.chunked_array([pa.repeat(True, rows)])
    for condition in conditions:
        mask = pc.and_(mask, pc.fill_null(condition, fill_value=False))
    return mask


def _find_held(store: Store, query: PageQuery) -> _Held:
    """Look up which documents sources hold: a document's rows name only the first of its sources."""
    catalogue = read_catalogue(store)
    if query.document is None:
        return _Held(pa.array([], pa.string()), catalogue.superseded())
    return _Held(*catalogue.named(query.document))


def _read_rows(store: Store, keys: pa.Table, columns: Sequence[str] | None) -> list[dict[str, Any]]:
    """Read the rows at these places, in this order."""
    shards = keys["shard"].cast(pa.string()).to_pylist()
    places = keys["row"].to_numpy()
    rows: dict[int, dict[str, Any]] = {}
    for name in dict.fromkeys(shards):
        positions = [position for position, shard in enumerate(shards) if shard == name]
        with open_shard(store.file(name), name) as parquet:
            rows.update(zip(positions, _rows_at(parquet, name, places[positions], columns), strict=True))
    return [rows[position] for position in range(len(keys))]


def _rows_at(parquet: pq.ParquetFile, name: str, rows: Any, columns: Sequence[str] | None) -> list[dict[str, Any]]:
    """Read these rows of a shard, one row group at a time and only the groups that hold some."""
    sizes = [parquet.metadata.row_group(group).num_rows for group in range(parquet.num_row_groups)]
    ends = np.cumsum(sizes)
    groups = np.searchsorted(ends, rows, side="right")
    found: dict[int, dict[str, Any]] = {}
    for group in np.unique(groups).tolist():
        positions = np.flatnonzero(groups == group)
        table = read_row_group(parquet, name, group, columns)
        inside = table.take(pa.array(rows[positions] - (ends[group] - sizes[group])))
        found.update(zip(positions.tolist(), inside.to_pylist(), strict=True))
    return [found[position] for position in range(len(rows))]


def _page_summary(row: dict[str, Any]) -> PageSummary:
    measures = {name: row[name] for name in _MEASURES if row.get(name) is not None}  # older rows lack some
    markdown = row["markdown"] or ""
    return PageSummary(
        document_id=row["document_id"],
        source=_line(row["source"]),
        page_number=row["page_number"],
        page_count=row["page_count"],
        status=row["status"],
        reason=row["reason"],
        detail=_first_line(row["detail"]),
        route_reason=row["route_reason"],
        flags=tuple(row["flags"] or ()),
        characters=len(markdown),
        measures=RepetitionMeasures(**measures) if "longest_run" in measures else None,
        excerpt=printable_line(markdown, EXCERPT_CHARACTERS),
    )


def _page_detail(row: dict[str, Any]) -> PageDetail:
    return PageDetail(tuple((name, printable(_text(value))) for name, value in row.items() if value is not None))


def _document_summary(row: dict[str, Any]) -> DocumentSummary:
    return DocumentSummary(
        document_id=row["document_id"],
        source=_line(row["source"]),
        status=row["status"],
        reason=row["reason"],
        detail=_first_line(row["detail"]),
        page_count=row["page_count"],
        bytes=row["bytes"],
    )


def _with_reason(status: str, reason: str | None, detail: str | None) -> str:
    why = ": ".join(filter(None, [reason, detail]))
    return f"{status} ({why})" if why else status


def _measured(measures: RepetitionMeasures) -> str:
    return (
        f"ratio {measures.repetition_ratio:.2f}, tail {measures.repeated_tail_chars} of period "
        f"{measures.repetition_period}, compression {measures.compression_ratio:.1f}, run {measures.longest_run}"
    )


def _line(text: str) -> str:
    """Return a whole name on one line; line feeds and tabs are escaped, because white space in a name counts."""
    return printable(text).replace("\n", "\\n").replace("\t", "\\t")


def _first_line(text: str | None) -> str | None:
    return None if text is None else printable_line(text.lstrip().partition("\n")[0], LINE_CHARACTERS)


def _text(value: Any) -> str:
    """Return a value of a row as text: nested values as JSON, pictures as their size."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:.6g}"  # the columns are float32, good for seven digits
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, default=_plain)
    return str(value)


def _plain(value: Any) -> str:
    return f"{len(value)} bytes" if isinstance(value, bytes) else str(value)
