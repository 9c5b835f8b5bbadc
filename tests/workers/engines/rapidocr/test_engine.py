import asyncio
import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pymupdf
import pytest
from narrowed import instance
from PIL import Image
from real_pdfs import CORPUS, needs_corpus

from ocrmill.configs.engine_settings import CpuEngineSettings, EngineSettings
from ocrmill.pipeline.pages.mupdf import displayed_geometry, render
from ocrmill.pipeline.records import RGB, Failure, PageGeometry, PageText, Reason
from ocrmill.workers.engines.rapidocr.engine import CpuEngine

ROOT = Path(__file__).parents[4]
LEFT = (
    "Rain fell on the harbour all night, and the boats lay still. Nobody came to look after them, for nobody "
    "had been told that the storm was over."
)
RIGHT = (
    "In the morning the wind turned to the north. The fishermen went out before the sun was up, and came "
    "home late with more than they had hoped for."
)


@pytest.fixture(scope="module")
def engine() -> CpuEngine:
    return CpuEngine(EngineSettings())


def page() -> tuple[RGB, PageGeometry]:
    """A title above two columns, at 144 dpi."""
    document = pymupdf.open()
    drawn = document.new_page(width=470, height=200)
    drawn.insert_text((40, 42), "Weather at Sea", fontsize=36)
    drawn.insert_textbox((20, 70, 220, 195), LEFT, fontsize=11)
    drawn.insert_textbox((250, 70, 450, 195), RIGHT, fontsize=11)
    geometry = displayed_geometry(drawn)
    return render(drawn, 2.0), geometry


def turned(image: RGB, geometry: PageGeometry, quarters: int) -> tuple[RGB, PageGeometry]:
    """A scan laid on the glass the wrong way."""
    sides = (geometry.width_pt, geometry.height_pt)
    width, height = sides if quarters % 2 == 0 else sides[::-1]
    return np.ascontiguousarray(np.rot90(image, quarters)), PageGeometry(width, height, 0)


def read(engine: CpuEngine, image: RGB, geometry: PageGeometry) -> PageText:
    text = asyncio.run(engine.read(image, geometry))
    assert isinstance(text, PageText)
    return text


def failure(engine: CpuEngine, image: RGB, geometry: PageGeometry) -> Failure:
    failed = asyncio.run(engine.read(image, geometry))
    assert isinstance(failed, Failure)
    return failed


def test_description_is_cheap_and_names_the_models() -> None:
    """An engine can be made and described in a moment: it loads nothing before its first page."""
    program = (
        "import sys; from ocrmill.configs.settings import EngineSettings;"
        "from ocrmill.workers.engines.rapidocr.engine import CpuEngine;"
        "print(CpuEngine(EngineSettings()).describe());"
        "assert not {'rapidocr', 'onnxruntime', 'cv2'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    assert (
        "name='cpu', slots=2, model='rapidocr PP-OCRv6_det_small/PP-OCRv6_rec_small', model_revision='3." in done.stdout
    )


def test_title_and_columns_become_markdown(engine: CpuEngine, capfd: pytest.CaptureFixture[str]) -> None:
    """A scan's title is a heading, its columns are read one after the other, and nothing is printed."""
    text = read(engine, *page())

    assert text.markdown == f"# Weather at Sea\n\n{LEFT}\n\n{RIGHT}"
    assert [text.markdown[block.start : block.end] for block in text.blocks] == ["# Weather at Sea", LEFT, RIGHT]
    assert text.finish_reason == "stop"
    assert capfd.readouterr() == ("", "")


def test_boxes_are_points_of_the_page(engine: CpuEngine) -> None:
    """Blocks enclose what they hold, in points, whatever the resolution."""
    image, geometry = page()
    half = np.asarray(Image.fromarray(image).resize((705, 300), Image.Resampling.BOX))
    for picture in (image, half):
        _, left, right = read(engine, picture, geometry).blocks
        assert (left.x0, left.y0) == pytest.approx((20, 72), abs=4)
        assert left.x1 < 225
        assert 240 < right.x0 < right.x1 < 455
        assert right.y1 < 155


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_sideways_and_upside_down_scans_are_read(engine: CpuEngine, quarters: int) -> None:
    """Text, order and headings are those of the upright page; the boxes are on the page as it lies."""
    image, geometry = turned(*page(), quarters)
    text = read(engine, image, geometry)
    upright = f"# Weather at Sea\n\n{LEFT}\n\n{RIGHT}"
    title = text.blocks[0]

    assert text.markdown.lower().replace(" ", "") == upright.lower().replace(" ", "")
    assert {1: title.x1 < 60, 2: title.y0 > 150, 3: title.x0 > 140}[quarters]
    assert all(block.x1 <= geometry.width_pt and block.y1 <= geometry.height_pt for block in text.blocks)


def test_skewed_scans_are_read_in_order(engine: CpuEngine) -> None:
    """Three degrees of skew change neither order nor paragraphs."""
    image, geometry = page()
    skewed = Image.fromarray(image).rotate(-3, Image.Resampling.BICUBIC, fillcolor=(255, 255, 255))
    markdown = read(engine, np.asarray(skewed), geometry).markdown

    assert [part.split()[0] for part in markdown.split("\n\n")] == ["#", "Rain", "In"]


def test_raw_holds_every_line(engine: CpuEngine) -> None:
    """`raw` is JSON: text, confidence and box of each line, those too that are too unsure for the Markdown."""
    image, geometry = page()
    picky = CpuEngine(EngineSettings(cpu=CpuEngineSettings(min_confidence=1.0)))
    lines = json.loads(read(engine, image, geometry).raw or "")

    assert lines[0]["text"] == "Weather at Sea"
    assert 0.9 < lines[0]["confidence"] <= 1
    assert lines[0]["box"] == pytest.approx([40, 10, 290, 52], abs=8)
    assert sorted(" ".join(line["text"] for line in lines[1:]).split()) == sorted(f"{LEFT} {RIGHT}".split())
    assert f"({len(lines)} lines" in failure(picky, image, geometry).detail


def test_a_page_without_text_fails_with_its_reason(engine: CpuEngine) -> None:
    """A picture, a white page and a page of one pixel give EMPTY_OUTPUT, and the engine goes on."""
    noise = np.random.default_rng(0).integers(0, 255, (400, 300, 3), dtype=np.uint8)
    for image in (noise, np.full((400, 300, 3), 255, np.uint8), np.zeros((1, 1, 3), np.uint8)):
        assert failure(engine, image, PageGeometry(150, 200, 0)).reason is Reason.EMPTY_OUTPUT
    assert "Weather" in read(engine, *page()).markdown


def test_what_the_library_cannot_do_is_an_engine_error(engine: CpuEngine) -> None:
    """A failure inside RapidOCR or OpenCV concerns the page alone."""
    failed = failure(engine, np.zeros((0, 0, 3), np.uint8), PageGeometry(150, 200, 0))

    assert failed.reason is Reason.ENGINE_ERROR
    assert "Weather" in read(engine, *page()).markdown


def test_the_loop_stays_free_while_a_page_is_read(engine: CpuEngine) -> None:
    """Two pages are in flight, one after the other, while the event loop answers others."""

    async def turns() -> int:
        pages = asyncio.gather(*(engine.read(*page()) for _ in range(2)))
        turns = 0
        while not pages.done():
            await asyncio.sleep(0.001)
            turns += 1
        again = instance(PageText, await engine.read(*page()))
        assert [instance(PageText, text).markdown for text in await pages] == [again.markdown] * 2
        return turns

    assert asyncio.run(turns()) > 10


def test_closing_waits_for_no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages that are left after a stop has waited for them are dropped, so that the end comes at once."""
    engine = CpuEngine(EngineSettings())
    begun, may_end = threading.Event(), threading.Event()

    def read(*_: object) -> PageText:
        begun.set()
        may_end.wait()
        return PageText("read")

    monkeypatch.setattr(engine, "_read", read)

    async def close_with_work() -> None:
        pages = [asyncio.ensure_future(engine.read(*page())) for _ in range(5)]
        await asyncio.to_thread(begun.wait)
        await engine.close()
        may_end.set()
        assert await pages[0] == PageText("read")
        assert all(one.cancelled() for one in (await asyncio.wait(pages[1:]))[0])

    asyncio.run(close_with_work())


@pytest.mark.skipif(
    not shutil.which("unshare")
    or subprocess.run(["unshare", "-rn", "true"], check=False, capture_output=True).returncode != 0,
    reason="needs to leave the network",
)
def test_no_network_is_needed(tmp_path: Path) -> None:
    """A machine without network reads a page: the models are in the wheel."""
    image, geometry = page()
    np.save(tmp_path / "page.npy", image)
    program = (
        "import asyncio, sys, numpy; from ocrmill.configs.settings import EngineSettings;"
        "from ocrmill.pipeline.records import PageGeometry;"
        "from ocrmill.workers.engines.rapidocr.engine import CpuEngine;"
        f"image = numpy.load(sys.argv[1]); geometry = PageGeometry({geometry.width_pt}, {geometry.height_pt}, 0);"
        "print(asyncio.run(CpuEngine(EngineSettings()).read(image, geometry)).markdown)"
    )
    command = ["unshare", "-rn", sys.executable, "-c", program, str(tmp_path / "page.npy")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert LEFT in done.stdout
    assert not done.stderr


@needs_corpus
def test_a_real_sideways_scan() -> None:
    """A scan that was laid down sideways is read as one paragraph."""
    drawn = pymupdf.open(CORPUS / "ocr_test_rotated_90.pdf")[0]
    text = read(CpuEngine(EngineSettings()), render(drawn, 2.0), displayed_geometry(drawn))

    assert (
        text.markdown
        == "Docling bundles PDF document conversion to JSON and Markdown in an easy self contained package"
    )
