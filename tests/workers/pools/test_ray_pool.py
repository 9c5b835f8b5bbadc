"""Rasterizers and engines on Ray die; pages do not get lost, and only the guilty one is blamed."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray
from fake_engine import FakeEngine
from narrowed import instance, present
from pdfs import scan_pdf, text_pdf
from processes import descendants
from rasterized import text_of
from ray import cloudpickle

from ocrmill.configs.engine_settings import EngineSettings
from ocrmill.configs.settings import InputSettings, RunSettings, StorageSettings
from ocrmill.configs.tries.rung import OWN, Rung, TriesSettings
from ocrmill.configs.worker_settings import WorkerSettings
from ocrmill.pipeline.errors import EngineError
from ocrmill.pipeline.records import (
    Document,
    EngineDescription,
    EngineDown,
    PageGeometry,
    PageRange,
    PageText,
    Reason,
    RenderedPage,
    RetryParams,
    Status,
)
from ocrmill.pipeline.rows import PageRow
from ocrmill.pipeline.sources.discovery import Discovery
from ocrmill.workers.pools.pool import Image
from ocrmill.workers.pools.ray_actors import DEATHS_AT_START, EngineActor, await_start
from ocrmill.workers.pools.ray_pool import RayPool
from ocrmill.workers.pools.worker_slots import MAX_FAILURES
from ocrmill.workers.rendering.protocol import PageImage

for module in (__name__, FakeEngine.__module__):  # Ray's workers cannot import files of tests
    cloudpickle.register_pickle_by_value(sys.modules[module])


class ScriptedEngine(FakeEngine):
    """Reads a page, unless a file tells it to die, hang or fail at it."""

    def __init__(self, orders: Path) -> None:
        self._orders = orders
        self._moved = time.monotonic()

    def describe(self) -> EngineDescription:
        return EngineDescription("scripted", slots=2)

    async def start(self, memory: float) -> None:
        self._memory = memory

    def idle_s(self) -> float:
        return time.monotonic() - self._moved

    async def read(
        self, _image: PageImage, _geometry: PageGeometry, _params: RetryParams | None, /
    ) -> PageText | EngineDown:
        order = self._orders.read_text() if self._orders.exists() else ""
        self._moved = time.monotonic()
        if order == "die once":
            self._orders.unlink()
        if order.startswith("die"):
            os.kill(os.getpid(), signal.SIGKILL)
        if order == "out of memory":
            self._orders.unlink()
            return EngineDown("CUDA out of memory", out_of_memory=True)
        if order == "say memory":
            self._orders.unlink()
            return PageText(f"Started with {self._memory}.", finish_reason="stop")
        if order == "hang":
            await asyncio.sleep(3600)
        if order == "take long":
            for _ in range(8):
                await asyncio.sleep(1)
                self._moved = time.monotonic()
        if order == "fail":
            raise ValueError("no such luck")
        await asyncio.sleep(0.05)
        return PageText("Seen and read.", finish_reason="stop")


RUNGS = (OWN, Rung(turn=180), Rung(engine="endpoint", urls=("http://localhost:1/v1",)))


class StillbornEngine(ScriptedEngine):
    """Dies while it starts, as often as a file says."""

    async def start(self, memory: float) -> None:
        left = int(self._orders.read_text())
        self._orders.write_text(str(left - 1))
        if left > 0:
            os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("orders") / "order"


@pytest.fixture(scope="module")
def pool(orders: Path) -> Iterator[RayPool]:
    settings = RunSettings(
        engine=EngineSettings(page_timeout_s=5, max_attempts=2, tries=TriesSettings(rungs=RUNGS)),
        workers=WorkerSettings(rasterizers=1, engines=1, in_flight_mb=64),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ADDRESS", "127.0.0.1:1")  # nobody request for a cluster, so none is joined
        pool = RayPool(settings, lambda _: ScriptedEngine(orders))
    yield pool
    pool.close()


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    """One event loop for all tests, as a run has one: engines are revived in the background."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(autouse=True)
def _no_orders_left(orders: Path) -> Iterator[None]:
    yield
    orders.unlink(missing_ok=True)


async def open_in(pool: RayPool, path: Path) -> Document:
    return instance(Document, await pool.open(next(Discovery([str(path)], InputSettings(), StorageSettings()))))


async def read_all(pool: RayPool, path: Path) -> list[PageRow]:
    """Read a document as the coordinator does: pages in order, recognized as they come."""
    document = await open_in(pool, path)

    async def settle(page: PageRow | tuple[RenderedPage, Image]) -> PageRow:
        return page if isinstance(page, PageRow) else present(await pool.recognize(document, *page))

    pages = PageRange(document, tuple(range(1, document.page_count + 1)))
    return await asyncio.gather(*[asyncio.create_task(settle(page)) async for page in pool.read(pages)])


def test_pages_come_back_read(runner: asyncio.Runner, pool: RayPool, tmp_path: Path) -> None:
    """A scan goes through rasterizer and engine, and its row says who read it."""
    (row,) = runner.run(read_all(pool, scan_pdf(tmp_path / "scan.pdf")))

    assert (row.status, present(row.standing).engine) == (Status.OK, "scripted")
    assert text_of(row).markdown == "Seen and read."


def test_a_page_is_rendered_again_and_read_by_another_engine(
    runner: asyncio.Runner, pool: RayPool, tmp_path: Path
) -> None:
    """The rasterizers make the image of a further attempt; an engine that only a rung names is started for it."""

    async def scenario() -> list[PageRow]:
        document = await open_in(pool, scan_pdf(tmp_path / "scan.pdf"))
        rows = []
        for rung in (1, 2):
            (page,) = [each async for each in pool.read(PageRange(document, (1,), rung))]
            assert not isinstance(page, PageRow)
            rows.append(present(await pool.recognize(document, *page)))
        return rows

    turned, other = runner.run(scenario())
    assert [row.attempts[0].tried for row in (turned, other)] == ["turned by 180", "engine endpoint"]
    assert present(turned.text).markdown == present(other.text).markdown == "Seen and read."
    assert pool.load()["engine"].up == 1, "those of the run alone"


def test_an_engine_that_dies_once_is_forgiven(
    runner: asyncio.Runner, pool: RayPool, orders: Path, tmp_path: Path
) -> None:
    """Ray restarts the engine, the page is read at the second try."""
    orders.write_text("die once")
    (row,) = runner.run(read_all(pool, scan_pdf(tmp_path / "scan.pdf")))

    assert row.status is Status.OK


def test_a_page_at_which_the_engine_hangs_fails(
    runner: asyncio.Runner, pool: RayPool, orders: Path, tmp_path: Path
) -> None:
    """After engine.max_attempts timeouts the page is a row with its reason, and each try is in it."""
    orders.write_text("hang")
    (row,) = runner.run(read_all(pool, scan_pdf(tmp_path / "scan.pdf")))

    assert row.reason is Reason.ENGINE_TIMEOUT
    assert [attempt.reason for attempt in row.attempts] == [Reason.ENGINE_TIMEOUT] * 2


def test_a_page_may_take_long_if_the_engine_gets_on(
    runner: asyncio.Runner, pool: RayPool, orders: Path, tmp_path: Path
) -> None:
    """A slow GPU writes a long page for minutes: only an engine that stands still has hung."""
    orders.write_text("take long")
    (row,) = runner.run(read_all(pool, scan_pdf(tmp_path / "scan.pdf")))

    assert (row.status, len(row.attempts)) == (Status.OK, 1)
    assert row.attempts[0].seconds > 5  # the timeout of these tests


def test_an_error_of_the_engine_concerns_one_page(
    runner: asyncio.Runner, pool: RayPool, orders: Path, tmp_path: Path
) -> None:
    """An exception inside the engine is that page's row; the engine goes on."""
    orders.write_text("fail")
    (bad,) = runner.run(read_all(pool, scan_pdf(tmp_path / "scan.pdf")))
    orders.unlink()
    (good,) = runner.run(read_all(pool, scan_pdf(tmp_path / "scan.pdf")))

    assert (bad.reason, good.status) == (Reason.ENGINE_ERROR, Status.OK)
    assert "no such luck" in present(bad.detail)


def test_a_dead_rasterizer_loses_no_page(runner: asyncio.Runner, pool: RayPool, tmp_path: Path) -> None:
    """Pages that a killed rasterizer had in work are read by its successor, each once, nobody blamed."""
    path = text_pdf(tmp_path / "book.pdf", pages=12)

    async def killing() -> list[PageRow]:
        document = await open_in(pool, path)
        rows: list[PageRow] = []
        async for page in pool.read(PageRange(document, tuple(range(1, 13)))):
            rows.append(instance(PageRow, page))
            if len(rows) == 3:
                kill_actor("RasterizerActor")
        return rows

    rows = runner.run(killing())
    assert [row.page_number for row in rows] == list(range(1, 13))
    assert {row.status for row in rows} == {Status.TEXT_LAYER}


def kill_actor(name: str) -> None:
    """SIGKILL the process of an actor, as the kernel does when memory runs out."""
    victims = descendants(name)
    assert victims, "no such actor"
    for victim in victims:
        victim.kill()


def test_an_engine_out_of_memory_gets_fewer_pages(
    runner: asyncio.Runner, pool: RayPool, orders: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An engine out of memory starts again with less, the page is read, and the log says: half as many pages."""
    orders.write_text("out of memory")
    (row,) = runner.run(read_all(pool, scan_pdf(tmp_path / "scan.pdf")))

    assert row.status is Status.OK
    assert "CUDA out of memory" in caplog.text
    assert "1 pages at a time and 85 % of the memory" in caplog.text
    orders.write_text("say memory")
    (row,) = runner.run(read_all(pool, scan_pdf(tmp_path / "other.pdf", dpi=110)))
    assert "Started with 0.85." == text_of(row).markdown
    assert [engine.slots for engine in pool._engine_slots._workers] == [1]


@pytest.mark.parametrize("deaths", [DEATHS_AT_START - 1, DEATHS_AT_START])
def test_an_engine_that_dies_while_it_starts_is_started_again(pool: RayPool, orders: Path, deaths: int) -> None:
    """A node that goes, or a GPU that is not free yet, may pass; what dies each time is an error."""
    orders.write_text(str(deaths))
    on_any_core = EngineActor.options(num_cpus=0)  # type: ignore[attr-defined]
    actor = on_any_core.remote(lambda _: StillbornEngine(orders), RunSettings())
    try:
        if deaths < DEATHS_AT_START:
            (handle,) = await_start([actor], 60)
            os.kill(handle.pid, 0)
        else:
            with pytest.raises(EngineError, match=f"died {deaths} times while it started"):
                await_start([actor], 60)
    finally:
        ray.kill(actor)


def test_an_engine_that_keeps_dying_ends_the_run(
    runner: asyncio.Runner, pool: RayPool, orders: Path, tmp_path: Path
) -> None:
    """Of a document no more than some pages may kill engines; if another one does it too, the engine is given up.

    Last in this file: the pool has no engine afterwards.
    """
    orders.write_text("die")
    rows = runner.run(read_all(pool, scan_pdf(tmp_path / "poison.pdf", pages=MAX_FAILURES + 1)))
    assert {row.reason for row in rows} == {Reason.ENGINE_CRASH}
    assert [present(row.detail).startswith("not tried") for row in rows].count(True) == 1

    (row,) = runner.run(read_all(pool, scan_pdf(tmp_path / "other.pdf", dpi=100)))
    assert row.reason is Reason.ENGINE_CRASH
    with pytest.raises(EngineError, match="no engine is left"):
        runner.run(read_all(pool, scan_pdf(tmp_path / "third.pdf", dpi=120)))
    assert ray.is_initialized()
