"""The engine `transformers`: its requirements, and pages read by a tiny seeded model in batches, each failing alone."""

import asyncio
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_checkpoints import make_adapter, make_checkpoint
from narrowed import instance, present

from ocrmill.configs.engine_settings import EngineSettings, TransformersSettings
from ocrmill.configs.load import load_settings
from ocrmill.configs.shortcuts import shortcuts
from ocrmill.model_adapter.checkpoint.versions import FIRST
from ocrmill.model_adapter.views import PageViews, cut_views
from ocrmill.pipeline.records import EngineDown, Failure, PageGeometry, PageText, Reason, RetryParams
from ocrmill.workers.engines.deepseek_ocr2.page_reader import OutputSoFar
from ocrmill.workers.engines.deepseek_ocr2.preflight import NO_CUDA
from ocrmill.workers.engines.registry import make_engine, missing
from ocrmill.workers.engines.transformers import engine as engine_module
from ocrmill.workers.engines.transformers import preflight
from ocrmill.workers.engines.transformers.engine import TransformersEngine
from ocrmill.workers.engines.transformers.preflight import TRANSFORMERS_VERSION

SIZES = ((600, 700), (1500, 700))  # no tiles, and two
Read = PageText | Failure | EngineDown


def settings(model: Path | str, **others: object) -> EngineSettings:
    return EngineSettings(name="transformers", transformers=TransformersSettings(model=str(model), **others))


def page(width: int, height: int) -> tuple[PageViews, PageGeometry]:
    pixels = np.random.default_rng(width).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return cut_views(pixels), PageGeometry(width / 2, height / 2, 0, width, height)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The versions that the machine seems to have."""
    versions = {"transformers": TRANSFORMERS_VERSION, "torch": "2.13.0", "numba": "0.65.0"}
    monkeypatch.setattr(preflight, "_version_of", versions.get)
    return versions


def test_a_whole_checkpoint_has_no_problems(installed: dict[str, str], tmp_path: Path) -> None:
    """With the libraries there, and with an adapter on both halves."""
    modules = {"model.layers.0.self_attn.q_proj": (320, 320), "model.projector.layers": (128, 320)}
    adapter = make_adapter(tmp_path / "adapter", modules)

    assert missing(settings(make_checkpoint(tmp_path / "model"), lora=str(adapter))) == []


def test_the_engine_is_known_where_none_of_its_libraries_is() -> None:
    """Whoever starts a run needs none of them: what is missing has a sentence of its own."""
    code = f"""
import sys
sys.modules.update(dict.fromkeys(("torch", "transformers", "numba", "llvmlite", "vllm")))
import {engine_module.__name__}
"""
    subprocess.run([sys.executable, "-P", "-c", code], check=True)


@pytest.mark.parametrize(
    ("versions", "said"),
    [
        (
            {"numba": "0.65"},
            r"transformers and torch are not installed: .* pip install --editable '\.\[transformers\]'",
        ),
        ({"transformers": TRANSFORMERS_VERSION, "numba": "0.65"}, r"torch is not installed: "),
        ({"transformers": TRANSFORMERS_VERSION, "torch": "2"}, r"numba is not installed: "),
        (
            {"transformers": "5.18.0", "torch": "2", "numba": "0.65"},
            rf"transformers is 5\.18\.0, and .* {TRANSFORMERS_VERSION} only",
        ),
    ],
)
def test_missing_libraries_say_what_to_install(
    installed: dict[str, str], tmp_path: Path, versions: dict[str, str], said: str
) -> None:
    """The extra is named, and another version is refused: rows depend on it."""
    model = make_checkpoint(tmp_path / "model")
    installed.clear()
    installed.update(versions)
    (problem,) = missing(settings(model))

    assert re.search(said, problem)


def test_what_it_cannot_run_is_named(
    installed: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first DeepSeek-OCR, which transformers has no classes for, and devices that are not there."""
    (first,) = missing(settings(make_checkpoint(tmp_path / "first", version=FIRST)))
    model = make_checkpoint(tmp_path / "model")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(preflight, "cuda_of_torch", lambda: NO_CUDA)
    (no_mac,), (no_cuda,) = (missing(settings(model, device=device)) for device in ("mps", "cuda"))

    assert "read it with --engine deepseek-ocr, or" in first
    assert "transformers has no classes for the first DeepSeek-OCR" in first
    assert "engine.transformers.device is mps, and this is no Mac" in no_mac
    assert "torch is built without CUDA" in no_cuda


def test_its_options_are_its_own() -> None:
    """`--model`, `--lora`, `--prompt` and `--figures parse` go to the engine that is named."""
    given = shortcuts(engine="transformers", model="m", lora="l", prompt="free_ocr", figures="parse")
    chosen = load_settings([], given).engine

    own = chosen.transformers
    assert (own.model, own.lora, own.prompt, own.parse_figures) == ("m", "l", "free_ocr", True)
    assert chosen.deepseek is own
    assert chosen.views == ("ocr2", 6)
    assert make_engine(chosen).describe().slots == 2 * own.batch_pages


@pytest.mark.filterwarnings("ignore")  # transformers' own imports warn
def test_pages_are_read_by_a_seeded_model(tiny_checkpoint: Path) -> None:
    """Together in a batch: each has its text, its blocks' form and its counts, and a retry has its own rule."""
    pytest.importorskip("transformers")
    chosen = settings(tiny_checkpoint, dtype="float32", device="cpu", max_output_tokens=8, ngram_size=0)
    banned = RetryParams(frozenset(), 2, 50)

    async def read() -> list[Read]:
        engine = make_engine(chosen)
        await engine.start(1.0)
        try:
            views, geometry = page(*SIZES[0])
            first = engine.read(views, geometry, None)
            tiled = engine.read(*page(*SIZES[1]), None)
            return list(await asyncio.gather(first, tiled, engine.read(views, geometry, banned)))
        finally:
            await engine.close()

    plain, tiled, retried = (instance(PageText, each) for each in asyncio.run(read()))
    assert [each.visual_tokens for each in (plain, tiled)] == [257, 545]
    assert (tiled.tile_columns, tiled.tile_rows) == (2, 1)
    for each in (plain, tiled, retried):
        assert (each.output_tokens, each.finish_reason) == (8, "length")
        assert present(each.prompt_tokens) > present(each.visual_tokens)
        assert each.raw
    assert plain.raw != retried.raw


class ScriptedModel:
    """Reads batches as its function says."""

    def __init__(self, answer: Callable[[Sequence[Any]], list[Any]]) -> None:
        self.batches: list[int] = []
        self._answer = answer

    def read(self, requests: Sequence[Any], **_: object) -> list[Any]:
        self.batches.append(len(requests))
        return self._answer(requests)


def read_with(model: ScriptedModel, sizes: Sequence[tuple[int, int]], monkeypatch: pytest.MonkeyPatch) -> list[Read]:
    """Read pages of these sizes at once, three in a batch."""
    monkeypatch.setattr(engine_module, "LINGER_S", 0.01)

    async def read() -> list[Read]:
        engine = TransformersEngine(settings("unused", batch_pages=3))
        monkeypatch.setattr(engine, "_model", model)
        try:
            return list(await asyncio.gather(*(engine.read(*page(*size)) for size in sizes)))
        finally:
            await engine.close()

    return asyncio.run(read())


def written(requests: Sequence[Any]) -> list[OutputSoFar]:
    return [OutputSoFar(f"{len(request.views.tiles)} tiles", 10, 3, "stop") for request in requests]


def test_a_page_that_fails_fails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others of its batch are read one by one, and later batches are whole again."""

    def fails_with_tiles(requests: Sequence[Any]) -> list[OutputSoFar]:
        if any(len(request.views.tiles) for request in requests):
            raise ValueError("two tiles")
        return written(requests)

    model = ScriptedModel(fails_with_tiles)
    first, failed, third, fourth = read_with(model, [SIZES[0], SIZES[1], SIZES[0], SIZES[0]], monkeypatch)

    assert model.batches == [3, 1, 1, 1, 1]
    assert [instance(PageText, each).markdown for each in (first, third, fourth)] == ["0 tiles"] * 3
    failure = instance(Failure, failed)
    assert failure.reason is Reason.ENGINE_ERROR
    assert "ValueError: two tiles" in failure.detail


def test_an_engine_without_memory_is_down_with_its_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that another one is started, with smaller batches."""

    def too_much(requests: Sequence[Any]) -> list[OutputSoFar]:
        raise MemoryError(f"{len(requests)} pages")

    outcomes = read_with(ScriptedModel(too_much), [SIZES[0]] * 2, monkeypatch)

    assert [instance(EngineDown, each).out_of_memory for each in outcomes] == [True, True]
