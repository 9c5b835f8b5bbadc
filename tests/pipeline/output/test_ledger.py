"""The ledger of what an output already holds, read back from its shards."""

import json
from itertools import count
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from made_rows import (
    made_document,
    made_id,
    made_page,
    made_reading,
    made_source,
    made_source_row,
    made_stamp,
    made_unreadable,
)

from ocrmill.configs.settings import OutputSettings
from ocrmill.pipeline.errors import OutputError
from ocrmill.pipeline.output.ledger import SOURCES_PER_LOOKUP, Ledger, PageOutcome, read_ledger
from ocrmill.pipeline.output.runs.records import write_record
from ocrmill.pipeline.output.schema import sources_table
from ocrmill.pipeline.output.shard import encode_shard
from ocrmill.pipeline.output.sink import Sink
from ocrmill.pipeline.output.stores.local import LocalStore
from ocrmill.pipeline.output.string_index import StringIndex
from ocrmill.pipeline.records import Reason, Status
from ocrmill.pipeline.rows import SourceRow
from ocrmill.pipeline.run_report import RunReport


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    """An output of two runs: `read` and its copy, `damaged`, `away`, `limit`, and of `begun` pages 1 and 3 of 4."""
    store = LocalStore(tmp_path)
    sink = Sink(store, made_stamp(1), OutputSettings(), read_ledger(store))
    pages = [made_page("read", 1, 2, flags=("repetition",)), made_page("read", 2, 2, Status.BLANK)]
    for page in pages:
        sink.add_page(page)
    sink.finish_document(made_document("read", pages), [made_source_row("read"), made_source_row("copy", "read")])
    sink.add_page(made_page("begun", 1, 4, Status.FAILED))
    sink.flush()
    damaged = made_document("damaged", [], status="failed", reason=Reason.DAMAGED)
    sink.finish_document(damaged, [made_source_row("damaged")])
    for name, reason in (("away", Reason.UNREADABLE), ("limit", Reason.ARCHIVE_LIMIT)):
        sink.finish_document(made_unreadable(name, reason), [SourceRow(made_source(name), None)])
    sink.close()
    sink = Sink(store, made_stamp(2, "e" * 16), OutputSettings(), read_ledger(store))
    sink.add_page(made_page("begun", 3, 4, flags=("long_run",), content=made_reading("x", repetition_flag=True)))
    sink.close()
    return store


@pytest.fixture
def ledger(store: LocalStore) -> Ledger:
    return read_ledger(store)


@pytest.mark.parametrize(
    ("name", "version", "known"),
    [
        ("read", "v1", True),
        ("copy", "v1", True),
        ("damaged", "v1", True),  # its bytes will not get better
        ("limit", "v1", True),
        ("away", "v1", False),  # tried again
        ("limit", "v2", False),
        ("read", "v2", False),
        ("begun", "v1", False),
        ("never seen", "v1", False),
    ],
)
def test_a_source_is_known_if_nothing_is_left_to_do(ledger: Ledger, name: str, version: str, known: bool) -> None:
    """A source is known in a version if its document is done, or cannot be read for a lasting reason."""
    assert ledger.knows_source(made_source(name).uri, version) is known


def test_a_document_is_complete_once_it_has_its_row(ledger: Ledger) -> None:
    """Documents with a row are complete, failed ones too; one with only some pages is not."""
    names = ("read", "damaged", "begun", "never seen")

    assert [ledger.is_complete(made_id(name)) for name in names] == [True, True, False, False]


def test_a_row_of_a_source_is_recognized(ledger: Ledger) -> None:
    """Only the very same source, version and document count as the same row."""
    assert ledger.has_source(made_source_row("copy", "read"))
    assert ledger.has_source(SourceRow(made_source("away"), None))
    assert not ledger.has_source(made_source_row("copy", "other"))
    assert not ledger.has_source(made_source_row("copy", "read", "v2"))


def test_durable_pages_of_unfinished_documents(ledger: Ledger) -> None:
    """The pages that a killed run left are given with what became of them; those of finished documents are not."""
    assert ledger.unfinished_pages(made_id("begun")) == {
        1: PageOutcome(Status.FAILED, flagged=False, repetitive=False),
        3: PageOutcome(Status.OK, flagged=True, repetitive=True),
    }
    assert ledger.unfinished_pages(made_id("read")) == {}


def test_the_last_document_of_a_source(store: LocalStore) -> None:
    """Of several documents that a source held, the latest is given; a version that could not be read does not count."""
    for day, name, version in ((3, "newer", "v2"), (4, None, "v3")):
        row = SourceRow(made_source("read", version), made_id(name) if name else None, sequence=100 + day)
        store.write(f"sources/{day}.parquet", encode_shard(sources_table([row], made_stamp(day))))
    ledger = read_ledger(store)

    assert ledger.document_of_source(made_source("read").uri) == made_id("newer")
    assert ledger.document_of_source(made_source("away").uri) is None
    assert ledger.document_of_source(made_source("never seen").uri) is None


def test_a_source_that_could_not_be_had(ledger: Ledger) -> None:
    """Its version and reason are given, and the shards from which its rows go."""
    stale = ledger.stale_unreadable(made_source("away").uri)

    assert stale is not None
    assert (stale.version, stale.reason) == ("v1", Reason.UNREADABLE)
    assert stale.shards == ("documents/20260101-020000-000002.parquet", "sources/20260101-020000-000002.parquet")
    assert ledger.stale_unreadable(made_source("read").uri) is None
    assert ledger.superseded() == {}


def test_fingerprints_of_all_rows_that_say_something(ledger: Ledger) -> None:
    """Finished documents and pages of unfinished ones count by fingerprint; sources that could not be read do not."""
    assert ledger.fingerprints() == {"f" * 16: 3, "e" * 16: 1}


def test_an_empty_output_holds_nothing(tmp_path: Path) -> None:
    """A folder that is not there yet has a ledger that knows nothing, and stays not there."""
    ledger = read_ledger(LocalStore(tmp_path / "new"))

    assert not ledger.knows_source(made_source("a").uri, "v1")
    assert ledger.fingerprints() == {}
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("folder", ["pages", "documents", "sources"])
def test_a_shard_that_cannot_be_read_stops_the_run(store: LocalStore, folder: str) -> None:
    """A truncated shard is named with the command that mends it, rather than taken for missing work."""
    name = store.list(folder)[0]
    store.write(name, store.read(name)[:-50])

    with pytest.raises(OutputError, match=rf"{name} cannot be read.*verify --repair"):
        read_ledger(store)


@pytest.mark.parametrize(
    ("folder", "column"), [("pages", "document_id"), ("pages", "flags"), ("documents", "reason"), ("sources", "source")]
)
def test_a_shard_without_one_of_our_columns_stops_the_run(store: LocalStore, folder: str, column: str) -> None:
    """A shard in which a column is missing is named, with the column and the command that mends it."""
    name = store.list(folder)[-1]
    store.write(name, encode_shard(pq.read_table(store.file(name), partitioning=None).drop_columns([column])))

    with pytest.raises(OutputError, match=rf"{name}.*{column}.*verify --repair"):
        read_ledger(store)


def test_many_sources_are_asked_for_at_once(store: LocalStore) -> None:
    """A listing is reduced to what `knows_source` does not know, in its order, over several batches."""
    for day, version in ((3, "v2"), (4, "v3")):  # `read` has several rows, the latest without document
        row = SourceRow(made_source("read", version), None, sequence=100 + day)
        store.write(f"sources/{day}.parquet", encode_shard(sources_table([row], made_stamp(day))))
    ledger = read_ledger(store)
    names = ("read", "copy", "damaged", "away", "limit", "begun", "never seen")
    versions = [*("v1", "v2", "v3"), *("" for _ in range(SOURCES_PER_LOOKUP))]
    listing = [made_source(name, version) for version in versions for name in names]
    report = RunReport()

    left = list(ledger.without_known(iter(listing), report))

    assert left == [source for source in listing if not ledger.knows_source(source.uri, source.version)]
    assert report.sources_known == len(listing) - len(left) == 3


def test_a_listing_is_taken_as_it_is_asked_for(ledger: Ledger) -> None:
    """The first source that is left is given when no more than a batch of the listing was taken."""
    taken = count()
    endless = (made_source(f"new {number}") for number in taken)

    assert next(ledger.without_known(endless, RunReport())) == made_source("new 0")
    assert next(taken) <= SOURCES_PER_LOOKUP


def test_sources_that_are_gone(ledger: Ledger) -> None:
    """Known sources below the inputs that no listing gave are counted once each; those elsewhere are not."""
    listing = [made_source("read"), made_source("copy", "changed"), made_source("never seen")]
    assert ledger.gone(["/data/"]) == 5

    list(ledger.without_known(iter(listing), RunReport()))

    assert ledger.gone(["/data/"]) == 3  # damaged, away, limit
    assert ledger.gone(["/data/a", "/data/aw", "/data/l"]) == 2
    assert ledger.gone(["/elsewhere/"]) == ledger.gone([]) == 0


def test_an_index_tells_hash_twins_apart() -> None:
    """A value whose hash is that of another is not taken for it, and rows of one value come in their order."""

    class Twin(str):
        __slots__ = ()

        def __hash__(self) -> int:
            return hash("b")

    index = StringIndex(pa.chunked_array([["a", "b"], ["c", "b", None]]))

    assert index.rows("b") == [1, 3]
    assert index.rows(Twin("x")) == []


def test_an_index_finds_many_values_at_once() -> None:
    """A value in one row is found there; one in several, or in none, has no single row, and only the former is held."""
    index = StringIndex(pa.chunked_array([["a", "b"], ["c", "b"]]))
    values = pa.array(["c", "b", "x", None, "a"])

    assert index.only_rows(values).tolist() == [2, -1, -1, -1, 0]
    assert index.holds(values).tolist() == [True, True, False, False, True]
    assert index.holds(values[:0]).tolist() == []
    assert StringIndex(pa.chunked_array([], pa.string())).holds(values).tolist() == [False] * 5


def test_a_run_leaves_its_record(tmp_path: Path) -> None:
    """The settings and totals of a run are JSON under its id."""
    store = LocalStore(tmp_path)
    write_record(store, "20260101-020000", {"settings": {"dpi": 144}, "totals": {"pages": 3}})

    assert store.list("runs", ".json") == ["runs/20260101-020000.json"]
    assert json.loads(store.read("runs/20260101-020000.json"))["totals"] == {"pages": 3}
