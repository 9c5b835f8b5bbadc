"""DeepSeek-OCR 2 writes what vLLM's own model of it writes, for pages of every grid and shape, from image to tokens."""

from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from in_tree_engines import LARGEST_DIFFERENCE, assert_read_alike, read, resize, stand_in_for_torchvision, started
from PIL import Image

from ocrmill.model_adapter.checkpoint.published_config import ModelSize
from ocrmill.model_adapter.checkpoint.seeded import seed_checkpoint
from ocrmill.model_adapter.plugin import engine_arguments

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.slow]

PAGES = {  # width, height and mode -> visual tokens
    "no tiles, at the edge of one": ((768, 768), "RGB", 257),
    "2 tiles, landscape": ((1500, 760), "RGB", 2 * 144 + 257),
    "3 tiles, a grey strip": ((500, 1500), "L", 3 * 144 + 257),
    "4 tiles, one pixel more than one": ((769, 768), "RGB", 4 * 144 + 257),
    "6 tiles, a Letter page": ((1224, 1584), "RGB", 6 * 144 + 257),
    "6 tiles, landscape": ((1584, 1224), "RGB", 6 * 144 + 257),
}
SAM, FLOW = {"width": 64, "layers": 2, "heads": 2}, {"layers": 1, "heads": 4, "kv_heads": 2, "intermediate_size": 128}
FLOW_WIDTH = 128


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A seeded checkpoint with a small encoder, whose trunk ends as vLLM's does, which takes no other sizes there."""

    def change(width: dict[str, Any]) -> None:
        width["sam_vit_b"] |= SAM | {"neck_channels": 256, "downsample_channels": [512, FLOW_WIDTH]}
        width["qwen2-0-5b"] |= FLOW | {"dim": FLOW_WIDTH}

    return resize(seed_checkpoint(tmp_path / "model", ModelSize.TINY).directory, change)


@pytest.fixture
def small_in_tree(vllm_environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """VLLM's own model with an encoder of the checkpoint's sizes, in this process."""
    monkeypatch.setenv("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
    with stand_in_for_torchvision(tmp_path / "stand_in"):
        from vllm.model_executor.models import deepseek_ocr2

        trunk, flow = deepseek_ocr2.ImageEncoderViT, deepseek_ocr2.build_qwen2_decoder_as_encoder
        small: dict[str, Any] = {"embed_dim": SAM["width"], "depth": SAM["layers"], "num_heads": SAM["heads"]}
        small |= {"global_attn_indexes": (1,), "last_conv_output": FLOW_WIDTH}
        monkeypatch.setattr(deepseek_ocr2, "ImageEncoderViT", lambda **given: trunk(**given | small))
        sizes = {"decoder_layer": FLOW["layers"], "hidden_dimension": FLOW_WIDTH}
        sizes |= {"num_attention_heads": FLOW["heads"], "num_key_value_heads": FLOW["kv_heads"]}
        narrow = partial(flow, **sizes, intermediate_size=FLOW["intermediate_size"])
        monkeypatch.setattr(deepseek_ocr2, "build_qwen2_decoder_as_encoder", narrow)
        yield


def pages() -> list[Image.Image]:
    """Pages of noise in blocks, which is not the same everywhere as fine noise is."""
    draw = np.random.default_rng(0)
    drawn = []
    for (width, height), mode, _ in PAGES.values():
        coarse = draw.integers(0, 256, (height // 40 + 1, width // 40 + 1, 3), dtype=np.uint8)
        drawn.append(Image.fromarray(coarse.repeat(40, 0).repeat(40, 1)[:height, :width]).convert(mode))
    return drawn


def test_every_page_is_read_as_vllms_own_model_reads_it(small_in_tree: None, checkpoint: Path) -> None:
    """Equal prompts, equal greedy tokens, and log probabilities within rounding, with two pages in flight."""
    sizes: dict[str, Any] = {"max_model_len": 2048, "max_num_batched_tokens": 2048}
    with started(checkpoint, **engine_arguments(), **sizes) as ours:
        mine = read(ours, pages())
    own_model = engine_arguments() | {"hf_overrides": {}, "mm_processor_kwargs": None}
    with started(checkpoint, **own_model, **sizes) as theirs:
        expected = read(theirs, pages())

    assert_read_alike(mine, expected)
    _, logprobs = mine
    for one, other in pairwise(logprobs):
        least = min(len(one), len(other))
        assert float(np.abs(one[:least] - other[:least]).max()) > 10 * LARGEST_DIFFERENCE, "pages that look alike"
    texts = {len(page) - visual for (_, _, visual), page in zip(PAGES.values(), logprobs, strict=True)}
    assert len(texts) == 1, "the same words beside the visual tokens"
