"""`status` says of a finished, an interrupted and a running output what its rows say."""

import json
import os
import socket
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from narrowed import instance, present
from written_outputs import add_document, add_failed_document, add_pages, failed_page, page, writing

from ocrmill.commands.status import read_status
from ocrmill.configs.settings import StorageSettings
from ocrmill.pipeline.output.runs.records import write_record
from ocrmill.pipeline.output.stores.local import LocalStore
from ocrmill.pipeline.output.stores.open import open_output
from ocrmill.pipeline.output.stores.store import LeaseOwner
from ocrmill.pipeline.records import Reason, Status
from ocrmill.pipeline.run_progress import RunProgress
from ocrmill.pipeline.run_report import Reasons

ROOT = Path(__file__).parents[2]


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    """Two runs; the second was interrupted in a document that is spread over two shards."""
    with writing(tmp_path, run=1) as sink:
        add_document(sink, "/in/a.pdf", [page("1"), failed_page(), page("", Status.BLANK)], others=["/in/b.pdf"])
        add_failed_document(sink, "/in/locked.pdf")
        add_failed_document(sink, "/in/gone.pdf", Reason.UNREADABLE)
    with writing(tmp_path, run=2) as sink:
        add_document(sink, "/in/c.pdf", [page("1", flags=("repetition", "long_run")), page("2", flags=("truncated",))])
        add_pages(sink, "/in/long.pdf", [page("1"), page("2")], count=9)
        sink.flush()
        add_pages(sink, "/in/long.pdf", [page("3")], count=9, first=3)
    return instance(LocalStore, open_output(str(tmp_path), StorageSettings()))


def by_reason(reasons: Reasons) -> Counter[str]:
    return sum(reasons.values(), Counter())


def test_rows_are_counted_as_a_query_counts_them(store: LocalStore) -> None:
    """Documents and pages by status, reason, route and renderer are what SQL finds in the same shards."""
    status = read_status(store)

    def counted(folder: str, column: str) -> dict[str, int]:
        files = f"'{store.root}/{folder}/*.parquet'"
        query = f"select {column}, count(*) from {files} where {column} is not null group by 1"
        return dict(duckdb.sql(query).fetchall())

    assert counted("pages", "status") == status.pages == {"ok": 6, "failed": 1, "blank": 1}
    assert counted("pages", "reason") == by_reason(status.pages_by_reason) == {"render_timeout": 1}
    assert counted("pages", "route_reason") == status.routes == {"no_text_layer": 8}
    assert counted("pages", "renderer") == status.renderers == {"mupdf": 8}
    assert counted("documents", "status") == status.documents == {"complete": 2, "failed": 2}
    assert counted("documents", "reason") == by_reason(status.documents_by_reason)
    assert (status.flagged_pages, status.repetitive_pages, status.sources) == (2, 1, 5)


def test_unfinished_documents_are_told_with_their_pages(store: LocalStore) -> None:
    """A document with pages and without a documents row is unfinished, however many shards it is spread over."""
    status = read_status(store)

    assert (status.unfinished_documents, status.unfinished_pages) == (1, 3)
    assert "interrupted" in status.to_text()


def test_shards_are_measured(store: LocalStore) -> None:
    """Shards, bytes and times are those of the files and rows."""
    status = read_status(store)
    files = [path for folder in ("pages", "documents", "sources") for path in (store.root / folder).iterdir()]

    assert status.shards == {"pages": 3, "documents": 2, "sources": 2}
    assert sum(path.stat().st_size for path in files) == status.bytes
    assert timedelta(days=1) <= present(status.newest) - present(status.oldest) < timedelta(days=1, minutes=1)


def test_nothing_is_written_and_no_lease_taken(store: LocalStore) -> None:
    """Reading the status leaves every file as it is and makes none."""
    before = {path: path.stat().st_mtime_ns for path in store.root.rglob("*")}

    read_status(store)

    assert before == {path: path.stat().st_mtime_ns for path in store.root.rglob("*")}


def test_a_running_output_names_its_writer(tmp_path: Path) -> None:
    """While a run holds the lease, the status names its process and the age of its heartbeat."""
    with writing(tmp_path) as sink:
        add_pages(sink, "/in/a.pdf", [page("1")], count=2)
        sink.flush()
        store = open_output(str(tmp_path), StorageSettings())
        status = read_status(store, now=datetime.now(UTC) + timedelta(seconds=60))

        writer = present(status.writer)
        assert writer.alive
        assert (socket.gethostname(), os.getpid()) == (writer.host, writer.pid)
        assert 60 <= present(writer.heartbeat_age_s) < 90
        assert "being written by run" in status.to_text()
    assert read_status(store).writer is None


def test_a_killed_run_is_told_from_a_running_one(tmp_path: Path) -> None:
    """The lease of a process that was killed is still there, and the status says that nobody holds it."""
    code = (
        "import os, sys; from pathlib import Path; from written_outputs import *\n"
        "with writing(Path(sys.argv[1])) as sink:\n"
        "    add_pages(sink, '/in/a.pdf', [page('1')], count=2); sink.flush(); os.kill(os.getpid(), 9)"
    )
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests' / 'support'}"}
    killed = subprocess.run([sys.executable, "-c", code, tmp_path], env=environment, check=False)
    status = read_status(open_output(str(tmp_path), StorageSettings()))

    assert -9 == killed.returncode
    assert not present(status.writer).alive
    assert "was killed; `ocrmill run` goes on" in status.to_text()
    assert (status.unfinished_documents, status.unfinished_pages) == (1, 1)


def test_the_last_runs_are_told_newest_first(store: LocalStore) -> None:
    """Of each of the last five runs that left a record, its counts; one that lacks them does no harm."""
    totals = {"documents": {"complete": 3}, "pages": {"ok": 7}, "wall_s": 12.5, "stopped": True}
    for day in range(1, 7):
        write_record(store, f"2026010{day}-020000", {"host": "mill", "totals": totals})
    write_record(store, "20260107-020000", {"totals": [1]})
    write_record(store, "20260108-020000", {"totals": {"pages": ["\x1b[2J"], "wall_s": "long"}, "host": 5})
    (store.root / "runs" / "20260109-020000.json").write_text("{ half")
    (store.root / "runs" / "20260110-020000.json").write_text(json.dumps(["\x1b"]))
    runs = read_status(store).runs

    assert [run.run_id[:8] for run in runs] == ["20260108", "20260107", "20260106"]
    assert (runs[0].host, runs[0].wall_s, dict(runs[0].pages)) == (None, None, {})
    assert (runs[2].host, runs[2].wall_s, runs[2].stopped) == ("mill", 12.5, True)
    assert ({"complete": 3}, {"ok": 7}) == (runs[2].documents, runs[2].pages)


def test_a_damaged_shard_is_named_and_the_rest_counted(store: LocalStore) -> None:
    """The status of a damaged output still comes, and says which shard it could not read."""
    name = store.list("pages")[0]
    Path(store.file(name)).write_bytes(b"PAR1 not quite")
    status = read_status(store)

    assert (name,) == status.unreadable_shards
    assert 5 == status.pages.total()
    assert name in status.to_text()


def test_a_finished_output_says_so_and_an_empty_one_has_zeros(tmp_path: Path) -> None:
    """An output at rest is finished if a run came to its end there; one without any row is read without an error."""
    with writing(tmp_path) as sink:
        add_document(sink, "/in/a.pdf", [page("1")])
    store = LocalStore(tmp_path)
    write_record(store, "20260101-020000", {"totals": {"stopped": False}})
    write_record(LocalStore(tmp_path / "empty"), "20260101-020000", {})
    empty = read_status(open_output(str(tmp_path / "empty"), StorageSettings()))

    assert "state       finished\n" in read_status(store).to_text()
    assert (0, 0, None) == (empty.pages.total(), empty.unfinished_pages, empty.oldest)


def test_a_running_output_tells_what_is_not_durable_yet(tmp_path: Path) -> None:
    """The counts, rate and time left of a run come with its heartbeat, long before its first shard under `nightly`."""
    store = LocalStore(tmp_path)
    progress = RunProgress("reading", 60.0, 20, 0, 1, 50, 10, 100, listing_complete=True, pages_per_s=2.0)
    with store.lease(LeaseOwner.current("20260101T020000Z-abcdef")) as lease:
        lease.carry(lambda: progress)
        lease.renew()
        status = read_status(open_output(str(tmp_path), StorageSettings()))

        assert progress == present(status.writer).progress
        assert "this run    20 of about 500 pages" in status.to_text()
        assert "about 4 min to go" in status.to_text()
        assert "pages       0\n" in status.to_text(), "rows are not claimed before they are durable"


def test_a_killed_run_promises_no_time(tmp_path: Path) -> None:
    """The pages that a killed run had read are named as such; it has no rate any more."""
    owner = LeaseOwner.current("20260101T020000Z-abcdef")
    (tmp_path / "_lease").write_bytes(owner.to_json(datetime.now(UTC), RunProgress("reading", 60.0, 1234)))
    text = read_status(open_output(str(tmp_path), StorageSettings())).to_text()

    assert "had read 1,234 pages; those not counted here are read again" in text
    assert "pages/s" not in text


@pytest.mark.parametrize("progress", [None, {}, {"pages_done": 3, "of a later version": [1]}])
def test_leases_of_other_versions_are_understood(tmp_path: Path, progress: object) -> None:
    """A lease without progress, or with one that knows more or less, still names its owner."""
    record = json.loads(LeaseOwner.current("20260101T020000Z-abcdef").to_json(datetime.now(UTC)))
    (tmp_path / "_lease").write_text(json.dumps(record | ({} if progress is None else {"progress": progress})))
    status = read_status(open_output(str(tmp_path), StorageSettings()))

    assert "20260101T020000Z-abcdef" == present(status.writer).run_id
    assert isinstance(status.to_text(), str)
