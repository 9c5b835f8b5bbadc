"""Check that an output has every page of every document exactly once, and that every sum is right.

Every byte of every shard is read and checked against its checksums, a row group at a time; a page takes about 30 bytes
of memory. Not covered: the quality of the Markdown, and bits that change in memory.

A repair never removes the last row of a page. It removes duplicates, sets unreadable shards aside, and withdraws the
documents rows that are wrong, so that the next run reads what is missing and nothing else.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ocrmill.commands.forget import rows_left
from ocrmill.commands.verify_report import Finding, Severity, VerifyReport
from ocrmill.pipeline.errors import FileGoneError, OutputError
from ocrmill.pipeline.output.catalogue import MOMENT
from ocrmill.pipeline.output.changes.drop_rows import drop_rows, unreadable_rows
from ocrmill.pipeline.output.journal import Rejudgement, pending, recover, shards
from ocrmill.pipeline.output.ledger import read_ledger
from ocrmill.pipeline.output.schema import PAGE_COUNTS, TABLES, contract_breaches
from ocrmill.pipeline.output.shard import open_shard, read_row_group
from ocrmill.pipeline.output.stores.store import FOLDERS, JOURNAL, LeaseOwner, Store
from ocrmill.pipeline.quality.flags import QUALITY_VERSION
from ocrmill.pipeline.records import Status

EXAMPLES = 3  # named in a finding; the rest is counted
STATUSES = list(Status)
STATUS_WORDS = pa.array(STATUSES, pa.string())
UNKNOWN = len(STATUSES)  # the code of any other status

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Table:
    """The columns that the checks need, from all readable shards of a table."""

    rows: pa.Table
    shards: list[str]  # names of the readable ones, sorted
    lengths: list[int]  # rows in each

    def drop(self, mask: Bools) -> dict[str, Ints]:
        """Return the rows to drop, as shard -> positions in it."""
        starts = np.cumsum([0, *self.lengths])
        pieces = {name: np.flatnonzero(mask[starts[at] : starts[at + 1]]) for at, name in enumerate(self.shards)}
        return {name: positions for name, positions in pieces.items() if len(positions)}


@dataclass(slots=True)
class _Inspection:
    """The findings, and the rows that a repair would drop."""

    findings: list[Finding] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    drops: list[tuple[str, dict[str, Ints]]] = field(default_factory=list)  # description and positions
    withdrawn_sources: int = 0

    def found(self, severity: Severity, count: int, what: str, examples: Iterable[str] = ()) -> None:
        """Add a finding, unless its count is 0."""
        if count:
            named = ", ".join(example for example, _ in zip(examples, range(EXAMPLES), strict=False))
            self.findings.append(Finding(severity, f"{what}: {count:,}" + (f", e.g. {named}" if named else "")))


def verify(store: Store, *, repair: bool) -> VerifyReport:
    """Check a whole output; with `repair`, mend what can be mended and check again.

    Raises:
        LeaseHeldError: A repair was asked for while a run is writing.
        FileGoneError: A shard was merged meanwhile; call it again.
        OutputError: The folder cannot be listed, or a repair cannot be written.
    """
    if not repair:
        return _inspect(store)[0]
    temporary = _temporary_files(store)
    with store.lease(LeaseOwner.current("verify --repair")):  # taking the lease removes those files
        repairs = [f"removed temporary file {name}" for name in temporary] + recover(store)
        _, inspection = _inspect(store)
        repairs += _repair(store, inspection)
    report = _inspect(store)[0]
    return replace(report, repairs=tuple(repairs), withdrawn_sources=inspection.withdrawn_sources)


def _inspect(store: Store) -> tuple[VerifyReport, _Inspection]:
    inspection = _Inspection()
    are_counts_due = _are_counts_due(store)
    # Against the order of writing, so that a run that writes meanwhile does not look like damage.
    sources = _read(store, "sources", _source_keys, inspection)
    documents = _read(store, "documents", _document_keys, inspection)
    pages = _read(store, "pages", _page_keys, inspection)

    codes, ids = _codes(pages.rows["document_id"])
    doubled = _check_pages(pages, codes, ids, inspection)
    are_counts_due |= _are_counts_due(store)
    sound = _check_documents(documents, pages, codes, ids, ~doubled, inspection, are_counts_due=are_counts_due)
    _check_sources(sources, documents, sound, inspection)
    _check_judgement(pages, inspection)
    _check_leftovers(store, inspection)
    unfinished = ~_to_numpy(pc.is_in(ids, documents.rows["document_id"].drop_null())).astype(bool)
    unfinished_pages = int(np.count_nonzero(unfinished[codes] & ~doubled))
    inspection.found(
        Severity.WORK_LEFT,
        int(unfinished.sum()),
        f"unfinished documents ({unfinished_pages:,} of their pages are done)",
    )
    report = VerifyReport(
        shards=len(sources.shards) + len(documents.shards) + len(pages.shards),
        pages=len(pages.rows),
        documents=len(documents.rows),
        sources=len(sources.rows),
        unfinished_documents=int(unfinished.sum()),
        unfinished_pages=unfinished_pages,
        findings=tuple(inspection.findings),
    )
    return report, inspection


def _are_counts_due(store: Store) -> bool:
    """Tell if pages are being judged again, or a kill cut that off: counts of documents are corrected at its end."""
    return any(isinstance(change, Rejudgement) for _, change in pending(store))


def _read(store: Store, folder: str, keys: Callable[[pa.Table], pa.Table], inspection: _Inspection) -> _Table:
    """Read a whole table and keep the keys of its rows; an unreadable shard becomes a finding."""
    tables, names = [keys(TABLES[folder].empty_table())], []
    for name in shards(store, folder):
        try:
            tables.append(pa.concat_tables(_read_groups(store, name, folder, keys)))
            names.append(name)
        except FileGoneError:
            raise  # merged meanwhile: no damage, and the merged shard has to be read
        except OutputError as error:
            inspection.unreadable.append(name)
            inspection.findings.append(Finding(Severity.DAMAGE, str(error)))
    return _Table(pa.concat_tables(tables), names, [len(table) for table in tables[1:]])


def _read_groups(store: Store, name: str, folder: str, keys: Callable[[pa.Table], pa.Table]) -> Sequence[pa.Table]:
    with open_shard(store.file(name), name) as parquet:
        breaches = contract_breaches(parquet.schema_arrow, TABLES[folder])
        if breaches:
            raise OutputError(f"{name} breaks the contract: {'; '.join(breaches[:EXAMPLES])}")
        groups = [keys(read_row_group(parquet, name, group)) for group in range(parquet.num_row_groups)]
        return [keys(TABLES[folder].empty_table()), *groups]


def _page_keys(table: pa.Table) -> pa.Table:
    if table["document_id"].null_count or table["page_number"].null_count or table["page_count"].null_count:
        raise OutputError("a page has no document_id, page_number or page_count")
    return pa.table(
        {
            "document_id": table["document_id"].dictionary_encode(),
            "page_number": table["page_number"],
            "page_count": table["page_count"],
            "status": pc.index_in(table["status"].cast(pa.string()), STATUS_WORDS).fill_null(UNKNOWN),
            "no_text": pc.is_null(table["markdown"]),
            "no_reason": pc.is_null(table["reason"]),
            "flagged": pc.greater(pc.list_value_length(table["flags"]).fill_null(0), 0),
            "quality_version": table["quality_version"].cast(pa.int32()),
        }
    )


def _document_keys(table: pa.Table) -> pa.Table:
    columns = ("document_id", "source", "reason", "page_count", "pages_flagged", *MOMENT, *PAGE_COUNTS.values())
    return _strings(table.select(columns))


def _source_keys(table: pa.Table) -> pa.Table:
    return _strings(table.select(["source", "source_version", "document_id", *MOMENT]))


def _strings(table: pa.Table) -> pa.Table:
    """Replace dictionaries, which differ from shard to shard, by plain strings."""
    types = [pa.string() if pa.types.is_dictionary(column.type) else column.type for column in table.columns]
    return table.cast(pa.schema(list(zip(table.column_names, types, strict=True))))


def _codes(column: pa.ChunkedArray) -> tuple[Ints, pa.Array]:
    """Return each value of a dictionary-encoded column as a position in the array of its distinct values."""
    chunks = [pa.array([], column.type), *column.unify_dictionaries().chunks]
    codes = [chunk.indices.to_numpy() for chunk in chunks]
    return np.concatenate(codes).astype(np.int64), chunks[-1].dictionary


def _string_codes(column: pa.ChunkedArray) -> Ints:
    """Return a number for each string, the same for equal strings; null counts as the empty string."""
    encoded = column.fill_null("").dictionary_encode()  # over all chunks, so that they share one dictionary
    return np.concatenate([np.empty(0, np.int64), *(chunk.indices.to_numpy() for chunk in encoded.chunks)])


def _check_pages(pages: _Table, codes: Ints, ids: pa.Array, inspection: _Inspection) -> Bools:
    """Find duplicate pages and rows that break a rule. Return a mask of the duplicates."""
    number, count, status = (_to_numpy(pages.rows[name]) for name in ("page_number", "page_count", "status"))
    no_text, no_reason = (_to_numpy(pages.rows[name]).astype(bool) for name in ("no_text", "no_reason"))

    def name(rows: Bools) -> Iterator[str]:
        return (f"page {number[row]} of document {ids[codes[row]]}" for row in np.flatnonzero(rows).tolist())

    doubled = _later_copies(codes, number)
    failed = status == STATUSES.index(Status.FAILED)
    for rows, what in (
        (doubled, "page rows of a page that has one already"),
        ((number < 1) | (number > count), "page rows of no page from 1 to page_count (repair leaves them)"),
        (no_text & ~failed, "page rows without Markdown that have not failed (repair leaves them)"),
        (no_reason & failed, "page rows that have failed without a reason (repair leaves them)"),
        (status == UNKNOWN, "page rows without a known status (repair leaves them)"),
    ):
        inspection.found(Severity.DAMAGE, int(rows.sum()), what, name(rows))
    inspection.drops.append(("pages that are there twice", pages.drop(doubled)))
    return doubled


def _moment(rows: pa.Table) -> list[Ints]:
    return [_to_numpy(rows[name]) for name in MOMENT]


def _later_copies(*keys: Ints) -> Bools:
    """Select rows with the key of an earlier row."""
    order = np.lexsort(keys[::-1])  # stable: rows of one key stay in the order of their shards
    same = np.ones(max(0, len(order) - 1), bool)
    for key in keys:
        same &= key[order[1:]] == key[order[:-1]]
    copies = np.zeros(len(order), bool)
    copies[order[1:][same]] = True
    return copies


def _check_documents(
    documents: _Table,
    pages: _Table,
    codes: Ints,
    ids: pa.Array,
    counted: Bools,
    inspection: _Inspection,
    *,
    are_counts_due: bool,
) -> Bools:
    """Compare documents rows with their pages, without their counts if these are due. Return a mask of correct rows."""
    rows = documents.rows
    own = _to_numpy(pc.index_in(rows["document_id"], ids), null=len(ids))  # position in `ids`, or one behind them
    expected = np.stack([_to_numpy(rows[name]) for name in PAGE_COUNTS.values()], axis=1)
    page_count = _to_numpy(rows["page_count"])
    has_id = _to_numpy(pc.is_valid(rows["document_id"])).astype(bool)

    tally, flagged, differing = _tally(pages, codes, counted, own, page_count, len(ids))
    lacking = tally[own].sum(axis=1) != page_count
    doubled: Bools = has_id & _later_copies(_string_codes(rows["document_id"]))
    # A later run may write a newer row of a source without a document; the older one is stale, see `_check_leftovers`.
    doubled |= ~has_id & _later_copies(_string_codes(rows["source"]), has_id, *_moment(rows))
    wrong = (tally[own][:, :UNKNOWN] != expected).any(axis=1) | (flagged[own] != _to_numpy(rows["pages_flagged"]))
    wrong = (wrong & ~np.bool_(are_counts_due)) | (differing[own] > 0)
    no_reason = ~has_id & _to_numpy(pc.is_null(rows["reason"])).astype(bool)

    def name(which: Bools) -> Iterator[str]:
        return (str(rows["source"][row]) for row in np.flatnonzero(which).tolist())

    for which, what in (
        (doubled, "documents rows of a document or source that has one already"),
        (lacking & ~doubled, "documents rows that lack pages"),
        (wrong & ~lacking & ~doubled, "documents rows with other counts than their pages"),
        (no_reason, "documents rows with neither a document_id nor a reason"),
    ):
        inspection.found(Severity.DAMAGE, int(which.sum()), what, name(which))
    sound: Bools = ~(doubled | lacking | wrong | no_reason)
    inspection.drops.insert(0, ("documents rows that do not hold", documents.drop(~sound)))
    return sound


def _tally(
    pages: _Table, codes: Ints, counted: Bools, own: Ints, page_count: Ints, size: int
) -> tuple[Ints, Ints, Ints]:
    """Count by document: pages by status, flagged pages, and rows whose page_count differs from the document's.

    The last entry belongs to documents without pages.
    """
    of_document = np.zeros(size + 1, np.int64)
    of_document[own] = page_count
    number, status = _to_numpy(pages.rows["page_number"]), _to_numpy(pages.rows["status"])
    inside = counted & (number >= 1) & (number <= of_document[codes])
    width = UNKNOWN + 1
    tally = np.bincount(codes[inside] * width + status[inside], minlength=(size + 1) * width).reshape(size + 1, width)
    flagged = inside & _to_numpy(pages.rows["flagged"]).astype(bool)
    differing = counted & (_to_numpy(pages.rows["page_count"]) != of_document[codes])
    return tally, np.bincount(codes[flagged], minlength=size + 1), np.bincount(codes[differing], minlength=size + 1)


def _check_sources(sources: _Table, documents: _Table, sound: Bools, inspection: _Inspection) -> None:
    """Find sources rows of missing documents, and duplicate ones."""
    rows = sources.rows
    has_id = _to_numpy(pc.is_valid(rows["document_id"])).astype(bool)
    there = documents.rows["document_id"]
    dangling = has_id & ~_to_numpy(pc.is_in(rows["document_id"], there.drop_null())).astype(bool)
    withdrawn = has_id & ~_to_numpy(pc.is_in(rows["document_id"], there.filter(pa.array(sound)))).astype(bool)
    # A source that holds an earlier document again has the same row twice, from two runs; their moments differ.
    strings = (rows[name] for name in ("source", "source_version", "document_id"))
    doubled = _later_copies(*map(_string_codes, strings), *_moment(rows))
    for which, what in (
        (dangling, "sources rows of a document without a row"),
        (doubled, "sources rows that are there already"),
    ):
        names = (str(rows["source"][row]) for row in np.flatnonzero(which).tolist())
        inspection.found(Severity.DAMAGE, int(which.sum()), what, names)
    inspection.withdrawn_sources = int(withdrawn.sum())
    inspection.drops.insert(0, ("sources rows without a document, or there twice", sources.drop(withdrawn | doubled)))


def _check_judgement(pages: _Table, inspection: _Inspection) -> None:
    """Find out if pages were judged by several versions, so that their flags mean different things."""
    versions = pc.unique(pages.rows["quality_version"]).drop_null().to_pylist()
    if len(versions) > 1:
        judged = f"versions that judged the pages ({', '.join(map(str, sorted(versions)))})"
        inspection.found(
            Severity.NOTE, len(versions), f"{judged}; `ocrmill reflag OUT` judges all by {QUALITY_VERSION}"
        )


def _check_leftovers(store: Store, inspection: _Inspection) -> None:
    """Find what a killed run left behind for the next one to clear away, unless a run is writing now."""
    if store.is_leased():
        inspection.found(Severity.NOTE, 1, "runs that are writing here now")
        return
    temporary = _temporary_files(store)
    inspection.found(Severity.NOTE, len(temporary), "temporary files of a killed run", temporary)
    cut_off = store.list(JOURNAL, ".json")
    inspection.found(Severity.NOTE, len(cut_off), "changes that a kill cut off; the next run finishes them", cut_off)
    if not inspection.unreadable and not cut_off:
        left = rows_left(store)
        inspection.found(Severity.DAMAGE, left, "rows of what was forgotten; run `ocrmill forget` for it again")
    if not inspection.unreadable:
        stale = read_ledger(store).superseded()
        inspection.found(Severity.NOTE, len(stale), "shards with stale rows of sources that have newer ones", stale)


def _repair(store: Store, inspection: _Inspection) -> list[str]:
    """Repair the findings, in an order in which a kill at any moment never leaves more damage."""
    repairs = [f"moved {name} to {store.set_aside(name)}" for name in inspection.unreadable]
    for what, drops in inspection.drops:
        count = sum(drop_rows(store, name, partial(_mask_of, positions=at)) for name, at in drops.items())
        if count:
            repairs.append(f"dropped {count:,} {what}")
    stale = read_ledger(store).superseded()
    count = sum(drop_rows(store, name, partial(unreadable_rows, uris=uris)) for name, uris in stale.items())
    if count:
        repairs.append(f"dropped {count:,} stale rows of sources that have newer ones")
    return repairs


def _mask_of(table: pa.Table, positions: Ints) -> pa.Array:
    """Return a mask that is true at these rows."""
    mask = np.zeros(len(table), bool)
    mask[positions] = True
    return pa.array(mask)


def _temporary_files(store: Store) -> list[str]:
    return [name for folder in FOLDERS for name in store.temporary_files(folder)]


def _to_numpy(column: pa.ChunkedArray, null: int = 0) -> Ints:
    """Return a column of integers or booleans as integers, with `null` for nulls."""
    return np.asarray(column.cast(pa.int64()).fill_null(null).to_numpy(), np.int64)
