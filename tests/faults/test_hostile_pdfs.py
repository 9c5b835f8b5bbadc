"""Hostile PDFs in a real run, beside innocent ones: each page gets its row with a reason, and nothing is left."""

import os
import time
import zlib
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import duckdb
import psutil
import pytest
from fake_engine import FakeEngine
from output_rows import select_rows
from pdf_objects import file_of, first_free, form, stream, write_pages
from pdfs import (
    crashing_pdf,
    endless_pdf,
    hanging_everywhere_pdf,
    image_flood_pdf,
    memory_pdf,
    text_pdf,
)
from peak_memory import forget_peak, peak_bytes
from processes import descendants, rendering_processes

from ocrmill.commands.run import Job, run
from ocrmill.commands.verify import verify
from ocrmill.configs.engine_settings import EngineSettings
from ocrmill.configs.settings import RasterSettings, RoutingSettings, RunSettings
from ocrmill.configs.worker_settings import WorkerSettings
from ocrmill.pipeline.output.stores.local import LocalStore
from ocrmill.pipeline.records import EngineDescription, PageGeometry, PageRange, PageText, RenderedPage, RetryParams
from ocrmill.pipeline.rows import PageRow
from ocrmill.pipeline.run_report import RunReport
from ocrmill.workers.engines.recognizer import Recognizer
from ocrmill.workers.pools.pool import Image, SerialPool
from ocrmill.workers.rendering.forking.forked_process import TEMPLATE
from ocrmill.workers.rendering.protocol import PageImage

pytestmark = pytest.mark.fault

WALL_S = 30.0
RASTER = RasterSettings(page_cpu_s=2, open_cpu_s=5, page_wall_s=WALL_S, memory_mb=768)
SETTINGS = RunSettings(
    routing=RoutingSettings(mode="ocr"),  # the layout model takes seconds in each new process
    raster=RASTER,
    engine=EngineSettings(name="cpu"),
    workers=WorkerSettings(stop_share=1.0, pages_per_range=4),
)
WHOLE = {1: "ok", 2: "ok", 3: "ok"}  # statuses by page; `ok` stands for all that are not failures
ONE_BAD = {**WHOLE, 2: "failed"}
MIB = 1 << 20


class QuickEngine(FakeEngine):
    """Says the same of every page."""

    def describe(self) -> EngineDescription:
        return EngineDescription("quick", slots=4)

    async def read(self, _image: PageImage, _geometry: PageGeometry, _params: RetryParams | None, /) -> PageText:
        return PageText("Seen and read.", finish_reason="stop")


class TimedPool(SerialPool):
    """The pool of `--no-ray` with a quick engine; knows how long the longest page took."""

    def __init__(self, settings: RunSettings) -> None:
        super().__init__(settings)
        self._recognizer = Recognizer(QuickEngine(), settings)
        self.longest_s = 0.0

    async def read(self, pages: PageRange) -> AsyncGenerator[PageRow | tuple[RenderedPage, Image], None]:
        started = time.monotonic()
        async for page in super().read(pages):
            self.longest_s = max(self.longest_s, time.monotonic() - started)
            yield page
            started = time.monotonic()


def run_over(inputs: Path, out: Path, *, time_budget_s: float | None = None) -> tuple[RunReport, TimedPool]:
    pools: list[TimedPool] = []

    def pool_for(job: Job) -> TimedPool:
        pools.append(TimedPool(job.settings))
        return pools[0]

    report = run(Job((str(inputs),), str(out), SETTINGS, use_ray=False, time_budget_s=time_budget_s), pool_for)
    return report, pools[0]


def bomb(chunk: bytes, times: int) -> bytes:
    """A deflated stream of a chunk so many times, deflated again: gigabytes in a few kB, made in a moment."""
    packer = zlib.compressobj(9)
    packed = packer.compress(chunk) + packer.flush(zlib.Z_FULL_FLUSH)
    return zlib.compress(packed[:2] + packed[2:] * times + b"\x03\x00" + bytes(4), 9)


def packed_stream(entries: bytes, chunk: bytes, times: int) -> bytes:
    """A stream object that holds such a bomb."""
    packed = bomb(chunk, times)
    return b"<< %s /Filter [/FlateDecode /FlateDecode] /Length %d >>\nstream\n%s\nendstream" % (
        entries,
        len(packed),
        packed,
    )


def with_object(path: Path, content: bytes, *objects: bytes, catalog: bytes = b"") -> Path:
    """Three pages; the second one has this content, which may draw the first object as /X."""
    resources = b"/XObject << /X %d 0 R >>" % first_free(3)
    return write_pages(path, 3, 2, content=content, resources=resources, objects=list(objects), catalog=catalog)


def content_bomb(path: Path) -> Path:
    """The drawing of page 2 unpacks to 8 GiB."""
    drawing = b"0 0 9 9 re f\n" * (MIB // 13)
    return with_object(path, b"/X Do", packed_stream(b"/Subtype /Form /BBox [0 0 612 792]", drawing, 8 << 10))


def image_bomb(path: Path) -> Path:
    """The picture on page 2 is 60,000 x 60,000 pixels, 10 GiB."""
    side = b"/Subtype /Image /Width 60000 /Height 60000 /BitsPerComponent 8 /ColorSpace /DeviceRGB"
    return with_object(path, b"612 0 0 792 0 0 cm /X Do", packed_stream(side, bytes(range(256)) * 4096, 10_300))


def attached_bomb(path: Path) -> Path:
    """A file attached to the document unpacks to 64 GiB."""
    first = first_free(3)
    return with_object(
        path,
        b"100 100 200 200 re f",
        packed_stream(b"/Type /EmbeddedFile", bytes(MIB), 64 << 10),
        b"<< /Type /Filespec /F (readme.txt) /EF << /F %d 0 R >> >>" % first,
        catalog=b"/Names << /EmbeddedFiles << /Names [(readme.txt) %d 0 R] >> >>" % (first + 1),
    )


def form_in_itself(path: Path) -> Path:
    """The form on page 2 draws a square, and itself twice."""
    first = first_free(3)
    return with_object(path, b"/X Do", form(b"100 100 200 200 re f /X Do /X Do", b"/XObject << /X %d 0 R >>" % first))


def tree_in_itself(path: Path) -> Path:
    """The page tree of three pages has one, and then itself."""
    path.write_bytes(
        file_of(
            [
                b"<< /Type /Catalog /Pages 2 0 R >>",
                b"<< /Type /Pages /Kids [3 0 R] /Count 3 /MediaBox [0 0 612 792] >>",
                b"<< /Type /Pages /Parent 2 0 R /Kids [4 0 R 2 0 R] /Count 3 >>",
                b"<< /Type /Page /Parent 3 0 R /Contents 5 0 R >>",
                stream(b"", b"100 100 200 200 re f"),
            ]
        )
    )
    return path


def tree_of_nothing(path: Path) -> Path:
    """A file of 250 bytes that claims a million pages: its page tree holds itself alone."""
    tree = b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 1000000 >>"
    path.write_bytes(file_of([b"<< /Type /Catalog /Pages 2 0 R >>", tree]))
    return path


def huge_page(path: Path) -> Path:
    """Page 2 is as large as PDF allows: 14,400 pt, 5.08 m."""
    return write_pages(path, 3, 2, content=b"0 0 9999 9999 re f", page=b"/MediaBox [0 0 14400 14400]", objects=[])


HOSTILE: dict[Callable[[Path], Path], dict[int, str]] = {
    hanging_everywhere_pdf: ONE_BAD,
    endless_pdf: ONE_BAD,
    memory_pdf: ONE_BAD,
    image_flood_pdf: ONE_BAD,
    crashing_pdf: ONE_BAD,
    content_bomb: ONE_BAD,
    image_bomb: ONE_BAD,
    attached_bomb: WHOLE,
    form_in_itself: WHOLE,
    tree_in_itself: WHOLE,
    tree_of_nothing: {},
    huge_page: WHOLE,
}
REASONS = {"render_timeout", "render_memory", "render_crash", "render_error", "undecodable"}
NAMES = [
    "n" * 251 + ".pdf",
    os.fsdecode(b"\xff\xfe caf\xe9.pdf"),
    "two\nlines\x1b[31m.pdf",
    "-rf .pdf",
    "a!b.zip!c.pdf",
]


def children() -> set[psutil.Process]:
    """The processes below this one, without the templates of rendering processes: those end once none is used."""
    templates = {process.pid for process in descendants(TEMPLATE)} - {process.pid for process in rendering_processes()}
    return {child for child in psutil.Process().children(recursive=True) if child.pid not in templates}


def test_hostile_documents_cost_themselves(tmp_path: Path) -> None:
    """Each page of each file has its row: those that harm the renderer fail with a reason, all others are read."""
    inputs, before = tmp_path / "in", children()
    inputs.mkdir()
    expected = {}
    for write, pages in HOSTILE.items():
        expected[write(inputs / f"{write.__name__}.pdf").name] = pages
        neighbour = text_pdf(inputs / f"{write.__name__} neighbour.pdf", pages=1, text=f"Beside {write.__name__}.")
        expected[neighbour.name] = {1: "ok"}
    _, pool = run_over(inputs, tmp_path / "out")

    read: dict[str, dict[int, str]] = {name: {} for name in expected}
    for source, number, status, reason, detail in select_rows(
        tmp_path / "out", "source, page_number, status, reason, detail"
    ):
        pages = read[Path(source).name]
        assert number not in pages, f"two rows for page {number} of {source}"
        pages[number] = "failed" if status == "failed" else "ok"
        assert (status == "failed") == (reason in REASONS), (source, number, status, reason)
        assert status != "failed" or detail
    assert read == expected
    [(damaged,)] = duckdb.sql(
        f"select detail from '{tmp_path}/out/documents/*.parquet' where status = 'failed'"
    ).fetchall()
    assert "Invalid number of pages" in damaged
    assert verify(LocalStore(tmp_path / "out"), repair=False).findings == ()
    assert pool.longest_s < 2 * WALL_S + 5, "a page has its time in each of two renderers"
    # Processes of earlier tests may end meanwhile: the agents of a Ray session do a minute and a half after it.
    _, alive = psutil.wait_procs(children() - before, timeout=10)
    assert not alive


def test_names_are_only_names(tmp_path: Path) -> None:
    """Names of 255 bytes, of no Unicode, with line breaks and escapes, below a path of 2,000: each is read."""
    inputs = tmp_path.joinpath("in", *["d" * 200] * 10)
    inputs.mkdir(parents=True)
    for number, name in enumerate(NAMES, start=1):
        text_pdf(tmp_path / "plain.pdf", pages=number).rename(inputs / name)
    run_over(tmp_path / "in", tmp_path / "out")
    sources = {source for (source,) in select_rows(tmp_path / "out", "source", "documents")}

    assert len(select_rows(tmp_path / "out", "source, page_number")) == sum(range(1, len(NAMES) + 1))
    assert len(sources) == len(NAMES)
    assert not any(character in source for source in sources for character in "\n\x1b")
    assert verify(LocalStore(tmp_path / "out"), repair=False).findings == ()


def book_of_one_page(path: Path, pages: int) -> Path:
    """So many pages, which all show the same drawing."""
    kids = b" ".join(b"%d 0 R" % (3 + number) for number in range(pages))
    tree = b"<< /Type /Pages /Kids [%s] /Count %d /MediaBox [0 0 90 90] >>" % (kids, pages)
    page = b"<< /Type /Page /Parent 2 0 R /Contents %d 0 R >>" % (3 + pages)
    drawing = stream(b"", b"10 10 20 20 re f")
    path.write_bytes(file_of([b"<< /Type /Catalog /Pages 2 0 R >>", tree, *[page] * pages, drawing]))
    return path


def test_a_hundred_thousand_pages_begin_at_once_and_stay_small(tmp_path: Path) -> None:
    """Of a document too long for the time there is, the first pages are in the output when the run has to stop."""
    path = book_of_one_page(tmp_path / "book.pdf", 100_000)
    before = forget_peak()
    report, _ = run_over(path, tmp_path / "out", time_budget_s=15.0)
    numbers = [number for (number,) in select_rows(tmp_path / "out", "page_number")]

    assert report.stopped
    assert report.pages_known == 100_000
    assert len(numbers) == len(set(numbers)) > 8
    assert numbers[:-8] == list(range(1, len(numbers) - 7)), "in order, but for the two ranges in work at the end"
    assert not list(tmp_path.glob("out/documents/*.parquet"))
    assert peak_bytes() - before < 200 << 20
