"""vLLM on a tiny checkpoint, for one file of tests at a time. Whatever needs vLLM skips where that is not installed."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from checkpoint_forms import ChangeConfig, WithConfig

from ocrmill.model_adapter.plugin import engine_arguments

OFFLINE = {
    "DO_NOT_TRACK": "1",
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_LOGGING_LEVEL": "ERROR",
}
ON_CPU = {
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",  # tests run beside each other
}

SMALL_ENGINE: dict[str, Any] = {
    "dtype": "float32",
    "enforce_eager": True,
    "max_model_len": 2048,
    "max_num_seqs": 8,
    "max_num_batched_tokens": 4096,
}


@pytest.fixture(scope="session")
def with_config(tiny_checkpoint: Path) -> WithConfig:
    """The tiny checkpoint in another directory and under another `config.json`, made from its own by a function."""

    def make(directory: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Path:
        directory.mkdir()
        for file in tiny_checkpoint.iterdir():
            (directory / file.name).symlink_to(file)
        config = json.loads((tiny_checkpoint / "config.json").read_text())
        (directory / "config.json").unlink()
        (directory / "config.json").write_text(json.dumps(change(config)))
        return directory

    return make


@pytest.fixture(scope="session")
def config_forms() -> dict[str, ChangeConfig]:
    """Three forms of a `config.json`, as functions of the published one."""
    return {"published": dict, "resaved": resaved, "native": native}


@pytest.fixture(scope="module")
def vllm_environment() -> Iterator[dict[str, str]]:
    """Environment variables for vLLM in this process, before it is imported."""
    pytest.importorskip("vllm")
    before = dict(os.environ)
    os.environ.update(OFFLINE | ON_CPU)
    keep_products()
    yield dict(os.environ)
    os.environ.clear()
    os.environ.update(before)


def keep_products() -> None:
    """Keep what vLLM's CPU kernels hold for a model's products until the process ends.

    The collector deletes them at any time, by an operation of torch; amid a compilation that leaves torch's dispatch
    broken for all tests that follow.
    """
    from vllm._custom_ops import CPUDNNLGEMMHandler

    CPUDNNLGEMMHandler.__del__ = lambda _self: None


@pytest.fixture(scope="module")
def make_model_config(vllm_environment: dict[str, str]) -> Callable[..., Any]:
    """Make vLLM's `ModelConfig` of a checkpoint, with our model chosen."""

    def make(directory: Path, **arguments: Any) -> Any:
        from vllm.engine.arg_utils import EngineArgs

        return EngineArgs(str(directory), **{**SMALL_ENGINE, **engine_arguments(), **arguments}).create_model_config()

    return make


@pytest.fixture(scope="module")
def make_processor(make_model_config: Callable[..., Any], tiny_checkpoint: Path) -> Callable[..., Any]:
    """Our processor, as vLLM makes it, for a `max_tiles`, or for a checkpoint and its arguments."""

    def make(max_tiles: int = 6, directory: Path = tiny_checkpoint, **given: Any) -> Any:
        from vllm.multimodal import MULTIMODAL_REGISTRY

        arguments = {"mm_processor_kwargs": {"max_tiles": max_tiles}} | given
        return MULTIMODAL_REGISTRY.create_processor(make_model_config(directory, **arguments))

    return make


@pytest.fixture(scope="module")
def make_llm(vllm_environment: dict[str, str]) -> Iterator[Callable[..., Any]]:
    """Start engines on checkpoints, and end them.

    They run in this process: one of their own would import vLLM again, for each as long as the tests of it take.
    """
    engines = []

    def make(directory: Path, **arguments: Any) -> Any:
        from vllm import LLM

        engines.append(LLM(str(directory), **{**SMALL_ENGINE, **engine_arguments(), **arguments}))
        return engines[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
        yield make
    for engine in engines:
        engine.llm_engine.engine_core.shutdown()
    if engines:
        from vllm.distributed import cleanup_dist_env_and_memory

        cleanup_dist_env_and_memory()


@pytest.fixture(scope="module")
def llm(make_llm: Callable[..., Any], tiny_checkpoint: Path) -> Any:
    """An engine on the tiny checkpoint, for many tests."""
    return make_llm(tiny_checkpoint)


@pytest.fixture
def page() -> npt.NDArray[np.uint8]:
    """A Letter page of noise at 144 dpi: (height, width, 3) uint8."""
    return np.random.default_rng(0).integers(0, 256, (1584, 1224, 3), dtype=np.uint8)


def resaved(config: dict[str, Any]) -> dict[str, Any]:
    """As the published code writes it after fine-tuning."""
    return {**config, "model_type": "DeepseekOCR2", "transformers_version": "4.46.3"}


def native(config: dict[str, Any]) -> dict[str, Any]:
    """A published config's sizes in the schema of transformers."""
    language, width = config["language_config"], config["vision_config"]["width"]
    sam, flow = width["sam_vit_b"], width["qwen2-0-5b"]
    shared = {key: value for key, value in language.items() if key not in {"architectures", "torch_dtype"}}
    return {
        "architectures": ["DeepseekOcr2ForConditionalGeneration"],
        "model_type": "deepseek_ocr2",
        "image_token_id": 128815,
        "text_config": {
            **{key: value for key, value in shared.items() if not key.endswith(("_rank", "_head_dim", "_mla"))},
            "mlp_layer_types": ["dense"] + ["sparse"] * (language["num_hidden_layers"] - 1),
            "model_type": "deepseek_ocr2_text",
            "rope_parameters": {"rope_theta": 10000.0, "rope_type": "default"},
        },
        "vision_config": {
            "model_type": "deepseek_ocr2_vision",
            "sam_config": {
                "hidden_size": sam["width"],
                "num_hidden_layers": sam["layers"],
                "num_attention_heads": sam["heads"],
                "output_channels": sam["neck_channels"],
                "global_attn_indexes": sam["global_attn_indexes"],
                "downsample_channels": [sam["downsample_channels"][0], flow["dim"]],
            },
            "encoder_config": {
                "hidden_size": flow["dim"],
                "intermediate_size": flow["intermediate_size"],
                "num_attention_heads": flow["heads"],
                "num_hidden_layers": flow["layers"],
                "num_key_value_heads": flow["kv_heads"],
                "rope_parameters": {"rope_theta": 1000000.0, "rope_type": "default"},
            },
        },
    }
