"""Processes die or hang in mid-run, really: then every page has its one row, and finished work was not redone."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from fault_driver import SLOTS
from faulty_run import FaultyRun, assert_whole, durable
from ray.cluster_utils import Cluster

from ocrmill.workers.rendering.child import PROCESS_NAME
from ocrmill.workers.rendering.forking.forked_process import TEMPLATE

pytestmark = pytest.mark.fault


def test_sigkill_of_a_rasterizer(inputs: Path, pages: dict[str, int], tmp_path: Path) -> None:
    """SIGKILL of a rasterizer: another reads its pages, and none fails."""
    with FaultyRun(inputs, tmp_path / "out") as run:
        run.await_rows(5)
        run.worker("RasterizerActor").kill()
        assert run.end() == 0, run.said()

    assert_whole(tmp_path / "out", pages)


def test_sigkill_of_a_rendering_process(inputs: Path, pages: dict[str, int], tmp_path: Path) -> None:
    """SIGKILL of a rendering process: it costs the page being rendered, unless the second renderer saves it."""
    with FaultyRun(inputs, tmp_path / "out") as run:
        run.await_rows(5)
        run.worker(PROCESS_NAME).kill()
        assert run.end() in {0, 3}, run.said()

    assert_whole(tmp_path / "out", pages, failed=1)


def test_sigkill_of_a_template(inputs: Path, pages: dict[str, int], tmp_path: Path) -> None:
    """SIGKILL of the process that rendering processes are forked from: as theirs, and another one is started."""
    with FaultyRun(inputs, tmp_path / "out") as run:
        run.await_rows(5)
        run.worker(TEMPLATE).kill()
        assert run.end() in {0, 3}, run.said()

    assert_whole(tmp_path / "out", pages, failed=1)


def test_sigkill_of_an_engine(inputs: Path, pages: dict[str, int], tmp_path: Path) -> None:
    """SIGKILL of an engine: the pages it was reading are read again, and only those."""
    with FaultyRun(inputs, tmp_path / "out") as run:
        run.await_rows(5)
        run.worker("EngineActor").kill()
        assert run.end() == 0, run.said()
        times_read = run.times_read()

    assert_whole(tmp_path / "out", pages)
    assert set(times_read.values()) <= {1, 2}
    assert list(times_read.values()).count(2) <= SLOTS


def test_a_rasterizer_that_hangs(inputs: Path, pages: dict[str, int], tmp_path: Path) -> None:
    """SIGSTOP of a rasterizer: after workers.unresponsive_s it is replaced, and its pages are read."""
    with FaultyRun(inputs, tmp_path / "out", "workers.unresponsive_s=2") as run:
        run.await_rows(5)
        run.worker("RasterizerActor").send_signal(signal.SIGSTOP)
        assert run.end() == 0, run.said()
        assert "hangs" in run.said()

    assert_whole(tmp_path / "out", pages)


@pytest.mark.parametrize("whole_group", [False, True], ids=["driver", "process group"])
def test_sigkill_of_the_driver(inputs: Path, pages: dict[str, int], tmp_path: Path, whole_group: bool) -> None:
    """SIGKILL of the driver, or of its process group: nothing of it stays, and the next run reads the rest."""
    with FaultyRun(inputs, tmp_path / "out") as first:
        seen = first.await_rows(20)
        first.workers("RasterizerActor")
        if whole_group:
            os.killpg(first.process.pid, signal.SIGKILL)
        else:
            first.process.kill()
        first.process.wait()
    seen = seen | durable(tmp_path / "out")
    with FaultyRun(inputs, tmp_path / "out") as second:
        assert second.end() == 0, second.said()

    assert_whole(tmp_path / "out", pages)
    assert seen.items() <= durable(tmp_path / "out").items(), "finished pages were read again"


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """Two nodes on this machine: what must move finds room on the first."""
    store = 256 << 20
    head = {"num_cpus": 4, "object_store_memory": store, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, connect=False, head_node_args=head)
    cluster.add_node(num_cpus=4, object_store_memory=store)
    yield cluster
    cluster.shutdown()


def test_sigkill_of_a_raylet(inputs: Path, pages: dict[str, int], tmp_path: Path, cluster: Cluster) -> None:
    """SIGKILL of a raylet of a two-node cluster: pages in flight are rendered again, and none fails."""
    (node,) = cluster.worker_nodes
    raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)
    with FaultyRun(inputs, tmp_path / "out", f"workers.ray_address={cluster.address}") as run:
        run.await_rows(5)
        there = [name for child in raylet.children() for name in child.cmdline() if "Actor" in name]
        assert there, "no actor runs on the second node"
        raylet.kill()
        assert run.end() == 0, run.said()
        times_read = run.times_read()

    assert_whole(tmp_path / "out", pages)
    assert set(times_read.values()) <= {1, 2}
    assert list(times_read.values()).count(2) <= SLOTS * len(there)


def test_sigterm_drains(inputs: Path, pages: dict[str, int], tmp_path: Path) -> None:
    """SIGTERM, or a spot warning: what is in flight is finished, exit code 75, the next run does the rest."""
    with FaultyRun(inputs, tmp_path / "out") as first:
        first.await_rows(5)
        first.process.terminate()
        assert first.end() == 75, first.said()
        read = first.times_read().total()
    seen = durable(tmp_path / "out")
    with FaultyRun(inputs, tmp_path / "out") as second:
        assert second.end() == 0, second.said()
        read += second.times_read().total()

    assert_whole(tmp_path / "out", pages)
    assert seen.items() <= durable(tmp_path / "out").items()
    assert read == sum(count for name, count in pages.items() if name.startswith("scans")), "a page was read twice"
