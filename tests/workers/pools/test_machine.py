"""The share of a machine that control groups leave a process: in made-up trees of both versions, and a real group."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from ocrmill.workers.pools import machine
from ocrmill.workers.pools.machine import usable_cores, usable_memory

Tree = Callable[[str, dict[str, str]], None]
REAL_GROUP = Path("/sys/fs/cgroup/cpu/ocrmill-test")


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """Make the tree of groups that the process is in; without them, sixteen cores may be used."""
    monkeypatch.setattr(machine, "_MEMBERSHIP", tmp_path / "membership")
    monkeypatch.setattr(machine, "_MOUNT", tmp_path / "groups")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)))

    def make(membership: str, files: dict[str, str]) -> None:
        (tmp_path / "membership").write_text(membership)
        for name, content in files.items():
            path = tmp_path / "groups" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)

    return make


@pytest.mark.parametrize(
    ("quota", "cores"), [("max 100000", 16), ("50000 100000", 1), ("250000 100000", 3), ("9900000 100000", 16)]
)
def test_a_container_leaves_the_cores_of_its_quota(tree: Tree, quota: str, cores: int) -> None:
    """Half a core is one, two and a half are three, and no quota makes more cores than there are."""
    tree("0::/\n", {"cpu.max": f"{quota}\n"})
    assert cores == usable_cores()


def test_the_narrowest_group_counts(tree: Tree) -> None:
    """A service in a slice has the least of what both have; groups beside them do not count."""
    service, total = "system.slice/ocrmill.service", psutil.virtual_memory().total
    tree(
        f"0::/{service}\n",
        {
            f"{service}/cpu.max": "800000 100000\n",
            f"{service}/memory.max": "max\n",
            "system.slice/cpu.max": "400000 100000\n",
            "system.slice/memory.max": f"{total // 2}\n",
            "other.slice/cpu.max": "100000 100000\n",
            "other.slice/memory.max": "4096\n",
        },
    )
    assert (4, total // 2) == (usable_cores(), usable_memory())


def test_the_first_version_has_a_tree_for_each_controller(tree: Tree) -> None:
    """Within a container the named group cannot be seen: what is mounted is the container's own."""
    tree(
        "5:cpuset:/docker/1a\n4:memory:/docker/1a\n3:cpu,cpuacct:/docker/1a\n0::/\n",
        {
            "cpu/cpu.cfs_quota_us": "200000\n",
            "cpu/cpu.cfs_period_us": "100000\n",
            "memory/memory.limit_in_bytes": f"{1 << 30}\n",
        },
    )
    assert (2, 1 << 30) == (usable_cores(), usable_memory())
    tree("3:cpu,cpuacct:/\n4:memory:/\n", {"cpu/cpu.cfs_quota_us": "-1\n"})
    assert 16 == usable_cores()


def test_without_groups_the_whole_machine_is_there(tree: Tree, tmp_path: Path) -> None:
    """Neither an empty list of groups nor none at all is an error."""
    assert (16, psutil.virtual_memory().total) == (usable_cores(), usable_memory())
    tree("", {})
    assert 16 == usable_cores()


@pytest.fixture
def real_group() -> Iterator[Path]:
    """A group of the kernel's with a quarter of a core."""
    if not (REAL_GROUP.parent / "cpu.cfs_quota_us").is_file() or not os.access(REAL_GROUP.parent, os.W_OK):
        pytest.skip("needs control groups of the first version, and may make none")
    REAL_GROUP.mkdir()
    try:
        (REAL_GROUP / "cpu.cfs_quota_us").write_text("25000")
        yield REAL_GROUP
    finally:
        REAL_GROUP.rmdir()


def test_a_process_in_a_real_group_sees_its_quota(real_group: Path) -> None:
    """The kernel's own files read as expected."""
    code = "from ocrmill.workers.pools.machine import usable_cores; input(); print(usable_cores())"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        (real_group / "cgroup.procs").write_text(str(process.pid))
        said, _ = process.communicate("\n", timeout=120)
        assert said == "1\n"
