"""The PDFs that other tests rely on are what they are said to be."""

import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pdfs
import pymupdf
import pytest

MIB = 1 << 20
# Renders one page (from 0) to about 1,024 px, or reads its text, and prints what there is to see.
CHILD = """
import sys
import numpy as np
renderer, action, path, index = *sys.argv[1:4], int(sys.argv[4])
if renderer == "pdfium":
    import pypdfium2
    page = pypdfium2.PdfDocument(path)[index]
    image = page.render(scale=1.3).to_numpy()
else:
    sys.modules["pymupdf.layout"] = sys.modules["pymupdf4llm"] = None  # its models need too much memory
    import pymupdf
    pymupdf.TOOLS.mupdf_display_errors(False)
    pymupdf.TOOLS.mupdf_display_warnings(False)
    page = pymupdf.open(path)[index]
    if action == "text":
        print(page.get_text())
        sys.exit()
    pixels = page.get_pixmap(matrix=pymupdf.Matrix(1.3, 1.3))
    image = np.frombuffer(pixels.samples_mv, np.uint8)
print("darkest", image.min(), "lightest", image.max())
print(pymupdf.TOOLS.mupdf_warnings() if renderer == "mupdf" else "")
"""


def read_in_child(
    path: Path, page: int, *, renderer: str = "mupdf", action: str = "image", cpu_s: int = 30, memory_mib: int = 1024
) -> subprocess.CompletedProcess[str]:
    """Read a page (from 1) in a process that may use so much CPU and address space."""

    def confine() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (memory_mib * MIB, memory_mib * MIB))
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    command = [sys.executable, "-c", CHILD, renderer, action, str(path), str(page - 1)]
    environment = {"OPENBLAS_NUM_THREADS": "1"}  # each of its threads would take address space
    return subprocess.run(
        command, preexec_fn=confine, env=environment, capture_output=True, text=True, timeout=200, check=False
    )


def warnings_of(page: pymupdf.Page) -> str:
    pymupdf.TOOLS.reset_mupdf_warnings()
    page.get_pixmap()
    return str(pymupdf.TOOLS.mupdf_warnings())


@pytest.fixture(autouse=True)
def silent_mupdf() -> None:
    pymupdf.TOOLS.mupdf_display_errors(False)
    pymupdf.TOOLS.mupdf_display_warnings(False)


def pixels_of(page: pymupdf.Page) -> np.ndarray:
    pixels = page.get_pixmap()
    return np.frombuffer(pixels.samples, np.uint8).reshape(pixels.height, pixels.width, pixels.n)


def open_pdf(write: Callable[[Path], Path], tmp_path: Path) -> pymupdf.Document:
    return pymupdf.open(write(tmp_path / "a.pdf"))


def test_text_pages_have_their_headings(tmp_path: Path) -> None:
    """Every page of a text PDF says which one it is, and holds the prose."""
    document = open_pdf(pdfs.text_pdf, tmp_path)

    assert [page.get_text().splitlines()[0] for page in document] == ["Page 1 of 3", "Page 2 of 3", "Page 3 of 3"]
    assert "harbour office" in " ".join(document[2].get_text().split())


def test_a_scan_has_an_image_and_no_text(tmp_path: Path) -> None:
    """A scanned page shows dark words and has one image as its only content."""
    page = open_pdf(pdfs.scan_pdf, tmp_path)[0]

    assert page.get_text() == ""
    assert [kind for kind, *_ in page.get_bboxlog()] == ["fill-image"]
    assert pixels_of(page).min() < 60


def test_mixed_pages_are_text_scan_and_blank(tmp_path: Path) -> None:
    """The three kinds of page come in the order promised."""
    document = open_pdf(pdfs.mixed_pdf, tmp_path)

    assert [bool(page.get_text()) for page in document] == [True, False, False]
    assert [len(page.get_images()) for page in document] == [0, 1, 0]


def test_a_blank_page_is_white(tmp_path: Path) -> None:
    """A blank page has no content and no ink."""
    page = open_pdf(pdfs.blank_pdf, tmp_path)[0]

    assert page.get_bboxlog() == []
    assert pixels_of(page).min() == 255


def test_an_encrypted_file_opens_with_its_password_only(tmp_path: Path) -> None:
    """Without the password nothing can be read; with it, both pages."""
    path = pdfs.encrypted_pdf(tmp_path / "a.pdf", "sesame")
    locked, opened = pymupdf.open(path), pymupdf.open(path)

    assert locked.is_encrypted
    assert locked.authenticate("other") == 0
    assert opened.authenticate("sesame") > 0
    assert [page.get_text()[:6] for page in opened] == ["Page 1", "Page 2"]


def test_a_truncated_file_is_repaired_to_no_pages(tmp_path: Path) -> None:
    """The commonest look of a broken upload: it opens, it was repaired, and it has no pages."""
    document = open_pdf(pdfs.truncated_pdf, tmp_path)

    assert document.is_repaired
    assert document.page_count == 0


def test_a_rotated_page_lies_on_its_side(tmp_path: Path) -> None:
    """The page is displayed wider than high, and is stored higher than wide."""
    page = open_pdf(pdfs.rotated_pdf, tmp_path)[0]

    assert page.rotation == 90
    assert page.rect.width > page.rect.height
    assert page.mediabox.width < page.mediabox.height


def test_the_crop_box_hides_what_is_outside(tmp_path: Path) -> None:
    """Only the cropped part is displayed, and the rest stays in the file."""
    page = open_pdf(pdfs.cropbox_pdf, tmp_path)[0]

    assert (page.rect.width, page.rect.height) == (300, 200)
    assert page.get_text(clip=page.rect).split() == ["Inside"]
    assert b"4f757473696465" in page.read_contents().lower()  # "Outside", as PyMuPDF writes it


def test_transparency_over_nothing_is_transparent(tmp_path: Path) -> None:
    """Without a paper colour the page is see-through, and its square half so."""
    page = open_pdf(pdfs.transparent_pdf, tmp_path)[0]
    pixels = page.get_pixmap(alpha=True)

    assert pixels.pixel(10, 10)[3] == 0
    assert pixels.pixel(300, 400)[3] in range(120, 136)


def test_annotations_and_fields_are_the_only_marks(tmp_path: Path) -> None:
    """The square and the field show with annotations, and the page is white without them."""
    page = open_pdf(pdfs.annotated_pdf, tmp_path)[0]
    shown = pixels_of(page)
    field = shown[300:340, 100:400]

    assert tuple(shown[150, 150]) == (255, 0, 0)
    assert field.min() < 100
    bare = page.get_pixmap(annots=False)
    assert set(bare.samples) == {255}


@pytest.mark.parametrize(
    ("write", "width", "height"), [(pdfs.huge_page_pdf, 36_000, 18_000), (pdfs.tiny_page_pdf, 1, 1)]
)
def test_page_sizes_reach_both_ends(tmp_path: Path, write: Callable[[Path], Path], width: int, height: int) -> None:
    """The largest and the smallest page have the size they promise."""
    page = open_pdf(write, tmp_path)[0]

    assert (page.rect.width, page.rect.height) == (width, height)


def test_the_huge_page_is_too_large_for_144_dpi(tmp_path: Path) -> None:
    """Rendered without a limit the huge page is refused, and a small picture of it has ink."""
    page = open_pdf(pdfs.huge_page_pdf, tmp_path)[0]

    with pytest.raises(Exception, match=r"[Oo]verly (large|wide)"):
        page.get_pixmap(dpi=144)
    small = page.get_pixmap(matrix=pymupdf.Matrix(0.02, 0.02))
    assert min(small.samples) < 60


def test_a_text_layer_can_hold_nul(tmp_path: Path) -> None:
    """The text layer has a NUL, the page shows letters."""
    page = open_pdf(pdfs.nul_text_pdf, tmp_path)[0]

    assert page.get_text().strip("\n") == pdfs.NUL_TEXT
    assert pixels_of(page).min() < 60


def test_an_undecodable_image_is_white_with_a_warning(tmp_path: Path) -> None:
    """The page comes out white without an exception, and only the warnings tell."""
    page = open_pdf(pdfs.undecodable_image_pdf, tmp_path)[0]

    assert "JPX" in warnings_of(page)
    assert pixels_of(page).min() == 255


HOSTILE = [
    pdfs.hanging_pdf,
    pdfs.hanging_everywhere_pdf,
    pdfs.endless_pdf,
    pdfs.memory_pdf,
    pdfs.image_flood_pdf,
    pdfs.crashing_pdf,
]


@pytest.mark.parametrize("write", HOSTILE, ids=lambda write: write.__name__)
def test_the_other_pages_of_hostile_files_are_ordinary(tmp_path: Path, write: Callable[[Path, int, int], Path]) -> None:
    """Around the bad page there is text, the file needs no repair, and the bad page can be any one."""
    document = pymupdf.open(write(tmp_path / "a.pdf", 4, 3))

    assert not document.is_repaired
    assert [document[index].get_text().strip() for index in (0, 1, 3)] == ["Page 1 of 4", "Page 2 of 4", "Page 4 of 4"]
    assert pixels_of(document[3]).min() < 60


def test_the_hanging_page_hangs_mupdf_alone(tmp_path: Path) -> None:
    """MuPDF runs into its CPU limit on the page; PDFium shows its marks."""
    path = pdfs.hanging_pdf(tmp_path / "a.pdf")

    assert read_in_child(path, 2, cpu_s=3).returncode == -signal.SIGXCPU
    assert read_in_child(path, 2, action="text").returncode == 0
    assert "darkest 0 lightest 255" in read_in_child(path, 2, renderer="pdfium").stdout


@pytest.mark.parametrize("renderer", ["mupdf", "pdfium"])
def test_one_page_hangs_both_renderers(tmp_path: Path, renderer: str) -> None:
    """Either renderer runs into its CPU limit, in little memory."""
    path = pdfs.hanging_everywhere_pdf(tmp_path / "a.pdf")

    assert read_in_child(path, 2, renderer=renderer, cpu_s=3).returncode == -signal.SIGXCPU


def test_the_endless_page_does_not_even_give_its_text(tmp_path: Path) -> None:
    """MuPDF runs into its CPU limit when it reads the text; PDFium aborts when its memory is used up."""
    path = pdfs.endless_pdf(tmp_path / "a.pdf")

    assert read_in_child(path, 2, action="text", cpu_s=2).returncode == -signal.SIGXCPU
    assert read_in_child(path, 2, renderer="pdfium", memory_mib=400).returncode == -signal.SIGABRT


def test_the_memory_page_is_black_without_an_exception(tmp_path: Path) -> None:
    """MuPDF gives up for want of memory, pads the image with black, and says so in its warnings only."""
    read = read_in_child(pdfs.memory_pdf(tmp_path / "a.pdf"), 2)

    assert read.returncode == 0
    assert "darkest 0 lightest 0" in read.stdout
    assert "Insufficient memory" in read.stdout


def test_the_image_flood_uses_up_the_memory(tmp_path: Path) -> None:
    """MuPDF raises when an allocation fails; PDFium aborts."""
    path = pdfs.image_flood_pdf(tmp_path / "a.pdf")
    in_mupdf = read_in_child(path, 2, memory_mib=512)

    assert in_mupdf.returncode == 1
    assert "FzErrorSystem" in in_mupdf.stderr
    assert read_in_child(path, 2, renderer="pdfium", memory_mib=512).returncode == -signal.SIGABRT


def test_the_crashing_page_is_a_real_crash(tmp_path: Path) -> None:
    """PDFium dies of SIGSEGV on the page; MuPDF survives it with a warning."""
    path = pdfs.crashing_pdf(tmp_path / "a.pdf")
    in_mupdf = read_in_child(path, 2)

    assert read_in_child(path, 2, renderer="pdfium").returncode == -signal.SIGSEGV
    assert in_mupdf.returncode == 0
    assert "exception stack overflow" in in_mupdf.stdout
