"""An engine takes the settings for the GPU that it finds, and what is said where there is no preset for it."""

import logging
from collections.abc import Callable
from typing import Any

import pytest

from ocrmill.configs.engine_settings import DeepseekOcr2Settings, EngineSettings
from ocrmill.workers.engines.deepseek_ocr2 import engine, gpu_preset
from ocrmill.workers.engines.deepseek_ocr2.engine import DeepseekOcr2Engine
from ocrmill.workers.engines.gpus import Gpus

H100 = ("NVIDIA H100 80GB HBM3", 85_028_110_336)
A100 = ("NVIDIA A100-SXM4-40GB", 42_298_834_944)
UNKNOWN = ("NVIDIA RTX A6000", 50_925_535_232)

Find = Callable[..., None]


@pytest.fixture
def find(monkeypatch: pytest.MonkeyPatch) -> Find:
    """Make this machine one with these GPUs and vLLM's CUDA build."""

    def make(*models: tuple[str, int]) -> None:
        monkeypatch.setattr(gpu_preset, "is_cpu_build", lambda: False)
        monkeypatch.setattr(gpu_preset, "find_gpus", lambda: Gpus(((9, 0),) * len(models), models))

    return make


def slots(**settings: Any) -> int:
    return DeepseekOcr2Engine(EngineSettings(deepseek_ocr2=DeepseekOcr2Settings(**settings))).describe().slots


def test_pages_follow_the_gpu(find: Find, caplog: pytest.LogCaptureFixture) -> None:
    """Each process goes by the smallest GPU that it sees; what is set by hand is kept; the file is named."""
    caplog.set_level(logging.INFO)
    find(H100)
    assert slots() == 256 + 32
    assert "NVIDIA H100 80GB HBM3: settings of configs/gpu/h100.toml" in caplog.messages
    assert slots(pages_in_flight=10) == 10 + 32
    find(H100, A100)
    assert slots() == 128 + 16
    find()
    assert slots() == 64 + 16


def test_an_unknown_gpu_is_named(find: Find, caplog: pytest.LogCaptureFixture) -> None:
    """An unknown GPU gets a preset by its memory, with a warning."""
    find(UNKNOWN)

    assert slots() == 128 + 16
    assert caplog.messages == [
        "there is no preset for NVIDIA RTX A6000 with 47.4 GiB: it gets configs/gpu/l40s.toml, by its memory"
    ]


def test_a_cpu_build_asks_no_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """The CPU build of vLLM uses no GPU, if there is one or not."""
    monkeypatch.setattr(gpu_preset, "is_cpu_build", lambda: True)
    monkeypatch.setattr(gpu_preset, "find_gpus", lambda: pytest.fail("it was asked"))

    assert slots() == 64 + 16


def test_vllm_is_given_the_settings(find: Find) -> None:
    """The preset, the numbers of the cache, and the n-gram rule of the runner that is chosen."""
    pytest.importorskip("vllm")
    find(H100)
    settings = DeepseekOcr2Settings(model="models/some", kv_cache="fp8", model_runner="v2")
    given = DeepseekOcr2Engine(EngineSettings(deepseek_ocr2=settings))._engine_arguments(memory=1.0)

    assert (given["max_num_seqs"], given["max_num_batched_tokens"]) == (256, 8192)
    assert given["additional_config"] == {
        "encoder_memory_mb": 1024,
        "encoder_attention": "auto",
        "encoder_compile": "auto",
    }
    assert "compilation_config" not in given
    with_graphs = EngineSettings(deepseek_ocr2=settings.model_copy(update={"encoder_graphs": True}))
    assert DeepseekOcr2Engine(with_graphs)._engine_arguments(memory=1.0)["compilation_config"] == {
        "cudagraph_mm_encoder": True,
        "encoder_cudagraph_token_budgets": [288, 432, 576, 720, 864],
        "encoder_cudagraph_max_vision_items_per_batch": 3,
    }
    assert given["kv_cache_dtype"] == "fp8"
    assert given["logits_processors"] == [engine.NGRAM_BANS["v2"]]
