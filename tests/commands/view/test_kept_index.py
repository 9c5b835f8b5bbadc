"""The index kept between two starts: it is that of the output, and is made again if it cannot be used."""

import logging
import os
import resource
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pytest
from made_rows import made_stamp
from viewer import opened
from written_outputs import add_document, failed_page, page, writing

import ocrmill
from ocrmill.commands.compact import compact
from ocrmill.commands.presentation import page_index
from ocrmill.commands.presentation.rates import read_rates
from ocrmill.commands.sql.database_folder import UNUSED_S, DatabaseFolder
from ocrmill.commands.sql.locked_database import LockedDatabase
from ocrmill.commands.view.output_data import OutputData
from ocrmill.pipeline.errors import OutputError
from ocrmill.pipeline.output.current_rows import CurrentPages
from ocrmill.pipeline.output.stores.local import LocalStore


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    """An output of two documents."""
    with writing(tmp_path / "out") as sink:
        add_document(sink, "/in/a.pdf", [page("one"), page("two"), failed_page()])
        add_document(sink, "/in/b.pdf", [page("three")])
    return LocalStore(tmp_path / "out")


@pytest.fixture
def caches(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "view"


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The shards of pages that are read for the index."""
    names: list[str] = []
    original = CurrentPages.read_with_places

    def noted(self: CurrentPages, name: str, columns: list[str]) -> pa.Table:
        names.append(name)
        return original(self, name, columns)

    monkeypatch.setattr(CurrentPages, "read_with_places", noted)
    return names


@contextmanager
def started(store: LocalStore, caches: Path) -> Iterator[OutputData]:
    with opened(store, index_folder=DatabaseFolder.kept(store.url, caches)) as data:
        yield data


def state(data: OutputData) -> dict[str, object]:
    """The parts of an index that the views show."""
    cursor = data.cursor()
    documents = sorted(cursor.execute("SELECT * EXCLUDE id FROM documents").fetchall(), key=repr)
    pages = set(cursor.execute("SELECT document_id, page_number, status, shard, row FROM pages").fetchall())
    return {
        "documents": documents,
        "pages": pages,
        "rates": dict(read_rates(cursor).counts),
        "facets": data.index.facets["pages"],
    }


def test_the_next_start_reads_no_shard_again(store: LocalStore, caches: Path, read: list[str]) -> None:
    """A second start shows what the first one had without a look into a shard of pages."""
    with started(store, caches) as data:
        first = state(data)
    assert len(read) == 1

    with started(store, caches) as data:
        assert state(data) == first
    assert len(read) == 1


def test_what_was_written_meanwhile_comes_in(store: LocalStore, caches: Path, read: list[str]) -> None:
    """A shard that is new at the next start is read, and rows that no longer count are out."""
    with started(store, caches):
        pass
    with writing(Path(store.url), stamp=made_stamp(day=9)) as sink:
        add_document(sink, "/in/a.pdf", [page("changed")])
    with started(store, caches) as data:
        kept = state(data)
    with opened(store) as data:
        assert state(data) == kept

    compact(store)
    with started(store, caches) as data:
        expected = ocrmill.open_output(store.url).pages.select("document_id", "page_number").to_arrow().to_pylist()
        found = data.cursor().execute("SELECT document_id, page_number FROM pages").fetchall()
        assert sorted(found) == sorted((row["document_id"], row["page_number"]) for row in expected)


@pytest.mark.parametrize("damage", ["another layout", "no database", "tables of another's"])
def test_an_index_of_no_use_is_made_again(
    damage: str, store: LocalStore, caches: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An index of another version, or a file that is no database, is replaced without an error."""
    with started(store, caches) as data:
        first = state(data)
        if damage == "tables of another's":
            data.cursor().execute("DROP TABLE kept.shards")
    if damage == "another layout":
        monkeypatch.setattr(page_index, "_layout", lambda: "that of the next release")
    if damage == "no database":
        (file,) = caches.rglob("view.duckdb")
        file.write_bytes(b"no database" * 1000)

    with started(store, caches) as data:
        assert state(data) == first
    assert len(read) == 2


def test_a_second_viewer_has_an_index_of_its_own(
    store: LocalStore, caches: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Two viewers of one output do not wait for each other; what the second one makes goes with it."""
    with started(store, caches) as first, caplog.at_level(logging.WARNING):
        other = DatabaseFolder.kept(store.url, caches)
        assert "another viewer" in caplog.text
        with opened(store, index_folder=other) as second:
            assert state(second) == state(first)
        assert not other.path.exists()


def test_where_nothing_can_be_written_the_index_is_temporary(store: LocalStore, tmp_path: Path) -> None:
    """A cache folder that cannot be made costs the next start its time, and nothing else."""
    (tmp_path / "file").write_text("no folder")
    with started(store, tmp_path / "file" / "view") as data:
        assert data.cursor().execute("SELECT count(*) FROM pages").fetchall() == [(4,)]


def test_unused_indexes_are_removed(store: LocalStore, caches: Path) -> None:
    """An index that nobody used for 30 days goes at the next start; one in use, and others' files, stay."""
    old, used, foreign = DatabaseFolder.kept("/old", caches), DatabaseFolder.kept("/used", caches), caches / "foreign"
    foreign.mkdir()
    long_ago = time.time() - UNUSED_S - 60
    for folder in (old, used):
        os.utime(folder.path / "lock", (long_ago, long_ago))
    old.close()

    own = DatabaseFolder.kept(store.url, caches)
    try:
        assert set(caches.iterdir()) == {own.path, used.path, foreign}
        assert stat.S_IMODE(own.path.stat().st_mode) == 0o700
    finally:
        own.close()
        used.close()


def test_an_index_that_cannot_be_written_says_so(
    store: LocalStore, caches: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """On a full disk, here a limit on the size of files, the message names the file and what to do."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    folder = DatabaseFolder.kept(store.url, caches)
    with capfd.disabled():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
        try:
            with pytest.raises(
                OutputError, match=r"index of the output cannot be written.*view\.duckdb.*\n.*XDG_CACHE_HOME"
            ):
                LockedDatabase("1GB", folder)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    with started(store, caches) as data:  # the lock was given back
        assert data.find_page("no such", 1) is None
