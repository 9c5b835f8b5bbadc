"""The bound on bytes in flight."""

import asyncio
import logging

import numpy as np
import psutil
import pytest

from ocrmill.configs.engine_settings import DeepseekOcr2Settings, EngineSettings
from ocrmill.configs.settings import RunSettings
from ocrmill.configs.worker_settings import WorkerSettings
from ocrmill.model_adapter.views import cut_views
from ocrmill.workers.pools.image_memory import LEAST_BYTES, image_memory, in_flight_bytes, page_bytes
from ocrmill.workers.scheduling.memory_budget import MemoryBudget, Reservation

GIB = 1 << 30
VIEWS = EngineSettings(name="deepseek-ocr2", deepseek_ocr2=DeepseekOcr2Settings())


def test_no_more_is_taken_than_there_is_room() -> None:
    """Takers beyond the capacity wait until bytes are given back, and are served in order."""

    async def scenario() -> list[str]:
        budget, log = MemoryBudget(100), []
        held: dict[str, Reservation] = {}

        async def taker(name: str, size: int) -> None:
            held[name] = await budget.acquire(size)
            log.append(name)

        tasks = [asyncio.create_task(taker(*who)) for who in (("a", 60), ("b", 60), ("c", 30))]
        await asyncio.sleep(0)
        assert log == ["a"], "c would fit, but b was there first"
        held["a"].resize(0)
        await asyncio.gather(*tasks)
        return log

    assert asyncio.run(scenario()) == ["a", "b", "c"]


def test_a_page_larger_than_the_room_gets_it_alone() -> None:
    """An oversized page is read when nothing else is in flight, instead of never."""

    async def scenario() -> int:
        budget = MemoryBudget(100)
        small = await budget.acquire(40)
        big = asyncio.create_task(budget.acquire(500))
        await asyncio.sleep(0)
        assert not big.done()
        small.resize(0)
        await big
        return budget.taken

    assert asyncio.run(scenario()) == 500


def test_a_reservation_that_shrinks_lets_the_next_one_in() -> None:
    """Correcting a reservation downwards serves whoever waits."""

    async def scenario() -> int:
        budget = MemoryBudget(100)
        held = await budget.acquire(100)
        waiter = asyncio.create_task(budget.acquire(50))
        await asyncio.sleep(0)
        held.resize(50)
        await asyncio.wait_for(waiter, 60)
        return budget.taken

    assert asyncio.run(scenario()) == 100


def test_a_cancelled_waiter_leaves_no_trace() -> None:
    """Cancelling a waiter neither takes bytes nor blocks those behind it."""

    async def scenario() -> int:
        budget = MemoryBudget(100)
        held = await budget.acquire(100)
        first, second = asyncio.create_task(budget.acquire(50)), asyncio.create_task(budget.acquire(60))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        held.resize(0)
        await asyncio.wait_for(second, 60)
        return budget.taken

    assert asyncio.run(scenario()) == 60


def test_bytes_that_are_handed_on_are_given_back_once() -> None:
    """The reservation of a page that is handed on keeps its bytes beyond the block that took them, and no longer."""

    async def scenario() -> list[int]:
        budget = MemoryBudget(100)
        with await budget.acquire(60) as reserved:
            moved = reserved.transfer()
        taken = [budget.taken]
        with moved:
            moved.resize(20)
            taken.append(budget.taken)
        return [*taken, budget.taken]

    assert asyncio.run(scenario()) == [60, 20, 0]


def test_a_page_takes_what_its_views_take() -> None:
    """A page reserves what the views of a Letter page have, or somewhat more than its image."""
    letter = np.zeros((1584, 1224, 3), np.uint8)

    assert cut_views(letter).nbytes == page_bytes(VIEWS)
    assert letter.nbytes <= page_bytes(EngineSettings(name="cpu")) < 1.1 * letter.nbytes


def test_the_room_is_what_the_engines_hold_and_a_quarter_more() -> None:
    """80 pages as views are 1,050 MiB, so one engine gets 1,312 and eight get 10,500; a small one gets the least."""
    settings = RunSettings(engine=VIEWS)

    assert in_flight_bytes(settings, 80, 64 * GIB) >> 20 == 1312
    assert in_flight_bytes(settings, 640, 64 * GIB) >> 20 == 10_500
    assert in_flight_bytes(RunSettings(engine=EngineSettings(name="cpu")), 4, 64 * GIB) == LEAST_BYTES


def test_a_machine_without_that_memory_is_told_what_it_costs(caplog: pytest.LogCaptureFixture) -> None:
    """The budget is cut to what there is, never below the least, and the log says that engines will wait.

    As in Docker's 64 MiB of shared memory, half of them for pages rendered ahead, and with 12 pages on a small GPU.
    """
    settings = RunSettings(engine=VIEWS)
    with caplog.at_level(logging.WARNING, "ocrmill"):
        assert in_flight_bytes(settings, 12, 32 << 20) == LEAST_BYTES
        assert "need 196 MiB of page images in flight and there is memory for 32" in caplog.text
        assert in_flight_bytes(settings, 640, 4 * GIB) == 4 * GIB
        assert in_flight_bytes(settings, 640, GIB // 16) == LEAST_BYTES

    assert "10500 MiB" in caplog.text
    assert "--shm-size" in caplog.text


def test_what_the_settings_say_is_taken(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever sets in_flight_mb gets that, without a word."""
    settings = RunSettings(engine=VIEWS, workers=WorkerSettings(in_flight_mb=100))

    assert in_flight_bytes(settings, 640, GIB) >> 20 == 100
    assert not caplog.text


def test_this_machine_has_memory_for_images() -> None:
    """At most a quarter of its memory: as much again is for pages that are rendered ahead."""
    assert 0 < image_memory() <= psutil.virtual_memory().total // 4
