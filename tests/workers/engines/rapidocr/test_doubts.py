"""Measures of what was read badly or not found on a page, beside lines that are read well."""

from collections.abc import Sequence

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from ocrmill.pipeline.records import RGB, PageGeometry
from ocrmill.pipeline.text.contents.written_lines import count_written_letters
from ocrmill.workers.engines.rapidocr.doubts import unread_share, unsure_share
from ocrmill.workers.engines.rapidocr.line_reader import FoundLine

TEXT = "The mill stands by the water and grinds"
LINES = 8
PAGE = PageGeometry(300.0, 250.0, 0)


def drawn_page(scale: int = 1, count: int = LINES) -> tuple[RGB, list[FoundLine]]:
    """Lines of print, and where they are, on a page of 600 pixels or a multiple of that."""
    page = Image.new("RGB", (600 * scale, 500 * scale), "white")
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(24 * scale)
    lines = []
    for n in range(count):
        pen.text((30 * scale, (20 + 55 * n) * scale), TEXT, "black", font)
        x0, y0, x1, y1 = pen.textbbox((30 * scale, (20 + 55 * n) * scale), TEXT, font)
        lines.append(FoundLine(TEXT, 0.98, np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], np.float32)))
    return np.asarray(page), lines


def count_letters(image: RGB) -> int:
    """Letters in lines of a page."""
    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
    return count_written_letters(grey, np.zeros(grey.shape, bool))


@pytest.mark.parametrize("scale", [1, 2])
def test_letters_outside_of_the_lines_that_were_read_are_counted(scale: int) -> None:
    """The share that is not read is that of the lines that were not found, at any resolution."""
    image, lines = drawn_page(scale)

    assert unread_share(image, PAGE, lines) == 0
    assert unread_share(image, PAGE, lines[: LINES // 2]) == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("slope", [0.01, -0.03, 0.05])
def test_lines_that_slope_or_bend_are_counted(slope: float) -> None:
    """Letters of a skewed page, and of lines that bend into a gutter, count as those of a straight one do."""
    image, lines = drawn_page()
    x, y = np.meshgrid(np.arange(600, dtype=np.float32), np.arange(500, dtype=np.float32))
    for dy in (slope * x, slope * np.maximum(0, x - 200) ** 2 / 200):
        moved = cv2.remap(image, x, y - dy.astype(np.float32), cv2.INTER_LINEAR, borderValue=(255,) * 3)
        bent = np.asarray(moved, np.uint8)
        assert unread_share(bent, PAGE, lines[:0]) == 1
        assert count_letters(bent) == pytest.approx(count_letters(image), rel=0.15)


def test_a_picture_is_no_unread_text() -> None:
    """Shapes of all sizes that stand in no rows count for nothing."""
    image, lines = drawn_page(count=LINES // 2)
    page = Image.fromarray(image)
    pen, noise = ImageDraw.Draw(page), np.random.default_rng(1)
    for x, y, size in noise.integers((0, 0, 3), (560, 260, 60), (150, 3)).tolist():
        pen.ellipse((x, 230 + y, x + size, 230 + y + size // 2), fill=(90, 90, 90))

    assert unread_share(np.asarray(page), PAGE, lines) < 0.03


def confident(*lines: tuple[float, float]) -> Sequence[FoundLine]:
    """Lines of some lengths and confidences."""
    return [
        FoundLine("a", confidence, np.array([(0, 0), (length, 0), (length, 10), (0, 10)], np.float32))
        for length, confidence in lines
    ]


def test_unsure_lines_count_by_their_length() -> None:
    """A short line that is read badly is little of a page; a page without lines has no doubt."""
    assert unsure_share(confident((300, 0.99), (100, 0.6))) == pytest.approx(0.25)
    assert unsure_share(confident((300, 0.99), (100, 0.95))) == 0
    assert unsure_share([]) == 0
