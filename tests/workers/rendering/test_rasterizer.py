"""Reading pages in processes that may die: a bad page costs itself and nothing else."""

import io
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from narrowed import instance, present
from pdfs import (
    annotated_pdf,
    blank_pdf,
    cropbox_pdf,
    encrypted_pdf,
    hanging_pdf,
    huge_page_pdf,
    memory_pdf,
    mixed_pdf,
    nul_text_pdf,
    picture_pdf,
    rotated_pdf,
    scan_pdf,
    text_pdf,
    tiny_page_pdf,
    transparent_pdf,
    truncated_pdf,
    undecodable_image_pdf,
)
from PIL import Image
from processes import rendering_processes
from rasterized import (
    PageRead,
    geometry_of,
    image_of,
    open_document,
    opened,
    rasterizer_with,
    read_pages,
    rendered_of,
    row_of,
    text_of,
)
from waiting import wait_for

from ocrmill.configs.settings import (
    InputSettings,
    OutputSettings,
    RasterSettings,
    RoutingSettings,
    RunSettings,
    StorageSettings,
)
from ocrmill.pipeline.pages.inspection import ink_share
from ocrmill.pipeline.pages.raster_size import shrink_to_thumbnail
from ocrmill.pipeline.records import Document, Reason, Route, Status
from ocrmill.pipeline.rows import PageRow
from ocrmill.pipeline.sources.discovery import Discovery
from ocrmill.workers.rendering.rasterizer import Rasterizer


@pytest.fixture
def rasterizer() -> Iterator[Rasterizer]:
    with rasterizer_with(RunSettings()) as made:
        yield made


@pytest.fixture
def impatient() -> Iterator[Rasterizer]:
    """A rasterizer that gives a page three seconds of CPU, one of them for the layout model."""
    with rasterizer_with(RunSettings(raster=RasterSettings(page_cpu_s=3, page_wall_s=200))) as made:
        yield made


@pytest.fixture
def ocr_only() -> Iterator[Rasterizer]:
    with rasterizer_with(RunSettings(routing=RoutingSettings(mode="ocr"))) as made:
        yield made


def outcomes(read: list[PageRead]) -> list[str]:
    """One word for each page: its status, its reason if it failed, or `ocr`."""
    return [page.reason or page.status if isinstance(page, PageRow) else "ocr" for page in read]


def test_each_kind_of_page_takes_its_way(rasterizer: Rasterizer, tmp_path: Path) -> None:
    """Good text becomes a row, a scan awaits OCR with its image, an empty page is blank."""
    read = read_pages(rasterizer, mixed_pdf(tmp_path / "mixed.pdf"))

    assert outcomes(read) == [Status.TEXT_LAYER, "ocr", Status.BLANK]
    rendered, image = rendered_of(read[1]), image_of(read[1])
    assert image.shape == (rendered.geometry.height_px, rendered.geometry.width_px, 3)
    assert rendered.geometry.dpi == pytest.approx(144, abs=0.2)
    assert rendered.decision.route is Route.OCR


def test_a_page_that_hangs_costs_itself(impatient: Rasterizer, tmp_path: Path) -> None:
    """The page over its CPU time fails (or is rendered by PDFium); the pages around it come out."""
    read = outcomes(read_pages(impatient, hanging_pdf(tmp_path / "hang.pdf", pages=3, bad_page=2)))

    assert read[0] == read[2] == Status.TEXT_LAYER
    assert read[1] in {Reason.RENDER_TIMEOUT, "ocr"}


def test_a_page_that_swallows_memory_costs_itself(impatient: Rasterizer, tmp_path: Path) -> None:
    """The page that wants more memory than it may have does not come out as an empty one; its neighbours come out."""
    read = outcomes(read_pages(impatient, memory_pdf(tmp_path / "memory.pdf", pages=3, bad_page=2)))

    assert read[0] == read[2] == Status.TEXT_LAYER
    assert read[1] in {Reason.RENDER_MEMORY, Reason.RENDER_TIMEOUT, Reason.UNDECODABLE, "ocr"}


def strike(renderer: psutil.Process, blow: signal.Signals) -> None:
    """Send a signal to a rendering process once it has worked on the page that it gets next."""
    before = renderer.cpu_times().user
    wait_for(lambda: renderer.cpu_times().user > before + 0.3)
    os.kill(renderer.pid, blow)


@pytest.mark.parametrize("blow", [signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL])
def test_a_renderer_that_crashes_costs_one_page(tmp_path: Path, blow: signal.Signals) -> None:
    """A renderer that dies of a signal in the middle of a page loses that page; the next one is read by a new one."""
    settings = RunSettings(raster=RasterSettings(page_cpu_s=60, page_wall_s=60, fallback="none"))
    source = next(
        Discovery([str(hanging_pdf(tmp_path / "slow.pdf", pages=3, bad_page=2))], InputSettings(), StorageSettings())
    )
    rasterizer = Rasterizer(settings)
    try:
        document = instance(Document, rasterizer.open(source))
        first = rasterizer.read(document, 1)
        child = rendering_processes()[0]
        striking = threading.Thread(target=strike, args=(child, blow))
        striking.start()
        second, third = (rasterizer.read(document, number) for number in (2, 3))
        striking.join()
    finally:
        rasterizer.close()

    assert outcomes([first, third]) == [Status.TEXT_LAYER, Status.TEXT_LAYER]
    assert row_of(second).reason is (Reason.RENDER_MEMORY if blow is signal.SIGKILL else Reason.RENDER_CRASH)
    assert blow.name in present(row_of(second).detail) or blow is signal.SIGKILL


def test_a_renderer_dies_with_its_worker(tmp_path: Path) -> None:
    """A worker that is killed leaves no renderer spinning behind it."""
    program = (
        "import sys\n"
        "from ocrmill.configs.settings import InputSettings, RasterSettings, RunSettings, StorageSettings\n"
        "from ocrmill.pipeline.sources.discovery import Discovery\n"
        "from ocrmill.workers.rendering.rasterizer import Rasterizer\n"
        "if __name__ == '__main__':\n"
        "    settings = RunSettings(raster=RasterSettings(page_cpu_s=600, page_wall_s=600))\n"
        "    rasterizer = Rasterizer(settings)\n"
        "    document = rasterizer.open(next(Discovery([sys.argv[1]], InputSettings(), StorageSettings())))\n"
        "    rasterizer.read(document, 2)\n"
    )
    path = hanging_pdf(tmp_path / "slow.pdf", pages=3, bad_page=2)
    worker = psutil.Popen([sys.executable, "-c", program, str(path)])
    child = wait_for(lambda: rendering_processes(worker.pid))[0]
    wait_for(lambda: child.cpu_times().user > 0.3)
    worker.kill()
    worker.wait()

    wait_for(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def test_what_mupdf_cannot_decode_is_no_blank_page(rasterizer: Rasterizer, tmp_path: Path) -> None:
    """A page that comes out white with decode warnings fails, and the warning is kept."""
    (page,) = read_pages(rasterizer, undecodable_image_pdf(tmp_path / "image.pdf"))

    assert row_of(page).reason in {Reason.UNDECODABLE, Reason.RENDER_ERROR}
    assert "MuPDF" in present(row_of(page).detail)


def test_passwords_are_tried_and_missed(tmp_path: Path) -> None:
    """An encrypted document is read with the password of the settings, and says what it lacks without it."""
    path = encrypted_pdf(tmp_path / "secret.pdf", "sesame")
    knowing = Rasterizer(RunSettings(input=InputSettings(passwords=("wrong", "sesame"))))
    ignorant = Rasterizer(RunSettings())
    try:
        read, locked = outcomes(read_pages(knowing, path)), opened(ignorant, path)
    finally:
        knowing.close()
        ignorant.close()

    assert set(read) == {Status.TEXT_LAYER}
    assert locked.reason is Reason.PASSWORD_REQUIRED
    assert "input.passwords" in present(locked.detail)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", Reason.EMPTY_FILE),
        (b"%PDF-1.7\n%%EOF", Reason.DAMAGED),
        (b"PK\x03\x04 this is a word processor's file", Reason.UNSUPPORTED_TYPE),
        (b"<html><body>404 not found</body></html>", Reason.UNSUPPORTED_TYPE),
    ],
)
def test_what_cannot_be_opened_says_why(rasterizer: Rasterizer, tmp_path: Path, content: bytes, reason: Reason) -> None:
    """A file without pages is a record with its reason and what to make of it."""
    path = tmp_path / "file.pdf"
    path.write_bytes(content)

    assert opened(rasterizer, path).reason is reason


def test_a_truncated_file_has_no_pages(rasterizer: Rasterizer, tmp_path: Path) -> None:
    """A cut-off upload is not an empty document: it is damaged, or left without pages after repair."""
    assert opened(rasterizer, truncated_pdf(tmp_path / "cut.pdf")).reason in {Reason.ZERO_PAGES, Reason.DAMAGED}


def test_a_page_is_seen_as_it_is_displayed(ocr_only: Rasterizer, tmp_path: Path) -> None:
    """Rotation and crop box are applied, transparency lies on white, annotations and form fields are shown."""
    (rotated,) = read_pages(ocr_only, rotated_pdf(tmp_path / "rotated.pdf"))[:1]
    (cropped,) = read_pages(ocr_only, cropbox_pdf(tmp_path / "crop.pdf"))[:1]
    (transparent,) = read_pages(ocr_only, transparent_pdf(tmp_path / "transparent.pdf"))[:1]
    (annotated,) = read_pages(ocr_only, annotated_pdf(tmp_path / "annotated.pdf"))[:1]

    assert rendered_of(rotated).geometry.rotation == 90
    assert image_of(rotated).shape[1] > image_of(rotated).shape[0], "a portrait page turned by 90 degrees lies"
    assert rendered_of(cropped).geometry.width_pt < 500
    assert tuple(image_of(transparent)[0, 0]) == (255, 255, 255)
    assert image_of(annotated).min() < 128


def test_pages_of_every_size_have_an_image(ocr_only: Rasterizer, tmp_path: Path) -> None:
    """From 1 pt to 36,000 pt: never larger than the limit, never without a pixel."""
    (huge,) = read_pages(ocr_only, huge_page_pdf(tmp_path / "huge.pdf"))
    tiny = read_pages(ocr_only, tiny_page_pdf(tmp_path / "tiny.pdf"))

    assert max(image_of(huge).shape) <= RasterSettings().max_side_px + 1
    assert set(outcomes(tiny)) == {Status.BLANK}, "no letter fits on a page of 1 pt"


def test_text_is_fit_for_parquet(rasterizer: Rasterizer, tmp_path: Path) -> None:
    """NUL in a text layer does not reach the row."""
    (page,) = read_pages(rasterizer, nul_text_pdf(tmp_path / "nul.pdf"))[:1]

    text = text_of(page).markdown if isinstance(page, PageRow) else page[0].layer_text or ""
    assert "\0" not in text


def test_a_page_for_the_engine_brings_the_lines_that_a_reader_sees(ocr_only: Rasterizer) -> None:
    """Its own text goes along, line by line, with boxes on the page as displayed: to check what the engine writes."""
    page = rendered_of(read_pages(ocr_only, Path("samples/rotated.pdf"))[0])
    said = " ".join(line.text for line in page.layer_lines)

    assert page.layer_text is not None
    assert sorted(said.split()) == sorted(page.layer_text.split())
    assert all(0 <= line.x0 < line.x1 <= page.geometry.width_pt for line in page.layer_lines)
    assert all(0 <= line.y0 < line.y1 <= page.geometry.height_pt for line in page.layer_lines)


def test_a_document_that_changes_is_not_mixed(rasterizer: Rasterizer, tmp_path: Path) -> None:
    """Pages of a file that was replaced after opening fail instead of coming from other bytes."""
    path = text_pdf(tmp_path / "a.pdf", pages=2)
    document = open_document(rasterizer, path)
    text_pdf(path, pages=5)

    assert set(outcomes([rasterizer.read(document, number) for number in (1, 2)])) == {Reason.CHANGED}


def test_blank_pages_are_blank_even_for_ocr(ocr_only: Rasterizer, tmp_path: Path) -> None:
    """Nothing is sent to the engine for a page with nothing on it."""
    assert set(outcomes(read_pages(ocr_only, blank_pdf(tmp_path / "blank.pdf")))) == {Status.BLANK}


def test_files_embedded_in_a_pdf_are_counted(rasterizer: Rasterizer, tmp_path: Path) -> None:
    """A document with attachments says how many files lie in it and are not read."""
    import pymupdf

    with pymupdf.open(text_pdf(tmp_path / "cover.pdf", pages=1)) as portfolio:
        for name in ("budget.pdf", "minutes.pdf"):
            portfolio.embfile_add(name, b"%PDF-1.7 ...")
        portfolio.save(tmp_path / "portfolio.pdf")
    document = open_document(rasterizer, tmp_path / "portfolio.pdf")

    assert "2 embedded files, which are not read: 'budget.pdf', 'minutes.pdf'" in present(document.detail)
    assert opened(rasterizer, tmp_path / "cover.pdf").detail is None


@pytest.mark.parametrize("must_be_built", ["true", "false"])
def test_a_page_that_stands_in_for_an_xfa_form_is_no_text(
    rasterizer: Rasterizer, tmp_path: Path, must_be_built: str
) -> None:
    """`Please wait...` is not the document: the page fails as `xfa_form`; a form with pages of its own is read."""
    import pymupdf

    def with_xfa(path: Path, text: str, pages: int) -> Path:
        with pymupdf.open(text_pdf(tmp_path / "plain.pdf", pages=pages, text=text)) as document:
            catalog = document.pdf_catalog()
            document.xref_set_key(catalog, "AcroForm", "<</Fields[]/XFA(template)>>")
            document.xref_set_key(catalog, "NeedsRendering", must_be_built)
            document.save(path)
        return path

    placeholder = with_xfa(tmp_path / "a.pdf", "Please wait... If this message is not eventually replaced", 1)
    assert outcomes(read_pages(rasterizer, placeholder)) == [Reason.XFA_FORM]
    assert Reason.XFA_FORM not in outcomes(read_pages(rasterizer, with_xfa(tmp_path / "b.pdf", "A form. " * 40, 2)))


def test_images_are_documents(rasterizer: Rasterizer, tmp_path: Path) -> None:
    """PNG, JPEG and TIFF files are read at their own pixels, a TIFF with all its pages, a photo the right way up."""
    from PIL import Image

    rng = np.random.default_rng(1)
    picture = Image.fromarray(rng.integers(0, 255, (60, 100, 3), np.uint8))
    picture.save(tmp_path / "a.png", dpi=(300, 300))
    picture.save(tmp_path / "b.tiff", save_all=True, append_images=[picture, picture])
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned by 90 degrees
    picture.save(tmp_path / "c.jpg", exif=exif)

    assert [image_of(page).shape for page in read_pages(rasterizer, tmp_path / "a.png")] == [(60, 100, 3)]
    assert [image_of(page).shape for page in read_pages(rasterizer, tmp_path / "b.tiff")] == [(60, 100, 3)] * 3
    assert image_of(read_pages(rasterizer, tmp_path / "c.jpg")[0]).shape == (100, 60, 3)


def test_scans_are_rendered_in_grey_tones_too(rasterizer: Rasterizer, tmp_path: Path) -> None:
    """A scan's image holds its writing: dark on light, not one tone."""
    image = image_of(read_pages(rasterizer, scan_pdf(tmp_path / "scan.pdf"))[0])

    assert image.max() - image.min() > 100


def test_light_writing_on_a_dark_page_is_ink() -> None:
    """A thumbnail keeps thin light lines on black as it keeps thin dark lines on white."""
    black = np.zeros((3000, 2000, 3), np.uint8)
    black[1500, 200:1800] = 255

    assert ink_share(shrink_to_thumbnail(black)) == ink_share(shrink_to_thumbnail(255 - black)) > 0


def test_what_stops_a_run_costs_no_page(rasterizer: Rasterizer, tmp_path: Path) -> None:
    """Ctrl-C and systemd signal the whole group: the renderer goes on, its worker decides when it ends."""
    document = open_document(rasterizer, text_pdf(tmp_path / "a.pdf", pages=3))
    child = rendering_processes()[0]
    first = rasterizer.read(document, 1)
    child.send_signal(signal.SIGINT)
    child.send_signal(signal.SIGTERM)

    assert outcomes([first, rasterizer.read(document, 2), rasterizer.read(document, 3)]) == [Status.TEXT_LAYER] * 3
    assert child.is_running()


def test_pictures_of_born_digital_pages_are_kept_where_they_are_asked_for(tmp_path: Path) -> None:
    """The text is the same; the picture is a block of it without text, cut from the page as rendered."""
    path = picture_pdf(tmp_path / "picture.pdf")
    without = read_only_page(RunSettings(), path)
    row = read_only_page(RunSettings(output=OutputSettings(figures=True)), path)

    assert (without.figures, without.text) == (None, row.text)
    assert (row.status, geometry_of(row).width_px) == (Status.TEXT_LAYER, 1224)
    (figure,) = present(row.figures)
    block = text_of(row).blocks[int(figure.name.removeprefix("block-").removesuffix(".jpg")) - 1]
    assert (block.label, block.start) == ("picture", block.end)
    assert (figure.x0, figure.y0, figure.x1, figure.y1) == pytest.approx((150, 500, 450, 700), abs=2)
    pixels = np.asarray(Image.open(io.BytesIO(figure.jpeg))).astype(int)
    assert pixels.shape[:2] == pytest.approx((400, 600), abs=4)
    assert np.abs(pixels[200, 100] - (255, 0, 0)).max() < 20
    assert np.abs(pixels[200, 500] - (0, 0, 255)).max() < 20


def test_a_page_without_pictures_is_not_rendered_for_them(tmp_path: Path) -> None:
    """Its list of figures is empty, not null: they were asked for."""
    row = read_only_page(RunSettings(output=OutputSettings(figures=True)), text_pdf(tmp_path / "text.pdf", pages=1))

    assert (row.status, row.figures, geometry_of(row).width_px) == (Status.TEXT_LAYER, (), 0)


def read_only_page(settings: RunSettings, path: Path) -> PageRow:
    with rasterizer_with(settings) as rasterizer:
        (page,) = read_pages(rasterizer, path)
    return row_of(page)
