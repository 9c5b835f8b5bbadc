"""Compaction: fewer shards, the same rows, and no moment at which a kill or a reader finds others."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from made_rows import made_id
from output_rows import select_rows
from s3_server import S3Server
from written_outputs import add_document, add_failed_document, failed_page, page, writing

from ocrmill.commands.compact import compact
from ocrmill.commands.inspect.query import PageQuery, select_pages
from ocrmill.commands.status import read_status
from ocrmill.commands.verify import verify
from ocrmill.pipeline.errors import LeaseHeldError, OutputError
from ocrmill.pipeline.output.catalogue import read_catalogue
from ocrmill.pipeline.output.journal import read_again, recover, shards
from ocrmill.pipeline.output.ledger import read_ledger
from ocrmill.pipeline.output.stores.local import LocalStore
from ocrmill.pipeline.output.stores.open import open_store
from ocrmill.pipeline.output.stores.store import LeaseOwner, Store

# Compacts, and dies by SIGKILL before the n-th change to the output.
_KILLED_AT = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parents[1] / "support")!r})
from killed_store import die_before_change
from ocrmill.commands.compact import compact
from ocrmill.pipeline.output.stores.local import LocalStore
die_before_change(int(sys.argv[2]))
compact(LocalStore(Path(sys.argv[1])))
"""


def make_output(root: Path) -> None:
    """Three nights: new documents, one that changed twice, one whose old bytes another source still holds."""
    with writing(root, run=1) as sink:
        add_document(sink, "/in/a.pdf", [page("a1"), page("a2")])
        add_document(sink, "/in/b.pdf", [page("b"), failed_page()], others=("/in/copy-of-b.pdf",))
        add_failed_document(sink, "/in/locked.pdf")
    with writing(root, run=2) as sink:
        add_document(sink, "/in/a.pdf", [page("a, newer")], content="a2", version="2")
        add_document(sink, "/in/b.pdf", [page("b, newer")], content="b2", version="2")
    with writing(root, run=3) as sink:
        add_document(sink, "/in/a.pdf", [page("a, newest")], content="a3", version="3")
        add_document(sink, "/in/c.pdf", [page("c")])


@pytest.fixture
def out(tmp_path: Path) -> Path:
    make_output(tmp_path)
    return tmp_path


def rows(root: Path, folder: str) -> list[tuple[Any, ...]]:
    return select_rows(root, "* exclude (ingested_at)", folder)


def texts(store: Store) -> list[str]:
    return sorted(row.excerpt for row in select_pages(store, PageQuery()))


def test_superseded_documents_go_and_all_else_stays(out: Path) -> None:
    """Rows of documents that no source holds any more are dropped; bytes that another source still holds stay."""
    store = LocalStore(out)
    assert {made_id("/in/a.pdf"), made_id("a2")} == set(read_catalogue(store).superseded().to_pylist())
    kept = [row for row in rows(out, "pages") if row[0] not in {made_id("/in/a.pdf"), made_id("a2")}]

    report = compact(store)

    assert (2, 9, 3) == (report.superseded_documents, report.shards_before, report.shards_after)
    assert report.superseded_rows == 2 + 2 + 3  # of sources, documents and pages
    assert kept == rows(out, "pages")
    assert ["", "a, newest", "b", "b, newer", "c"] == texts(store)
    assert verify(store, repair=False).findings == ()
    assert store.list("_journal", ".json") == []


def test_what_is_known_stays_known(out: Path) -> None:
    """After compaction the next run skips what it skipped before."""
    store = LocalStore(out)
    compact(store)
    ledger = read_ledger(store)
    for uri, version in (("/in/a.pdf", "3"), ("/in/b.pdf", "2"), ("/in/copy-of-b.pdf", "1"), ("/in/locked.pdf", "1")):
        assert ledger.knows_source(uri, version), uri
    assert not ledger.knows_source("/in/a.pdf", "2")


def test_shards_grow_to_the_target_and_not_beyond(tmp_path: Path) -> None:
    """Neighbours are merged while they stay under the target; what is large enough is not written again."""
    store = LocalStore(tmp_path)
    for run in range(1, 7):
        with writing(tmp_path, run=run) as sink:
            # What hardly compresses: 400 kB a shard.
            text = "".join(f"{number * 7919 * run * 104_729:x} " for number in range(70_000))
            add_document(sink, f"/in/{run}.pdf", [page(text)])
    sizes = store.sizes("pages").values()
    assert min(sizes) * 3 > 1 << 20 > max(sizes) * 2
    compact(store, target_mb=1)
    assert len(store.list("pages")) == 3
    first = store.list("pages")
    assert compact(store, target_mb=1).shards_after == 5
    assert first == store.list("pages")


@pytest.mark.fault
def test_a_kill_at_any_step_changes_no_row(out: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """SIGKILL of `compact` before each of its steps: readers see the same rows, the next one finishes the work."""
    undisturbed = tmp_path_factory.mktemp("undisturbed")
    make_output(undisturbed)
    compact(LocalStore(undisturbed))
    for step in range(100):
        root = tmp_path_factory.mktemp(f"step{step}")
        make_output(root)
        ended = subprocess.run([sys.executable, "-c", _KILLED_AT, str(root), str(step)], check=False)
        store = LocalStore(root)
        assert {"a, newest", "b", "b, newer", "c"} <= set(seen := texts(store))
        assert len(seen) == len(set(seen)), f"a page is there twice after a kill before step {step}"
        with store.lease(LeaseOwner.current("next")):
            recover(store)
        assert verify(store, repair=False).sound, f"step {step}"
        compact(store)
        assert rows(undisturbed, "pages") == rows(root, "pages"), f"step {step}"
        assert rows(undisturbed, "documents") == rows(root, "documents"), f"step {step}"
        assert rows(undisturbed, "sources") == rows(root, "sources"), f"step {step}"
        if ended.returncode == 0:
            assert step > 10
            return
        assert ended.returncode == -signal.SIGKILL
    pytest.fail("it never came to its end")


def test_readers_may_be_at_work(tmp_path: Path) -> None:
    """Readers that go on while shards are merged under them see every page once, each time."""
    store = LocalStore(tmp_path)
    with store.lease(LeaseOwner.current("run")):
        pass
    for run in range(1, 25):
        with writing(tmp_path, run=run) as sink:
            add_document(sink, f"/in/{run}.pdf", [page(f"page of {run}")])
    expected = texts(store)
    program = "import sys; from pathlib import Path; from ocrmill.commands.compact import compact; "
    program += "from ocrmill.pipeline.output.stores.local import LocalStore\n"
    program += "for mb in (1, 2, 3): compact(LocalStore(Path(sys.argv[1])), target_mb=mb)"
    reads = 0
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)]) as process:
        while process.poll() is None or reads < 2:
            assert expected == read_again(lambda: texts(store))
            reads += 1
    assert process.returncode == 0
    assert len(shards(store, "pages")) == 1
    assert expected == texts(store)


def test_a_shard_that_is_merged_away_is_no_damage(out: Path) -> None:
    """`verify` that meets a compaction between listing and reading looks again, and sees all rows once."""
    verified = read_again(lambda: verify(CompactedAtTheFirstRead(out), repair=False))
    assert (verified.findings, verified.shards) == ((), 3)


def test_the_status_of_an_output_that_is_compacted_meanwhile(out: Path) -> None:
    """`status` of an output that is compacted meanwhile counts each row once."""
    status = read_again(lambda: read_status(CompactedAtTheFirstRead(out)))
    assert (status.unreadable_shards, status.pages.total()) == ((), len(texts(LocalStore(out))))


class CompactedAtTheFirstRead(LocalStore):
    """An output that another process compacts as soon as a shard of it is to be read."""

    def file(self, name: str) -> str:
        if not list(self.root.rglob("*-m.parquet")):
            compact(LocalStore(self.root))
        return super().file(name)


def test_no_compaction_while_a_run_writes(out: Path) -> None:
    """Compaction needs the lease, like every writer."""
    with LocalStore(out).lease(LeaseOwner.current("run-9")), pytest.raises(LeaseHeldError, match="run run-9"):
        compact(LocalStore(out))


def test_an_output_in_a_bucket_is_compacted(s3: S3Server, out: Path) -> None:
    """An output in a bucket is compacted as one in a folder is."""
    bucket = s3.bucket()
    for path in out.rglob("*.parquet"):
        s3.put(bucket, f"out/{path.relative_to(out)}", path.read_bytes())
    store = open_store(f"s3://{bucket}/out", s3.settings)

    compact(store)

    assert ["", "a, newest", "b", "b, newer", "c"] == texts(store)
    assert verify(store, repair=False).findings == ()
    assert sum(key.endswith(".parquet") for key in s3.keys(bucket)) == 3


@pytest.mark.parametrize(
    "entry",
    [
        '{"kind": "merge", "new": "pages/../../outside.parquet", "old": []}',
        '{"kind": "replacement", "new": ["pages/new.parquet"], "old": ["../outside.parquet"]}',
        '{"kind": "merge", "new": "pages/new.parquet", "old": 5}',
        '{"kind": "burial"}',
        "[" * 100_000,
    ],
)
def test_a_foreign_entry_touches_nothing(tmp_path: Path, entry: str) -> None:
    """An output of somebody else's may hold any entry: it deletes nothing that is not a shard; an error names it."""
    outside = tmp_path / "outside.parquet"
    outside.write_bytes(b"ours")
    store = LocalStore(tmp_path / "out")
    (tmp_path / "out/pages").mkdir(parents=True)
    (tmp_path / "out/_journal").mkdir()
    (tmp_path / "out/_journal/entry.json").write_text(entry)

    with pytest.raises(OutputError, match=r"entry\.json is not one of ours"):
        recover(store)
    assert b"ours" == outside.read_bytes()
