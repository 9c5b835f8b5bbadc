"""The output folder: whole files or none, and one writer."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from leases import OWNER, owner_of
from processes import next_line

from ocrmill.configs.settings import StorageSettings
from ocrmill.pipeline.errors import LeaseHeldError, OutputError
from ocrmill.pipeline.output.stores import store as store_module
from ocrmill.pipeline.output.stores.local import LocalLease, LocalStore
from ocrmill.pipeline.output.stores.open import open_output
from ocrmill.pipeline.output.stores.store import LEASE, LeaseOwner

ROOT = Path(__file__).parents[4]

# Holds the lease, starts one child by fork and one by exec, says the ids of both once they run, and waits to be killed.
PARENT = """
import os, subprocess, sys, time
from pathlib import Path
from ocrmill.pipeline.output.stores.local import LocalStore
from ocrmill.pipeline.output.stores.store import LeaseOwner

with LocalStore(Path(sys.argv[1])).lease(LeaseOwner.current("parent")):
    runs, says_it_runs = os.pipe()
    forked = os.fork()
    if forked == 0:
        os.write(says_it_runs, b"!")
        time.sleep(60)
        os._exit(0)
    os.read(runs, 1)
    started = subprocess.Popen(["sleep", "60"], close_fds=False)
    print(forked, started.pid, flush=True)
    time.sleep(60)
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@contextmanager
def holding_process(folder: Path) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """A process that holds the lease, and the ids of its two children."""
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True, pipesize=4096
    )
    children: list[int] = []
    try:
        children += map(int, next_line(process).split())
        yield process, children
    finally:
        process.kill()
        for child in children:
            os.kill(child, signal.SIGKILL)
        process.communicate()


def test_only_visible_files_are_listed(tmp_path: Path) -> None:
    """Names come sorted, and what starts with a dot or underscore, ends otherwise or is a folder is no shard."""
    store = LocalStore(tmp_path)
    for name in ("b.parquet", "a.parquet", ".ocrmill-c.parquet.tmp", ".d.parquet", "_e.parquet", "f.txt"):
        store.write(f"pages/{name}", b"x")
    (tmp_path / "pages" / "g.parquet").mkdir()

    assert store.list("pages") == ["pages/a.parquet", "pages/b.parquet"]
    assert store.list("documents") == []
    assert store.list("pages", ".txt") == ["pages/f.txt"]


def test_a_write_replaces_the_whole_file(tmp_path: Path) -> None:
    """A second write under a name gives its bytes and nothing of the first, and leaves no temporary file."""
    store = LocalStore(tmp_path / "new" / "output")
    store.write("pages/a.parquet", b"long " * 1000)
    store.write("pages/a.parquet", memoryview(b"short"))

    assert store.read("pages/a.parquet") == b"short"
    assert names(tmp_path / "new" / "output" / "pages") == ["a.parquet"]


# Writes files of 32 MiB under three names again and again, each all of one byte, until it is killed.
WRITER = """
import itertools, sys
from pathlib import Path
from ocrmill.pipeline.output.stores.local import LocalStore

store = LocalStore(Path(sys.argv[1]))
for number in itertools.count():
    print(number, flush=True)
    store.write(f"pages/{number % 3}.parquet", bytes([number % 251]) * (1 << 25))
"""


def test_a_killed_writer_leaves_whole_files(tmp_path: Path) -> None:
    """Ten SIGKILLs at random moments: after each, every visible file is one of those that were written, whole."""
    rng = random.Random(3)
    for _ in range(10):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, tmp_path], cwd=ROOT, stdout=subprocess.PIPE, text=True
        ) as writer:
            for _ in range(rng.randint(1, 3)):
                next_line(writer)
            time.sleep(rng.uniform(0, 0.05))
            writer.kill()
        assert writer.returncode == -signal.SIGKILL
        for name in LocalStore(tmp_path).list("pages"):
            content = (tmp_path / name).read_bytes()
            assert content.count(content[:1]) == 1 << 25
    assert LocalStore(tmp_path).list("pages")


def test_a_full_disk_is_said_and_harms_nothing(tmp_path: Path) -> None:
    """On a full disk the error says so, and the file that was there is still there."""
    store = LocalStore(tmp_path)
    store.write("pages/a.parquet", b"first")
    (tmp_path / "pages" / ".ocrmill-a.parquet.tmp").symlink_to("/dev/full")  # its writes fail with ENOSPC

    with pytest.raises(OutputError, match=r"pages/a\.parquet cannot be written: the disk is full.*is kept"):
        store.write("pages/a.parquet", b"second")
    assert store.read("pages/a.parquet") == b"first"
    store.write("pages/a.parquet", b"second")  # there is room again
    assert store.read("pages/a.parquet") == b"second"


def test_a_path_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """An output below a file is refused by name, for writing, listing, deleting and leasing."""
    (tmp_path / "file").write_bytes(b"")
    store = LocalStore(tmp_path / "file")

    with pytest.raises(OutputError, match=r"file/pages/a\.parquet cannot be written: a file .* stands where a folder"):
        store.write("pages/a.parquet", b"")
    with pytest.raises(OutputError, match="file/pages cannot be listed: Not a directory"):
        store.list("pages")
    with pytest.raises(OutputError, match="stands where a folder has to be"):
        store.delete("pages/a.parquet")
    with pytest.raises(OutputError, match="_lease cannot be written"), store.lease(OWNER):
        pytest.fail("the lease of a file was had")


def test_a_place_without_rights_is_said_with_what_to_do() -> None:
    """An output where nobody may write, root neither, is refused with its place, the system's reason and the way on."""
    way_on = "Write as a user who may, or name another output"
    with pytest.raises(OutputError, match=rf"^/sys/kernel/_lease cannot be written: .*\. {way_on}$") as refused:
        LocalStore(Path("/sys/kernel")).write("_lease", b"")
    assert not refused.value.transient


def test_a_missing_file_cannot_be_read(tmp_path: Path) -> None:
    """Reading what is not there names it; deleting it is no error."""
    store = LocalStore(tmp_path)

    with pytest.raises(OutputError, match=r"runs/a\.json is gone"):
        store.read("runs/a.json")
    store.write("runs/a.json", b"{}")
    store.delete("runs/a.json")
    store.delete("runs/a.json")
    assert store.list("runs", ".json") == []


def test_looking_creates_nothing(tmp_path: Path) -> None:
    """Opening for reading, listing and asking for the lease leave no trace; a folder that is no output is refused."""
    with pytest.raises(OutputError, match="nowhere is not an output of ocrmill"):
        open_output(str(tmp_path / "nowhere"), StorageSettings())
    with pytest.raises(OutputError, match="is not an output of ocrmill"):
        open_output(str(tmp_path), StorageSettings())
    assert names(tmp_path) == []

    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "a.json").touch()
    store = open_output(str(tmp_path), StorageSettings())
    assert (store.list("pages"), store.is_leased(), store.lease_owner()) == ([], False, None)
    assert names(tmp_path) == ["runs"]


def test_what_is_set_aside_is_never_overwritten(tmp_path: Path) -> None:
    """Two damaged files of one name both stay."""
    store = LocalStore(tmp_path)
    for content in (b"one", b"two"):
        store.write("pages/a.parquet", content)
        store.set_aside("pages/a.parquet")

    assert store.list("pages") == []
    assert {path.read_bytes() for path in (tmp_path / "_damaged").iterdir()} == {b"one", b"two"}


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    """While a process holds the lease, a second one learns who holds it and what to do; afterwards it gets it."""
    with holding_process(tmp_path) as (holder, _):
        assert LocalStore(tmp_path).is_leased()
        assert owner_of(LocalStore(tmp_path)).pid == holder.pid
        message = rf"run parent \(process {holder.pid} on .*since 2.*is writing there.*kill {holder.pid}"
        with pytest.raises(LeaseHeldError, match=message), LocalStore(tmp_path).lease(OWNER):
            pytest.fail("the lease was had twice")


def test_children_do_not_keep_the_lease(tmp_path: Path) -> None:
    """The lease of a killed holder is free at once, though children that it started and forked live on."""
    with holding_process(tmp_path) as (holder, children):
        holder.kill()
        holder.wait()
        assert len(children) == 2
        for child in children:
            os.kill(child, 0)  # alive
        assert not LocalStore(tmp_path).is_leased()
        assert owner_of(LocalStore(tmp_path)).pid == holder.pid  # left behind, for people
        with LocalStore(tmp_path).lease(OWNER):
            assert owner_of(LocalStore(tmp_path)).run_id == "run-1"


def test_a_forked_child_cannot_give_the_lease_away(tmp_path: Path) -> None:
    """A forked child that leaves the block of the lease leaves the lease to its parent."""
    child = 0
    with LocalStore(tmp_path).lease(OWNER):
        child = os.fork()
        if child:
            assert os.waitpid(child, 0)[1] == 0
            assert LocalStore(tmp_path).is_leased()
    if not child:
        os._exit(0)
    assert not LocalStore(tmp_path).is_leased()


def test_a_lease_is_renewed_while_its_owner_lives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has to call `renew`: a thread does, again and again, and stops when the lease is over."""
    renewals: list[float] = []
    plain = LocalLease.renew

    def renew(lease: LocalLease) -> None:
        renewals.append(time.monotonic())
        plain(lease)

    monkeypatch.setattr(store_module, "HEARTBEAT_S", 0.05)
    monkeypatch.setattr(LocalLease, "renew", renew)
    store = LocalStore(tmp_path)
    with store.lease(OWNER):
        first = owner_of(store)
        until = time.monotonic() + 30
        while len(renewals) < 4 and time.monotonic() < until:
            time.sleep(0.01)
        assert first.heartbeat < owner_of(store).heartbeat
    made = len(renewals)
    time.sleep(0.2)

    assert 4 <= made == len(renewals)


def test_the_lease_shows_a_heartbeat(tmp_path: Path) -> None:
    """Each renewal moves the heartbeat on and nothing else; when the lease is over, its file is gone."""
    store = LocalStore(tmp_path)
    with store.lease(OWNER) as lease:
        first = owner_of(store)
        lease.renew()
        second = owner_of(store)
        assert (first.started, first.pid, first.run_id) == (second.started, second.pid, second.run_id)
        assert OWNER.started <= first.heartbeat < second.heartbeat
    assert not (tmp_path / LEASE).exists()
    with store.lease(OWNER):
        pass


def test_a_deleted_lease_stops_its_run(tmp_path: Path) -> None:
    """If somebody deletes the lease, another run may start, and the first one stops at its next heartbeat."""
    store = LocalStore(tmp_path)
    with store.lease(OWNER) as first:
        (tmp_path / LEASE).unlink()
        with store.lease(LeaseOwner.current("run-2")):
            with pytest.raises(OutputError, match="was deleted during the run"):
                first.renew()
            assert owner_of(store).run_id == "run-2"
    assert not store.is_leased()


def test_the_next_writer_clears_away_half_written_files(tmp_path: Path) -> None:
    """Temporary files of a killed run go with the next lease; dot files of others stay."""
    store = LocalStore(tmp_path)
    for name in ("pages/.ocrmill-a.parquet.tmp", "runs/.ocrmill-b.json.tmp", "pages/.sync-conflict"):
        store.write(name, b"half")
    assert store.temporary_files("pages") == ["pages/.ocrmill-a.parquet.tmp"]

    with store.lease(OWNER):
        assert [store.temporary_files(folder) for folder in ("pages", "runs")] == [[], []]
        assert names(tmp_path / "pages") == [".sync-conflict"]
