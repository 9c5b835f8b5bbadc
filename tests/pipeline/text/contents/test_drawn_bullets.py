"""Bullets that are drawn as shapes make items of the lines that they mark."""

from collections.abc import Callable

import pymupdf
import pytest

from ocrmill.pipeline.text.contents.drawn_bullets import with_drawn_bullets
from ocrmill.pipeline.text.layer.page_words import TextPlane
from ocrmill.pipeline.text.layout_model import Region
from ocrmill.pipeline.text.reading_order import Box, enclosing
from ocrmill.pipeline.text.text_layer import read_text_layer
from ocrmill.pipeline.text.words import Piece, Word

PROSE = (
    "The ferry leaves the north quay at seven in the morning and comes back with the tide. In summer it carries "
    "walkers and their dogs, in winter mostly coal, and on the first Saturday of the month the doctor. "
)
ITEMS = (
    ("Ropes and cables are kept in the north shed",),
    ("Oil is kept apart from the ropes and may not be carried through the shed while the", "lamps are lit"),
    ("Lamps are filled at noon",),
)


def circle(page: pymupdf.Page, x: float, y: float) -> None:
    page.draw_circle((x + 1.7, y), 1.7, fill=(0, 0, 0), color=None)


def hollow(page: pymupdf.Page, x: float, y: float) -> None:
    page.draw_circle((x + 1.7, y), 1.7, width=0.6)


def square(page: pymupdf.Page, x: float, y: float) -> None:
    page.draw_rect((x, y - 1.7, x + 3.4, y + 1.7), fill=(0.8, 0.1, 0.1), color=None)


def triangle(page: pymupdf.Page, x: float, y: float) -> None:
    page.draw_polyline([(x, y - 2), (x + 4, y), (x, y + 2), (x, y - 2)], fill=(0, 0, 0.6), color=None)


def dash(page: pymupdf.Page, x: float, y: float) -> None:
    page.draw_rect((x, y - 0.4, x + 5, y + 0.4), fill=(0, 0, 0), color=None)


def picture(page: pymupdf.Page, x: float, y: float) -> None:
    pixels = pymupdf.Pixmap(pymupdf.csRGB, pymupdf.IRect(0, 0, 8, 8))
    pixels.clear_with(60)
    page.insert_image((x, y - 2, x + 4, y + 2), pixmap=pixels)


@pytest.mark.parametrize("rotation", [0, 90])
@pytest.mark.parametrize("draw", [circle, hollow, square, triangle, dash, picture])
def test_lines_with_drawn_bullets_are_items(draw: Callable[[pymupdf.Page, float, float], None], rotation: int) -> None:
    """A list whose bullets are small shapes comes out item by item, whatever the shape and the page's rotation."""
    document = pymupdf.open()
    page = document.new_page()
    page.insert_textbox((72, 72, 520, 140), PROSE * 2, fontsize=10, fontname="tiro")
    y = 160.0
    for item in ITEMS:
        draw(page, 76, y - 2.6)
        for text in item:
            page.insert_text((90, y), text, fontsize=10, fontname="tiro")
            y += 13
    page.insert_textbox((72, y, 520, y + 60), PROSE * 2, fontsize=10, fontname="tiro")
    page.set_rotation(rotation)
    page_text = read_text_layer(pymupdf.open(stream=document.tobytes()), 0, right_to_left=False)

    assert "\n\n" + "\n".join(f"- {' '.join(item)}" for item in ITEMS) + "\n\n" in page_text.markdown
    assert "\u2022" not in page_text.markdown
    assert [block.label for block in page_text.blocks] == ["text", "list", "list", "list", "text"]


def test_lines_from_right_to_left_have_bullets_on_their_right() -> None:
    """On such a page a shape marks the line that ends close to the left of it; one on the left marks none."""
    letters = "\u05d0\u05d1\u05d2"
    lines = [[*line(f"{letters} {letters}", 60, y)][::-1] for y in (200, 214)]
    words = tuple(word for each in lines for word in each)
    regions = [Region("text", enclosing([word.box for word in words]))]

    for shapes, count in ((dots(x=words[0].box.x1 + 6), 2), (dots(), 0)):
        plane, _ = with_drawn_bullets(TextPlane(words, 0, vertical=False), regions, shapes, right_to_left=True)
        assert [word.text for word in plane.words].count("\u2022") == count
        assert not count or [word.text for word in plane.words] == ["\u2022", letters, letters] * 2


def line(text: str, x: float, baseline: float, size: float = 10) -> list[Word]:
    words = []
    for piece in text.split():
        box = Box(x, baseline - 0.8 * size, x + 0.5 * size * len(piece), baseline + 0.2 * size)
        words.append(Word((Piece(piece, box, size),), box, baseline, int(baseline)))
        x = box.x1 + 3
    return words


def bullets(shapes: list[Box], label: str = "text", size: float = 10, mark: str = "") -> int:
    """Count the lines of two that get a bullet; both stand below a paragraph in type of ten points."""
    body = [word for n in range(6) for word in line(PROSE[:80], 60, 40 + 12 * n)]
    marked = [word for y in (200, 214) for word in line(f"{mark} Oil the hinges", 60, y, size)]
    regions = [Region("text", enclosing([w.box for w in body])), Region(label, enclosing([w.box for w in marked]))]
    plane, grown = with_drawn_bullets(TextPlane((*body, *marked), 0, vertical=False), regions, shapes)
    for word in plane.words:
        assert any(region.box.contains_centre_of(word.box) for region in grown)
    return sum(word.text == "\u2022" for word in plane.words)


def dots(x: float = 50, side: float = 3, below: float = 0) -> list[Box]:
    return [Box(x, y - 4 + below, x + side, y - 4 + below + side) for y in (200, 214)]


def test_a_shape_is_a_bullet_by_its_size_its_place_and_its_like() -> None:
    """Two small shapes of one size close before two lines are bullets; any other shape is none."""
    assert bullets(dots()) == 2
    assert bullets(dots()[:1]) == 0
    assert bullets([dots()[0], dots(47)[1]]) == 0
    assert bullets([dots()[0], dots(side=5)[1]]) == 0
    assert bullets(dots(30)) == bullets(dots(62)) == 0
    assert bullets(dots(side=1)) == bullets(dots(45, side=8)) == 0
    assert bullets(dots(below=6)) == bullets(dots(below=-6)) == 0


def test_titles_cells_labels_and_marked_lines_get_no_drawn_bullet() -> None:
    """Shapes before headings, in tables and pictures, and before lines with a mark of their own are decoration."""
    assert [bullets(dots(), label) for label in ("heading", "table", "picture", "list")] == [0, 0, 0, 2]
    assert bullets(dots(), size=12) == 0
    assert bullets(dots(), mark="1.") == 0
