"""The queue of page ranges."""

import asyncio

from narrowed import present

from ocrmill.pipeline.records import Document, PageRange, Source
from ocrmill.workers.scheduling.range_queue import RangeQueue

Ranges = list[tuple[str, tuple[int, ...]]]  # of each its document and its pages


def document(name: str, pages: int) -> Document:
    return Document(document_id=name, source=Source(name, "v", 1, name), page_count=pages)


async def queued(queue: RangeQueue, *documents: Document) -> None:
    for each in documents:
        await queue.put(each, range(1, each.page_count + 1))


async def drain(queue: RangeQueue) -> Ranges:
    await queue.close()
    taken = []
    while (pages := await queue.get()) is not None:
        taken.append((pages.document.document_id, pages.page_numbers))
    return taken


def test_a_document_is_cut_into_ranges_without_losing_a_page() -> None:
    """Every page of a document is in exactly one range, in order."""

    async def scenario() -> Ranges:
        queue = RangeQueue(pages_per_range=4, long_document_pages=64)
        await queued(queue, document("a", 10))
        return await drain(queue)

    assert asyncio.run(scenario()) == [("a", (1, 2, 3, 4)), ("a", (5, 6, 7, 8)), ("a", (9, 10))]


def test_short_documents_are_served_in_turn_with_a_long_one() -> None:
    """While short documents wait, a long one gets every second range and no more; it begins at once."""

    async def scenario() -> list[str]:
        queue = RangeQueue(pages_per_range=10, long_document_pages=20)
        await queued(queue, document("book", 60), *(document(f"leaf{n}", 5) for n in range(3)))
        return [name for name, _ in await drain(queue)]

    assert asyncio.run(scenario()) == ["leaf0", "book", "leaf1", "book", "leaf2", "book", "book", "book", "book"]


def test_long_documents_share_their_lane() -> None:
    """Two long documents advance together."""

    async def scenario() -> list[str]:
        queue = RangeQueue(pages_per_range=10, long_document_pages=20)
        await queued(queue, document("a", 30), document("b", 30))
        return [name for name, _ in await drain(queue)]

    assert asyncio.run(scenario()) == ["a", "b", "a", "b", "a", "b"]


def test_a_dropped_queue_gives_nothing_and_takes_nothing() -> None:
    """After a drop readers end at once, and a document that opens late is not queued."""

    async def scenario() -> tuple[PageRange | None, int]:
        queue = RangeQueue(pages_per_range=10, long_document_pages=20)
        await queued(queue, document("a", 30))
        await queue.close(drop=True)
        await queued(queue, document("late", 3))
        return await queue.get(), len(queue)

    assert asyncio.run(scenario()) == (None, 0)


def test_a_reader_waits_for_work() -> None:
    """An open, empty queue makes its reader wait instead of ending it."""

    async def scenario() -> str:
        queue = RangeQueue(pages_per_range=10, long_document_pages=20)
        reader = asyncio.create_task(queue.get())
        await asyncio.sleep(0)
        assert not reader.done()
        await queued(queue, document("a", 1))
        return present(await asyncio.wait_for(reader, 60)).document.document_id

    assert asyncio.run(scenario()) == "a"
