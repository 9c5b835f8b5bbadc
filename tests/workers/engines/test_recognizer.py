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
from ocrmill.model_adapter.tiling import OCR2
from ocrmill.model_adapter.views import PageViews, cut_views
from ocrmill.pipeline.records import (
    RGB,
    Block,
    Document,
    EngineDescription,
    EngineDown,
    Failure,
    PageGeometry,
    PageText,
    Reason,
    RenderedPage,
    RetryParams,
    Route,
    RouteDecision,
    Source,
)
from ocrmill.pipeline.rows import PageRow
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
    row = read(
        page if max_tiles is None else cut_views(page, OCR2.with_max_tiles(max_tiles)),
        max_tiles=max_tiles,
        figures=True,
    )

    (figure,) = present(row.figures)
    assert (figure.name, figure.x0, figure.y1) == ("block-2.jpg", 306, 396)
    pixels = np.asarray(Image.open(io.BytesIO(figure.jpeg))).astype(int)
    assert pixels.shape == (396, 612, 3)
    assert np.abs(pixels[8:-8, 8:-8] - (0, 128, 0)).max() < 8
    assert row.text == TEXT


def test_no_picture_is_kept_unasked() -> None:
    """The column is null then."""
    assert read(page_with_picture(), max_tiles=None, figures=False).figures is None


class ParsingEngine(SeeingEngine):
    """Answers to a picture with what is given, and counts the pictures."""

    def __init__(self, answer: PageText | Failure | EngineDown | Exception) -> None:
        self.answer = answer
        self.pictures: list[RGB] = []

    async def read_figure(self, picture: RGB) -> PageText | Failure | EngineDown:
        self.pictures.append(picture)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def parse(engine: SeeingEngine, *, parse_figures: bool = True) -> PageRow | EngineDown:
    chosen = EngineSettings(name="deepseek-ocr2", deepseek_ocr2=DeepseekOcr2Settings(parse_figures=parse_figures))
    recognizer = Recognizer(engine, RunSettings(engine=chosen, output=OutputSettings(figures=True)))
    document = Document("d" * 64, Source("/a.pdf", "1", 1, "/a.pdf"), 1)
    page = RenderedPage(1, GEOMETRY, RouteDecision(Route.OCR, "no_text"))
    return asyncio.run(recognizer.read(document, page, cut_views(page_with_picture())))


@pytest.mark.parametrize(
    ("answer", "parsed", "parsed_as", "parsed_reason"),
    [
        (PageText("<table><tr><td>1</td></tr>"), "<table><tr><td>1</td></tr></table>", "table", None),
        (PageText("C1CCCC"), "C1CCCC", "smiles", "invalid"),
        (PageText("A boat", finish_reason="length"), "A boat", "text", "truncated"),
        (PageText("a a a", finish_reason="repetition"), "a a a", "text", "repetition"),
        (PageText("```\n```"), None, None, "empty_output"),
        (Failure(Reason.EMPTY_OUTPUT, "nothing"), None, None, "empty_output"),
        (ValueError("no such shape"), None, None, "engine_error"),
    ],
)
def test_a_picture_is_read_once_more(
    answer: PageText | Failure | Exception, parsed: str | None, parsed_as: str | None, parsed_reason: str | None
) -> None:
    """The picture alone goes to the engine; its answer stands beside it, with what is wrong with it."""
    engine = ParsingEngine(answer)
    row = instance(PageRow, parse(engine))

    (figure,) = present(row.figures)
    assert (figure.parsed, figure.parsed_as, figure.parsed_reason) == (parsed, parsed_as, parsed_reason)
    assert [picture.shape for picture in engine.pictures] == [(396, 612, 3)]
    assert row.text == TEXT


def test_an_engine_that_dies_over_a_picture_is_down() -> None:
    """The page is read again by another engine, as if it had died over the page."""
    assert parse(ParsingEngine(EngineDown("gone"))) == EngineDown("gone")


@pytest.mark.parametrize("engine", [SeeingEngine(), ParsingEngine(PageText("x"))])
def test_pictures_are_not_read_unasked(engine: SeeingEngine) -> None:
    """Without the setting, or by an engine that reads pages only, a picture is just kept."""
    row = instance(PageRow, parse(engine, parse_figures=not isinstance(engine, ParsingEngine)))

    assert [figure.parsed for figure in present(row.figures)] == [None]
