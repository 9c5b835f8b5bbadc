"""The roofline of docs/performance.md is arithmetic that is made again, from the published config."""

from pathlib import Path

import pytest

from bench.roofline import GPUS, Gpu, decoder_work, estimate, limit, table
from ocrmill.model_adapter.checkpoint.published_config import ModelSize, published_config

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"
WORK = decoder_work(published_config(ModelSize.FULL)["language_config"])


def test_the_table_is_in_the_documents() -> None:
    """The table of performance.md is the one that the script prints."""
    assert table() in PAGE.read_text(encoding="utf-8")


def test_the_work_is_that_of_the_published_model() -> None:
    """Bytes and operations are those counted by hand: 5.54 GB a step, 60 KiB a token, 0.964 TFLOP a prompt."""
    assert WORK.weight_bytes == pytest.approx(5.54e9, rel=1e-3)
    assert WORK.kv_bytes == 61_440
    assert WORK.prompt_flop == pytest.approx(0.964e12, rel=1e-3)


@pytest.mark.parametrize("gpu", GPUS, ids=lambda gpu: gpu.name)
def test_no_estimate_is_above_its_limit(gpu: Gpu) -> None:
    """More pages in flight share the weights, and nothing is faster than the peaks allow."""
    few, many = limit(gpu, WORK, 64), limit(gpu, WORK, 256)

    assert many.weights == pytest.approx(few.weights / 4)
    assert (many.encoder, many.prompt, many.kv_cache) == (few.encoder, few.prompt, few.kv_cache)
    assert estimate(gpu, WORK, 64).pages_per_s < few.pages_per_s < many.pages_per_s
