"""The first DeepSeek-OCR writes what vLLM's own model of it writes, in the one mode that it has."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from in_tree_engines import assert_read_alike, read, resize, stand_in_for_torchvision, started
from PIL import Image

from ocrmill.model_adapter.checkpoint.published_config import ModelSize
from ocrmill.model_adapter.checkpoint.seeded import seed_checkpoint
from ocrmill.model_adapter.checkpoint.versions import FIRST
from ocrmill.model_adapter.plugin import engine_arguments

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.slow]

SETTINGS = {"max_model_len": 1024, "max_num_batched_tokens": 1024}
SIZES = ((1300, 640), (600, 620))  # two tiles side by side, and none


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A tiny seeded checkpoint whose trunk ends as vLLM's does, which takes no other sizes there."""

    def change(width: dict[str, Any]) -> None:
        width["sam_vit_b"] |= {"neck_channels": 256, "downsample_channels": [512, 128]}

    return resize(seed_checkpoint(tmp_path / "model", ModelSize.TINY, FIRST).directory, change)


@pytest.fixture
def small_in_tree(vllm_environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """VLLM's own model with an encoder of the tiny sizes, in this process; its code has the published ones only."""
    monkeypatch.setenv("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
    with stand_in_for_torchvision(tmp_path / "stand_in"):
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


def pages() -> list[Image.Image]:
    """Pages of noise."""
    draw = np.random.default_rng(0)
    return [Image.fromarray(draw.integers(0, 256, (height, width, 3), dtype=np.uint8)) for width, height in SIZES]


def test_tokens_are_those_of_vllms_own_model(small_in_tree: None, checkpoint: Path) -> None:
    """Gundam, with two tiles and without: equal prompts, equal greedy tokens, and log probabilities within rounding."""
    arguments = SETTINGS | engine_arguments(version=FIRST)
    with started(checkpoint, **arguments) as ours:
        mine = read(ours, pages())
    with started(checkpoint, **arguments | {"hf_overrides": {}, "mm_processor_kwargs": None}) as theirs:
        expected = read(theirs, pages())

    assert_read_alike(mine, expected)
