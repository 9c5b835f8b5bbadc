"""The first DeepSeek-OCR as an engine: its checks, and a page read by a tiny seeded model in vLLM."""

import asyncio
import os
from pathlib import Path

import numpy as np
import pytest
from made_checkpoints import make_checkpoint
from narrowed import instance
from patient_vllm import patient

from ocrmill.configs.engine_settings import DeepseekOcr2Settings, DeepseekOcrSettings, EngineSettings
from ocrmill.model_adapter.checkpoint.published_config import ModelSize
from ocrmill.model_adapter.checkpoint.seeded import seed_checkpoint
from ocrmill.model_adapter.checkpoint.versions import FIRST
from ocrmill.model_adapter.tiling import LAYOUTS, layout_of
from ocrmill.model_adapter.views import cut_views, page_of, views_bytes
from ocrmill.pipeline.records import PageGeometry, PageText
from ocrmill.workers.engines.deepseek_ocr2.preflight import _model_problems
from ocrmill.workers.engines.registry import make_engine, missing
from ocrmill.workers.pools.image_memory import page_bytes

LETTER = (1224, 1584)  # px at 144 dpi


def test_a_whole_checkpoint_has_no_problems_in_either_layout(tmp_path: Path) -> None:
    """As published, and as the published code saves it again, with its further tensor."""
    published = make_checkpoint(tmp_path / "published", version=FIRST)
    further = {"model.vision_model.embeddings.position_ids": ("I64", (1, 257))}
    saved = make_checkpoint(tmp_path / "saved", version=FIRST, further=further, model_type=FIRST.resaved_type)

    for folder in (published, saved):
        assert _model_problems(DeepseekOcrSettings(model=str(folder))) == []


def test_each_engine_names_the_other_for_its_folder(tmp_path: Path) -> None:
    """A folder of one model given to the engine of the other: what it holds, and which engine reads it."""
    first, second = make_checkpoint(tmp_path / "a", version=FIRST), make_checkpoint(tmp_path / "b")
    (of_second,) = _model_problems(DeepseekOcr2Settings(model=str(first)))
    (of_first,) = _model_problems(DeepseekOcrSettings(model=str(second)))

    assert "holds the first DeepSeek-OCR, not DeepSeek-OCR 2: read it with --engine deepseek-ocr, or" in of_second
    assert "holds DeepSeek-OCR 2, not the first DeepSeek-OCR: read it with --engine deepseek-ocr2, or" in of_first


def test_its_settings_are_named_by_its_own_section(tmp_path: Path) -> None:
    """A setting that does not fit the model is called `engine.deepseek_ocr. ...`, and so is the engine."""
    folder = make_checkpoint(tmp_path / "model", version=FIRST)
    settings = DeepseekOcrSettings(model=str(folder), max_model_len=9000, tensor_parallel=3)
    too_long, undivided = _model_problems(settings)

    assert too_long.startswith("engine.deepseek_ocr.max_model_len is 9000")
    assert undivided.startswith("engine.deepseek_ocr.tensor_parallel is 3")
    assert any("no folder nowhere" in problem for problem in missing(_engine(model="nowhere")))


@pytest.mark.parametrize("mode", ["tiny", "gundam-master"])
def test_views_and_their_memory_are_those_of_the_mode(mode: str) -> None:
    """A page image is cut as the mode says, and as many bytes are reserved for it."""
    settings = _engine(mode=mode)
    assert settings.views is not None
    layout = layout_of(*settings.views)

    assert layout == LAYOUTS[mode]
    assert page_bytes(settings) == views_bytes(layout.most_tiles, layout)
    assert page_bytes(settings) == {"tiny": 3 * 512**2, "gundam-master": 3 * (1280**2 + 6 * 1024**2)}[mode]
    page = np.zeros((300, 200, 3), np.uint8)
    assert page_of(cut_views(page, layout), 200, 300, layout).any() == page.any()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # vLLM's own imports warn
def test_a_page_is_read_by_a_seeded_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights, processor and encoder of the first model in vLLM: the page costs what its mode says."""
    pytest.importorskip("vllm")
    for name, value in {"HF_HUB_OFFLINE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind", **patient()}.items():
        monkeypatch.setenv(name, value)
    seed_checkpoint(tmp_path / "model", ModelSize.TINY, FIRST)
    limits = {"max_output_tokens": 8, "max_model_len": 2048, "pages_in_flight": 2, "pages_ahead": 0, "cpu_cache_gb": 1}
    settings = _engine(model=str(tmp_path / "model"), dtype="float32", prefill_tokens=2048, **limits)
    noise = np.random.default_rng(0).integers(0, 256, (LETTER[1], LETTER[0], 3), dtype=np.uint8)
    before = dict(os.environ)

    async def read() -> PageText:
        engine = make_engine(settings)
        await engine.start(1.0)
        try:
            geometry = PageGeometry(612.0, 792.0, 0, *LETTER)
            return instance(PageText, await engine.read(cut_views(noise, LAYOUTS["gundam"]), geometry, None))
        finally:
            await engine.close()

    try:
        text = asyncio.run(read())
    finally:
        os.environ.clear()
        os.environ.update(before)
    assert make_engine(settings).describe().name == "deepseek-ocr"
    assert (text.visual_tokens, text.tile_columns, text.tile_rows) == (903, 2, 3)
    assert text.prompt_tokens is not None
    assert text.prompt_tokens > 903
    assert (text.output_tokens, text.finish_reason) == (8, "length")


def _engine(**settings: object) -> EngineSettings:
    return EngineSettings.model_validate({"name": "deepseek-ocr", "deepseek_ocr": settings})
