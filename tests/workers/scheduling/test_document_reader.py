"""Documents that come one by one share the workers: their pages are in one engine at once, and one can be given up."""

import asyncio
from pathlib import Path

import pytest
from fake_engine import FakeEngine
from pdfs import scan_pdf

from ocrmill.configs.part import PageChoice
from ocrmill.configs.settings import RoutingSettings, RunSettings
from ocrmill.pipeline.records import EngineDescription, PageGeometry, PageText, Reason, RetryParams, Source
from ocrmill.pipeline.rows import PageRow
from ocrmill.pipeline.run_report import RunReport
from ocrmill.pipeline.sources.archives.members import file_version
from ocrmill.workers.pools.document_pool import Wanted
from ocrmill.workers.pools.pool import SerialPool
from ocrmill.workers.rendering.protocol import PageImage
from ocrmill.workers.scheduling.single.document_reader import DocumentReader, ReadDocument

SLOTS = 6
SETTINGS = RunSettings(routing=RoutingSettings(mode="ocr"))


class CountingEngine(FakeEngine):
    """Holds every page until as many as it has slots are there at once."""

    def __init__(self, slots: int = SLOTS) -> None:
        self.slots = slots
        self.pages = 0
        self.all_there = asyncio.Event()

    def describe(self) -> EngineDescription:
        return EngineDescription("counting", self.slots)

    async def read(self, _image: PageImage, _geometry: PageGeometry, _params: RetryParams | None, /) -> PageText:
        self.pages += 1
        if self.pages == self.slots:
            self.all_there.set()
        try:
            await self.all_there.wait()
        finally:
            self.pages -= 1
        return PageText("read")


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> CountingEngine:
    made = CountingEngine()
    monkeypatch.setattr("ocrmill.workers.pools.pool.make_engine", lambda _settings: made)
    return made


def source_of(path: Path) -> Source:
    status = path.stat()
    return Source(path.name, file_version(status), status.st_size, str(path))


def test_pages_of_several_documents_are_in_one_engine_at_once(engine: CountingEngine, tmp_path: Path) -> None:
    """Three documents of two pages each fill an engine of six slots, which waits until it has all six."""
    paths = [scan_pdf(tmp_path / f"{number}.pdf", pages=2, dpi=40) for number in range(3)]

    async def read_all() -> list[ReadDocument]:
        pool = SerialPool(SETTINGS)
        reader = DocumentReader(pool, SETTINGS, report)
        try:
            every = (reader.read(source_of(path), Wanted(), rows.append) for path in paths)
            return await asyncio.wait_for(asyncio.gather(*every), 60)
        finally:
            pool.close()

    report, rows = RunReport(), list[PageRow]()
    documents = asyncio.run(read_all())

    assert engine.all_there.is_set()
    assert [document.row.pages_ok for document in documents if document.row] == [2, 2, 2]
    assert sorted((row.source, row.page_number) for row in rows) == [(p.name, n) for p in paths for n in (1, 2)]
    assert report.pages_done == 6


def test_a_document_that_is_given_up_frees_what_it_had(engine: CountingEngine, tmp_path: Path) -> None:
    """Its slots and its bytes are free for the next document, which needs all of them."""
    path = scan_pdf(tmp_path / "scan.pdf", pages=SLOTS - 1, dpi=40)
    whole = scan_pdf(tmp_path / "whole.pdf", pages=SLOTS, dpi=40)

    async def give_up() -> None:
        pool = SerialPool(SETTINGS)
        reader = DocumentReader(pool, SETTINGS, RunReport())
        try:
            reading = asyncio.create_task(reader.read(source_of(path), Wanted(), rows.append))
            async with asyncio.timeout(60):
                while engine.pages < SLOTS - 1:  # noqa: ASYNC110 - the engine has no event for it
                    await asyncio.sleep(0.01)
            assert (reader.documents_open, reader.image_bytes[0] > 0) == (1, True)
            reading.cancel()
            await asyncio.wait({reading})
            assert (reading.cancelled(), reader.documents_open, reader.image_bytes[0], engine.pages) == (True, 0, 0, 0)
            assert pool.load()["engine"].taken == 0
            await asyncio.wait_for(reader.read(source_of(whole), Wanted(), rows.append), 60)
        finally:
            pool.close()

    rows = list[PageRow]()
    asyncio.run(give_up())

    assert {row.source for row in rows} == {"whole.pdf"}


PARTS = [
    (Wanted(PageChoice.parse("2-3")), None, [2, 3]),
    (Wanted(PageChoice.parse("9-")), None, []),
    (Wanted(most_pages=3), Reason.OBJECT_LIMIT, []),
    (Wanted(PageChoice.parse("2-"), most_pages=3), None, [2, 3, 4]),
    (Wanted(PageChoice.parse("1"), route="fast"), None, [1]),
]


def test_a_part_is_read(engine: CountingEngine, tmp_path: Path) -> None:
    """Only wanted pages are read, without a row of the document; too many are refused before any is read."""
    engine.slots = 1
    engine.all_there.set()
    path = scan_pdf(tmp_path / "scan.pdf", pages=4, dpi=40)

    async def read() -> list[tuple[ReadDocument, list[int]]]:
        pool = SerialPool(SETTINGS)
        found = []
        try:
            for wanted, _, _ in PARTS:
                rows = list[PageRow]()
                document = await DocumentReader(pool, SETTINGS, RunReport()).read(source_of(path), wanted, rows.append)
                found.append((document, sorted(row.page_number for row in rows)))
        finally:
            pool.close()
        return found

    for (document, read_pages), (_, reason, numbers) in zip(asyncio.run(read()), PARTS, strict=True):
        assert read_pages == numbers
        assert (document.row.reason if document.row else None) == reason
        assert document.page_count == 4
