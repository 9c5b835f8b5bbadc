"""A rendering process from outside: what it is given, what it dies of, when it is replaced."""

import os
import resource
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pymupdf
import pytest
from narrowed import instance, present
from pdf_objects import write_pages
from pdfs import endless_pdf, hanging_everywhere_pdf, scan_pdf, text_pdf
from processes import open_names

from ocrmill.configs.settings import RasterSettings, RoutingSettings
from ocrmill.pipeline.errors import EngineError
from ocrmill.pipeline.records import FailedPage, Failure, Reason, RenderedPage, TextLayerPage
from ocrmill.workers.rendering import process
from ocrmill.workers.rendering.forking.forked_process import ForkedProcess, fork
from ocrmill.workers.rendering.process import RenderProcess
from ocrmill.workers.rendering.protocol import ChildSettings, OpenedDocument


def process_with(renderer: str = "mupdf", mode: str = "ocr", **raster: object) -> RenderProcess:
    """A process that sends every page to OCR, which is quick: no layout model is loaded."""
    routing = RoutingSettings.model_validate({"mode": mode})
    return RenderProcess(renderer, ChildSettings(RasterSettings.model_validate(raster), routing))


@pytest.fixture(params=["mupdf", "pdfium"])
def either(request: pytest.FixtureRequest) -> Iterator[RenderProcess]:
    """A process with MuPDF, and one with PDFium."""
    with process_with(request.param) as process:
        yield process


def with_hole(path: Path, hole: int) -> Path:
    """A PDF of two pages and an object that nothing refers to: so many zero bytes, which take no room on disk."""
    unused = b"<< /Length %d >>\nstream\nHOLE\nendstream" % (4 + hole)
    pdf = write_pages(path, 2, 1, content=b"100 100 200 200 re f", objects=[unused]).read_bytes()
    edge, table = pdf.index(b"HOLE") + 4, pdf.index(b"xref\n0")
    with path.open("wb") as file:
        file.write(pdf[:edge])
        file.seek(hole, os.SEEK_CUR)
        file.write(pdf[edge:].replace(b"startxref\n%d" % table, b"startxref\n%d" % (table + hole)))
    return path


def test_a_document_may_be_larger_than_the_memory(tmp_path: Path) -> None:
    """A document of 4 GiB opens in a process that may take 512 MiB: it is mapped, and neither copied nor counted."""
    path = with_hole(tmp_path / "large.pdf", 4 << 30)
    with process_with(memory_mb=512, recycle_rss_mb=128) as process:
        opened = process.open(str(path), ())
        pid = process.pid
        page, _ = process.read(str(path), None, 2)

        assert instance(OpenedDocument, opened).page_count == 2
        assert isinstance(page, RenderedPage)
        assert process.pid == pid, "the mapping is no growth"


def test_what_is_mapped_is_given_back(either: RenderProcess, tmp_path: Path) -> None:
    """After many documents a process has mapped the last one, and holds as many descriptors as after the first."""
    folder = tmp_path / "documents"
    folder.mkdir()
    source = scan_pdf(tmp_path / "scan.pdf")
    held = []
    for number in range(12):
        path = shutil.copy(source, folder / f"{number}.pdf")
        either.open(str(path), ())
        either.read(str(path), None, 1)
        child = Path(f"/proc/{either.pid}")
        held.append((str(child.joinpath("maps").read_text()).count(str(folder)), len(list((child / "fd").iterdir()))))

    assert {mapped for mapped, _ in held} == {1}
    assert len({descriptors for _, descriptors in held[1:]}) == 1


def test_a_document_cut_short_while_it_is_read_has_changed(
    either: RenderProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page says so instead of being tried for ever, and the next document is read by a new process."""
    path = scan_pdf(tmp_path / "cut.pdf", pages=3, dpi=300)
    other = text_pdf(tmp_path / "other.pdf", pages=1)
    either.open(str(path), ())
    child = psutil.Process(either.pid)
    child.suspend()  # so that the request is there before the file is cut
    connection = present(either._connection)
    receive: Callable[[int], bytes] = connection.recv_bytes

    def cut_and_receive(most: int) -> bytes:
        os.truncate(path, 4096)
        child.resume()
        return receive(most)

    monkeypatch.setattr(connection, "recv_bytes", cut_and_receive)
    failed = instance(FailedPage, either.read(str(path), None, 3)[0])

    assert failed.reason is Reason.CHANGED
    assert "cut short" in (failed.detail or "")
    assert instance(OpenedDocument, either.open(str(other), ())).page_count == 1


def test_a_document_that_vanished_is_unreadable(either: RenderProcess, tmp_path: Path) -> None:
    """Nothing is sent for a file that cannot be opened, and the process goes on."""
    gone = either.open(str(tmp_path / "gone.pdf"), ())

    assert instance(Failure, gone).reason is Reason.UNREADABLE
    assert instance(OpenedDocument, either.open(str(text_pdf(tmp_path / "here.pdf", pages=1)), ())).page_count == 1


@pytest.mark.parametrize("name", ["\udcff\udcfe.pdf", "two\nlines.pdf", "n" * 251 + ".pdf", "no ending", "a.\udcff"])
def test_a_name_is_only_a_name(either: RenderProcess, tmp_path: Path, name: str) -> None:
    """Whatever a file is called, even in bytes that are no Unicode, its bytes are what is read."""
    path = text_pdf(tmp_path / "plain.pdf", pages=2).rename(tmp_path / name)

    assert instance(OpenedDocument, either.open(str(path), ())).page_count == 2
    assert isinstance(either.read(str(path), None, 2)[0], RenderedPage)


def test_a_path_may_be_longer_than_a_name(tmp_path: Path) -> None:
    """A file deep below many folders is read, up to the length that the system allows."""
    folder = tmp_path.joinpath(*["d" * 200] * 15)
    folder.mkdir(parents=True)
    path = text_pdf(tmp_path / "a.pdf", pages=1).rename(folder / "a.pdf")
    with process_with() as process:
        assert instance(OpenedDocument, process.open(str(path), ())).page_count == 1


def pixels_open() -> int:
    """The number of files with the pixels of a page that this process has open."""
    return sum("ocrmill-page" in name for name in open_names())


def test_a_limit_on_files_below_a_page_is_told() -> None:
    """Pixels are a file to the kernel: under a low `ulimit -f` the error names the limit, and no descriptor stays."""
    before, (soft, hard) = pixels_open(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
    try:
        with pytest.raises(
            EngineError, match=r"MiB for the pixels of a page are refused \(File too large\).*ulimit -f"
        ):
            process_with()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert pixels_open() == before


def test_a_process_that_sleeps_is_killed_at_its_time(tmp_path: Path) -> None:
    """One that no longer uses the CPU in the middle of a page costs the page and itself: page_wall_s ends it."""
    path = hanging_everywhere_pdf(tmp_path / "slow.pdf")
    with process_with(page_cpu_s=10, page_wall_s=10) as process:
        process.open(str(path), ())
        assert process.pid is not None
        sleeper = psutil.Process(process.pid)
        threading.Timer(0.5, sleeper.suspend).start()
        slept = instance(FailedPage, process.read(str(path), None, 2)[0])

        assert slept.reason is Reason.RENDER_TIMEOUT
        assert "no answer for 10 s" in (slept.detail or "")
        assert not sleeper.is_running()


def test_a_process_that_died_between_pages_costs_none(tmp_path: Path) -> None:
    """The kernel may take an idle process for its memory: the next page is read by a new one."""
    path = text_pdf(tmp_path / "a.pdf", pages=2)
    with process_with() as process:
        process.open(str(path), ())
        victim = psutil.Process(process.pid)
        victim.kill()
        victim.wait(10)
        page, _ = process.read(str(path), None, 2)

    assert isinstance(page, RenderedPage)


def test_a_process_that_dies_before_its_settings_come_has_the_reason_of_its_death(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fork that ends at once makes no document unreadable: the failure is the renderer's."""

    def fork_and_kill(*arguments: object, **options: object) -> ForkedProcess:
        forked = fork(*arguments, **options)  # type: ignore[arg-type]
        os.kill(forked.pid, signal.SIGSEGV)
        assert forked.wait() == -signal.SIGSEGV
        return forked

    monkeypatch.setattr(process, "fork", fork_and_kill)
    with process_with() as renderer:
        failure = instance(Failure, renderer.open(str(text_pdf(tmp_path / "a.pdf", pages=1)), ()))

    assert failure.reason is Reason.RENDER_CRASH
    assert "SIGSEGV" in failure.detail


def test_a_page_costs_no_other_that_is_read_for_its_words(tmp_path: Path) -> None:
    """The words of all pages tell a hyphen; if one of them ends the process, the page in work is read without them."""
    path = tmp_path / "endless.pdf"
    with pymupdf.open(endless_pdf(tmp_path / "plain.pdf")) as document:
        document[0].insert_text((72, 200), "The gate closes at low water, and the salt-")
        document[0].insert_text((72, 214), "ways are under the tide by the evening.")
        document.save(path)
    with process_with(mode="auto", page_cpu_s=2) as process:
        process.open(str(path), ())
        page, _ = process.read(str(path), None, 1)

    assert "the salt" in instance(TextLayerPage, page).text.markdown


def test_a_process_that_grew_is_replaced_between_pages(tmp_path: Path) -> None:
    """A long document does not keep a process that leaks: it is replaced before the next page, and no page is lost."""
    path = tmp_path / "book.pdf"
    with pymupdf.open() as book:
        for _ in range(3):
            page = book.new_page()
            for top in range(72, 700, 60):
                page.insert_textbox((72, top, 540, top + 60), "The gate closes at low water. " * 6)
        book.save(path)
    with process_with(mode="auto", recycle_rss_mb=96) as process:  # the layout model takes more
        process.open(str(path), ())
        read = []
        for number in range(1, 4):
            page, _ = process.read(str(path), None, number)
            read.append((page.page_number, type(page), process.pid))

    assert [(number, kind) for number, kind, _ in read] == [(number, TextLayerPage) for number in range(1, 4)]
    assert len({pid for _, _, pid in read}) == 3


def test_a_process_is_kept_while_it_is_small(tmp_path: Path) -> None:
    """With room to grow all pages of a document are read by one process."""
    path = text_pdf(tmp_path / "book.pdf", pages=4)
    with process_with() as process:
        process.open(str(path), ())
        pids = {(process.read(str(path), None, number), process.pid)[1] for number in range(1, 5)}

    assert len(pids) == 1


def test_the_layout_model_is_loaded_when_a_page_needs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that only render go without the model's 0.8 s and 80 MB; once loaded, it brings no threads along."""
    monkeypatch.setenv("LC_TEST", "layout model")  # for a template that no other test has used
    path = text_pdf(tmp_path / "a.pdf", pages=1)
    loaded, threads = [], []
    for mode in ("ocr", "auto"):
        with process_with(mode=mode) as process:
            process.open(str(path), ())
            process.read(str(path), None, 1)
            child = Path(f"/proc/{process.pid}")
            loaded.append("onnxruntime" in (child / "maps").read_text())
            threads.append(len(list((child / "task").iterdir())))

    assert loaded == [False, True]
    assert threads == [1, 1]


def test_shared_memory_cannot_be_made_smaller() -> None:
    """A process that was taken over cannot pull the page image from under the one that copies it."""
    with process_with() as process, pytest.raises(PermissionError):
        os.ftruncate(process._pixels_fd, 0)
