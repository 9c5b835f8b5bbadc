"""The pool of `--no-ray`, in which everything happens in one process."""

import asyncio
from typing import Any

from fake_engine import FakeEngine
from made_rows import rendered_page

from ocrmill.configs.engine_settings import EngineSettings
from ocrmill.configs.settings import RunSettings
from ocrmill.pipeline.records import Document, EngineDescription, PageText, Source
from ocrmill.workers.engines.recognizer import Recognizer
from ocrmill.workers.pools.pool import SerialPool
from ocrmill.workers.pools.worker_slots import WorkerSlots

SETTINGS = RunSettings(engine=EngineSettings(name="cpu"))
DOCUMENT = Document("d" * 64, Source("/a.pdf", "1", 1, "/a.pdf"), 1)


class CountingEngine(FakeEngine):
    """Counts the pages that it has at a time."""

    now = most = 0

    def describe(self) -> EngineDescription:
        return EngineDescription("counting", 2)

    async def read(self, *_: object) -> PageText:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.01)
        self.now -= 1
        return PageText("A page that was read.")


def test_an_engine_gets_as_many_pages_as_it_asks_for() -> None:
    """Pages behind them wait outside: else the time of the last page in the engine would be that of all."""
    engine = CountingEngine()

    async def never(_: Any) -> None:
        """Revive nothing."""

    async def six_pages() -> list[Any]:
        pool = SerialPool(SETTINGS)
        pool._recognizer = Recognizer(engine, SETTINGS)
        pool._turns = WorkerSlots("an engine", [None], engine.describe().slots, revive=never)
        image: Any = None
        return await asyncio.gather(*(pool.recognize(DOCUMENT, rendered_page(), image) for _ in range(6)))

    assert len(asyncio.run(six_pages())) == 6
    assert engine.most == 2
