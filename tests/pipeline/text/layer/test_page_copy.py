import itertools

import pymupdf
import pytest

from ocrmill.pipeline.text.layer.page_copy import copy_of_page
from ocrmill.pipeline.text.reading_order import Box, turned

Corners = tuple[int, int, int, int]
MEDIA: list[Corners] = [(0, 0, 400, 600), (-50, -80, 350, 520)]
CROPS: list[Corners | None] = [None, (40, 60, 300, 420)]  # of the media box


def page_with_words(media: Corners, crop: Corners | None, rotation: int) -> pymupdf.Document:
    """Words on a diagonal; some lie outside the crop box."""
    document = pymupdf.open()
    page = document.new_page(width=400, height=600)
    for n in range(8):
        page.insert_text((30 + 40 * n, 60 + 65 * n), f"word{n}")
    for xref in page.get_contents():
        shift = b"q 1 0 0 1 %d %d cm " % media[:2]
        document.update_stream(xref, shift + document.xref_stream(xref) + b" Q")
    document.xref_set_key(page.xref, "MediaBox", f"[{media[0]} {media[1]} {media[2]} {media[3]}]")
    if crop:
        x0, y0 = media[0] + crop[0], media[1] + crop[1]
        x1, y1 = media[0] + crop[2], media[1] + crop[3]
        document.xref_set_key(page.xref, "CropBox", f"[{x0} {y0} {x1} {y1}]")
    document.xref_set_key(page.xref, "Rotate", str(rotation))
    return pymupdf.open(stream=document.tobytes())


def form() -> pymupdf.Document:
    document = pymupdf.open()
    page = document.new_page()
    page.insert_text((72, 72), "Name:")
    for n, (kind, value) in enumerate(
        [(pymupdf.PDF_WIDGET_TYPE_TEXT, "Jane Quux"), (pymupdf.PDF_WIDGET_TYPE_COMBOBOX, "")]
    ):
        field = pymupdf.Widget()
        field.field_type, field.field_name, field.field_value = kind, f"field{n}", value
        field.rect = pymupdf.Rect(150, 60 + 30 * n, 300, 80 + 30 * n)
        field.choice_values = ["one", "two"]
        page.add_widget(field)
    page.add_freetext_annot(pymupdf.Rect(72, 200, 300, 230), "a note")
    return pymupdf.open(stream=document.tobytes())


def words(page: pymupdf.Page) -> dict[str, Box]:
    return {word[4]: Box(*word[:4]) for word in page.get_text("words")}


def everything(document: pymupdf.Document) -> list[str]:
    return [document.xref_object(xref) for xref in range(1, document.xref_length())]


@pytest.mark.parametrize(("media", "crop", "rotation"), list(itertools.product(MEDIA, CROPS, (0, 90, 180, 270))))
def test_the_copy_shows_what_the_page_shows(media: Corners, crop: Corners | None, rotation: int) -> None:
    """Crop box and rotation are gone from the copy, and every word is where the page displays it."""
    document = page_with_words(media, crop, rotation)
    page = document[0]
    unrotated = page.rect[2:] if rotation in (0, 180) else page.rect[:1:-1]
    displayed = {word: turned(box, rotation, *unrotated) for word, box in words(page).items()}
    with copy_of_page(document, 0, 0) as copy:
        assert copy[0].rotation == 0
        assert copy[0].rect == page.rect
        assert words(copy[0]).keys() == displayed.keys()
        for word, box in words(copy[0]).items():
            assert [box.x0, box.y0] == pytest.approx([displayed[word].x0, displayed[word].y0], abs=1)


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_turned_copy_is_turned_clockwise(turn: int) -> None:
    """Text that runs upwards, downwards or upside down comes out upright."""
    document = page_with_words(MEDIA[0], CROPS[1], (360 - turn) % 360)
    with copy_of_page(document, 0, turn) as copy:
        lines = [line for block in copy[0].get_text("dict")["blocks"] for line in block["lines"]]
        assert {line["dir"] for line in lines} == {(1.0, 0.0)}
        assert copy[0].rect == pymupdf.Rect(0, 0, 260, 360)


def test_form_fields_and_notes_are_in_every_copy() -> None:
    """A second copy shows the same as the first, with the values of fields and nothing for fields without looks."""
    document = form()
    for _ in range(2):
        with copy_of_page(document, 0, 0) as copy:
            assert sorted(copy[0].get_text().split()) == sorted(document[0].get_text().split())
            assert "Jane Quux" in copy[0].get_text()
            assert "a note" in copy[0].get_text()


def test_the_source_is_left_alone() -> None:
    """Copying changes no object of the source: its fields, rotation and boxes stay."""
    document = form()
    document[0].set_rotation(90)
    before = everything(document)
    with copy_of_page(document, 0, 90):
        pass

    assert everything(document) == before
    assert len(list(document[0].widgets())) == 2
