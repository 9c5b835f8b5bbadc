"""Pages that the CPU engine cannot read say so."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pymupdf
import pytest
from made_rows import rendered_page
from narrowed import instance
from rasterized import open_document, rasterizer_with

from ocrmill.configs.engine_settings import EngineSettings
from ocrmill.configs.settings import InputSettings, RoutingSettings, RunSettings, StorageSettings
from ocrmill.pipeline.measures import LineDoubts
from ocrmill.pipeline.pages.mupdf import displayed_geometry, render
from ocrmill.pipeline.pages.raster_size import with_raster
from ocrmill.pipeline.pages.scripts import LATIN_CJK, unwritable_share
from ocrmill.pipeline.quality.flags import signals
from ocrmill.pipeline.quality.page_row import recognized_row
from ocrmill.pipeline.records import (
    RGB,
    Attempt,
    Document,
    EngineDescription,
    PageGeometry,
    PageText,
    Reason,
    RenderedPage,
    Route,
    RouteDecision,
    Source,
    Status,
    TextLayerPage,
)
from ocrmill.pipeline.rows import PageRow
from ocrmill.pipeline.sources.discovery import Discovery
from ocrmill.workers.engines.rapidocr.engine import CpuEngine
from ocrmill.workers.engines.rapidocr.line_reader import FoundLine, LineReader
from ocrmill.workers.engines.recognizer import Recognizer
from ocrmill.workers.rendering.rasterizer import Rasterizer

CASES = Path(__file__).parents[2] / "cases"
UPSIDE_DOWN = CASES / "02-dense-scan-read-upside-down.pdf"
GOOD_LAYERS = CASES / "03-good-layer-thrown-away-for-an-engine-that-cannot-read-it.pdf"
BAD_LAYERS = CASES / "04-unreadable-script-comes-out-ok.pdf"
CPU = EngineDescription("cpu", slots=1, scripts=LATIN_CJK)
DOCUMENT = Document("d" * 64, Source("/a.pdf", "1", 1, "/a.pdf"), 1)


@pytest.fixture(scope="module")
def engine() -> Iterator[CpuEngine]:
    """An engine that reads the lines of an image once: some pages come with their layer, and again as scans."""
    plain, found = LineReader.read, dict[tuple[bytes, PageGeometry], tuple[list[FoundLine], int]]()

    def read(self: LineReader, image: RGB, geometry: PageGeometry) -> tuple[list[FoundLine], int]:
        page = image.tobytes(), geometry
        if page not in found:
            found[page] = plain(self, image, geometry)
        return found[page]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LineReader, "read", read)
        yield CpuEngine(EngineSettings())


@pytest.fixture(scope="module")
def rasterizer() -> Iterator[Rasterizer]:
    made = Rasterizer(RunSettings(), CPU)
    yield made
    made.close()


def rows_of(rasterizer: Rasterizer, engine: CpuEngine, path: Path) -> list[PageRow]:
    document = open_document(rasterizer, path)
    recognizer = Recognizer(engine, RunSettings())
    pages = [rasterizer.read(document, number) for number in range(1, document.page_count + 1)]
    return [
        page if isinstance(page, PageRow) else instance(PageRow, asyncio.run(recognizer.read(document, *page)))
        for page in pages
    ]


def scan_of(page: pymupdf.Page) -> tuple[RGB, RenderedPage]:
    image = render(page, 2.0)
    return image, RenderedPage(1, with_raster(displayed_geometry(page), image), RouteDecision(Route.OCR, "no_text"))


def test_an_upright_dense_scan_is_not_read_upside_down(engine: CpuEngine) -> None:
    """Lines read with little confidence are read the other way up too, and the better way stands.

    Of the top quarter of the page, which the classifier takes to be upside down as well.
    """
    page = pymupdf.open(UPSIDE_DOWN)[0]
    image, geometry = render(page, 2.0), displayed_geometry(page)
    top, of_top = image[: len(image) // 4], replace(geometry, height_pt=geometry.height_pt / 4)
    text = instance(PageText, asyncio.run(engine.read(top, of_top)))

    assert "Liman dairesi" in text.markdown
    assert text.confidence is not None
    assert text.confidence > 0.9


def test_a_good_layer_is_kept_where_the_engine_cannot_write_its_script(
    rasterizer: Rasterizer, engine: CpuEngine
) -> None:
    """Greek, Russian, Korean and Vietnamese under a photograph come from the layer, with a flag."""
    rows = rows_of(rasterizer, engine, GOOD_LAYERS)

    assert [(row.status, row.flags) for row in rows] == [(Status.TEXT_LAYER, ("unsupported_script",))] * 4
    assert {row.page.decision.reason for row in rows if isinstance(row.page, TextLayerPage)} == {"unsupported_script"}
    starts = ("Το γραφείο του λιμανιού", "Портовая контора ведёт", "항만 사무소는 겨울철에", "Văn phòng cảng ghi chép")
    assert all(start in row.text.markdown for start, row in zip(starts, rows, strict=True) if row.text)


def test_an_engine_of_any_script_is_asked_for_what_lies_outside_a_layer() -> None:
    """Without a limit of scripts the same pages go to OCR: what is in their pictures may be text."""
    with rasterizer_with(RunSettings()) as rasterizer:
        document = open_document(rasterizer, GOOD_LAYERS)
        read = [rasterizer.read(document, number) for number in (1, 2)]

    assert all(not isinstance(page, PageRow) for page in read)


def test_a_script_that_cannot_be_read_fails_with_its_reason(rasterizer: Rasterizer, engine: CpuEngine) -> None:
    """Devanagari, Thai, Tamil and Bengali with a layer that is no text give no row that is ok."""
    rows = rows_of(rasterizer, engine, BAD_LAYERS)

    assert [(row.status, row.reason) for row in rows] == [(Status.FAILED, Reason.UNSUPPORTED_SCRIPT)] * 4


@pytest.mark.parametrize(
    ("path", "number"), [(BAD_LAYERS, 0), (BAD_LAYERS, 3), (GOOD_LAYERS, 0), (GOOD_LAYERS, 1), (GOOD_LAYERS, 3)]
)
def test_scans_in_an_unreadable_script_fail_without_a_layer(engine: CpuEngine, path: Path, number: int) -> None:
    """Only the image is known: confidence and how much is written decide, or Vietnamese without its tones."""
    image, page = scan_of(pymupdf.open(path)[number])
    row = instance(PageRow, asyncio.run(Recognizer(engine, RunSettings()).read(DOCUMENT, page, image)))

    assert (row.status, row.reason) == (Status.FAILED, Reason.UNSUPPORTED_SCRIPT)


@pytest.mark.parametrize(("greek_lines", "outcome"), [(6, Status.FAILED), (2, Status.OK), (0, Status.OK)])
def test_greek_that_lost_its_accents_is_said_to_be(
    engine: CpuEngine, monkeypatch: pytest.MonkeyPatch, greek_lines: int, outcome: Status
) -> None:
    """RapidOCR reads clear Greek with confidence, without its accented letters: a page fails, a part is flagged."""
    read = ["The accents of this manual were lost on the way to the printer."] * 6
    read += ["Aυτο που χουν ια σχετι εγατσαση του εργζνται σε πειβλλον"] * greek_lines
    corners = np.array([[100.0, 100], [1000, 100], [1000, 124], [100, 124]])
    lines = [FoundLine(text, 0.95, corners + [0, 40 * number]) for number, text in enumerate(read)]
    image, rendered = scan_of(pymupdf.open().new_page())
    monkeypatch.setattr(engine, "_reader", Mock(spec=LineReader, read=Mock(return_value=(lines, 0))))
    row = instance(PageRow, asyncio.run(Recognizer(engine, RunSettings()).read(DOCUMENT, rendered, image)))

    assert row.status == outcome
    assert row.reason == (Reason.UNSUPPORTED_SCRIPT if outcome == Status.FAILED else None)
    assert ("unsupported_script" in row.flags) == (greek_lines == 2)


def test_signals_are_flags() -> None:
    """Low confidence, unsure and unread lines, a disagreeing layer and lost letters are raised, each by its measure."""
    good = PageText("text", confidence=0.97)

    assert signals(good, agreement=0.8) == ()
    assert signals(PageText("text")) == ()
    assert signals(replace(good, confidence=0.84), agreement=None) == ("low_confidence",)
    assert signals(replace(good, line_doubts=LineDoubts(0.0, 0.0))) == ()
    assert signals(replace(good, line_doubts=LineDoubts(1.0, 1.0))) == ("unsure_lines", "unread_ink")
    assert signals(good, agreement=0.0) == ("layer_disagrees",)
    assert signals(PageText("The commi\ufffdee")) == ("unmapped_text",)


def test_a_layer_of_wrong_letters_yields_to_a_confident_reading() -> None:
    """A font whose letters are mapped to Hebrew is read by OCR: it is flagged, and no failure."""
    page = rendered_page(unwritable_share=1.0)
    attempt = Attempt("cpu", 1.0)
    quality = RunSettings().quality

    sure = recognized_row(DOCUMENT, page, PageText("Read well.", confidence=0.97), attempt, quality)
    unsure = recognized_row(DOCUMENT, page, PageText("R3ad", confidence=0.7), attempt, quality)
    assert (sure.status, sure.flags) == (Status.OK, ("unsupported_script",))
    assert (unsure.status, unsure.reason) == (Status.FAILED, Reason.UNSUPPORTED_SCRIPT)


def test_letters_are_counted_by_script() -> None:
    """Vietnamese needs letters with a tone that Latin recognizers lack; digits and signs are of no script."""
    assert unwritable_share("plain text, 12 %", LATIN_CJK) == 0
    assert unwritable_share("текст", LATIN_CJK) == 1
    assert unwritable_share("текст", None) == 0
    assert unwritable_share("Văn phòng cảng ghi chép mọi con tàu", LATIN_CJK) > 0.05
    assert unwritable_share("港務局 と カナ", LATIN_CJK) == 0


def test_forced_ocr_is_not_overruled() -> None:
    """With `--route ocr` the engine reads every page, whatever it can write."""
    rasterizer = Rasterizer(RunSettings(routing=RoutingSettings(mode="ocr")), CPU)
    document = rasterizer.open(next(Discovery([str(GOOD_LAYERS)], InputSettings(), StorageSettings())))
    assert isinstance(document, Document)
    read = rasterizer.read(document, 2)
    rasterizer.close()

    assert not isinstance(read, PageRow)
    assert read[0].unwritable_share == 1


def test_a_damaged_page_that_only_pdfium_opens_is_no_blank_one(rasterizer: Rasterizer, engine: CpuEngine) -> None:
    """PDFium says nothing of content that it cannot decode: a page without objects in such a file has not been seen."""
    damaged, second = rows_of(rasterizer, engine, CASES / "18-damaged-page-is-blank.pdf")

    assert (damaged.status, damaged.reason) == (Status.FAILED, Reason.UNDECODABLE)
    assert second.text is not None
    assert "Second page of the damaged file." in second.text.markdown


def test_lines_of_which_only_commas_are_read_are_not_read() -> None:
    """Poor scans in Cyrillic come out as commas, each of them sure: a page without letters is unsupported."""
    from bench.scanned_scripts import DOCUMENT as DRAWN
    from bench.scanned_scripts import FONTS, degrade, draw, has_fonts

    if not has_fonts("ru"):
        pytest.skip(f"needs fonts: {FONTS}")
    image, _ = draw("ru", "prose", "tuning/ru/0")
    poor = degrade(image, "tuning/ru/0")
    page = RenderedPage(1, with_raster(PageGeometry(420, 595, 0), poor), RouteDecision(Route.OCR, "no_text"))
    row = asyncio.run(Recognizer(CpuEngine(EngineSettings()), RunSettings()).read(DRAWN, page, poor))

    assert isinstance(row, PageRow)
    assert (row.status, row.reason) == (Status.FAILED, Reason.UNSUPPORTED_SCRIPT)
