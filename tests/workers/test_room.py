"""The bound on bytes in flight."""

import asyncio

from workers.room import Room


def test_no_more_is_taken_than_there_is_room():
    """Takers beyond the capacity wait until bytes are given back, and are served in order."""

    async def scenario() -> list[str]:
        room, log = Room(100), []

        async def taker(name: str, size: int) -> None:
            await room.take(size)
            log.append(name)

        tasks = [asyncio.create_task(taker(*who)) for who in (("a", 60), ("b", 60), ("c", 30))]
        await asyncio.sleep(0)
        assert log == ["a"], "c would fit, but b was there first"
        room.give(60)
        await asyncio.gather(*tasks)
        return log

    assert asyncio.run(scenario()) == ["a", "b", "c"]


def test_a_page_larger_than_the_room_gets_it_alone():
    """An oversized page is read when nothing else is in flight, instead of never."""

    async def scenario() -> int:
        room = Room(100)
        await room.take(40)
        big = asyncio.create_task(room.take(500))
        await asyncio.sleep(0)
        assert not big.done()
        room.give(40)
        await big
        return room.taken

    assert asyncio.run(scenario()) == 500


def test_a_reservation_that_shrinks_lets_the_next_one_in():
    """Correcting a reservation downwards serves whoever waits."""

    async def scenario() -> int:
        room = Room(100)
        await room.take(100)
        waiter = asyncio.create_task(room.take(50))
        await asyncio.sleep(0)
        room.resize(100, 50)
        await asyncio.wait_for(waiter, 1)
        return room.taken

    assert asyncio.run(scenario()) == 100


def test_a_cancelled_waiter_leaves_no_trace():
    """Cancelling a waiter neither takes bytes nor blocks those behind it."""

    async def scenario() -> int:
        room = Room(100)
        await room.take(100)
        first, second = asyncio.create_task(room.take(50)), asyncio.create_task(room.take(60))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        room.give(100)
        await asyncio.wait_for(second, 1)
        return room.taken

    assert asyncio.run(scenario()) == 60
