import numpy as np
import pymupdf
import pytest

from ocrmill.pipeline.pages.inspection import ink_share, inspect_page, read_layer, text_flags, text_of
from ocrmill.pipeline.pages.mupdf import displayed_geometry, render_thumbnail
from ocrmill.pipeline.records import PageFeatures
from ocrmill.pipeline.text.layer.page_words import read_layout

LINES = [
    "The quick settlement of the northern valleys was followed by a long",
    "period in which the families who had come from the coast built small",
    "farms along the river and traded grain for tools. Most of them could",
    "read, and the letters that they sent home describe the winters, the",
]


def with_text(document: pymupdf.Document, *, at: tuple[float, float] = (72, 100), **options: object) -> pymupdf.Page:
    page = document.new_page(width=600, height=800)
    page.insert_text(at, LINES, fontsize=12, **options)
    return page


def saved(document: pymupdf.Document) -> pymupdf.Document:
    return pymupdf.open(stream=document.tobytes())


def features_of(document: pymupdf.Document, number: int = 0) -> PageFeatures:
    page = saved(document)[number]
    return inspect_page(page, render_thumbnail(page, displayed_geometry(page)))


def picture(document: pymupdf.Document, number: int = 0, *, alpha: bool = False) -> pymupdf.Pixmap:
    pixmap = document[number].get_pixmap(dpi=150)
    return pymupdf.Pixmap(pixmap, 1) if alpha else pixmap


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("crop", [None, (60, 70, 560, 400)])
def test_boxes_lie_on_the_ink_however_the_page_is_turned_and_cropped(
    rotation: int, crop: tuple[int, int, int, int] | None
) -> None:
    """On a page of plain text every letter is seen and nothing is seen but the letters."""
    document = pymupdf.open()
    page = with_text(document)
    if crop is not None:
        page.set_cropbox(pymupdf.Rect(crop))
    page.set_rotation(rotation)
    found = features_of(document)
    assert (0.0, 0.0) == (found.inkless_text_share, found.invisible_share)
    assert found.uncovered_ink_share < 0.01
    assert found.ink_share > 0.005


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_layer_serves_all_who_ask_for_a_page_s_text(rotation: int) -> None:
    """Measures and characters of a page are the same from a layer that was read before."""
    document = pymupdf.open()
    with_text(document).set_rotation(rotation)
    page = saved(document)[0]
    thumbnail, layer = render_thumbnail(page, displayed_geometry(page)), read_layer(page)

    assert inspect_page(page, thumbnail, layer) == inspect_page(page, thumbnail)
    assert read_layout(page, layer) == page.get_text("rawdict", flags=text_flags())
    assert layer.text == page.get_text("text", flags=text_flags())


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_boxes_lie_on_the_ink_if_the_crop_box_is_larger_than_the_page(rotation: int) -> None:
    """PyMuPDF's rotation matrix takes the crop box as it is written; shown is what of it lies on the page's media."""
    document = pymupdf.open()
    with_text(document)
    document.xref_set_key(document.page_xref(0), "CropBox", "[-200 -100 700 850]")
    document.xref_set_key(document.page_xref(0), "Rotate", str(rotation))
    found = features_of(document)

    assert found.inkless_text_share == 0.0
    assert found.uncovered_ink_share < 0.01


def test_what_lies_outside_the_crop_box_is_not_in_the_layer() -> None:
    """Nobody sees it, so nobody reads it."""
    document = pymupdf.open()
    page = with_text(document)
    page.insert_text((72, 700), "outside")
    page.set_cropbox(pymupdf.Rect(0, 0, 600, 400))
    assert "outside" not in text_of(saved(document)[0])
    assert "northern" in text_of(saved(document)[0])


def test_a_picture_of_text_beside_text_is_uncovered() -> None:
    """Ink that no text lies over is found, in a picture."""
    document = pymupdf.open()
    with_text(document)
    page = with_text(document)
    page.insert_image((0, 400, 600, 1200), pixmap=picture(document))
    found = features_of(document, 1)
    assert 0.4 < found.uncovered_ink_share < 0.6
    assert found.image_cover == pytest.approx(0.5, abs=0.01)


def test_letters_turned_into_curves_are_uncovered() -> None:
    """Small paths may be letters."""
    document = pymupdf.open()
    page = with_text(document)
    drawn = page.new_shape()  # each drawing of a page's own reads the page again
    for row in range(300, 700, 16):
        for column in range(72, 500, 9):
            drawn.draw_circle((column, row), 3)
            drawn.finish(width=1.5)
    drawn.commit()
    assert features_of(document).uncovered_ink_share > 0.8


def test_rules_and_table_cells_are_no_ink_of_interest() -> None:
    """A grid round the text does not make the page look as if text were missing."""
    document = pymupdf.open()
    page = with_text(document)
    drawn = page.new_shape()
    for row in range(60, 700, 24):
        for column in range(60, 540, 60):
            drawn.draw_rect((column, row, column + 60, row + 24))
            drawn.finish()
    drawn.commit()
    assert features_of(document).uncovered_ink_share < 0.15


def test_text_drawn_without_paint_is_invisible() -> None:
    """The layer that OCR programs leave under a scan is found, whether the scan is drawn before or after it."""
    for first in (True, False):
        document = pymupdf.open()
        with_text(document)
        scan = document.new_page(width=600, height=800)
        if first:
            scan.insert_image(scan.rect, pixmap=picture(document))
        scan.insert_text((72, 100), LINES, fontsize=12, render_mode=3)
        if not first:
            scan.insert_image(scan.rect, pixmap=picture(document))
        found = features_of(document, 1)
        assert 1.0 == found.invisible_share == found.image_cover
        assert found.uncovered_ink_share < 0.05


@pytest.mark.parametrize(("alpha", "share"), [(False, 1.0), (True, 0.0)])
def test_text_under_an_opaque_picture_is_invisible_under_a_stamp_is_not(alpha: bool, share: float) -> None:
    """A picture hides the text drawn before it, if it has no mask."""
    document = pymupdf.open()
    with_text(document)
    page = with_text(document)
    page.insert_image(page.rect, pixmap=picture(document, alpha=alpha))
    assert share == features_of(document, 1).invisible_share


def test_text_over_a_picture_is_visible() -> None:
    """A background picture hides nothing."""
    document = pymupdf.open()
    page = document.new_page(width=600, height=800)
    page.insert_image(page.rect, pixmap=pymupdf.Pixmap(pymupdf.csRGB, pymupdf.IRect(0, 0, 40, 40), False))
    page.insert_text((72, 100), LINES, fontsize=12, color=(1, 1, 1))
    found = features_of(document)
    assert (0.0, 0.0) == (found.invisible_share, found.inkless_text_share)


def test_white_text_on_white_and_text_under_a_bar_are_inkless() -> None:
    """Text where nothing can be read is found, whatever hides it."""
    white, barred = pymupdf.open(), pymupdf.open()
    with_text(white, color=(1, 1, 1))
    with_text(barred).draw_rect((40, 60, 560, 300), fill=(0, 0, 0))
    assert 1.0 == features_of(white).inkless_text_share == features_of(barred).inkless_text_share


def test_annotations_and_field_values_are_part_of_the_layer() -> None:
    """Text written into a form or onto a page is neither lost nor taken for ink without text."""
    document = pymupdf.open()
    page = document.new_page(width=600, height=800)
    page.add_freetext_annot((72, 72, 500, 120), "written onto the page", fontsize=14)
    field = pymupdf.Widget()
    field.field_name, field.field_type = "name", pymupdf.PDF_WIDGET_TYPE_TEXT
    field.rect, field.field_value = pymupdf.Rect(72, 200, 500, 230), "filled into the form"
    page.add_widget(field)
    text = text_of(saved(document)[0])
    assert "written onto the page" in text
    assert "filled into the form" in text
    assert features_of(document).uncovered_ink_share < 0.1


@pytest.mark.parametrize("level", [0, 90, 255])
def test_a_page_of_one_colour_has_no_ink(level: int) -> None:
    """Ink is what differs from the page, not what is dark."""
    assert 0.0 == ink_share(np.full((600, 424), level, np.uint8))


def test_faint_and_small_things_are_ink() -> None:
    """A pale hairline and a page number are seen; paper noise is not."""
    lined, numbered = pymupdf.open(), pymupdf.open()
    lined.new_page().draw_line((72, 400), (523, 400), color=(0.6, 0.6, 0.6), width=0.5)
    numbered.new_page(width=612, height=792).insert_text((300, 780), "1", fontsize=8)
    assert features_of(lined).ink_share > 0.0005
    assert 6 <= features_of(numbered).ink_share * 600 * 464 <= 12
    noise = np.random.default_rng(0).integers(230, 246, (600, 424)).astype(np.uint8)
    assert 0.0 == ink_share(noise)


@pytest.mark.parametrize("size", [(1, 1), (3, 3), (14400, 3), (17, 1024), (14400, 14400)])
def test_pages_of_any_size_are_measured(size: tuple[int, int]) -> None:
    """From one point to the largest page, with text that does not fit."""
    document = pymupdf.open()
    document.new_page(width=size[0], height=size[1]).insert_text((0.5, 1), "abc")
    found = features_of(document)
    assert 0.0 <= found.ink_share <= 1.0
    assert 0.0 <= found.uncovered_ink_share <= 1.0


def test_an_empty_page_has_no_features() -> None:
    """Nothing there is zero everywhere, and no division by it."""
    document = pymupdf.open()
    document.new_page()
    found = features_of(document)
    assert (0, 0, "none") == (found.characters, found.words, found.script)
    assert 0.0 == found.ink_share == found.uncovered_ink_share == found.inkless_text_share == found.image_cover


def test_a_coarser_picture_tells_the_same() -> None:
    """The thumbnail's size is the caller's choice."""
    document = pymupdf.open()
    with_text(document)
    page = with_text(document)
    page.insert_image((0, 400, 600, 1200), pixmap=picture(document))
    page = saved(document)[1]
    fine = render_thumbnail(page, displayed_geometry(page))
    small, large = inspect_page(page, fine[::2, ::2]), inspect_page(page, fine)
    assert small.image_cover == pytest.approx(large.image_cover, abs=0.01)
    assert small.uncovered_ink_share == pytest.approx(large.uncovered_ink_share, abs=0.1)
    assert 0.0 == small.inkless_text_share
