"""The queue of page ranges."""

import asyncio

from ocrmill.pipeline.records import Document, Source
from ocrmill.workers.scheduling.range_queue import Lanes


def document(name: str, pages: int) -> Document:
    return Document(document_id=name, source=Source(name, "v", 1, name), page_count=pages)


async def queued(lanes: Lanes, *documents: Document) -> None:
    for each in documents:
        await lanes.put(each, range(1, each.page_count + 1))


async def drain(lanes: Lanes) -> list[tuple[str, tuple[int, ...]]]:
    await lanes.close()
    taken = []
    while (pages := await lanes.get()) is not None:
        taken.append((pages.document.document_id, pages.page_numbers))
    return taken


def test_a_document_is_cut_into_ranges_without_losing_a_page():
    """Every page of a document is in exactly one range, in order."""

    async def scenario():
        lanes = Lanes(pages_per_range=4, long_document_pages=64)
        await queued(lanes, document("a", 10))
        return await drain(lanes)

    assert asyncio.run(scenario()) == [("a", (1, 2, 3, 4)), ("a", (5, 6, 7, 8)), ("a", (9, 10))]


def test_short_documents_are_served_in_turn_with_a_long_one():
    """While short documents wait, a long one gets every second range and no more; it begins at once."""

    async def scenario():
        lanes = Lanes(pages_per_range=10, long_document_pages=20)
        await queued(lanes, document("book", 60), *(document(f"leaf{n}", 5) for n in range(3)))
        return [name for name, _ in await drain(lanes)]

    assert asyncio.run(scenario()) == ["leaf0", "book", "leaf1", "book", "leaf2", "book", "book", "book", "book"]


def test_long_documents_share_their_lane():
    """Two long documents advance together."""

    async def scenario():
        lanes = Lanes(pages_per_range=10, long_document_pages=20)
        await queued(lanes, document("a", 30), document("b", 30))
        return [name for name, _ in await drain(lanes)]

    assert asyncio.run(scenario()) == ["a", "b", "a", "b", "a", "b"]


def test_dropped_lanes_give_nothing_and_take_nothing():
    """After a drop readers end at once, and a document that opens late is not queued."""

    async def scenario():
        lanes = Lanes(pages_per_range=10, long_document_pages=20)
        await queued(lanes, document("a", 30))
        await lanes.close(drop=True)
        await queued(lanes, document("late", 3))
        return await lanes.get(), len(lanes)

    assert asyncio.run(scenario()) == (None, 0)


def test_a_reader_waits_for_work():
    """An open, empty queue makes its reader wait instead of ending it."""

    async def scenario():
        lanes = Lanes(pages_per_range=10, long_document_pages=20)
        reader = asyncio.create_task(lanes.get())
        await asyncio.sleep(0)
        assert not reader.done()
        await queued(lanes, document("a", 1))
        return (await asyncio.wait_for(reader, 1)).document.document_id

    assert asyncio.run(scenario()) == "a"
