"""The disk fills in mid-run, really: a file system in memory that is too small."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from faulty_run import FaultyRun, assert_whole, durable, eventually

from ocrmill.commands.verify import verify
from ocrmill.pipeline.output.stores.local import LocalStore

DISK_KB = 2048

pytestmark = pytest.mark.fault


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "disk"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_KB}k", "none", str(path)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only a user who may mount can have a small disk")
    yield path
    subprocess.run(["umount", str(path)], check=True)


def fill(disk: Path) -> Path:
    """Leave no byte."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return ballast


def test_a_disk_that_is_full_for_a_while(inputs: Path, pages: dict[str, int], disk: Path) -> None:
    """The disk fills for a while: the run waits without taking pages, and ends normally once there is room."""
    with FaultyRun(inputs, disk / "out") as run:
        run.await_rows(5)
        ballast = fill(disk)
        assert eventually(lambda: "the disk is full" in run.said(), 30), run.said()
        rows = len(durable(disk / "out"))
        time.sleep(1)
        assert len(durable(disk / "out")) == rows
        ballast.unlink()
        assert run.end() == 0, run.said()

    assert_whole(disk / "out", pages)


def test_a_disk_that_stays_full(inputs: Path, pages: dict[str, int], disk: Path) -> None:
    """The disk stays full: after output.retry_s the run ends with exit code 1 and says so, what is durable is kept."""
    with FaultyRun(inputs, disk / "out", "output.retry_s=2") as first:
        seen = first.await_rows(5)
        ballast = fill(disk)
        assert first.end() == 1
        assert "the disk is full" in first.said().splitlines()[-1]
    assert seen.items() <= durable(disk / "out").items()
    assert all("unfinished" in finding.text for finding in verify(LocalStore(disk / "out"), repair=False).findings)

    ballast.unlink()
    with FaultyRun(inputs, disk / "out") as second:
        assert second.end() == 0, second.said()

    assert_whole(disk / "out", pages)
    assert seen.items() <= durable(disk / "out").items()
