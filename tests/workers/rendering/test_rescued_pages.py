"""Pages that MuPDF cannot read and PDFium can: their text is taken as on other pages, if it is beyond doubt."""

from collections.abc import Callable, Iterator
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pymupdf
import pytest
from narrowed import instance, present
from pdfs import PROSE, add_text_page, hanging_pdf, only_for_pdfium
from rasterized import geometry_of, open_document, opened, rasterizer_with, row_of, text_of
from real_pdfs import CORPUS, needs_corpus

from ocrmill.configs.settings import (
    InputSettings,
    OutputSettings,
    RasterSettings,
    RoutingSettings,
    RunSettings,
)
from ocrmill.pipeline.quality.agreement.plain_words import words_of_markdown
from ocrmill.pipeline.records import Reason, RenderedPage, Route, Status, TextLayerPage
from ocrmill.pipeline.rows import PageRow
from ocrmill.workers.rendering.rasterizer import Rasterizer

CASES = Path(__file__).parents[2] / "cases"
LINES = [
    "The quick settlement of the northern valleys was followed by a long",
    "period in which the families who had come from the coast built small",
    "farms along the river and traded grain for tools. Most of them could",
    "read, and the letters that they sent home describe the winters, the",
]
TOP_LEFT = (72, 100)
IMPATIENT = RunSettings(raster=RasterSettings(page_cpu_s=3, page_wall_s=200))  # with pages that hang MuPDF


class Read(Protocol):
    """Read a page of a file that PDFium has to read: as a row, or rendered for OCR."""

    def __call__(self, path: Path, settings: RunSettings | None = None, number: int = 1) -> PageRow | RenderedPage: ...


@pytest.fixture(scope="module")
def read() -> Iterator[Read]:
    """Read pages; those without settings of their own share a rasterizer, whose processes take seconds to start."""

    def read_by(rasterizer: Rasterizer, path: Path, number: int) -> PageRow | RenderedPage:
        page = rasterizer.read(open_document(rasterizer, path), number)
        if isinstance(page, PageRow):
            assert page.page.renderer == "pdfium"
            return page
        assert page[0].renderer == "pdfium"
        return page[0]

    def read(path: Path, settings: RunSettings | None = None, number: int = 1) -> PageRow | RenderedPage:
        if settings is None:
            return read_by(shared, path, number)
        with rasterizer_with(settings) as own:
            return read_by(own, path, number)

    with rasterizer_with(RunSettings()) as shared:
        yield read


def one_page(**options: Any) -> tuple[pymupdf.Document, pymupdf.Page]:
    document = pymupdf.open()
    page = document.new_page(width=600, height=800)
    page.insert_text(TOP_LEFT, LINES, fontsize=12, **options)
    return document, page


def words(text: str) -> list[str]:
    return [word.text for word in words_of_markdown(text)]


def test_the_text_of_a_rescued_page_is_taken(read: Read, tmp_path: Path) -> None:
    """Every word, in order, measured against PDFium's own; its row says who read it."""
    document, _ = one_page()
    row = row_of(read(only_for_pdfium(tmp_path / "a.pdf", document)))

    assert (row.status, present(instance(TextLayerPage, row.page).decision).reason) == (Status.TEXT_LAYER, "good_text")
    assert words(text_of(row).markdown) == words(" ".join(LINES))
    fidelity = present(text_of(row).fidelity)
    assert (fidelity.recall, fidelity.precision, fidelity.order) == (1.0, 1.0, 1.0)
    assert row.flags == ()
    (block,) = text_of(row).blocks
    assert (block.x0, block.y0) == pytest.approx((72, 88), abs=4)


def test_a_rescued_page_with_rows_of_cells_is_flagged(read: Read, tmp_path: Path) -> None:
    """Without the layout model no table is laid out: the words are there, and the row says what may be lost."""
    document, page = one_page()
    for n, (place, fee) in enumerate((("Quay", "12.50"), ("Wharf", "14.00"), ("Crane", "99.95"))):
        page.insert_text((72, 600 + 20 * n), place)
        page.insert_text((300, 600 + 20 * n), fee)
    row = row_of(read(only_for_pdfium(tmp_path / "a.pdf", document)))

    assert row.flags == ("table_uncertain",)
    assert "Quay 12.50" in " ".join(words(text_of(row).markdown))


def test_a_page_that_hangs_mupdf_keeps_its_text(read: Read, tmp_path: Path) -> None:
    """MuPDF runs into its limit on CPU time; the row names that, and has the text."""
    text = b"BT /F 12 Tf 72 700 Td 14 TL " + b" ".join(b"(%s) Tj T*" % line.encode() for line in LINES) + b" ET"
    row = row_of(read(hanging_pdf(tmp_path / "a.pdf", 1, 1, text), IMPATIENT))

    assert row.status is Status.TEXT_LAYER
    assert words(text_of(row).markdown) == words(" ".join(LINES))
    detail = present(row.page.detail)
    assert "page_cpu_s" in detail
    assert detail.endswith("(read with PDFium instead)")


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("crop", [None, (60, 70, 560, 400), (-200, -100, 900, 1000)])
def test_a_rescued_page_is_read_as_it_is_displayed(
    read: Read, tmp_path: Path, rotation: int, crop: tuple[float, ...] | None
) -> None:
    """Rotation and crop box are applied; boxes lie where the text is seen, and nothing outside the crop box is read."""
    document, page = one_page()
    page.insert_text((72, 700), "far below", fontsize=12)
    page.set_rotation(rotation)
    if crop is not None:
        x0, y0, x1, y1 = crop
        document.xref_set_key(page.xref, "CropBox", f"[{x0} {800 - y1} {x1} {800 - y0}]")
    row = row_of(read(only_for_pdfium(tmp_path / "a.pdf", document)))

    inside = crop is None or crop[3] > 700
    assert sorted(words(text_of(row).markdown)) == sorted(words(" ".join([*LINES, "far below"] if inside else LINES)))
    geometry = geometry_of(row)
    for block in text_of(row).blocks:
        assert 0 <= block.x0 < block.x1 <= geometry.width_pt
        assert 0 <= block.y0 < block.y1 <= geometry.height_pt


def test_text_that_runs_another_way_is_read(read: Read, tmp_path: Path) -> None:
    """A note along the margin is upright in the Markdown."""
    document, page = one_page()
    page.insert_text((40, 400), "a note along the margin", fontsize=10, rotate=90)
    row = row_of(read(only_for_pdfium(tmp_path / "a.pdf", document)))

    assert "a note along the margin" in text_of(row).markdown


def test_a_rescued_document_is_opened_with_its_password(read: Read, tmp_path: Path) -> None:
    """The passwords of the settings are tried; without them the document says that it is locked."""
    lock = {"encryption": pymupdf.PDF_ENCRYPT_AES_256, "user_pw": "sesame", "owner_pw": "other"}
    path = only_for_pdfium(tmp_path / "a.pdf", one_page()[0], **lock)
    row = row_of(read(path, RunSettings(input=InputSettings(passwords=("wrong", "sesame")))))
    with rasterizer_with(RunSettings()) as rasterizer:
        locked = opened(rasterizer, path)

    assert words(text_of(row).markdown) == words(" ".join(LINES))
    assert locked.reason is Reason.PASSWORD_REQUIRED
    assert "input.passwords" in present(locked.detail)


@pytest.mark.parametrize(
    ("hide", "kept"),
    [
        ({"render_mode": 3}, False),
        ({"color": (1, 1, 1)}, False),
        ({"fill_opacity": 0, "stroke_opacity": 0}, False),
        ({"color": (0.6, 0.6, 0.6)}, True),
    ],
)
def test_hidden_text_of_a_rescued_page_is_left_out(
    read: Read, tmp_path: Path, hide: dict[str, Any], kept: bool
) -> None:
    """Invisible, white and transparent text is not in the Markdown, and the page is flagged; pale text is read."""
    document, page = one_page()
    page.insert_text((72, 400), "ignore all previous lines", fontsize=12, **hide)
    row = row_of(read(only_for_pdfium(tmp_path / "a.pdf", document)))

    assert ("previous" in text_of(row).markdown) is kept
    assert ("hidden_text" in row.flags) is not kept


def highlight(page: pymupdf.Page) -> None:
    page.add_highlight_annot(page.search_for("the coast built"))


def picture_over(page: pymupdf.Page) -> None:
    rng = np.random.default_rng(1)
    pixmap = pymupdf.Pixmap(pymupdf.csRGB, 100, 20, rng.integers(0, 255, 6000, np.uint8).tobytes(), False)
    page.insert_image((70, 88, 500, 132), pixmap=pixmap)


def other_words_over(page: pymupdf.Page) -> None:
    page.insert_text(TOP_LEFT, "Other words, as long as those that are under them, or nearly so", fontsize=12)


def reading_of_a_picture(page: pymupdf.Page) -> None:
    with pymupdf.open() as other:
        other.new_page(width=600, height=100).insert_text(
            (72, 50), "What the picture shows, if it is read", fontsize=14
        )
        page.insert_image((0, 400, 600, 500), pixmap=other[0].get_pixmap(dpi=150))
    page.insert_text((72, 450), "Vhat the pictnre shovvs, if it is resd", fontsize=14, render_mode=3)


def ideographs_set_downwards(page: pymupdf.Page) -> None:
    page.insert_font(fontname="ideographs", fontbuffer=pymupdf.Font("cjk").buffer)  # the machine may have no such font
    for row, letter in enumerate("縦書きの日本語の文章です右から左へ"):
        page.insert_text((520, 200 + 14 * row), letter, fontname="ideographs", fontsize=12)


@pytest.mark.parametrize(
    "make", [picture_over, highlight, other_words_over, reading_of_a_picture, ideographs_set_downwards]
)
def test_a_doubtful_layer_goes_to_ocr(read: Read, tmp_path: Path, make: Callable[[pymupdf.Page], None]) -> None:
    """Text under a picture, a highlight or other text, somebody's reading of a scan, letters in an unknown order."""
    document, page = one_page()
    make(page)
    page = read(only_for_pdfium(tmp_path / "a.pdf", document))

    assert isinstance(page, RenderedPage)
    assert (page.decision.route, page.decision.reason) == (Route.OCR, "invisible_text")


def test_text_under_a_bar_is_not_read(read: Read, tmp_path: Path) -> None:
    """Struck-out text is left out, and the page is flagged."""
    document, page = one_page()
    page.draw_rect(page.search_for("the coast built")[0], fill=(0, 0, 0), color=None)
    row = row_of(read(only_for_pdfium(tmp_path / "a.pdf", document)))

    assert "grain" in text_of(row).markdown
    assert "farms along" in text_of(row).markdown
    assert "coast built" not in text_of(row).markdown
    assert "hidden_text" in row.flags


def test_form_fields_and_annotations_of_a_rescued_page_are_read(read: Read, tmp_path: Path) -> None:
    """Form fields and annotations are part of what is seen, though PDFium's text lacks them."""
    document, page = one_page()
    field = pymupdf.Widget()
    field.rect, field.field_name = pymupdf.Rect(72, 300, 400, 320), "name"
    field.field_type = pymupdf.PDF_WIDGET_TYPE_TEXT
    field.field_value = "Filled in by hand"
    page.add_widget(field)
    page.add_freetext_annot((72, 400, 400, 430), "Noted beside the text", fontsize=12)
    row = row_of(read(only_for_pdfium(tmp_path / "a.pdf", document)))

    assert "Filled in by hand" in text_of(row).markdown
    assert "Noted beside the text" in text_of(row).markdown


def test_letters_drawn_twice_are_read_once(read: Read, tmp_path: Path) -> None:
    """Fat type is imitated by a second drawing, a little to the side."""
    document, page = one_page()
    page.insert_text((72.3, 100), LINES, fontsize=12)
    row = row_of(read(only_for_pdfium(tmp_path / "a.pdf", document)))

    assert words(text_of(row).markdown) == words(" ".join(LINES))


def test_blanks_that_are_drawn_on_their_own_are_kept(read: Read, tmp_path: Path) -> None:
    """PDFium gives no character for them, and slanted letters lean over the gap."""
    document = pymupdf.open()
    page = document.new_page(width=600, height=800)
    font = pymupdf.Font("tiit")
    x = 72.0
    for word in LINES[0].split():
        page.insert_text((x, 100), word, fontname="tiit", fontsize=12)
        page.insert_text((x + font.text_length(word, 12), 100), " ", fontname="tiit", fontsize=12)
        x += font.text_length(word, 12) + 1.4
    row = row_of(read(only_for_pdfium(tmp_path / "a.pdf", document)))

    assert words(text_of(row).markdown) == words(LINES[0])


def test_columns_are_read_one_after_the_other(read: Read, tmp_path: Path) -> None:
    """PDFium runs the lines of two columns together if they are drawn row by row."""
    document = pymupdf.open()
    page = document.new_page(width=600, height=800)
    halves = [PROSE.split()[at : at + 5] for at in range(0, 200, 5)]
    left, right = halves[:20], halves[20:]
    for row, pair in enumerate(zip(left, right, strict=True)):
        for x, line in zip((50, 320), pair, strict=True):
            page.insert_text((x, 100 + 14 * row), " ".join(line), fontsize=10)
    found = read(only_for_pdfium(tmp_path / "a.pdf", document))

    expected = " ".join(" ".join(line) for line in [*left, *right])
    assert words(text_of(found).markdown) == words(expected)


def test_pictures_of_a_rescued_page_are_kept_if_they_are_asked_for(read: Read, tmp_path: Path) -> None:
    """Pictures are cut from PDFium's rendering."""
    document, page = one_page()
    pixmap = pymupdf.Pixmap(pymupdf.csRGB, (0, 0, 60, 40), False)
    pixmap.set_rect(pixmap.irect, (200, 30, 30))
    page.insert_image((150, 400, 375, 550), pixmap=pixmap)
    row = row_of(read(only_for_pdfium(tmp_path / "a.pdf", document), RunSettings(output=OutputSettings(figures=True))))

    (figure,) = present(row.figures)
    assert (figure.x0, figure.y0, figure.x1, figure.y1) == pytest.approx((150, 400, 375, 550), abs=2)
    assert words(text_of(row).markdown) == words(" ".join(LINES))


def test_ocr_of_a_rescued_page_can_be_asked_for_and_checked(read: Read, tmp_path: Path) -> None:
    """With `mode = "ocr"` the page goes to the engine, and its layer beside it, for the agreement."""
    document, _ = one_page()
    path = only_for_pdfium(tmp_path / "a.pdf", document)
    page = read(path, RunSettings(routing=RoutingSettings(mode="ocr")))

    assert isinstance(page, RenderedPage)
    assert page.decision.reason == "forced"
    assert words(present(page.layer_text)) == words(" ".join(LINES))
    assert words(" ".join(line.text for line in page.layer_lines)) == words(" ".join(LINES))
    assert page.geometry.width_px == 1200


def test_a_placeholder_of_an_xfa_form_is_no_text_for_pdfium_either(read: Read, tmp_path: Path) -> None:
    """`Please wait...` is not the document."""
    document = pymupdf.open()
    add_text_page(document, 1, 1, "Please wait... If this message is not eventually replaced")
    document.xref_set_key(document.pdf_catalog(), "AcroForm", "<</Fields[]/XFA(template)>>")
    row = row_of(read(only_for_pdfium(tmp_path / "a.pdf", document)))

    assert (row.status, row.reason) == (Status.FAILED, Reason.XFA_FORM)


def test_the_reported_page_is_read(read: Read, tmp_path: Path) -> None:
    """The second page of a damaged file whose first one cannot be decoded."""
    row = row_of(read(CASES / "18-damaged-page-is-blank.pdf", number=2))

    assert (row.status, text_of(row).markdown.strip()) == (Status.TEXT_LAYER, "Second page of the damaged file.")


@needs_corpus
@pytest.mark.slow
@pytest.mark.parametrize(("name", "number", "phrase"), [("test_2548", 2, "Spearman"), ("test_4435", 3, "clarinet")])
def test_real_pages_that_hang_mupdf_are_read(read: Read, name: str, number: int, phrase: str) -> None:
    """Their lines are in MuPDF's text, too, which it gives without rendering."""
    row = row_of(read(CORPUS / f"{name}.pdf", IMPATIENT, number))
    with pymupdf.open(CORPUS / f"{name}.pdf") as document:
        theirs = words(document[number - 1].get_text())
    ours = words(text_of(row).markdown)
    matched = SequenceMatcher(None, theirs, ours, autojunk=False).get_matching_blocks()

    assert row.status is Status.TEXT_LAYER
    assert phrase in text_of(row).markdown
    assert sum(block.size for block in matched if block.size > 5) > 0.7 * len(theirs)
    fidelity = present(text_of(row).fidelity)
    assert min(fidelity.recall, fidelity.precision) > 0.98
