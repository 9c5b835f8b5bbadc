"""An engine's page becomes a row, with its pictures where they are kept."""

import asyncio
import io

import numpy as np
import pytest
from fake_engine import FakeEngine
from narrowed import instance, present
from PIL import Image

from ocrmill.configs.engine_settings import DeepseekOcr2Settings, EngineSettings
from ocrmill.configs.settings import OutputSettings, RunSettings
from ocrmill.model_adapter.views import PageViews, cut_views
from ocrmill.pipeline.records import (
    RGB,
    Block,
    Document,
    EngineDescription,
    PageGeometry,
    PageRow,
    PageText,
    RenderedPage,
    RetryParams,
    Route,
    RouteDecision,
    Source,
)
from ocrmill.workers.engines.recognizer import Recognizer
from ocrmill.workers.rendering.protocol import PageImage

GEOMETRY = PageGeometry(width_pt=612, height_pt=792, rotation=0, width_px=1224, height_px=1584, dpi=144)
TEXT = PageText(
    "Above the picture.",
    blocks=(Block("text", 0, 0, 612, 90, 0, 18), Block("picture", 306, 198, 612, 396, 18, 18)),
)


class SeeingEngine(FakeEngine):
    """Says that there is a picture on every page: the second quarter from above, of its right half."""

    def describe(self) -> EngineDescription:
        return EngineDescription("seeing", 1)

    async def read(self, image: PageImage, geometry: PageGeometry, _params: RetryParams | None) -> PageText:
        return TEXT


def page_with_picture() -> RGB:
    page = np.full((1584, 1224, 3), 255, np.uint8)
    page[396:792, 612:] = (0, 128, 0)
    return page


def read(image: RGB | PageViews, *, max_tiles: int | None, figures: bool) -> PageRow:
    name = "cpu" if max_tiles is None else "deepseek-ocr2"
    engine = EngineSettings(name=name, deepseek_ocr2=DeepseekOcr2Settings(max_tiles=max_tiles or 0))
    recognizer = Recognizer(SeeingEngine(), RunSettings(engine=engine, output=OutputSettings(figures=figures)))
    document = Document("d" * 64, Source("/a.pdf", "1", 1, "/a.pdf"), 1)
    page = RenderedPage(1, GEOMETRY, RouteDecision(Route.OCR, "no_text"))
    return instance(PageRow, asyncio.run(recognizer.read(document, page, image)))


@pytest.mark.parametrize("max_tiles", [None, 0, 6])
def test_a_picture_is_cut_from_what_the_engine_saw(max_tiles: int | None) -> None:
    """From the page image, from tiles that stretch it or from the global view: as large as on the page."""
    page = page_with_picture()
    row = read(page if max_tiles is None else cut_views(page, max_tiles), max_tiles=max_tiles, figures=True)

    (figure,) = present(row.figures)
    assert (figure.name, figure.x0, figure.y1) == ("block-2.jpg", 306, 396)
    pixels = np.asarray(Image.open(io.BytesIO(figure.jpeg))).astype(int)
    assert pixels.shape == (396, 612, 3)
    assert np.abs(pixels[8:-8, 8:-8] - (0, 128, 0)).max() < 8
    assert row.text == TEXT


def test_no_picture_is_kept_unasked() -> None:
    """The column is null then."""
    assert read(page_with_picture(), max_tiles=None, figures=False).figures is None
