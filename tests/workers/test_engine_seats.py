"""Which engine takes the next page."""

import asyncio

import pytest

from pipeline.errors import EngineError
from workers.engine_seats import MAX_DEATHS, EngineSeats


async def comes_back(_handle: object) -> None:
    """An engine that is up again at once."""


def test_pages_go_to_the_least_busy_engine():
    """Two engines of two seats take four pages, evenly, and no fifth."""

    async def scenario():
        seats = EngineSeats(["a", "b"], 2, comes_back)
        taken = [(await seats.take()).engine.handle for _ in range(4)]
        fifth = asyncio.create_task(seats.take())
        await asyncio.sleep(0)
        waits = not fifth.done()
        fifth.cancel()
        return sorted(taken), waits

    assert asyncio.run(scenario()) == (["a", "a", "b", "b"], True)


def test_a_suspect_gets_an_engine_to_itself():
    """A page that was there when an engine died waits for an empty engine and fills it."""

    async def scenario():
        seats = EngineSeats(["a"], 2, comes_back)
        other = await seats.take()
        suspect = asyncio.create_task(seats.take(alone=True))
        await asyncio.sleep(0)
        assert not suspect.done()
        seats.give(other, finished=True)
        seat = await asyncio.wait_for(suspect, 1)
        return seat.alone, seat.engine.taken

    assert asyncio.run(scenario()) == (True, 2)


def test_an_engine_that_keeps_dying_is_given_up():
    """After MAX_DEATHS in a row no page is sent there, and with no engine left the run is told so."""

    async def scenario():
        seats = EngineSeats(["a"], 1, comes_back)
        for _ in range(MAX_DEATHS):
            seat = await asyncio.wait_for(seats.take(), 1)
            seats.report_death(seat)
            seats.give(seat, finished=False)
        await asyncio.wait_for(seats.take(), 1)

    with pytest.raises(EngineError, match="inished pages are kept"):
        asyncio.run(scenario())


def test_a_finished_page_clears_the_count_of_deaths():
    """Deaths far apart, with finished pages between them, do not add up."""

    async def scenario():
        seats = EngineSeats(["a"], 1, comes_back)
        for _ in range(MAX_DEATHS * 2):
            seat = await asyncio.wait_for(seats.take(), 1)
            seats.report_death(seat)
            seats.give(seat, finished=False)
            seat = await asyncio.wait_for(seats.take(), 1)
            seats.give(seat, finished=True)
        return True

    assert asyncio.run(scenario())
