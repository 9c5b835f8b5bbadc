"""From rows to shards: what is visible is right at every moment, and in the end every page is there once."""

import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from glob_query import query
from made_rows import (
    made_document,
    made_id,
    made_page,
    made_pages,
    made_reading,
    made_source,
    made_source_row,
    made_stamp,
    made_unreadable,
)

from ocrmill.commands.verify import verify
from ocrmill.configs.settings import OutputSettings
from ocrmill.pipeline.errors import OutputError
from ocrmill.pipeline.output.ledger import read_ledger
from ocrmill.pipeline.output.sink import Sink
from ocrmill.pipeline.output.stores.local import LocalStore
from ocrmill.pipeline.records import Reason, Status
from ocrmill.pipeline.rows import SourceRow


class WatchedStore(LocalStore):
    """A store that says what was written, in order, and can be told to fail once at a name that contains a word."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.written: list[str] = []
        self.fail_at: str | None = None

    def write(self, name: str, data: bytes | memoryview) -> None:
        if self.fail_at is not None and self.fail_at in name:
            self.fail_at = None
            raise OutputError(f"{name} cannot be written: told so")
        super().write(name, data)
        self.written.append(name)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def new_sink(store: LocalStore, day: int = 1) -> Sink:
    return Sink(store, made_stamp(day), OutputSettings(), read_ledger(store))


def add_document(sink: Sink, name: str, count: int) -> None:
    pages = made_pages(name, count)
    for page in pages:
        sink.add_page(page)
    sink.finish_document(made_document(name, pages), [made_source_row(name)])


def finish_unreadable(sink: Sink, name: str, reason: Reason = Reason.UNREADABLE, version: str = "v1") -> None:
    sink.finish_document(made_unreadable(name, reason, version), [SourceRow(made_source(name, version), None)])


def test_rows_arrive_once_in_three_tables(tmp_path: Path) -> None:
    """Pages of interleaved documents, their documents and all sources of them are found with plain globs."""
    store = LocalStore(tmp_path)
    sink = new_sink(store)
    first, second = made_pages("first", 3), made_pages("second", 2)
    for page in (first[2], second[0], first[0], second[1], first[1]):
        sink.add_page(page)
    sink.finish_document(made_document("first", first), [made_source_row("first"), made_source_row("copy", "first")])
    sink.flush()
    sink.finish_document(made_document("second", second), [made_source_row("second")])
    sink.add_source(made_source_row("again", "first"))
    sink.close()

    assert query(store, "source, page_number, markdown", "pages") == [
        (f"/data/{name}.pdf", number, f"# Page {number} of {name}")
        for name, count in (("first", 3), ("second", 2))
        for number in range(1, count + 1)
    ]
    assert query(store, "source, page_count, pages_ok", "documents") == [
        ("/data/first.pdf", 3, 3),
        ("/data/second.pdf", 2, 2),
    ]
    assert query(store, "source, document_id", "sources") == [
        ("/data/again.pdf", made_id("first")),
        ("/data/copy.pdf", made_id("first")),
        ("/data/first.pdf", made_id("first")),
        ("/data/second.pdf", made_id("second")),
    ]
    assert store.list("pages") == ["pages/20260101-020000-000001.parquet"]
    assert verify(store, repair=False).findings == ()


def test_a_documents_row_comes_after_its_pages(tmp_path: Path) -> None:
    """In each flush pages become visible first, then documents, then sources."""
    store = WatchedStore(tmp_path)
    sink = new_sink(store)
    for number in (1, 2):
        add_document(sink, f"document {number}", 2)
        sink.flush()

    assert store.written == [
        f"{folder}/20260101-020000-{number:06d}.parquet"
        for number in (1, 2)
        for folder in ("pages", "documents", "sources")
    ]


def test_an_empty_flush_writes_nothing(tmp_path: Path) -> None:
    """A sink that got nothing leaves no shard."""
    store = WatchedStore(tmp_path)
    sink = new_sink(store)
    sink.flush()
    sink.close()

    assert store.written == []


@pytest.mark.parametrize("folder", ["pages", "documents", "sources"])
def test_a_failed_write_is_made_good_by_the_next(tmp_path: Path, folder: str) -> None:
    """Rows that could not be written are written first by the next flush, under the same names; later rows follow."""
    store = WatchedStore(tmp_path)
    sink = new_sink(store)
    add_document(sink, "a", 2)
    store.fail_at = f"{folder}/"
    with pytest.raises(OutputError, match="told so"):
        sink.flush()
    add_document(sink, "b", 1)
    sink.close()

    assert query(store, "source, page_number", "pages") == [("/data/a.pdf", 1), ("/data/a.pdf", 2), ("/data/b.pdf", 1)]
    assert len(store.list("pages")) == 2
    assert verify(store, repair=False).findings == ()


def test_a_killed_run_goes_on_where_it_was(tmp_path: Path) -> None:
    """Pages that an earlier run made durable count, with their flags, for the document that this run finishes."""
    store = LocalStore(tmp_path)
    first = made_page("a", 1, 2, flags=("repetition",), content=made_reading("x", repetition_flag=True))
    killed = new_sink(store)
    killed.add_page(first)
    killed.flush()
    sink = new_sink(store, day=2)
    second = made_page("a", 2, 2, Status.FAILED)
    sink.add_page(second)
    sink.finish_document(made_document("a", [first, second]), [made_source_row("a")])
    sink.close()

    assert query(store, "page_number, run_id", "pages") == [(1, "20260101-020000"), (2, "20260102-020000")]
    columns = "pages_ok, pages_failed, pages_flagged, repetition_rate"
    assert query(store, columns, "documents") == [(1, 1, 1, 0.5)]
    assert verify(store, repair=False).findings == ()


def test_new_rows_of_a_document_replace_its_old_ones(tmp_path: Path) -> None:
    """The pages come with the row of their document, and the shards with the older rows go then."""
    store = LocalStore(tmp_path)
    sink = new_sink(store)
    add_document(sink, "a", 2)
    sink.close()
    old = [*store.list("pages"), *store.list("documents")]
    sink = new_sink(store, day=2)
    pages = made_pages("a", 2)
    sink.finish_document(made_document("a", pages), [made_source_row("a")], pages, old)
    sink.close()

    runs = {made_stamp(2).run_id}
    assert {run for (run,) in query(store, "run_id", "pages") + query(store, "run_id", "documents")} == runs
    assert verify(store, repair=False).findings == ()


def test_due_by_rows_bytes_or_age(tmp_path: Path) -> None:
    """A flush is due at so many rows, so much text, or once the oldest row has waited so long; never without rows."""
    clock = Clock()
    store = LocalStore(tmp_path)

    many, large, old = (
        Sink(store, made_stamp(), settings, read_ledger(store), clock)
        for settings in (OutputSettings(shard_rows=2), OutputSettings(shard_mb=1), OutputSettings(flush_s=30))
    )
    for each in (many, large, old):
        assert not each.due()
        each.add_page(made_page("a", 1, 2))
        assert not each.due()
    many.add_page(made_page("a", 2, 2))
    large.add_page(made_page("a", 2, 2, content=made_reading("x" * 2**20)))
    clock.now = 31

    assert (many.due(), large.due(), old.due()) == (True, True, True)
    old.flush()
    assert not old.due()


def test_the_first_rows_are_due_soon(tmp_path: Path) -> None:
    """A run shows its first rows after seconds; each flush doubles the wait, up to flush_s."""
    clock = Clock()
    sink = Sink(
        LocalStore(tmp_path), made_stamp(), OutputSettings(flush_s=10), read_ledger(LocalStore(tmp_path)), clock
    )
    waits = []
    for number in range(1, 7):
        sink.add_page(made_page("a", number, 9))
        began = clock.now
        while not sink.due():
            clock.now += 0.5
        waits.append(clock.now - began)
        sink.flush()

    assert waits == [2, 4, 8, 10, 10, 10]


def test_rows_have_the_time_of_their_shard(tmp_path: Path) -> None:
    """`ingested_at` is when the shard was begun, not when the run was: a night's rows are not all of one second."""
    clock, store = Clock(), LocalStore(tmp_path)
    sink = Sink(store, made_stamp(), OutputSettings(), read_ledger(store), clock)
    for number, now in ((1, 0.0), (2, 3600.0)):
        clock.now = now
        sink.add_page(made_page("a", number, 2))
        sink.flush()
    clock.now = 7200.0
    sink.finish_document(made_document("a", made_pages("a", 2)), [made_source_row("a")])
    sink.flush()

    began = made_stamp().ingested_at
    hours = [began + timedelta(hours=hour) for hour in range(3)]
    assert query(store, "page_number, ingested_at", "pages") == [(1, hours[0]), (2, hours[1])]
    assert query(store, "ingested_at", "documents") == query(store, "ingested_at", "sources") == [(hours[2],)]


def test_a_shard_that_is_written_again_is_the_same(tmp_path: Path) -> None:
    """A flush that failed halfway and is tried again an hour later does not give its rows two times."""
    clock, store = Clock(), WatchedStore(tmp_path)
    sink = Sink(store, made_stamp(), OutputSettings(), read_ledger(store), clock)
    add_document(sink, "a", 1)
    store.fail_at = "documents/"
    with pytest.raises(OutputError):
        sink.flush()
    clock.now = 3600.0
    sink.flush()

    assert query(store, "ingested_at", "documents") == query(store, "ingested_at", "pages")


def test_rows_may_come_while_shards_are_written(tmp_path: Path) -> None:
    """Two threads flush without pause while a third adds: nothing is lost, doubled or visible too early."""
    store = LocalStore(tmp_path)
    sink = new_sink(store)
    ended = threading.Event()

    def flush() -> None:
        while not ended.is_set():
            sink.flush()

    flushers = [threading.Thread(target=flush) for _ in range(2)]
    for thread in flushers:
        thread.start()
    for number in range(300):
        add_document(sink, f"document {number}", 3)
        if number % 30 == 0:
            time.sleep(0.005)
    ended.set()
    for thread in flushers:
        thread.join()
    sink.close()

    assert len(store.list("pages")) > 1
    assert query(store, "count(*), count(distinct document_id)", "pages") == [(900, 300)]
    assert verify(store, repair=False).findings == ()


def test_the_same_failure_is_said_once(tmp_path: Path) -> None:
    """A source that stays unreadable keeps its one row; with another reason or version it gets a new one instead."""
    store = LocalStore(tmp_path)
    for day, reason, version, written_on in (
        (1, Reason.UNREADABLE, "v1", 1),
        (2, Reason.UNREADABLE, "v1", 1),
        (3, Reason.CHANGED, "v1", 3),
        (4, Reason.CHANGED, "v2", 4),
    ):
        sink = new_sink(store, day)
        finish_unreadable(sink, "a", reason, version)
        sink.close()
        run_id = made_stamp(written_on).run_id
        assert query(store, "reason, source_version, run_id", "documents") == [(reason, version, run_id)]
        assert query(store, "source_version, run_id", "sources") == [(version, run_id)]


def test_a_stale_row_goes_when_its_source_is_read(tmp_path: Path) -> None:
    """Once an unreadable source is read, its old row goes from the shard; other rows of that shard stay."""
    store = LocalStore(tmp_path)
    sink = new_sink(store)
    finish_unreadable(sink, "a")
    finish_unreadable(sink, "still away")
    add_document(sink, "b", 1)
    sink.close()
    sink = new_sink(store, day=2)
    add_document(sink, "a", 2)
    sink.close()

    assert query(store, "source, reason", "documents") == [
        ("/data/a.pdf", None),
        ("/data/b.pdf", None),
        ("/data/still away.pdf", "unreadable"),
    ]
    assert query(store, "source, document_id is null", "sources") == [
        ("/data/a.pdf", False),
        ("/data/b.pdf", False),
        ("/data/still away.pdf", True),
    ]
    assert verify(store, repair=False).findings == ()


@pytest.mark.parametrize("folder", ["documents", "sources"])
def test_a_stale_row_that_a_killed_run_left_goes_later(tmp_path: Path, folder: str) -> None:
    """If a run ends between the new row and the end of the old one, the next run clears up, whatever it does."""
    store = WatchedStore(tmp_path)
    sink = new_sink(store)
    finish_unreadable(sink, "a")
    sink.close()
    sink = new_sink(store, day=2)
    add_document(sink, "a", 1)
    store.fail_at = f"{folder}/20260101"  # the shard of day 1, which is rewritten last
    with pytest.raises(OutputError, match="told so"):
        sink.flush()
    assert len(query(store, "source", folder)) == 2
    assert not any(finding.severity == "damage" for finding in verify(store, repair=False).findings)

    new_sink(store, day=3).close()

    assert query(store, "reason", "documents") == [(None,)]
    assert query(store, "document_id", "sources") == [(made_id("a"),)]
    assert verify(store, repair=False).findings == ()


def test_a_source_is_not_written_twice(tmp_path: Path) -> None:
    """A sources row that is there already, as after a repair of documents, is not added again."""
    store = LocalStore(tmp_path)
    sink = new_sink(store)
    add_document(sink, "a", 1)
    sink.close()
    store.delete(store.list("documents")[0])
    sink = new_sink(store, day=2)
    sink.finish_document(made_document("a", made_pages("a", 1)), [made_source_row("a"), made_source_row("b", "a")])
    sink.close()

    assert query(store, "source", "sources") == [("/data/a.pdf",), ("/data/b.pdf",)]
