"""The number of pages in flight follows the server: simulated servers with so many slots, and a clock of their own."""

import heapq
from collections.abc import Callable

import pytest

from ocrmill.workers.engines.endpoint.in_flight_limit import START, InFlightLimit


def simulate(slots: int, *, answers: int, is_full: Callable[[int], bool] = lambda _: False) -> list[int]:
    """Return the limit after each answer of a server that works on `slots` pages at once, 10 s each.

    The first token comes 0.2 s after a page has got its slot; the rest wait in the server. `is_full` refuses.
    """
    limit = InFlightLimit(512)
    now, number = 0.0, 0
    free = [0.0] * slots  # when each slot is free
    work: list[tuple[float, int, float, int, int, bool]] = []  # by their ends
    limits: list[int] = []
    while len(limits) < answers:
        while len(work) < limit.value:
            number += 1
            if is_full(len(work)):
                heapq.heappush(work, (now + 0.01, number, 0.0, len(work) + 1, limit.generation, True))
                continue
            start = max(now, heapq.heappop(free))
            heapq.heappush(free, start + 10 + number % 7 / 10)
            heapq.heappush(
                work, (start + 10 + number % 7 / 10, number, start - now + 0.2, len(work) + 1, limit.generation, False)
            )
        now, _, first_s, in_flight, generation, refused = heapq.heappop(work)
        if refused:
            limit.halve(generation)
        else:
            limit.note_answer(first_s, in_flight, generation)
        limits.append(limit.value)
    return limits


def test_it_grows_while_nothing_waits() -> None:
    """A server with room for all gets as many pages as are allowed, after a few windows."""
    limits = simulate(1000, answers=3000)

    assert (limits[0], limits[-1]) == (START, 512)
    assert max(limits) == 512


@pytest.mark.parametrize("slots", [4, 24, 100])
def test_it_stays_near_the_slots_of_the_server(slots: int) -> None:
    """A server with fewer slots gets about as many: enough to be busy, and not three times as many."""
    limits = simulate(slots, answers=6000)[3000:]

    assert slots * 0.7 <= sum(limits) / len(limits) <= 3 * max(slots, 6)
    assert max(limits) <= 4 * max(slots, START)


def test_it_shrinks_when_there_is_no_room() -> None:
    """A server that refuses from 40 pages on gets no more than a few above that, though nothing waits in it."""
    limits = simulate(1000, answers=6000, is_full=lambda in_flight: in_flight >= 40)[1000:]

    assert 15 <= sum(limits) / len(limits) <= 60


def test_many_refusals_at_once_halve_it_once() -> None:
    """Ten refusals to requests of one time are one sign, not ten."""
    limit = InFlightLimit(512)
    generation = limit.generation
    for _ in range(10):
        limit.halve(generation)

    assert limit.value == START // 2


def test_after_an_outage_it_begins_with_one() -> None:
    """A server that comes back gets one page first; the limit doubles from there."""
    limit = InFlightLimit(64)
    limit.restart()
    assert limit.value == 1
    for _ in range(8):
        limit.note_answer(0.2, limit.value, limit.generation)
    assert limit.value > 1
