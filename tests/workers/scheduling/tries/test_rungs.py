"""Each rung of the settings: which further attempt is made, from which image, within which bounds, and what stands."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from coded_pages import (
    HEIGHT,
    LINE_HEIGHT,
    LINE_STEP,
    Answer,
    BarReader,
    coded_pdf,
    cut_off,
    looping,
    malformed,
    markdown_of,
    nothing,
    raising,
    refused,
)
from narrowed import instance, present
from pdfs import text_pdf

from ocrmill.configs.engine_settings import EngineSettings
from ocrmill.configs.settings import InputSettings, RoutingSettings, RunSettings, StorageSettings
from ocrmill.configs.tries.rung import OWN, Rung, TriesSettings
from ocrmill.pipeline.errors import EngineError
from ocrmill.pipeline.records import (
    Document,
    PageRange,
    PageText,
    Reason,
    RetryParams,
    Status,
)
from ocrmill.pipeline.rows import PageRow
from ocrmill.pipeline.sources.discovery import Discovery
from ocrmill.workers.engines.engine import Engine
from ocrmill.workers.engines.recognizer import Recognizer
from ocrmill.workers.engines.registry import make_engine
from ocrmill.workers.pools import pool as pool_module
from ocrmill.workers.pools.pool import SerialPool
from ocrmill.workers.rendering.process import RenderProcess
from ocrmill.workers.scheduling.memory_budget import MemoryBudget
from ocrmill.workers.scheduling.tries.second_tries import SecondTries

LINES = 40
TEXT = markdown_of(LINES)
ANY = ("repetition", "truncated", "empty_output", "malformed_output")


def settings_with(*rungs: Rung, **tries: Any) -> RunSettings:
    return RunSettings(engine=EngineSettings(name="cpu", tries=TriesSettings(rungs=rungs, **tries)))


class BarPool(SerialPool):
    """A real pool but for its engines. All pools of this file share a rendering process, which starts once."""

    shared: RenderProcess | None = None

    def __init__(self, settings: RunSettings, engine: BarReader) -> None:
        super().__init__(settings)
        self._recognizer = Recognizer(engine, settings)
        self._description = engine.describe()
        self._own = self._rasterizer._mupdf
        if settings.routing == RoutingSettings():
            BarPool.shared = BarPool.shared or RenderProcess("mupdf", self._own._settings)
            self._rasterizer._mupdf = BarPool.shared

    def close(self) -> None:
        self._rasterizer._mupdf = self._own
        super().close()


def read_page(
    pdf: Path,
    engine: BarReader,
    settings: RunSettings,
    before_tries: Callable[[BarPool], None] | None = None,
    budget: MemoryBudget | None = None,
) -> PageRow:
    """Read the first page of a PDF, with all the attempts that the settings allow."""

    async def scenario() -> PageRow:
        pool = BarPool(settings, engine)
        tries = SecondTries(pool, settings)
        try:
            source = next(Discovery([str(pdf)], InputSettings(), StorageSettings()))
            document = instance(Document, await pool.open(source))
            page = await anext(pool.read(PageRange(document, (1,))))
            assert not isinstance(page, PageRow)
            if before_tries is not None:
                before_tries(pool)
            reserved = None if budget is None else await budget.acquire(1)
            return present(await tries.recognize(document, *page, lambda: False, reserved))
        finally:
            await pool.stop()
            pool.close()

    return asyncio.run(scenario())


@pytest.fixture(scope="module", autouse=True)
def _shared_process() -> Iterator[None]:
    yield
    if BarPool.shared is not None:
        BarPool.shared.close()
        BarPool.shared = None


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return coded_pdf(tmp_path_factory.mktemp("pages") / "upright.pdf", LINES)


def tried(row: PageRow) -> list[str | None]:
    return [attempt.tried for attempt in row.attempts]


def test_a_page_that_is_read_at_more_dots(page: Path) -> None:
    """The image is really a larger one of the same page, and the row says at how many dots its text was read."""
    engine = BarReader(looping)
    row = read_page(page, engine, settings_with(Rung(dpi=216)))

    assert [instance(np.ndarray, each.image).shape for each in engine.asked] == [(1584, 1224, 3), (2376, 1836, 3)]
    assert (row.status, row.reason, present(row.text).markdown) == (Status.REPAIRED, Reason.REPETITION, TEXT)
    assert (tried(row), round(row.page.geometry.dpi)) == ([None, "216 dpi"], 216)  # type: ignore[union-attr]


def test_a_page_gives_its_room_back_while_it_is_rendered_again(page: Path) -> None:
    """Rasterizers that wait for room would keep it from being rendered for ever; its two images count afterwards."""
    budget = MemoryBudget(1)
    taken: list[int] = []

    def watch(pool: BarPool) -> None:
        read, recognize = pool.read, pool.recognize

        def watched_read(pages: PageRange) -> Any:
            taken.append(budget.taken)
            return read(pages)

        def watched_recognize(*request: Any) -> Any:
            taken.append(budget.taken)
            return recognize(*request)

        pool.read, pool.recognize = watched_read, watched_recognize  # type: ignore[method-assign, assignment]

    row = read_page(page, BarReader(looping), settings_with(Rung(dpi=216)), watch, budget)
    first, second = 1584 * 1224 * 3, 2376 * 1836 * 3

    assert tried(row) == [None, "216 dpi"]
    assert ([1, 0, first + second], first) == (taken, budget.taken)


@pytest.mark.parametrize(("rotation", "turn"), [(180, 180), (90, 270), (270, 90)])
def test_a_page_that_is_turned(rotation: int, turn: int, tmp_path: Path) -> None:
    """The image is turned until its lines are read, and boxes are where the lines stand on the page as it is shown."""
    engine = BarReader()
    rungs = [Rung(handles=("empty_output",), turn=each) for each in (90, 180, 270)]
    row = read_page(coded_pdf(tmp_path / "a.pdf", LINES, rotation), engine, settings_with(*rungs))

    assert (row.status, present(row.text).markdown) == (Status.REPAIRED, TEXT)
    sideways = [90, 270] if rotation != 180 else [180]
    assert tried(row)[1:] == [f"turned by {each}" for each in sideways[: sideways.index(turn) + 1]]
    first, last = present(row.text).blocks[0], present(row.text).blocks[-1]
    width, height = (HEIGHT, 612.0) if rotation != 180 else (612.0, HEIGHT)
    assert (row.page.geometry.width_pt, row.page.geometry.height_pt) == (width, height)  # type: ignore[union-attr]
    expected = {
        180: (HEIGHT - 70 - LINE_HEIGHT, HEIGHT - 70 - LINE_HEIGHT - LINE_STEP * (LINES - 1)),
        90: (HEIGHT - 70 - LINE_HEIGHT, HEIGHT - 70 - LINE_HEIGHT - LINE_STEP * (LINES - 1)),
        270: (70.0, 70 + LINE_STEP * (LINES - 1)),
    }[rotation]
    found = (first.y0, last.y0) if rotation == 180 else (first.x0, last.x0)
    assert found == pytest.approx(expected, abs=1.0)


def test_an_upright_page_is_not_turned_onto_its_side(page: Path) -> None:
    """Lines that run across the page cannot be read from the side: no engine's time goes there."""
    engine = BarReader(nothing)
    row = read_page(page, engine, settings_with(Rung(turn=90), Rung(turn=270)))

    assert len(engine.asked) == 1
    assert (row.status, row.reason) == (Status.FAILED, Reason.EMPTY_OUTPUT)


@pytest.mark.parametrize("lines", [40, 41, 39, 12, 2])
def test_a_page_that_is_read_in_halves(lines: int, tmp_path: Path) -> None:
    """Every line is there once, in its place; each half is an attempt, and no line was cut through."""
    engine = BarReader(cut_off)
    row = read_page(coded_pdf(tmp_path / "a.pdf", lines), engine, settings_with(Rung(halves=True)))

    assert present(row.text).markdown.split("\n") == markdown_of(lines).split("\n")
    assert (row.status, row.reason, tried(row)) == (Status.REPAIRED, Reason.TRUNCATED, [None, "halves", "halves"])
    upper, lower = (instance(np.ndarray, each.image) for each in engine.asked[1:])
    assert upper.shape[0] + lower.shape[0] >= 1584
    assert max(upper.shape[0], lower.shape[0]) < 1000
    tops = [block.y0 for block in present(row.text).blocks if block.start < block.end]
    assert tops == pytest.approx([70 + LINE_STEP * line for line in range(lines)], abs=1.0)


def test_halves_that_do_not_meet_are_no_text(page: Path) -> None:
    """If the lower half says something else where both show the same, neither a doubled nor a lost line may stand."""

    def other(read: PageText) -> PageText:
        return replace(read, markdown="Nothing here is like the page above, by any word of it. " * 2, blocks=())

    engine = BarReader(cut_off, lambda read: read, other)
    row = read_page(page, engine, settings_with(Rung(halves=True)))

    assert (row.status, row.reason, len(row.attempts)) == (Status.OK, Reason.TRUNCATED, 3)
    assert TEXT.startswith(present(row.text).markdown)
    assert row.attempts[-1].reason is Reason.MALFORMED_OUTPUT


def test_other_decoding_comes_from_the_settings(page: Path) -> None:
    """A rung may name what the engine's own attempts have; the image is the same one."""
    engine = BarReader(looping, looping)
    rungs = (Rung(temperature=0.4), Rung(prompt="free_ocr", ngram_size=35, ngram_window=1024))
    row = read_page(page, engine, settings_with(*rungs))

    assert [each.params for each in engine.asked] == [
        None,
        RetryParams(frozenset(), 20, 50, None, 0.4),
        RetryParams(frozenset(), 35, 1024, "free_ocr", 0.0),
    ]
    assert len({id(each.image) for each in engine.asked}) == 1
    assert (row.status, present(row.standing).prompt) == (Status.REPAIRED, "free_ocr")


def test_the_order_is_that_of_the_settings(page: Path) -> None:
    """The engine's own attempts stand where the settings have them, and each rung answers only its own defects."""
    own = RetryParams(frozenset({Reason.REPETITION}), 35, 1024)
    engine = BarReader(looping, looping, looping, policy=(own,))
    rungs = (Rung(handles=("truncated",), dpi=100), Rung(handles=("repetition",), turn=180), OWN, Rung(dpi=72))
    row = read_page(page, engine, settings_with(*rungs))

    assert tried(row) == [None, "turned by 180", None, "72 dpi"]
    assert engine.asked[2].params == own


def test_the_text_layer_of_a_page(tmp_path: Path) -> None:
    """The page's own text stands where forced OCR came out badly, with the attempts and the defect."""
    engine = BarReader(looping)
    base = settings_with(Rung(layer=True))
    settings = base.model_copy(update={"routing": RoutingSettings(mode="ocr")})
    row = read_page(text_pdf(tmp_path / "text.pdf"), engine, settings)

    assert (row.status, row.reason, tried(row)) == (Status.TEXT_LAYER, Reason.REPETITION, [None, "text layer"])
    assert "page 1 of" in present(row.text).markdown.lower()


def test_a_page_without_a_layer_has_none_to_take(page: Path) -> None:
    """The rung costs nothing then."""
    assert tried(read_page(page, BarReader(looping), settings_with(Rung(layer=True)))) == [None]


def with_other_engine(monkeypatch: pytest.MonkeyPatch, other: BarReader) -> None:
    def made(settings: EngineSettings) -> Engine:
        return other if settings.name == "endpoint" else make_engine(settings)

    monkeypatch.setattr(pool_module, "make_engine", made)


def test_another_engine(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another engine reads what that of the run fails at, even if that does not work at all; the row names it."""
    other = BarReader(name="other")
    with_other_engine(monkeypatch, other)
    rung = Rung(handles=("engine_error",), engine="endpoint", urls=("http://localhost:1/v1",))
    row = read_page(page, BarReader(refused), settings_with(Rung(turn=180), rung))

    assert (row.status, present(row.standing).engine, tried(row)) == (
        Status.REPAIRED,
        "other",
        [None, "engine endpoint"],
    )
    assert [attempt.engine for attempt in row.attempts] == ["bars", "other"]


class DeadEngine(BarReader):
    """One that cannot be started."""

    async def start(self, memory: float) -> None:
        raise EngineError("no server answers")


def test_another_engine_that_does_not_start(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page keeps what it has, and the run goes on."""
    with_other_engine(monkeypatch, DeadEngine())
    rung = Rung(engine="endpoint", urls=("http://localhost:1/v1",))
    row = read_page(page, BarReader(looping), settings_with(rung, Rung(temperature=0.3)))

    assert (row.status, tried(row)) == (Status.REPAIRED, [None, None])


WAYS: tuple[dict[str, Any], ...] = ({"turn": 180}, {"halves": True}, {"temperature": 0.3})
RUNGS = tuple(Rung(handles=ANY, **way) for way in WAYS)


@pytest.mark.parametrize("failure", [looping, cut_off, nothing, malformed, refused, raising])
def test_an_engine_that_fails_in_every_way(failure: Answer, page: Path) -> None:
    """Whatever each attempt comes to, the page has one row, and every attempt stands in it with its reason."""
    first = looping if failure in (refused, raising) else failure
    engine = BarReader(first, *(failure for _ in range(9)))
    row = read_page(page, engine, settings_with(*RUNGS))

    assert len(row.attempts) == len(engine.asked)
    assert all(attempt.reason for attempt in row.attempts)
    if failure in (refused, raising):  # one that does not work is not asked again, and the first text stands
        assert (len(engine.asked), row.status, row.reason) == (2, Status.OK, Reason.REPETITION)
    else:
        assert tried(row) == [None, "turned by 180", *["halves"] * (len(row.attempts) - 3), None]
        assert row.status is (Status.FAILED if failure in (nothing, malformed) else Status.OK)


def test_a_page_that_cannot_be_rendered_again_keeps_what_it_has(page: Path, tmp_path: Path) -> None:
    """The file is gone meanwhile: rungs that need it are passed over, those that do not are made."""
    own = tmp_path / "own.pdf"
    own.write_bytes(page.read_bytes())
    engine = BarReader(looping, looping)
    row = read_page(own, engine, settings_with(*RUNGS), before_tries=lambda _: own.unlink())

    assert (tried(row), row.status) == ([None, None], Status.OK)
    assert engine.asked[-1].params is not None


def test_a_rendering_process_that_is_killed(page: Path) -> None:
    """The next attempt has a new one."""

    def kill(pool: BarPool) -> None:
        os.kill(present(pool._rasterizer._mupdf.pid), signal.SIGKILL)

    row = read_page(page, BarReader(looping), settings_with(Rung(dpi=144, turn=180), Rung(turn=180)), kill)
    assert tried(row)[:2] == [None, "turned by 180, 144 dpi"]


@pytest.mark.parametrize(("bounds", "attempts"), [({"most": 2}, 3), ({"most": 0}, 1), ({}, 6)])
def test_a_page_has_no_more_attempts_than_allowed(bounds: dict[str, Any], attempts: int, page: Path) -> None:
    """However many rungs there are."""
    engine = BarReader(*([looping] * 9))
    row = read_page(page, engine, settings_with(*(Rung(temperature=each / 10) for each in range(5)), **bounds))
    assert len(row.attempts) == len(engine.asked) == attempts


@pytest.mark.parametrize("flag", ["low_confidence", "garbage"])
def test_a_flag_may_ask_for_another_attempt(flag: str, page: Path) -> None:
    """The page was no failure; an attempt without the flag is better, and one with it is not unless it is surer."""

    def doubtful(read: PageText) -> PageText:
        return replace(read, confidence=0.5, markdown=read.markdown + "\N{REPLACEMENT CHARACTER}" * 99)

    def surer(read: PageText) -> PageText:
        return replace(read, confidence=0.95)

    asking = settings_with(Rung(handles=(flag,), temperature=0.3))
    row = read_page(page, BarReader(doubtful, surer), asking)
    assert (row.status, row.reason, flag in row.flags) == (Status.REPAIRED, Reason.DOUBTFUL, False)
    assert [attempt.reason for attempt in row.attempts] == [Reason.DOUBTFUL, None]

    row = read_page(page, BarReader(doubtful, doubtful), asking)
    assert (row.status, row.reason, len(row.attempts)) == (Status.OK, None, 2)
    assert tried(read_page(page, BarReader(doubtful, surer), settings_with(Rung(temperature=0.3)))) == [None]
