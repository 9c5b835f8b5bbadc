"""Outputs damaged in every way that we know of: each is found, and mended where it can be."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from damaged_outputs import ALL_PAGES, NAMES, change, page_keys, pages_of, run_once, texts, with_value
from made_rows import (
    made_document,
    made_page,
    made_pages,
    made_source,
    made_stamp,
    made_unreadable,
)

from ocrmill.commands.verify import verify
from ocrmill.commands.verify_report import Severity
from ocrmill.configs.settings import OutputSettings
from ocrmill.pipeline.errors import LeaseHeldError, UsageError
from ocrmill.pipeline.output.ledger import read_ledger
from ocrmill.pipeline.output.schema import PAGES, documents_table, pages_table, sources_table
from ocrmill.pipeline.output.shard import encode_shard
from ocrmill.pipeline.output.sink import Sink
from ocrmill.pipeline.output.stores.local import LocalStore
from ocrmill.pipeline.output.stores.store import LeaseOwner
from ocrmill.pipeline.records import Reason
from ocrmill.pipeline.rows import SourceRow

FIRST, SECOND = ("20260101-020000-000001.parquet", "20260101-020000-000002.parquet")


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    """The output of a run over three documents of three pages, a shard for each."""
    store = LocalStore(tmp_path)
    assert run_once(store, 1) == 9
    return store


def test_a_whole_output_is_sound(store: LocalStore) -> None:
    """Nothing is found in the output of a run, and everything is counted."""
    report = verify(store, repair=False)

    assert (report.findings, report.sound) == ((), True)
    assert (report.shards, report.pages, report.documents, report.sources) == (9, 9, 3, 3)
    assert (report.unfinished_documents, report.unfinished_pages) == (0, 0)


def test_a_repair_leaves_a_sound_output_alone(store: LocalStore) -> None:
    """Repairing what is whole changes no byte."""
    before = {path: path.read_bytes() for path in store.root.rglob("*.parquet")}
    report = verify(store, repair=True)

    assert (report.findings, report.repairs) == ((), ())
    assert {path: path.read_bytes() for path in store.root.rglob("*.parquet")} == before


def test_an_empty_output_is_sound(tmp_path: Path) -> None:
    """An output without rows has no fault."""
    report = verify(LocalStore(tmp_path), repair=False)

    assert (report.findings, report.pages, report.documents, report.sources) == ((), 0, 0, 0)


def truncated(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flipped(content: bytes) -> bytes:
    return content[:100] + bytes([content[100] ^ 4]) + content[101:]


def foreign(content: bytes) -> bytes:
    return bytes(encode_shard(pa.table({"a": [1]})))


@pytest.mark.parametrize("damage", [truncated, flipped, foreign])
@pytest.mark.parametrize(("folder", "redone"), [("pages", 3), ("documents", 0), ("sources", 0)])
def test_a_shard_that_cannot_be_read(
    store: LocalStore, damage: Callable[[bytes], bytes], folder: str, redone: int
) -> None:
    """An unreadable shard is named, set aside and not deleted; the next run redoes what it held and nothing else."""
    name = f"{folder}/{SECOND}"
    content = damage(store.read(name))
    store.write(name, content)

    assert any(name in text for text in texts(verify(store, repair=False)))
    report = verify(store, repair=True)
    assert report.sound
    assert store.read(f"_damaged/{folder}-{SECOND}") == content
    assert run_once(store, 2) == redone
    assert page_keys(store) == ALL_PAGES
    assert verify(store, repair=False).findings == ()


@pytest.mark.parametrize(
    "edit",
    [
        lambda table: table.drop_columns(["markdown"]),
        lambda table: table.rename_columns(["id", *table.column_names[1:]]),
        lambda table: table.set_column(2, "page_number", table["page_number"].cast(pa.int64())),
        lambda table: with_value(table, "document_id", 1, None),
    ],
    ids=["dropped", "renamed", "retyped", "null key"],
)
def test_a_shard_that_breaks_the_contract(store: LocalStore, edit: Callable[[pa.Table], pa.Table]) -> None:
    """A shard whose columns are not those of the contract is as good as unreadable."""
    change(store, f"pages/{FIRST}", edit)

    assert len(texts(verify(store, repair=False))) >= 1
    report = verify(store, repair=True)
    assert any(f"moved pages/{FIRST}" in repair for repair in report.repairs)
    assert run_once(store, 2) == 3
    assert page_keys(store) == ALL_PAGES


def test_a_column_more_is_fine(store: LocalStore) -> None:
    """A later version may add columns, and a repair that rewrites the shard keeps them."""
    change(store, f"pages/{FIRST}", lambda table: table.append_column("note", pa.array(["kept"] * 3)))
    assert verify(store, repair=False).findings == ()

    change(store, f"pages/{FIRST}", lambda table: pa.concat_tables([table, table]))
    assert verify(store, repair=True).sound
    assert pq.read_table(store.file(f"pages/{FIRST}"), partitioning=None)["note"].to_pylist() == ["kept"] * 3


def test_pages_that_are_there_twice(store: LocalStore) -> None:
    """A shard under two names and a row copied into another: the first by shard name stays, the other goes."""
    store.write("pages/20260103-copy.parquet", store.read(f"pages/{FIRST}"))
    later = pages_table([replace(pages_of("b")[0], flags=("later",))], made_stamp(4))
    store.write("pages/20260104-later.parquet", encode_shard(later))

    report = verify(store, repair=False)
    assert texts(report)[0].startswith("page rows of a page that has one already: 4, e.g. page 1 of document ")
    assert (report.pages, report.sound) == (13, False)
    report = verify(store, repair=True)
    assert (report.pages, report.findings) == (9, ())
    assert page_keys(store) == ALL_PAGES
    assert ["later"] not in pq.read_table(store.root / "pages")["flags"].to_pylist()
    assert run_once(store, 5) == 0


def test_a_page_that_is_missing(store: LocalStore) -> None:
    """A documents row that lacks a page is withdrawn, and the next run reads that page only."""
    change(store, f"pages/{SECOND}", lambda table: table.filter(pc.not_equal(table["page_number"], 2)))

    report = verify(store, repair=False)
    assert texts(report) == ["documents rows that lack pages: 1, e.g. /data/b.pdf"]
    report = verify(store, repair=True)
    assert (report.sound, report.unfinished_documents, report.unfinished_pages) == (True, 1, 2)
    assert texts(report, Severity.WORK_LEFT) == ["unfinished documents (2 of their pages are done): 1"]
    assert run_once(store, 2) == 1
    assert page_keys(store) == ALL_PAGES
    assert verify(store, repair=False).findings == ()


def test_a_shard_that_somebody_deleted(store: LocalStore) -> None:
    """All pages of a document gone: its row and its source are withdrawn, and the next run reads it again."""
    store.delete(f"pages/{SECOND}")

    assert texts(verify(store, repair=False)) == ["documents rows that lack pages: 1, e.g. /data/b.pdf"]
    repaired = verify(store, repair=True)
    assert repaired.repairs == (
        "dropped 1 sources rows without a document, or there twice",
        "dropped 1 documents rows that do not hold",
    )
    assert (repaired.sound, repaired.withdrawn_sources) == (True, 1)
    assert "`ocrmill run` reads again what 1 sources hold" in repaired.to_text()
    assert run_once(store, 2) == 3
    assert page_keys(store) == ALL_PAGES


@pytest.mark.parametrize(
    ("column", "value"), [("pages_ok", 2), ("pages_flagged", 0), ("pages_repaired", 1), ("page_count", 2)]
)
def test_a_documents_row_with_wrong_counts(store: LocalStore, column: str, value: int) -> None:
    """Counts that are not those of the pages are found, and written again without reading a page."""
    change(store, f"documents/{FIRST}", lambda table: with_value(table, column, 0, value))

    assert not verify(store, repair=False).sound
    assert verify(store, repair=True).sound
    assert run_once(store, 2) == 0
    assert verify(store, repair=False).findings == ()
    query = f"select distinct page_count, pages_ok, pages_failed, pages_flagged from '{store.root}/documents/*.parquet'"
    assert duckdb.connect().sql(query).fetchall() == [(3, 1, 1, 1)]


def test_pages_that_disagree_on_their_number(store: LocalStore) -> None:
    """A page row whose page_count is not its document's is found."""
    change(store, f"pages/{FIRST}", lambda table: with_value(table, "page_count", 0, 4))

    assert texts(verify(store, repair=False)) == [
        "documents rows with other counts than their pages: 1, e.g. /data/a.pdf"
    ]


def test_documents_and_sources_that_are_there_twice(store: LocalStore) -> None:
    """Of rows of one document, or of one source, version and document, one stays."""
    store.write("documents/20260103-copy.parquet", store.read(f"documents/{FIRST}"))
    store.write("sources/20260103-copy.parquet", store.read(f"sources/{FIRST}"))

    assert texts(verify(store, repair=False)) == [
        "documents rows of a document or source that has one already: 1, e.g. /data/a.pdf",
        "sources rows that are there already: 1, e.g. /data/a.pdf",
    ]
    report = verify(store, repair=True)
    assert (report.findings, report.documents, report.sources) == ((), 3, 3)


def test_a_source_without_document_that_is_there_twice(store: LocalStore) -> None:
    """Of two rows of one run that say that a source could not be read, one stays."""
    row = encode_shard(documents_table([made_unreadable("x"), made_unreadable("y")], made_stamp(2)))
    store.write("documents/20260102-020000-000001.parquet", row)
    assert verify(store, repair=False).sound
    store.write("documents/20260103-copy.parquet", row)

    assert texts(verify(store, repair=False)) == [
        "documents rows of a document or source that has one already: 2, e.g. /data/x.pdf, /data/y.pdf"
    ]
    report = verify(store, repair=True)
    assert (report.findings, report.documents) == ((), 5)


def test_a_source_without_its_document(store: LocalStore) -> None:
    """A sources row whose document has no row is found and goes; the run that finds the source writes it again."""
    store.delete(f"documents/{FIRST}")

    report = verify(store, repair=False)
    assert texts(report) == ["sources rows of a document without a row: 1, e.g. /data/a.pdf"]
    assert report.unfinished_pages == 3
    assert verify(store, repair=True).sound
    assert run_once(store, 2) == 0
    assert verify(store, repair=False).findings == ()


@pytest.mark.parametrize(
    ("column", "row", "value", "finding"),
    [
        ("markdown", 0, None, "page rows without Markdown that have not failed"),
        ("reason", 1, None, "page rows that have failed without a reason"),
        ("status", 0, "excellent", "page rows without a known status"),
        ("status", 0, None, "page rows without a known status"),
        ("page_number", 0, 0, "page rows of no page from 1 to page_count"),
        ("page_number", 2, 4, "page rows of no page from 1 to page_count"),
    ],
)
def test_page_rows_that_break_a_rule(store: LocalStore, column: str, row: int, value: object, finding: str) -> None:
    """A bad row is found with its page; a repair does not remove it, for it may be all that there is of the page."""
    change(store, f"pages/{FIRST}", lambda table: with_value(table, column, row, value))

    assert any(text.startswith(finding) and "page " in text for text in texts(verify(store, repair=False)))
    report = verify(store, repair=True)
    assert any(text.startswith(finding) for text in texts(report))
    assert report.pages == 9


def test_a_documents_row_without_document_or_reason(store: LocalStore) -> None:
    """A row that says neither what it is about nor why goes."""
    row = documents_table([made_unreadable("x", reason=None)], made_stamp(2))
    store.write("documents/20260102-x.parquet", encode_shard(row))

    assert texts(verify(store, repair=False)) == [
        "documents rows with neither a document_id nor a reason: 1, e.g. /data/x.pdf"
    ]
    assert verify(store, repair=True).findings == ()


def test_unfinished_documents_are_no_damage(store: LocalStore) -> None:
    """Pages of a document without a row are work left for the next run."""
    sink = Sink(store, made_stamp(2), OutputSettings(), read_ledger(store))
    sink.add_page(made_page("d", 1, 2))
    sink.close()
    report = verify(store, repair=False)

    assert report.sound
    assert texts(report, Severity.WORK_LEFT) == ["unfinished documents (1 of their pages are done): 1"]
    assert verify(store, repair=True).pages == 10


def test_leftovers_of_a_killed_run(store: LocalStore) -> None:
    """Temporary files and stale rows are noted, and a repair clears them away."""
    store.write("pages/.ocrmill-x.parquet.tmp", b"half")
    stale = documents_table([made_unreadable("a", Reason.UNREADABLE)], made_stamp(0))
    store.write("documents/20251231-x.parquet", encode_shard(stale))
    source = sources_table([SourceRow(made_source("a"), None)], made_stamp(0))
    store.write("sources/20251231-x.parquet", encode_shard(source))

    report = verify(store, repair=False)
    assert report.sound
    assert texts(report, Severity.NOTE) == [
        "temporary files of a killed run: 1, e.g. pages/.ocrmill-x.parquet.tmp",
        "shards with stale rows of sources that have newer ones: 2, "
        "e.g. documents/20251231-x.parquet, sources/20251231-x.parquet",
    ]
    report = verify(store, repair=True)
    assert report.findings == ()
    assert report.repairs == (
        "removed temporary file pages/.ocrmill-x.parquet.tmp",
        "dropped 2 stale rows of sources that have newer ones",
    )


def test_a_running_run_is_not_disturbed(store: LocalStore) -> None:
    """While a run writes, a check says so and takes its files for no leftovers, and a repair is refused."""
    with store.lease(LeaseOwner.current("run-2")):
        store.write("pages/.ocrmill-x.parquet.tmp", b"being written")
        assert texts(verify(store, repair=False), Severity.NOTE) == ["runs that are writing here now: 1"]
        with pytest.raises(LeaseHeldError, match=r"run run-2 .* is writing"):
            verify(store, repair=True)
        assert store.temporary_files("pages") == ["pages/.ocrmill-x.parquet.tmp"]


def test_a_newer_output_is_not_repaired(store: LocalStore) -> None:
    """Shards of a later schema version are not set aside; they need the ocrmill that wrote them."""
    store.write("pages/newer.parquet", encode_shard(PAGES.with_metadata({"schema_version": "2"}).empty_table()))

    with pytest.raises(UsageError, match="newer ocrmill"):
        verify(store, repair=True)
    assert "pages/newer.parquet" in store.list("pages")


def test_all_damage_at_once(store: LocalStore) -> None:
    """A truncated shard, doubled pages, a missing page and a deleted shard: one repair and one run mend them all."""
    run_once(store, 2, ("d", "e"))
    store.write(f"pages/{FIRST}", truncated(store.read(f"pages/{FIRST}")))
    store.write("pages/20260103-copy.parquet", store.read(f"pages/{SECOND}"))
    change(store, "pages/20260102-020000-000001.parquet", lambda table: table.slice(1))
    store.delete("documents/20260102-020000-000002.parquet")

    assert not verify(store, repair=False).sound
    assert verify(store, repair=True).sound
    assert run_once(store, 5, (*NAMES, "d", "e")) == 4  # the pages of a, and one of d
    assert page_keys(store) == sorted((f"/data/{name}.pdf", number) for name in "abcde" for number in (1, 2, 3))
    report = verify(store, repair=False)
    assert (report.findings, report.documents, report.sources) == ((), 5, 5)


def test_many_findings_of_a_kind_are_one(tmp_path: Path) -> None:
    """A finding names three examples and counts the rest."""
    store = LocalStore(tmp_path)
    documents = [made_document(f"n{number}", made_pages(f"n{number}", 1)) for number in range(1234)]
    store.write("documents/a.parquet", encode_shard(documents_table(documents, made_stamp())))
    (text,) = texts(verify(store, repair=False))

    assert text.startswith("documents rows that lack pages: 1,234, e.g. ")
    assert text.count(".pdf") == 3
