"""DeepSeek-OCR 2 in vLLM, driven as a run drives it: real Ray, real vLLM on the CPU, a tiny model that always loops."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import groupby, pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil
import pyarrow.dataset as ds
import pytest
from narrowed import instance, present
from patient_vllm import patient
from pdfs import scan_pdf
from processes import descendants
from rasterized import geometry_of, text_of

from ocrmill.configs.engine_settings import DeepseekOcr2Settings, EngineSettings
from ocrmill.configs.settings import InputSettings, RunSettings, StorageSettings
from ocrmill.configs.worker_settings import WorkerSettings
from ocrmill.model_adapter.tiling import OCR2
from ocrmill.model_adapter.views import PageViews
from ocrmill.pipeline.quality.attempts import best_of
from ocrmill.pipeline.records import Document, PageRange, Reason, RenderedPage, Status
from ocrmill.pipeline.rows import PageRow
from ocrmill.pipeline.sources.discovery import Discovery
from ocrmill.workers.engines.deepseek_ocr2.engine import DeepseekOcr2Engine
from ocrmill.workers.engines.deepseek_ocr2.retry_policy import RETRY_POLICY
from ocrmill.workers.engines.registry import make_engine
from ocrmill.workers.pools.pool import Image
from ocrmill.workers.pools.ray_pool import RayPool

pytest.importorskip("vllm")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),  # vLLM takes a minute to start on two quiet cores, and some tests start it twice
    pytest.mark.filterwarnings("ignore"),  # vLLM's own imports warn
]

MAX_OUTPUT = 340  # a loop is stopped before 300
SAMPLES = Path(__file__).parents[4] / "samples"


@pytest.fixture(scope="module")
def settings(tiny_checkpoint: Path) -> RunSettings:
    model = DeepseekOcr2Settings(
        model=str(tiny_checkpoint),
        dtype="float32",  # bfloat16 is slow on CPUs without AMX or AVX-512
        max_model_len=2560,
        max_output_tokens=MAX_OUTPUT,
        pages_in_flight=4,
        pages_ahead=2,
        prefill_tokens=2560,
        cpu_cache_gb=1,
    )
    return RunSettings(
        engine=EngineSettings(name="deepseek-ocr2", deepseek_ocr2=model),
        workers=WorkerSettings(rasterizers=1, engines=4),
    )


def test_requests_are_decoded_as_the_authors_do(settings: RunSettings) -> None:
    """Greedily, special tokens kept, the n-gram rule on with its whitelist: acceptance checks 10 and 11."""
    engine = DeepseekOcr2Engine(settings.engine)
    sampling = engine._sampling_params(engine._usual)

    assert sampling.temperature == 0.0
    assert not sampling.skip_special_tokens
    assert sampling.max_tokens == MAX_OUTPUT
    assert sampling.extra_args == {"ngram_size": 20, "window_size": 50, "whitelist_token_ids": [128821, 128822]}


def test_the_samples_end_with_a_row_for_every_page(settings: RunSettings, tmp_path: Path) -> None:
    """As a user runs it: pages cut off at the limit are flagged, none is dropped, and verify finds the sums right."""
    out = tmp_path / "out"
    model = settings.engine.deepseek_ocr2.model
    limits = {
        "max_output_tokens": 24,
        "max_model_len": 2048,
        "pages_in_flight": 4,
        "cpu_cache_gb": 1,
        "dtype": "float32",
    }
    sets = [word for key, value in limits.items() for word in ("--set", f"engine.deepseek_ocr2.{key}={value}")]
    run = ["run", str(SAMPLES), "--out", str(out), "--engine", "deepseek-ocr2", "--model", model, "--workers", "1"]

    ended = ocrmill(*run, *sets)
    assert ended.returncode == 3, ended.stderr  # the samples have damaged files
    verified = ocrmill("verify", str(out))
    assert verified.returncode == 0, verified.stderr

    columns = ["status", "engine", "finish_reason", "flags", "markdown", "model", "prompt", "output_tokens"]
    rows = ds.dataset(out / "pages").to_table(columns=columns).to_pylist()
    read = [row for row in rows if row["engine"] == "deepseek-ocr2"]
    assert len(rows) == 15
    assert len(read) == 3
    for row in read:
        assert row["status"] == "ok"
        assert row["finish_reason"] == "length"
        assert "truncated" in row["flags"]
        assert row["output_tokens"] == 24
        assert row["markdown"]
        assert (row["model"], row["prompt"]) == (model, "markdown")


def ocrmill(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    command = [sys.executable, "-c", "from ocrmill import cli; cli.main()", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **patient()})


def test_a_checkpoint_that_cannot_be_loaded_is_said_to_be(settings: RunSettings, tmp_path: Path) -> None:
    """The command ends with vLLM's root cause in one line, not with its last words, and leaves no process behind."""
    checkpoint = tmp_path / "checkpoint"
    checkpoint.mkdir()
    for file in Path(settings.engine.deepseek_ocr2.model).iterdir():
        (checkpoint / file.name).symlink_to(file)
    config = json.loads((checkpoint / "config.json").read_text())
    config["language_config"]["hidden_act"] = "gelu"  # which only vLLM's engine process minds, once it makes the model
    (checkpoint / "config.json").unlink()
    (checkpoint / "config.json").write_text(json.dumps(config))
    command = [*("run", str(scan_pdf(tmp_path / "scan.pdf"))), "--out", str(tmp_path / "out"), "--no-ray"]
    chosen = ["--engine", "deepseek-ocr2", "--model", str(checkpoint), "--set", "engine.deepseek_ocr2.cpu_cache_gb=1"]

    ended = ocrmill(*command, *chosen)

    assert ended.returncode == 1
    last = ended.stderr.splitlines()[-1]
    assert last.startswith("ocrmill: vLLM did not start")
    assert "Unsupported activation: gelu" in last


@pytest.fixture(scope="module")
def pool(settings: RunSettings) -> Iterator[RayPool]:
    """One engine for all tests from here on, in the process that a run would give it."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"HF_HUB_OFFLINE": "1", **patient()}.items():
            patch.setenv(name, value)
        pool = RayPool(settings, make_engine)
        yield pool
        pool.close()


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def document(pool: RayPool, runner: asyncio.Runner, tmp_path_factory: pytest.TempPathFactory) -> Document:
    path = scan_pdf(tmp_path_factory.mktemp("scan") / "scan.pdf")
    source = next(Discovery([str(path)], InputSettings(), StorageSettings()))
    return instance(Document, runner.run(pool.open(source)))


async def rendered(pool: RayPool, document: Document) -> tuple[RenderedPage, Image]:
    page = await anext(pool.read(PageRange(document, (1,))))
    assert not isinstance(page, PageRow), page
    return page


async def read(pool: RayPool, document: Document, pages: int) -> list[PageRow]:
    """Read the first page some times at once."""
    page, image = await rendered(pool, document)
    rows = await asyncio.gather(*(pool.recognize(document, page, image) for _ in range(pages)))
    return [present(row) for row in rows]


class Reading(NamedTuple):
    """More pages at once than are in flight, one of them refused, and how long the engine had been idle meanwhile."""

    good: list[PageRow]
    refused: PageRow
    idle_s: list[float]  # while they were read, every 0.2 s
    idle_afterwards_s: float


@pytest.fixture(scope="module")
def reading(pool: RayPool, runner: asyncio.Runner, document: Document) -> Reading:
    async def idle_s() -> float:
        (engine,) = pool._engine_slots.handles()
        return float(await engine.actor.idle_s.remote())

    async def scenario() -> Reading:
        page, image = await rendered(pool, document)
        broken = PageViews(np.zeros((7, 7, 3), np.uint8), np.zeros((0, 768, 768, 3), np.uint8))
        images = [image] * 2 + [broken] + [image] * 3
        tasks = [asyncio.create_task(pool.recognize(document, page, each)) for each in images]
        idle = []
        while not all(task.done() for task in tasks):
            await asyncio.sleep(0.2)
            idle.append(await idle_s())
        rows = [present(await task) for task in tasks]
        await asyncio.sleep(2)
        return Reading(rows[:2] + rows[3:], rows[2], idle, await idle_s())

    return runner.run(scenario())


def longest_run(row: PageRow) -> int:
    """The most times that a word is written in a row."""
    return max(len(list(run)) for _, run in groupby(present(text_of(row).raw).split()))


def engine_process() -> psutil.Process:
    """VLLM's engine process, a child of the pool's actor, told by how it was started: it cannot always set its title.

    Its own children are started alike. Those of other tests are children of this process itself.
    """
    found = {*descendants("--multiprocessing-fork"), *descendants("VLLM::")}
    above = {os.getpid(), *(process.pid for process in found)}
    (engine,) = (process for process in found if process.ppid() not in above)
    return engine


def test_the_cpu_has_room_for_one_engine(pool: RayPool) -> None:
    """VLLM takes all cores, so however many are asked for, one is started."""
    assert pool.engines == 1


def test_pages_are_read_and_loops_stopped(reading: Reading) -> None:
    """A row says what the model saw, wrote and why it ended; a loop costs under 300 tokens and is flagged.

    The model would write one word for ever: every n-gram of 20 words that it repeats would be one of these.
    """
    for row in reading.good:
        assert longest_run(row) == 20, "the n-gram rule is off, or the model no longer loops"
        assert row.status is Status.OK
        assert row.standing is not None
        assert row.standing.engine == "deepseek-ocr2"
        work = present(row.standing.work)
        assert work.began < present(work.first_token) < work.ended
        geometry, text = geometry_of(row), text_of(row)
        tiling = OCR2.plan(geometry.width_px, geometry.height_px)
        assert text.visual_tokens == OCR2.num_visual_tokens(tiling) == 1121
        assert (text.tile_columns, text.tile_rows) == (2, 3)
        assert present(text.prompt_tokens) > present(text.visual_tokens)
        assert text.markdown
        assert text.finish_reason == "repetition"
        assert present(text.output_tokens) < 300
        assert row.repetition_flag
        assert "loop_stopped" in row.flags
        assert row.attempts[-1].prompt == "markdown"
        assert row.attempts[-1].temperature == 0.0


def test_a_page_that_loops_is_read_otherwise(pool: RayPool, runner: asyncio.Runner, document: Document) -> None:
    """Each entry of the retry policy is asked of vLLM; greedily the model always loops, sampled it babbles on.

    No engine dies of them, although prompts are longer together than what is read at a time.
    """
    before = engine_process()

    async def scenario() -> list[PageRow]:
        page, image = await rendered(pool, document)
        rows = await asyncio.gather(
            *(pool.recognize(document, page, image, params) for params in (None, *RETRY_POLICY))
        )
        return [present(row) for row in rows]

    rows = runner.run(scenario())
    assert engine_process() == before
    assert pool.describe().retry_policy == RETRY_POLICY

    row = best_of(rows)
    assert [(each.prompt, each.temperature, each.finish_reason, each.reason) for each in row.attempts] == [
        ("markdown", 0.0, "repetition", Reason.REPETITION),
        ("markdown", 0.0, "repetition", Reason.REPETITION),
        ("free_ocr", 0.0, "repetition", Reason.REPETITION),
        ("markdown", pytest.approx(0.3), "length", Reason.TRUNCATED),
    ]
    assert longest_run(rows[0]) == 20
    assert longest_run(rows[1]) == 35, "the other n-gram rule is not in force"
    assert text_of(rows[2]).prompt_tokens != text_of(rows[0]).prompt_tokens, "the other prompt was not sent"
    assert (row.status, row.reason) == (Status.OK, Reason.REPETITION)
    # Random weights babble differently on each processor: what their letters say of the page is not of this test.
    assert {"repetition", "looped_before", "truncated"} <= set(row.flags)


def test_the_engine_says_whether_it_gets_on(reading: Reading) -> None:
    """Each piece of text that vLLM writes is a sign of life, however long a page takes; without pages there is none."""
    assert sum(later < earlier for earlier, later in pairwise(reading.idle_s)) > 3
    assert reading.idle_afterwards_s >= 2


def test_the_image_travels_as_views(pool: RayPool, runner: asyncio.Runner, document: Document) -> None:
    """The rasterizer cuts them, and the room in flight counts their bytes."""
    page, _ = runner.run(rendered(pool, document))

    assert page.image_bytes == 3 * (1024**2 + 6 * 768**2)


def test_a_page_that_vllm_refuses_concerns_no_other(reading: Reading) -> None:
    """Its row says why, and its neighbours are read."""
    assert {row.status for row in reading.good} == {Status.OK}
    assert reading.refused.reason is Reason.ENGINE_ERROR
    assert "(7, 7, 3)" in present(reading.refused.detail)


def test_vllm_dies_and_comes_back(pool: RayPool, runner: asyncio.Runner, document: Document) -> None:
    """SIGKILL of vLLM's own engine process: the pages that were in it are read by its successor."""

    async def scenario() -> list[PageRow]:
        before = engine_process()
        reading = asyncio.create_task(read(pool, document, 2))
        await asyncio.sleep(1)
        before.kill()
        return await reading

    rows = runner.run(scenario())
    assert {row.status for row in rows} == {Status.OK}
    assert {text_of(row).finish_reason for row in rows} == {"repetition"}


def test_nothing_outlives_the_actor(pool: RayPool, runner: asyncio.Runner, document: Document) -> None:
    """An actor that is killed takes its vLLM along, even one that hangs, or the GPU would stay taken.

    The last one that uses the pool.
    """
    orphan = engine_process()
    actor = orphan.parent()
    assert actor is not None
    orphan.suspend()
    actor.kill()

    assert psutil.wait_procs([orphan], timeout=20)[0], "vLLM's process outlived the actor"
