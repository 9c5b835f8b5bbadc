"""Straight lines of a page are found however they are drawn, and grids of them."""

from collections.abc import Iterator

import pymupdf
import pytest
from layer_words import words_of
from made_tables import made_table

from ocrmill.pipeline.text.reading_order import Box, turned
from ocrmill.pipeline.text.tables import rules as rules_module
from ocrmill.pipeline.text.tables.ruled import find_ruled_tables
from ocrmill.pipeline.text.tables.rules import Rules, page_rules


@pytest.fixture
def page() -> Iterator[pymupdf.Page]:
    with pymupdf.open() as document:
        yield document.new_page()


def rounded(box: Box) -> tuple[int, int, int, int]:
    return round(box.x0), round(box.y0), round(box.x1), round(box.y1)


def test_a_line_is_found_however_it_is_drawn(page: pymupdf.Page) -> None:
    """A stroke, a thin area, dashes and short pieces are each one rule."""
    page.draw_line((50, 100), (250, 100))
    page.draw_rect(pymupdf.Rect(50, 199.5, 250, 200.5), color=None, fill=(0, 0, 0))
    page.draw_line((50, 300), (250, 300), dashes="[3 3] 0")
    for x in range(50, 250, 20):
        page.draw_line((x, 400), (x + 20, 400))

    found = page_rules(page)

    assert [rounded(box) for box in found.horizontal] == [(50, y, 250, y) for y in (100, 200, 300, 400)]
    assert not found.vertical


def test_a_drawn_box_has_four_rules_and_a_shaded_one_none(page: pymupdf.Page) -> None:
    """Edges are rules if a pen draws them; shading and white lines are none."""
    page.draw_rect(pymupdf.Rect(50, 50, 150, 120))
    page.draw_rect(pymupdf.Rect(200, 50, 300, 120), color=None, fill=(0.9, 0.9, 0.9))
    page.draw_line((50, 200), (250, 200), color=(1, 1, 1))

    found = page_rules(page)

    assert {rounded(box) for box in found.horizontal} == {(50, 50, 150, 50), (50, 120, 150, 120)}
    assert {rounded(box) for box in found.vertical} == {(50, 50, 50, 120), (150, 50, 150, 120)}


def test_slanted_lines_and_ticks_are_no_rules(page: pymupdf.Page) -> None:
    """Lines that are not straight, or shorter than a letter, are left out."""
    page.draw_line((50, 100), (250, 140))
    page.draw_line((50, 200), (52, 200))

    assert page_rules(page) == Rules()


def test_a_page_of_too_many_paths_has_no_rules(page: pymupdf.Page, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawings of many paths are not read: by the size of their content, and by their number."""
    for y in range(100, 400, 3):
        page.draw_line((50, y), (250, y))
    monkeypatch.setattr(rules_module, "_MAX_PATHS", 99)
    assert page_rules(page) == Rules()

    monkeypatch.undo()
    monkeypatch.setattr(rules_module, "_MAX_DRAWN_BYTES", 99)
    assert page_rules(page) == Rules()


def test_rules_turn_with_their_page(page: pymupdf.Page) -> None:
    """On a page turned by 90 degrees a horizontal rule is a vertical one."""
    page.draw_line((50, 100), (250, 100))

    found = page_rules(page).moved(lambda box: turned(box, 90, page.rect.width, page.rect.height))

    assert not found.horizontal
    assert [rounded(box) for box in found.vertical] == [(742, 50, 742, 250)]


@pytest.mark.parametrize(
    ("rotation", "shown"),
    [(0, (50, 100, 250, 100)), (90, (742, 50, 742, 250)), (180, (345, 742, 545, 742)), (270, (100, 345, 100, 545))],
)
def test_rules_of_a_rotated_page_are_where_it_shows_them(
    page: pymupdf.Page, rotation: int, shown: tuple[int, ...]
) -> None:
    """A rotation that the page asks for is applied, as it is to its words."""
    page.draw_line((50, 100), (250, 100))
    page.set_rotation(rotation)
    found = page_rules(page)

    assert [rounded(box) for box in (*found.horizontal, *found.vertical)] == [shown]


def test_a_ruled_grid_is_found_without_a_model() -> None:
    """The box of a ruled table is found, and none where only lines across stand, or a grid holds no words."""
    made = made_table(0)
    words, rules = words_of(made.page), page_rules(made.page)

    (box,) = find_ruled_tables(words, rules)

    assert made.style == "grid"
    assert all(box.contains_centre_of(word.box) for word in words)
    assert find_ruled_tables(words, Rules(rules.horizontal)) == []
    assert find_ruled_tables([], rules) == []
