"""The first DeepSeek-OCR writes what vLLM's own model of it writes, in the one mode that it has."""

import gc
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bench import torchvision_stand_in
from ocrmill.model_adapter.checkpoint.published_config import ModelSize
from ocrmill.model_adapter.checkpoint.published_weights import published_shapes
from ocrmill.model_adapter.checkpoint.seeded import WEIGHTS_FILE, seed_checkpoint, write_seeded_weights
from ocrmill.model_adapter.checkpoint.versions import FIRST
from ocrmill.model_adapter.plugin import engine_arguments
from ocrmill.model_adapter.prompts import prompt_text

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.slow]

LARGEST_DIFFERENCE = 1e-3  # of log probabilities, in float32
SETTINGS = {"dtype": "float32", "enforce_eager": True, "max_model_len": 1024, "max_num_seqs": 2}
SETTINGS |= {"max_num_batched_tokens": 1024, "skip_mm_profiling": True}
SIZES = ((1300, 640), (600, 620))  # two tiles side by side, and none


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A tiny seeded checkpoint whose trunk ends as vLLM's does, which takes no other sizes there."""
    folder = seed_checkpoint(tmp_path / "model", ModelSize.TINY, FIRST).directory
    config = json.loads((folder / "config.json").read_text())
    config["vision_config"]["width"]["sam_vit_b"] |= {"neck_channels": 256, "downsample_channels": [512, 128]}
    (folder / "config.json").write_text(json.dumps(config))
    write_seeded_weights(folder / WEIGHTS_FILE, published_shapes(config))
    return folder


@pytest.fixture
def small_in_tree(vllm_environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """VLLM's own model with an encoder of the tiny sizes, in this process; its code has the published ones only."""
    monkeypatch.setenv("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
    monkeypatch.setattr(sys, "path", sys.path[:])
    (tmp_path / "stand_in").mkdir()
    torchvision_stand_in.install(tmp_path / "stand_in")  # vLLM looks at the model in a process of its own, too
    is_missing = find_spec("torchvision") is None
    if is_missing:
        torchvision_stand_in.register()
    import torch
    from transformers import CLIPVisionConfig
    from vllm.model_executor.models import deepseek_ocr
    from vllm.model_executor.models.deepencoder import ImageEncoderViT

    norm = partial(torch.nn.LayerNorm, eps=1e-6)
    sam = {"embed_dim": 64, "depth": 2, "num_heads": 2, "global_attn_indexes": (1,), "window_size": 14}
    trunk = partial(ImageEncoderViT, **sam, norm_layer=norm, use_rel_pos=True, last_conv_output=128)
    clip = {"hidden_size": 128, "intermediate_size": 512, "num_attention_heads": 4, "num_hidden_layers": 2}
    monkeypatch.setattr(deepseek_ocr, "build_sam_vit_b", trunk)
    monkeypatch.setattr(deepseek_ocr, "CLIPVisionConfig", lambda **given: CLIPVisionConfig(**{**given, **clip}))
    yield
    for name in [name for name in sys.modules if is_missing and name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]


@contextmanager
def started(folder: Path, **arguments: Any) -> Iterator[Any]:
    """An engine in this process, one at a time."""
    from vllm import LLM
    from vllm.distributed import cleanup_dist_env_and_memory

    llm = LLM(str(folder), **{**SETTINGS, **engine_arguments(version=FIRST), **arguments})
    yield llm
    llm.llm_engine.engine_core.shutdown()
    del llm
    gc.collect()
    cleanup_dist_env_and_memory()


def read(llm: Any) -> tuple[list[list[int]], Any]:
    """Greedy tokens of each page, and the log probability of each id of its prompt."""
    from vllm import SamplingParams

    draw = np.random.default_rng(0)
    pages = [Image.fromarray(draw.integers(0, 256, (height, width, 3), dtype=np.uint8)) for width, height in SIZES]
    requests = [{"prompt": prompt_text(), "multi_modal_data": {"image": page}} for page in pages]
    greedy = SamplingParams(temperature=0.0, max_tokens=16, ignore_eos=True, prompt_logprobs=0)
    outputs = llm.generate(requests, greedy, use_tqdm=False)
    logprobs = [
        logprob[token].logprob
        for output in outputs
        for token, logprob in list(zip(output.prompt_token_ids, output.prompt_logprobs, strict=True))[1:]
    ]
    return [list(output.outputs[0].token_ids) for output in outputs], np.array(logprobs)


def test_tokens_are_those_of_vllms_own_model(small_in_tree: None, checkpoint: Path) -> None:
    """Gundam, with two tiles and without: equal prompts, equal greedy tokens, and log probabilities within rounding."""
    with started(checkpoint) as ours:
        tokens, logprobs = read(ours)
    with started(checkpoint, hf_overrides={}, mm_processor_kwargs=None) as theirs:
        expected, their_logprobs = read(theirs)

    assert tokens == expected
    assert len({token for page in tokens for token in page}) > 4, "a model that always writes one word proves little"
    assert logprobs.shape == their_logprobs.shape
    assert float(np.abs(logprobs - their_logprobs).max()) < LARGEST_DIFFERENCE
