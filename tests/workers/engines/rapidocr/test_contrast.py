"""Faint print is read as print of full contrast is."""

import asyncio

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from ocrmill.configs.engine_settings import EngineSettings
from ocrmill.pipeline.records import RGB, PageGeometry, PageText
from ocrmill.workers.engines.rapidocr.contrast import with_contrast
from ocrmill.workers.engines.rapidocr.engine import CpuEngine

LINES = ["Received of the miller 48 sacks", "of flour, weighed on 17 March,", "paid in full by bearer: 1,352.60"]
PAGE = PageGeometry(300.0, 130.0, 0)


def page(ink: int, paper: int, noise: float = 0.0) -> RGB:
    """Three lines in these grey levels, at 144 dpi."""
    image = Image.new("RGB", (600, 260), (paper,) * 3)
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(30)
    for row, line in enumerate(LINES):
        pen.text((40, 30 + 70 * row), line, (ink,) * 3, font)
    dice = np.random.default_rng(1).normal(0, noise, (260, 600, 1))
    return (np.asarray(image, np.float32) + dice).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize(("ink", "paper"), [(210, 225), (235, 250), (30, 12)])
def test_faint_print_is_read(ink: int, paper: int) -> None:
    """Words and numbers come out whole with 15 grey levels between ink and paper, dark on light or light on dark."""
    answer = asyncio.run(CpuEngine(EngineSettings()).read(page(ink, paper, noise=1.0), PAGE))

    assert isinstance(answer, PageText)
    assert answer.markdown.split() == " ".join(LINES).split()


@pytest.mark.parametrize("image", [page(0, 255), page(120, 255), page(225, 225, noise=1.0)])
def test_what_is_not_faint_stays_as_it_is(image: RGB) -> None:
    """Print of common contrast is not touched, nor is paper without print, whose grain would become ink."""
    assert with_contrast(image) is image
