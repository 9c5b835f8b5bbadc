"""Further attempts take no more of the engines' time than they may, however many are under way."""

import asyncio
import random
from dataclasses import replace

import pytest
from made_rows import made_page

from ocrmill.configs.tries.rung import TriesSettings
from ocrmill.pipeline.records import Attempt
from ocrmill.pipeline.rows import PageRow
from ocrmill.workers.scheduling.tries.time_share import TimeShare, seconds_of


def row(seconds: float) -> PageRow:
    return replace(made_page("a", 1, 1), attempts=(Attempt("cpu", seconds),))


@pytest.mark.parametrize("share", [0.0, 0.05, 0.3, 0.9])
@pytest.mark.parametrize("at_once", [1, 50])
def test_the_share_holds_at_any_moment(share: float, at_once: int) -> None:
    """Pages of any length, many at a time, each asking for attempts that take as long as the first one."""
    drawn = random.Random(at_once)
    bound = TimeShare(TriesSettings(engine_share=share, free_s=0))
    made = 0

    async def page(gate: asyncio.Semaphore) -> None:
        nonlocal made
        async with gate:
            seconds = drawn.uniform(1, 9)
            bound.add_first(row(seconds))
            for _ in range(4):
                if not bound.allows(seconds):
                    break
                with bound.under_way(seconds):
                    await asyncio.sleep(0)
                made += 1
                bound.add_further(row(seconds))
                assert bound.further_s <= share * (bound.first_s + bound.further_s) + 1e-9

    async def run() -> None:
        gate = asyncio.Semaphore(at_once)
        await asyncio.gather(*(page(gate) for _ in range(400)))

    asyncio.run(run())
    spent = bound.further_s / (bound.first_s + bound.further_s)
    assert made == 0 if share == 0 else share * 0.9 < spent <= share or made == 1600


def test_some_seconds_are_free() -> None:
    """The first pages of a run are not the ones without a second attempt."""
    bound = TimeShare(TriesSettings(engine_share=0.01, free_s=20))
    bound.add_first(row(8))
    allowed = 0
    while bound.allows(8):
        bound.add_further(row(8))
        allowed += 1
    assert allowed == 2


def test_without_a_bound_all_are_allowed() -> None:
    """As it was before there was one."""
    bound = TimeShare(TriesSettings(free_s=0))
    bound.add_first(row(1))
    assert all(bound.allows(1e9) for _ in range(3))
    assert seconds_of(row(2.5)) == 2.5
