"""What the coordinator does when something outside a page goes wrong."""

import asyncio
import io
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from configs.settings import RunSettings
from pipeline.errors import EngineError
from pipeline.ledger import read_ledger
from pipeline.local_store import LocalStore
from pipeline.records import (
    Document,
    EngineDescription,
    PageGeometry,
    PageRange,
    PageRow,
    Reason,
    RenderedPage,
    Route,
    RouteDecision,
    Source,
    UnreadableDocument,
)
from pipeline.report import RunReport
from pipeline.rows import failed_row
from pipeline.schema import RunStamp
from pipeline.sink import Sink
from workers.coordinator import Coordinator
from workers.pool import Image, ImageLostError
from workers.progress import Progress


class FragilePool:
    """Documents of three pages that all await OCR; what goes wrong is told by the document's name."""

    rasterizers = 1
    engines = 1
    in_flight_bytes = 64 << 20

    def __init__(self) -> None:
        self.losses = 2

    def describe(self) -> EngineDescription:
        return EngineDescription("fragile", 1)

    async def open(self, source: Source) -> Document | UnreadableDocument:
        if source.uri == "cannot open":
            raise RuntimeError("a bug")
        return Document(f"{abs(hash(source.uri)):064x}", source, 3)

    async def read(self, pages: PageRange) -> AsyncGenerator[PageRow | tuple[RenderedPage, Image], None]:
        for number in pages.page_numbers:
            if pages.document.source.uri == "cannot read" and number == 2:
                raise RuntimeError("a bug")
            yield RenderedPage(number, PageGeometry(1, 1, 0, 1, 1, 72), RouteDecision(Route.OCR, "no_text")), None

    async def recognize(self, document: Document, page: RenderedPage, image: Image) -> PageRow:
        if document.source.uri == "no engine":
            raise EngineError("no engine is left")
        if document.source.uri == "cannot recognize" and page.page_number == 2:
            raise RuntimeError("a bug")
        if document.source.uri == "lost image" and self.losses:
            self.losses -= 1
            raise ImageLostError
        return failed_row(document, page, Reason.EMPTY_OUTPUT, "nothing there")

    async def stop(self) -> None:
        """Nothing to end."""

    def close(self) -> None:
        """Nothing to end."""


def report_of(tmp_path: Path, *names: str) -> RunReport:
    """Run over sources of these names."""
    settings, store, report, pool = RunSettings(), LocalStore(tmp_path), RunReport(), FragilePool()
    ledger = read_ledger(store)
    sink = Sink(store, RunStamp("run", datetime.now(UTC), "f", 1, pool.describe()), settings.output, ledger)
    coordinator = Coordinator(pool, sink, ledger, settings, report, Progress(report, io.StringIO()))
    asyncio.run(coordinator.run(Source(name, "1", 1, name) for name in names))
    coordinator.flush()
    return report


def test_an_error_that_ends_the_run_is_ours(tmp_path: Path):
    """What a task raises deep inside comes out as itself, so that a person gets one line and not a traceback."""
    with pytest.raises(EngineError, match="no engine is left"):
        report_of(tmp_path, "no engine")


def test_a_bug_costs_its_document_or_its_pages(tmp_path: Path):
    """An exception that nobody foresaw becomes rows; other documents are read."""
    report = report_of(tmp_path, "cannot open", "cannot read", "good")

    assert report.document_reasons == {Reason.RENDER_CRASH: 1}
    assert report.pages_done == 6
    assert report.page_reasons == {Reason.RENDER_CRASH: 2, Reason.EMPTY_OUTPUT: 4}


def test_a_bug_in_ocr_costs_its_page(tmp_path: Path):
    """The page is a row with its reason, its neighbours and other documents are read."""
    report = report_of(tmp_path, "cannot recognize", "good")

    assert report.page_reasons == {Reason.ENGINE_ERROR: 1, Reason.EMPTY_OUTPUT: 5}


def test_a_lost_image_is_rendered_again(tmp_path: Path):
    """A page whose image is gone is rendered again and blamed for nothing."""
    assert report_of(tmp_path, "lost image").page_reasons == {Reason.EMPTY_OUTPUT: 3}
