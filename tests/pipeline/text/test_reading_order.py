import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrmill.pipeline.text.reading_order import Box, reading_order, turned

LINE, PITCH = 10.0, 12.0


def column(x0: float, width: float, rows: int, top: float = 0.0, last: float = 0.5) -> list[Box]:
    """Lines of prose below each other; the last one is shorter."""
    widths = [width] * (rows - 1) + [width * last]
    return [Box(x0, top + row * PITCH, x0 + width, top + row * PITCH + LINE) for row, width in enumerate(widths)]


def mirrored(boxes: list[Box]) -> list[Box]:
    return [Box(-box.x1, box.y0, -box.x0, box.y1) for box in boxes]


def skewed(boxes: list[Box], slope: float) -> list[Box]:
    """Boxes of a page that is turned by a little: lower to the right, and higher."""
    return [Box(b.x0, b.y0 + slope * b.x0, b.x1, b.y1 + slope * b.x1) for b in boxes]


def is_read_as_given(boxes: list[Box], *, right_to_left: bool = False) -> bool:
    """Tell if shuffled boxes are put back into the order in which they are given."""
    shuffled = list(range(len(boxes)))
    random.Random(7).shuffle(shuffled)
    order = reading_order([boxes[i] for i in shuffled], right_to_left=right_to_left)
    return [shuffled[i] for i in order] == list(range(len(boxes)))


anywhere = st.builds(
    lambda x, y, width, height: Box(x, y, x + width, y + height),
    *[st.floats(-100, 700, width=32)] * 2,
    *[st.floats(0, 300, width=32)] * 2,
)
PAGES = {
    "left column goes on after white space, below the end of the right one": [
        *column(0, 200, 12),
        *column(0, 200, 8, top=12 * PITCH + 3 * LINE),
        *column(220, 200, 9),
    ],
    "a heading below columns, above text across them": [
        *column(0, 200, 12, last=1.0),
        *column(220, 200, 12, last=1.0),
        Box(0, 12 * PITCH + 3 * LINE, 110, 12 * PITCH + 4 * LINE),
        *column(0, 420, 3, top=12 * PITCH + 5 * LINE),
    ],
    "one column": column(0, 300, 30),
    "two columns": column(0, 240, 30) + column(260, 240, 28),
    "three columns below a title": [Box(20, -40, 480, -20)]
    + column(0, 150, 30)
    + column(170, 150, 30)
    + column(340, 150, 20),
    "a heading between two pairs of columns": column(0, 240, 10)
    + column(260, 240, 10)
    + [Box(50, 150, 450, 165)]
    + column(0, 240, 10, top=200)
    + column(260, 240, 10, top=200),
    "two columns above three": column(0, 240, 12)
    + column(260, 240, 12)
    + column(0, 150, 12, top=250)
    + column(170, 150, 12, top=250)
    + column(340, 150, 12, top=250),
    "a sidebar of short lines, off the rows of the text": [Box(0, 3 + n * 17.5, 60, 11 + n * 17.5) for n in range(12)]
    + column(80, 300, 30),
    "a table": [
        Box(x, y * PITCH, x + 20 + 10 * ((x + 7 * y) % 4), y * PITCH + LINE) for y in range(15) for x in (0, 100, 200)
    ],
    "a numbered list": [
        box
        for y in range(12)
        for box in (Box(0, y * PITCH, 8, y * PITCH + LINE), Box(20, y * PITCH, 300, y * PITCH + LINE))
    ],
    "a page number beside a running head": [Box(0, 0, 100, 10), Box(450, 0, 460, 10)] + column(0, 460, 30, top=40),
    "prose cut in pieces where type changes": [
        piece
        for left in (0, 260)
        for n, box in enumerate(column(left, 240, 25, last=1))
        for cut in [box.x0 + 40 + 37 * n % 160]
        for piece in (Box(box.x0, box.y0, cut, box.y1), Box(cut + 3, box.y0, box.x1, box.y1))
    ],
}


@given(st.lists(anywhere, max_size=60), st.booleans())
def test_every_box_is_read_once(boxes: list[Box], right_to_left: bool) -> None:
    """The order is a permutation, whatever the boxes: overlapping, empty, or all the same."""
    assert sorted(reading_order(boxes, right_to_left=right_to_left)) == list(range(len(boxes)))


@given(st.lists(anywhere, max_size=40))
def test_right_to_left_mirrors(boxes: list[Box]) -> None:
    """Pages read from the right are ordered as their mirror images are from the left."""
    assert reading_order(boxes, right_to_left=True) == reading_order(mirrored(boxes))


@pytest.mark.parametrize("name", PAGES)
def test_layouts_are_read_as_people_do(name: str) -> None:
    """Columns one after the other, rows of tables across, headings where they stand; from the right in its mirror."""
    assert is_read_as_given(PAGES[name])
    assert is_read_as_given(mirrored(PAGES[name]), right_to_left=True)


@pytest.mark.parametrize("slope", [-0.012, 0.012])
def test_slight_skew_changes_nothing(slope: float) -> None:
    """A page that is off by two thirds of a degree is read as a straight one."""
    for name in ("one column", "two columns", "three columns below a title"):
        assert is_read_as_given(skewed(PAGES[name], slope)), name


@given(st.integers(1, 60), st.floats(1, 100), st.floats(1e-2, 1e3))
def test_one_column_is_read_downwards_at_any_scale(rows: int, width: float, scale: float) -> None:
    """Tolerances are in line heights: the unit of the boxes does not matter."""
    boxes = [Box(0, row * PITCH * scale, width * scale, (row * PITCH + LINE) * scale) for row in range(rows)]

    assert reading_order(boxes) == list(range(rows))


def test_time_grows_gently() -> None:
    """5,000 boxes, as on a page of a timetable, take seconds of CPU at most, in columns and at random."""
    columns = [box for x in range(0, 2500, 250) for box in column(x, 230, 500)]
    scattered = [Box(x, y, x + 30, y + 10) for x, y in ((random.Random(n).random() * 3000, n) for n in range(5000))]
    for boxes in (columns, scattered):
        started = time.thread_time()
        reading_order(boxes)
        assert time.thread_time() - started < 60


@given(anywhere, st.sampled_from([0, 90, 180, 270]))
def test_turning_back_gives_the_same_box(box: Box, degrees: int) -> None:
    """A turned box turned back, on the turned page, is where it was."""
    width, height = 612, 792
    turned_size = (height, width) if degrees in (90, 270) else (width, height)
    back = turned(turned(box, degrees, width, height), -degrees, *turned_size)

    assert [back.x0, back.y0, back.x1, back.y1] == pytest.approx([box.x0, box.y0, box.x1, box.y1], abs=1e-3)
    assert turned(Box(0, 0, 10, 20), 90, width, height) == Box(772, 0, 792, 10)


def test_no_boxes_no_order() -> None:
    """An empty page has an empty order."""
    assert reading_order([]) == []


def test_indented_lines_between_others_are_no_column() -> None:
    """Lines that stand right of the others, but beside none of them, are read where they stand."""
    outer = [Box(0, n * PITCH, 40, n * PITCH + LINE) for n in (0, 1, 4, 5, 8, 9)]
    inner = [Box(60, n * PITCH, 110, n * PITCH + LINE) for n in (2, 3, 6, 7)]
    assert is_read_as_given(sorted([*outer, *inner], key=lambda box: box.y0))
