"""The needs of an engine are checked on a node of the cluster, soon after joining it and before engines start."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import ray
from made_checkpoints import make_checkpoint
from ray.cluster_utils import Cluster

from ocrmill.configs.engine_settings import DeepseekOcr2Settings, EngineSettings
from ocrmill.configs.settings import RunSettings
from ocrmill.configs.worker_settings import WorkerSettings
from ocrmill.pipeline.errors import EngineError
from ocrmill.pipeline.records import EngineDescription
from ocrmill.workers.engines.registry import make_engine
from ocrmill.workers.pools import cluster_check
from ocrmill.workers.pools.cluster_check import check_on_a_node
from ocrmill.workers.pools.ray_pool import RayPool

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # Ray's own


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """One node, which says that it has a GPU."""
    cluster = Cluster(initialize_head=True, connect=False, head_node_args={"num_cpus": 2, "num_gpus": 1})
    yield cluster
    cluster.shutdown()


@pytest.fixture
def joined(cluster: Cluster) -> Iterator[None]:
    ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
    yield
    ray.shutdown()


def settings_for(model: Path | str, address: str | None = None) -> RunSettings:
    engine = EngineSettings(name="deepseek-ocr2", deepseek_ocr2=DeepseekOcr2Settings(model=str(model)))
    return RunSettings(engine=engine, workers=WorkerSettings(ray_address=address))


def described(gpus: int) -> EngineDescription:
    return EngineDescription(name="deepseek-ocr2", slots=1, gpus=gpus)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The node's answer is waited for on a busy machine, too."""
    monkeypatch.setattr(cluster_check, "CLUSTER_ANSWER_S", 60.0)


@pytest.mark.usefixtures("joined", "patient")
def test_what_a_node_lacks_is_said(tmp_path: Path) -> None:
    """By a node with a GPU, although the driver may have none."""
    pytest.importorskip("vllm")
    slots = check_on_a_node(settings_for(make_checkpoint(tmp_path / "model")), described(1))
    assert slots == 64 + 16  # the node's own number, not the driver's

    with pytest.raises(EngineError, match="engine deepseek-ocr2 cannot start: there is no folder /no/such/model"):
        check_on_a_node(settings_for("/no/such/model"), described(1))


@pytest.mark.usefixtures("joined")
def test_a_busy_cluster_is_not_waited_for() -> None:
    """Another run has the GPU, and does not give it back: engines wait for it and check then."""

    @ray.remote(num_gpus=1)
    class Other:
        def ping(self) -> None:
            """Answer once it is up."""

    other = Other.remote()  # type: ignore[attr-defined]
    ray.get(other.ping.remote())

    assert check_on_a_node(settings_for("/no/such/model"), described(1)) == 1


@pytest.mark.usefixtures("patient")
def test_joining_ends_where_a_node_lacks_something(cluster: Cluster) -> None:
    """The run leaves the cluster again, without having started a worker."""
    pytest.importorskip("vllm")
    with pytest.raises(EngineError, match="there is no folder /no/such/model"):
        RayPool(settings_for("/no/such/model", cluster.address), make_engine)

    assert not ray.is_initialized()
