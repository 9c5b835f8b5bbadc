"""The choice of the engine that takes the next page."""

import asyncio

import pytest

from ocrmill.pipeline.errors import EngineError
from ocrmill.workers.pools.worker_slots import MAX_FAILURES, Slot, WorkerSlots


async def comes_back(_handle: object) -> None:
    """An engine that is up again at once."""


@pytest.mark.parametrize(("slots_each", "expected"), [(2, ["a", "a", "b", "b"]), ([1, 3], ["a", "b", "b", "b"])])
def test_pages_go_to_the_least_busy_engine(slots_each: int | list[int], expected: list[str]) -> None:
    """Two engines take four pages, each as many as its own slots allow, and no fifth."""

    async def scenario() -> tuple[list[str], bool]:
        slots = WorkerSlots("an engine", ["a", "b"], slots_each, comes_back)
        taken = [(await slots.acquire()).worker.handle for _ in range(4)]
        fifth = asyncio.create_task(slots.acquire())
        await asyncio.sleep(0)
        waits = not fifth.done()
        fifth.cancel()
        return sorted(taken), waits

    assert asyncio.run(scenario()) == (expected, True)


def test_who_is_patient_waits_behind_all_others() -> None:
    """A slot that comes free goes to those who are not patient, even if they asked later."""

    async def scenario() -> list[str]:
        slots = WorkerSlots("an engine", ["a"], 1, comes_back)
        served: list[str] = []

        async def task(name: str, *, patient: bool) -> None:
            slot = await slots.acquire(patient=patient)
            served.append(name)
            await asyncio.sleep(0)
            slots.release(slot, finished=True)

        waits = [("first", False), ("second try", True), ("third", False), ("fourth", False)]
        async with asyncio.TaskGroup() as group:
            for name, patient in waits:
                group.create_task(task(name, patient=patient))
        return served

    assert asyncio.run(scenario()) == ["first", "third", "fourth", "second try"]


def test_a_suspect_gets_an_engine_to_itself() -> None:
    """A page that was there when an engine died waits for an empty engine and fills it."""

    async def scenario() -> tuple[bool, int]:
        slots = WorkerSlots("an engine", ["a"], 2, comes_back)
        other = await slots.acquire()
        suspect = asyncio.create_task(slots.acquire(parts=1))
        await asyncio.sleep(0)
        assert not suspect.done()
        slots.release(other, finished=True)
        slot = await asyncio.wait_for(suspect, 60)
        return slot.alone, slot.worker.taken

    assert asyncio.run(scenario()) == (True, 2)


def test_an_engine_at_which_page_after_page_is_blamed_is_given_up() -> None:
    """After MAX_FAILURES in a row, of several documents, no page is sent there; with no engine left the run ends."""

    async def scenario() -> None:
        slots = WorkerSlots("an engine", ["a"], 1, comes_back)
        for number in range(MAX_FAILURES):
            await die(slots, blame=True, document=f"document {number}")
        await asyncio.wait_for(slots.acquire(), 60)

    with pytest.raises(EngineError, match="inished pages are kept"):
        asyncio.run(scenario())


def test_an_engine_is_not_given_up_for_one_document() -> None:
    """However many pages of it are blamed: the document may be poisonous, and the engine good for all others."""

    async def scenario() -> Slot:
        slots = WorkerSlots("an engine", ["a"], 1, comes_back)
        for _ in range(3 * MAX_FAILURES):
            await die(slots, blame=True, document="poison")
        return await asyncio.wait_for(slots.acquire(), 60)

    assert asyncio.run(scenario()).alone


def test_suspects_are_tried_some_at_a_time() -> None:
    """Of 80 slots, eight pages that were there when an engine died take all, so that a ninth waits."""

    async def scenario() -> tuple[bool, set[bool]]:
        slots = WorkerSlots("an engine", ["a"], 80, comes_back)
        taken = [await asyncio.wait_for(slots.acquire(parts=8), 60) for _ in range(8)]
        ninth = asyncio.create_task(slots.acquire(parts=8))
        await asyncio.sleep(0)
        waits = not ninth.done()
        ninth.cancel()
        return waits, {slot.alone for slot in taken}

    assert asyncio.run(scenario()) == (True, {False})


def test_a_page_may_kill_an_engine_again_and_again() -> None:
    """However often one page is tried, the engine is not given up for it."""

    async def scenario() -> Slot:
        slots = WorkerSlots("an engine", ["a"], 1, comes_back)
        for _ in range(10):
            await die(slots, blame=False)
        return await asyncio.wait_for(slots.acquire(), 60)

    assert asyncio.run(scenario()).alone


def test_a_finished_page_clears_the_count_of_blamed_pages() -> None:
    """Bad pages far apart, with finished ones between them, do not add up."""

    async def scenario() -> bool:
        slots = WorkerSlots("an engine", ["a"], 1, comes_back)
        for number in range(MAX_FAILURES * 2):
            await die(slots, blame=True, document=f"document {number}")
            slot = await asyncio.wait_for(slots.acquire(), 60)
            slots.release(slot, finished=True)
        return True

    assert asyncio.run(scenario())


def test_late_news_of_a_death_does_not_count_against_the_successor() -> None:
    """Two pages die with an engine; the second hears of it when the next process is already up."""

    async def scenario() -> tuple[bool, bool]:
        slots = WorkerSlots("an engine", ["a"], 2, comes_back)
        first, second = await slots.acquire(), await slots.acquire()
        slots.report_death(first)
        slots.release(first, finished=False)
        third = await asyncio.wait_for(slots.acquire(), 60)
        slots.report_death(second)
        return second.is_current, third.is_current

    assert asyncio.run(scenario()) == (False, True)


async def die(slots: WorkerSlots, *, blame: bool, document: str = "a") -> None:
    """Take a slot and have the engine die under it."""
    slot = await asyncio.wait_for(slots.acquire(), 60)
    slots.report_death(slot)
    if blame:
        slots.record_failure(slot, document)
    slots.release(slot, finished=False)
