"""Joining a Ray cluster that is not there."""

import pytest
from ports import free_port

from ocrmill.configs.engine_settings import EngineSettings
from ocrmill.configs.settings import RunSettings
from ocrmill.configs.worker_settings import WorkerSettings
from ocrmill.pipeline.errors import EngineError
from ocrmill.workers.engines.registry import make_engine
from ocrmill.workers.pools.ray_pool import RayPool


@pytest.mark.timeout(60)
def test_a_cluster_that_does_not_answer_is_told_at_once() -> None:
    """Ray would wait for more than five minutes; an error names a port that is none, or a host without address, too."""
    for address in (f"127.0.0.1:{free_port()}", "127.0.0.1:99999", "nowhere.invalid:6379"):
        settings = RunSettings(engine=EngineSettings(name="cpu"), workers=WorkerSettings(ray_address=address))
        with pytest.raises(EngineError, match=f"cannot join the Ray cluster at {address}"):
            RayPool(settings, make_engine)
