"""The coordinator goes on, or ends the run, when something outside a page goes wrong."""

import asyncio
import io
import threading
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from waiting import wait_for

from ocrmill.configs.settings import OutputSettings, RunSettings
from ocrmill.configs.worker_settings import WorkerSettings
from ocrmill.pipeline.errors import EngineError, OutputError, TooManyFailuresError
from ocrmill.pipeline.output.ledger import read_ledger
from ocrmill.pipeline.output.schema import RunStamp
from ocrmill.pipeline.output.sink import Sink
from ocrmill.pipeline.output.stores.local import LocalStore
from ocrmill.pipeline.quality.page_row import failed_row
from ocrmill.pipeline.records import (
    Document,
    EngineDescription,
    PageGeometry,
    PageRange,
    Reason,
    RenderedPage,
    RetryParams,
    Route,
    RouteDecision,
    Source,
    UnreadableDocument,
)
from ocrmill.pipeline.rows import PageRow
from ocrmill.pipeline.run_report import RunReport
from ocrmill.workers.pools.pool import Image
from ocrmill.workers.pools.worker_slots import WorkerLoad
from ocrmill.workers.scheduling.coordinator import Coordinator
from ocrmill.workers.scheduling.progress import Progress


class FragilePool:
    """Documents of three pages that all await OCR; the document's name says what goes wrong."""

    rasterizers = 1
    engines = 1
    in_flight_bytes = 64 << 20

    def __init__(self) -> None:
        self.losses = 2
        self.opened = 0
        self.held = 0  # pages that the engine has until they are released
        self.released = asyncio.Event()

    def describe(self) -> EngineDescription:
        return EngineDescription("fragile", 1)

    def load(self) -> Mapping[str, WorkerLoad]:
        return {}

    async def open(self, source: Source) -> Document | UnreadableDocument:
        self.opened += 1
        if source.uri.startswith("opens slowly"):
            await asyncio.sleep(0.1)
        if source.uri == "cannot open":
            raise RuntimeError("a bug")
        if source.uri.startswith("unreadable"):
            return UnreadableDocument(None, source, Reason.UNREADABLE, "the mount is gone")
        return Document(f"{abs(hash(source.uri)):064x}", source, 3)

    async def read(self, pages: PageRange) -> AsyncGenerator[PageRow | tuple[RenderedPage, Image], None]:
        for number in pages.page_numbers:
            if pages.document.source.uri == "cannot read" and number == 2:
                raise RuntimeError("a bug")
            for _ in range(2 if pages.document.source.uri == "gives twice" else 1):
                yield RenderedPage(number, PageGeometry(1, 1, 0, 1, 1, 72), RouteDecision(Route.OCR, "no_text")), None

    async def recognize(
        self, document: Document, page: RenderedPage, _image: Image, _params: RetryParams | None = None, /
    ) -> PageRow | None:
        if document.source.uri == "no engine":
            raise EngineError("no engine is left")
        if document.source.uri == "cannot recognize" and page.page_number == 2:
            raise RuntimeError("a bug")
        if document.source.uri == "held":
            self.held += 1
            await self.released.wait()
        if document.source.uri == "lost image" and self.losses:
            self.losses -= 1
            return None
        return failed_row(document, page, Reason.EMPTY_OUTPUT, "nothing there")

    async def stop(self) -> None:
        """Nothing to end."""

    def close(self) -> None:
        """Nothing to end."""


@dataclass
class FragileRun:
    """A run on a `FragilePool`, over sources of these names."""

    out: Path
    settings: RunSettings = field(default_factory=RunSettings)
    report: RunReport = field(default_factory=RunReport)
    pool: FragilePool = field(default_factory=FragilePool)

    def over(
        self, *names: str, stop_when: Callable[[], bool] | None = None, release_when: Callable[[], bool] = lambda: False
    ) -> RunReport:
        asyncio.run(self._run(names, stop_when, release_when))
        return self.report

    async def _run(
        self, names: tuple[str, ...], stop_when: Callable[[], bool] | None, release_when: Callable[[], bool]
    ) -> None:
        store, settings = LocalStore(self.out), self.settings
        ledger = read_ledger(store)
        sink = Sink(
            store, RunStamp("run", datetime.now(UTC), "f", 1, self.pool.describe(), "0.1.0"), settings.output, ledger
        )
        progress = Progress(self.report, io.StringIO())
        coordinator = Coordinator(self.pool, sink, ledger, settings, self.report, progress)

        async def stop(condition: Callable[[], bool]) -> None:
            while not condition():  # noqa: ASYNC110 - the output tells nobody
                await asyncio.sleep(0.01)
            coordinator.stop()
            while not release_when():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            self.pool.released.set()

        stopping = None if stop_when is None else asyncio.create_task(stop(stop_when))
        await coordinator.run(Source(name, "1", 1, name) for name in names)
        if stopping is not None:
            stopping.cancel()

    def rows(self) -> int:
        return sum(len(pq.read_table(path)) for path in self.out.glob("pages/*.parquet"))


def report_of(tmp_path: Path, *names: str) -> RunReport:
    """Run over sources of these names."""
    return FragileRun(tmp_path).over(*names)


def test_an_error_that_ends_the_run_is_ours(tmp_path: Path) -> None:
    """An error that a task raises deep inside comes out as itself, so that a person gets one line and no traceback."""
    with pytest.raises(EngineError, match="no engine is left"):
        report_of(tmp_path, "no engine")


def test_a_bug_costs_its_document_or_its_pages(tmp_path: Path) -> None:
    """An exception that nobody foresaw becomes rows; other documents are read."""
    report = report_of(tmp_path, "cannot open", "cannot read", "good")

    assert report.document_reasons == {Reason.RENDER_CRASH: 1}
    assert report.pages_done == 6
    assert report.page_reasons == {Reason.RENDER_CRASH: 2, Reason.EMPTY_OUTPUT: 4}


def test_a_page_that_comes_twice_is_written_once(tmp_path: Path) -> None:
    """A pool with such a bug ends the run, before a second row of the page is in the output."""
    run = FragileRun(tmp_path)
    with pytest.raises(KeyError):
        run.over("gives twice")

    assert run.rows() == run.report.pages_done <= 3


def test_a_bug_in_ocr_costs_its_page(tmp_path: Path) -> None:
    """The page is a row with its reason, its neighbours and other documents are read."""
    report = report_of(tmp_path, "cannot recognize", "good")

    assert report.page_reasons == {Reason.ENGINE_ERROR: 1, Reason.EMPTY_OUTPUT: 5}


def test_a_lost_image_is_rendered_again(tmp_path: Path) -> None:
    """A page whose image is gone is rendered again and blamed for nothing."""
    assert report_of(tmp_path, "lost image").page_reasons == {Reason.EMPTY_OUTPUT: 3}


def test_a_run_in_which_all_fails_ends(tmp_path: Path) -> None:
    """A vanished mount ends the run within a window of documents; what was read before is durable."""
    run = FragileRun(tmp_path, RunSettings(workers=WorkerSettings(stop_window=20)))
    with pytest.raises(TooManyFailuresError, match="the mount is gone"):
        run.over("good", *(f"unreadable {number}" for number in range(1000)))

    assert run.pool.opened < 60
    assert run.rows() == 3


def vanish(out: Path) -> Path:
    """Let the folder of pages be a mount that is gone: a link to nowhere. Making its target brings it back."""
    target = out / "elsewhere"
    (out / "pages").symlink_to(target)
    return target


def test_an_output_that_is_gone_for_a_while_is_waited_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Rows that cannot be written wait, no new pages are taken meanwhile, and none is missing when it is back."""
    target = vanish(tmp_path)
    run = FragileRun(tmp_path, RunSettings(output=OutputSettings(flush_s=0.2, shard_rows=30, retry_s=60)))
    opened = []

    def bring_back() -> None:
        wait_for(lambda: "no new pages are taken meanwhile" in caplog.text)
        time.sleep(0.5)  # in which a run that goes on would take many
        opened.append(run.pool.opened)
        target.mkdir()

    helper = threading.Thread(target=bring_back)
    helper.start()
    run.over(*(f"document {number}" for number in range(300)))
    helper.join()

    assert run.rows() == 900
    assert opened[0] < 150, "intake went on"


def test_an_output_that_stays_away_ends_the_run(tmp_path: Path) -> None:
    """After output.retry_s the run ends with what is wrong; it does not read the corpus to no end."""
    vanish(tmp_path)
    run = FragileRun(tmp_path, RunSettings(output=OutputSettings(flush_s=0.2, shard_rows=30, retry_s=1)))
    with pytest.raises(OutputError, match="cannot be written"):
        run.over(*(f"document {number}" for number in range(300)))

    assert run.pool.opened < 150


def test_a_stop_makes_finished_rows_durable_at_once(tmp_path: Path) -> None:
    """After SIGTERM a page in the engine may keep the run for drain_s; what is finished does not wait for it."""
    run = FragileRun(tmp_path, RunSettings(output=OutputSettings(flush_s=600), workers=WorkerSettings(drain_s=600)))
    report = run.over(
        "good",
        "held",
        stop_when=lambda: (run.pool.held, run.report.pages_done) == (3, 3),
        release_when=lambda: run.rows() == 3,
    )

    assert report.pages_done == 6


def test_a_stop_after_all_was_read_leaves_no_work(tmp_path: Path) -> None:
    """A stop while the last pages are in work, if they are finished, leaves a run finished and not stopped."""
    run = FragileRun(tmp_path)
    report = run.over(
        "good",
        "held",
        stop_when=lambda: (run.pool.held, run.report.pages_done, run.report.listing_complete) == (3, 3, True),
        release_when=lambda: True,
    )

    assert report.pages_done == 6
    assert not report.stopped
    assert report.listing_complete


def test_a_stop_with_documents_unopened_leaves_work(tmp_path: Path) -> None:
    """Documents that were listed and not opened are work that is left, although no open document is."""
    run = FragileRun(tmp_path)
    report = run.over(*(f"opens slowly {number}" for number in range(200)), stop_when=lambda: run.pool.opened > 2)

    assert report.stopped
    assert run.pool.opened < 200
