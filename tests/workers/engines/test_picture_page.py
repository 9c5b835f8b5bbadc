"""A page on which an engine wrote nothing is blank if it shows only a picture; a page of text never is."""

import asyncio
from collections.abc import Callable
from functools import cache
from pathlib import Path

import duckdb
import numpy as np
import pymupdf
import pytest
from fake_engine import FakeEngine
from forks import ocrmill
from made_rows import rendered_page
from narrowed import instance
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from ocrmill.configs.engine_settings import CpuEngineSettings, DeepseekOcr2Settings, EngineSettings
from ocrmill.configs.settings import RunSettings
from ocrmill.model_adapter.tiling import OCR2
from ocrmill.model_adapter.views import cut_views
from ocrmill.pipeline.quality.attempts import settled
from ocrmill.pipeline.records import (
    RGB,
    Document,
    EngineDescription,
    Failure,
    PageFeatures,
    PageGeometry,
    PageText,
    Reason,
    RenderedPage,
    RetryParams,
    Source,
    Status,
)
from ocrmill.pipeline.rows import PageRow
from ocrmill.workers.engines.deepseek_ocr2.retry_policy import RETRY_POLICY
from ocrmill.workers.engines.picture_page import PicturePages, looks_like_picture
from ocrmill.workers.engines.recognizer import Recognizer
from ocrmill.workers.rendering.protocol import PageImage

ROOT = Path(__file__).parents[3]
WIDTH, HEIGHT = 1224, 1584  # Letter at 144 dpi
DOCUMENT = Document("d" * 64, Source("/a.pdf", "1", 1, "/a.pdf"), 1)


class SilentEngine(FakeEngine):
    """Never writes anything, however it is asked; gives up with a `Failure` or comes back with nothing."""

    def __init__(self, *, gives_up: bool) -> None:
        self._gives_up = gives_up

    def describe(self) -> EngineDescription:
        return EngineDescription("silent", 1, retry_policy=RETRY_POLICY)

    async def read(
        self, image: PageImage, geometry: PageGeometry, _params: RetryParams | None = None
    ) -> PageText | Failure:
        if self._gives_up:
            return Failure(Reason.EMPTY_OUTPUT, "the model wrote nothing")
        return PageText("")


def photograph(width: int, height: int) -> Image.Image:
    """Draw what has the statistics of a landscape: noise whose amplitude falls with frequency, in three colours."""
    return Image.fromarray(landscape(width, height))


@cache
def landscape(width: int, height: int) -> RGB:
    dice = np.random.default_rng(7)
    frequencies = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None, :])
    frequencies[0, 0] = 1
    waves = np.fft.fft2(dice.standard_normal((height, width))) / frequencies**1.2
    grey = np.fft.ifft2(waves).real
    grey = 128 + 50 * (grey - grey.mean()) / grey.std()
    colours = np.stack([grey + 20, grey, grey - 15], axis=2)
    return colours.clip(0, 255).astype(np.uint8)


def paper() -> Image.Image:
    return Image.new("RGB", (WIDTH, HEIGHT), "white")


def with_picture(page: Image.Image) -> Image.Image:
    page.paste(photograph(700, 525), (112, 300))
    return page


def with_words(page: Image.Image, at: tuple[int, int], words: str, size: int, colour: str = "black") -> Image.Image:
    ImageDraw.Draw(page).text(at, words, fill=colour, font=ImageFont.load_default(size))
    return page


LINES = "\n".join(f"{number}. The keeper of the harbour writes down each ship that comes in." for number in range(40))
SMALL = "The small print below the picture says who took it and when."
# Pages that say something, little of it or hard to see; no engine may lose one in silence.
TEXT_PAGES: dict[str, Callable[[], Image.Image]] = {
    "a lone page number of 8 pt": lambda: with_words(paper(), (590, 1520), "Page 7", 16),
    "a page number below a picture": lambda: with_words(with_picture(paper()), (590, 1520), "7", 16),
    "a caption below a picture": lambda: with_words(with_picture(paper()), (120, 850), SMALL, 20),
    "a caption that touches a picture": lambda: with_words(with_picture(paper()), (120, 827), SMALL, 20),
    "a date in a photograph": lambda: with_words(photograph(WIDTH, HEIGHT), (900, 1500), "12.05.1998", 32, "orange"),
    "words over a photograph": lambda: with_words(
        photograph(WIDTH, HEIGHT), (100, 700), "Harbour Festival", 90, "white"
    ),
    "a page of text": lambda: with_words(paper(), (100, 100), LINES, 24),
    "faint text": lambda: with_words(paper(), (100, 100), LINES, 24, "#b8b8b8"),
    "out of focus": lambda: with_words(paper(), (100, 100), LINES, 24).filter(ImageFilter.GaussianBlur(7)),
    "out of focus and turned": lambda: (
        with_words(paper(), (100, 100), LINES, 24).rotate(5, fillcolor="white").filter(ImageFilter.GaussianBlur(6))
    ),
    "one faint line": lambda: with_words(paper(), (100, 700), SMALL, 24, "#b8b8b8"),
    "a title that fills the page": lambda: with_words(paper(), (100, 500), "STOP", 400),
}


def read(image: RGB, page: RenderedPage, *, gives_up: bool = True, max_tiles: int | None = None) -> PageRow:
    """Have the silent engine asked in each of its ways."""
    engine = EngineSettings(
        name="cpu" if max_tiles is None else "deepseek-ocr2",
        deepseek_ocr2=DeepseekOcr2Settings(max_tiles=max_tiles or 0),
    )
    recognizer = Recognizer(SilentEngine(gives_up=gives_up), RunSettings(engine=engine))
    given = image if max_tiles is None else cut_views(image, OCR2.with_max_tiles(max_tiles))

    async def attempts() -> list[PageRow]:
        return [instance(PageRow, await recognizer.read(DOCUMENT, page, given, way)) for way in (None, *RETRY_POLICY)]

    return settled(asyncio.run(attempts()))


@pytest.mark.parametrize(
    ("page", "max_tiles", "gives_up"),
    [  # each two of the three in all their ways
        (lambda: photograph(WIDTH, HEIGHT), None, True),
        (lambda: photograph(WIDTH, HEIGHT), 6, False),
        (lambda: with_picture(paper()), None, False),
        (lambda: with_picture(paper()), 6, True),
    ],
    ids=["full", "full in views", "on paper", "on paper in views"],
)
def test_a_photograph_without_text_is_blank(
    page: Callable[[], Image.Image], max_tiles: int | None, *, gives_up: bool
) -> None:
    """A photograph fills the page or stands on paper; the engine gives up or writes nothing; the row says why."""
    row = read(np.asarray(page()), rendered_page(), gives_up=gives_up, max_tiles=max_tiles)

    assert (row.status, row.reason) == (Status.BLANK, Reason.PICTURE_ONLY)
    assert [attempt.reason for attempt in row.attempts] == [Reason.EMPTY_OUTPUT] * 4


@pytest.mark.parametrize("name", TEXT_PAGES)
def test_a_page_of_text_is_never_blank(name: str) -> None:
    """With an engine that writes nothing it fails, and is found by `retry --failed`."""
    row = read(np.asarray(TEXT_PAGES[name]()), rendered_page())

    assert (row.status, row.reason) == (Status.FAILED, Reason.EMPTY_OUTPUT)


def test_no_sample_page_is_blank() -> None:
    """Every page of the samples with a letter on it fails, scans too, where the engine writes nothing."""
    judge = PicturePages(CpuEngineSettings())
    seen = 0
    for path in sorted((ROOT / "samples").glob("*.pdf")):
        document = pymupdf.open(path)
        if document.needs_pass:
            continue
        for page in list(document)[:4]:
            raster = page.get_pixmap(dpi=144)
            image = np.frombuffer(raster.samples, np.uint8).reshape(raster.height, raster.width, raster.n)[:, :, :3]
            if (image < 128).any():
                seen += 1
                assert not judge.shows_only_picture(image), f"{path.name}, page {page.number + 1}"
    assert seen >= 5


def test_a_page_with_a_layer_of_its_own_stays_failed() -> None:
    """Letters that the PDF has, be they garbage, are letters that somebody may want to read."""
    features = PageFeatures(9, 1, 0, 0, 0, 0, 0, 0, 0, 0, "none", 0, 0, 0, 0, 0, 0)
    row = read(np.asarray(photograph(WIDTH, HEIGHT)), rendered_page(features=features))

    assert (row.status, row.reason) == (Status.FAILED, Reason.EMPTY_OUTPUT)


def test_small_images_are_left_to_the_engine() -> None:
    """An image of fewer than ten cells may be a word that was cut out."""
    assert not looks_like_picture(np.asarray(photograph(150, 400)))


def test_a_folder_of_photographs_ends_well(tmp_path: Path) -> None:
    """Exit code 0: nothing failed, and the rows say that these pages show only pictures."""
    (tmp_path / "in").mkdir()
    photograph(900, 700).save(tmp_path / "in" / "a.jpg", quality=90, dpi=(144, 144))
    with_picture(paper()).save(tmp_path / "in" / "b.pdf", resolution=144)
    done = ocrmill("run", tmp_path / "in", "--out", tmp_path / "out", "--no-ray", "--engine", "cpu")

    assert done.returncode == 0, done.stdout + done.stderr
    rows = duckdb.sql(f"select status, reason, markdown from '{tmp_path}/out/pages/*.parquet'").fetchall()
    assert rows == [("blank", "picture_only", "")] * 2
