"""A tiny checkpoint and vLLM on it. Whatever needs vLLM skips where that is not installed."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_adapter.plugin import engine_arguments

OFFLINE = {
    "DO_NOT_TRACK": "1",
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_LOGGING_LEVEL": "ERROR",
}
ON_CPU = {
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",  # else vLLM would tie this process to some cores for good
}
IN_THIS_PROCESS = {"VLLM_ENABLE_V1_MULTIPROCESSING": "0"}

SMALL_ENGINE: dict[str, Any] = {
    "dtype": "float32",
    "enforce_eager": True,
    "max_model_len": 2048,
    "max_num_seqs": 8,
    "max_num_batched_tokens": 4096,
}


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint in the published layout with seeded weights."""
    from model_adapter.published_config import ModelSize
    from model_adapter.seeded import seed_checkpoint

    directory = tmp_path_factory.mktemp("checkpoint") / "tiny"
    seed_checkpoint(directory, ModelSize.TINY)
    return directory


@pytest.fixture(scope="session")
def vllm_environment():
    """Environment variables for vLLM in this process, before it is imported."""
    pytest.importorskip("vllm")
    before = dict(os.environ)
    os.environ.update(OFFLINE | ON_CPU | IN_THIS_PROCESS)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session")
def make_model_config(vllm_environment):
    """Make vLLM's `ModelConfig` of a checkpoint, with our model chosen."""

    def make(directory: Path, **arguments: Any) -> Any:
        from vllm.engine.arg_utils import EngineArgs

        return EngineArgs(str(directory), **{**SMALL_ENGINE, **engine_arguments(), **arguments}).create_model_config()

    return make


@pytest.fixture(scope="session")
def make_processor(make_model_config, tiny_checkpoint):
    """Our processor, as vLLM makes it, for a `max_tiles`."""

    def make(max_tiles: int = 6, directory: Path = tiny_checkpoint) -> Any:
        from vllm.multimodal import MULTIMODAL_REGISTRY

        arguments = {"mm_processor_kwargs": {"max_tiles": max_tiles}}
        return MULTIMODAL_REGISTRY.create_processor(make_model_config(directory, **arguments))

    return make


@pytest.fixture(scope="session")
def llm(vllm_environment, tiny_checkpoint):
    """An engine in this process, for many tests."""
    from vllm import LLM

    adapters = {"enable_lora": True, "max_lora_rank": 8, "max_loras": 1}
    engine = LLM(str(tiny_checkpoint), **SMALL_ENGINE, **engine_arguments(), **adapters)
    yield engine
    engine.llm_engine.engine_core.shutdown()


@pytest.fixture
def page():
    """A Letter page of noise at 144 dpi: (height, width, 3) uint8."""
    return np.random.default_rng(0).integers(0, 256, (1584, 1224, 3), dtype=np.uint8)
