"""An engine, and the row made of its answer: a page image goes in, a finished row comes out."""

import asyncio
import time
from dataclasses import replace

from ocrmill.configs.settings import RunSettings
from ocrmill.model_adapter.tiling import layout_of
from ocrmill.model_adapter.views import PageViews, page_of
from ocrmill.pipeline.quality.attempts import find_defect
from ocrmill.pipeline.quality.empty_output import is_empty
from ocrmill.pipeline.quality.page_row import failed_row, recognized_row
from ocrmill.pipeline.records import (
    RGB,
    Attempt,
    Document,
    EngineDown,
    Failure,
    Figure,
    PageGeometry,
    PageText,
    Reason,
    RenderedPage,
    RetryParams,
    Work,
)
from ocrmill.pipeline.rows import PageRow, PictureOnly
from ocrmill.pipeline.text.figures import cut_figures, has_pictures
from ocrmill.workers.engines.engine import Engine, FigureReader
from ocrmill.workers.engines.parse_figures import parse_figures
from ocrmill.workers.engines.picture_page import PicturePages
from ocrmill.workers.rendering.encoded_page import EncodedPage
from ocrmill.workers.rendering.protocol import PageImage


class Recognizer:
    """Reads page images with one engine."""

    def __init__(self, engine: Engine, settings: RunSettings) -> None:
        self._engine = engine
        self._description = engine.describe()
        self._quality = settings.quality
        self._keeps_figures = settings.output.figures
        deepseek = settings.engine.deepseek
        self._parses_figures = deepseek is not None and deepseek.parse_figures
        self._layout = None if deepseek is None else layout_of(*deepseek.views)
        self._rungs = settings.engine.tries.rungs
        self._name_of_prompt = settings.engine.name_of_prompt
        self._pictures = PicturePages(settings.engine.cpu)

    async def start(self, memory: float = 1.0) -> None:
        """Call `Engine.start`."""
        await self._engine.start(memory)

    def idle_s(self) -> float:
        """Call `Engine.idle_s`."""
        return self._engine.idle_s()

    async def close(self) -> None:
        """Call `Engine.close`."""
        await self._engine.close()

    async def read(
        self, document: Document, page: RenderedPage, image: PageImage, params: RetryParams | None = None
    ) -> PageRow | EngineDown:
        """Read one page image; an engine's failure is a row with its reason, its death is `EngineDown`."""
        began, started = time.time(), time.perf_counter()
        try:
            text = await self._engine.read(image, page.geometry, self._asked(page, params))
        except Exception as error:  # noqa: BLE001 - whatever an engine raises concerns this page only
            text = Failure(Reason.ENGINE_ERROR, f"{type(error).__name__}: {error}")
        if isinstance(text, EngineDown):
            return text
        work = Work.since(began, text.first_token if isinstance(text, PageText) else None)
        attempt = replace(self._make_attempt(started, params, page), work=work, sent=page.sent)
        if isinstance(text, Failure):
            row = failed_row(document, page, text.reason, text.detail, replace(attempt, reason=text.reason))
            return await self._mark_picture(row, page, image, params)
        attempt = replace(attempt, finish_reason=text.finish_reason, output_tokens=text.output_tokens)
        row = recognized_row(document, page, text, attempt, self._quality)
        if is_empty(text):
            detail = f"the engine wrote no text: {len(text.blocks)} boxes, {len(text.markdown)} characters of markup"
            reason = find_defect(row) or Reason.EMPTY_OUTPUT
            row = failed_row(document, page, reason, detail, replace(attempt, reason=reason))
            return await self._mark_picture(row, page, image, params)
        if not self._keeps_figures or row.reading is None:
            return row
        figures = self._cut_figures(image, text, page)
        if self._parses_figures and isinstance(self._engine, FigureReader) and find_defect(row) is None:
            parsed = await parse_figures(self._engine, figures)
            if isinstance(parsed, EngineDown):
                return parsed
            figures = parsed
        return replace(row, content=replace(row.reading, figures=figures))

    async def _mark_picture(
        self, row: PageRow, page: RenderedPage, image: PageImage, params: RetryParams | None
    ) -> PageRow:
        """Mark a page without a text layer that the engine wrote nothing on, if it shows only a picture."""
        failure = row.content
        if not isinstance(failure, Failure) or failure.reason is not Reason.EMPTY_OUTPUT:
            return row
        has_layer = page.layer_text is not None or (page.features is not None and page.features.characters > 0)
        if params is not None or page.rung is not None or has_layer:
            return row
        shows = await asyncio.get_running_loop().run_in_executor(None, self._shows_only_picture, image, page.geometry)
        return replace(row, content=PictureOnly(failure.reason, failure.detail)) if shows else row

    def _shows_only_picture(self, image: PageImage, geometry: PageGeometry) -> bool:
        return self._pictures.shows_only_picture(self._whole_image(image, geometry))

    def _cut_figures(self, image: PageImage, text: PageText, page: RenderedPage) -> tuple[Figure, ...]:
        if not has_pictures(text.blocks):
            return ()
        tiles = None if page.rung is None else self._rungs[page.rung].max_tiles
        return cut_figures(self._whole_image(image, page.geometry, tiles), text.blocks, page.geometry)

    def _whole_image(self, image: PageImage, geometry: PageGeometry, max_tiles: int | None = None) -> RGB:
        if isinstance(image, EncodedPage):
            return image.pixels()
        if not isinstance(image, PageViews):
            return image
        assert self._layout is not None
        layout = self._layout if max_tiles is None else self._layout.with_max_tiles(max_tiles)
        return page_of(image, geometry.width_px, geometry.height_px, layout)

    def _asked(self, page: RenderedPage, params: RetryParams | None) -> RetryParams | None:
        """Return the decoding settings of an attempt, with the page's own prompt if it has one."""
        usual = self._description.usual
        if page.prompt is None or usual is None:
            return params
        asked = params or usual
        return asked if asked.prompt is not None else replace(asked, prompt=page.prompt)

    def _make_attempt(self, started: float, params: RetryParams | None, page: RenderedPage) -> Attempt:
        engine = self._description
        is_own = page.prompt is not None and engine.usual is not None
        attempt = Attempt(
            engine.name,
            time.perf_counter() - started,
            prompt=self._name_of_prompt(page.prompt) if is_own else engine.prompt,
            temperature=engine.temperature,
            tried=None if page.rung is None else self._rungs[page.rung].describe(),
        )
        if params is None:
            return attempt
        return replace(attempt, prompt=params.prompt or attempt.prompt, temperature=params.temperature)
