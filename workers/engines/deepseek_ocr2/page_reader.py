"""Pages and figures that a DeepSeek-OCR reads, whatever runs it: from its output to the text of a row."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from ocrmill.configs.engine_settings import DeepseekSettings
from ocrmill.model_adapter.prompts import FIGURE_PROMPT, asks_for_phrases
from ocrmill.model_adapter.tiling import ViewLayout, layout_of
from ocrmill.model_adapter.views import PageViews, cut_views
from ocrmill.pipeline.records import (
    RGB,
    EngineDescription,
    EngineDown,
    Failure,
    PageGeometry,
    PageText,
    Reason,
    RetryParams,
)
from ocrmill.workers.engines.deepseek_ocr2.markdown import to_markdown
from ocrmill.workers.engines.deepseek_ocr2.retry_policy import retry_policy
from ocrmill.workers.rendering.protocol import PageImage

CELLS = (128821, 128822)  # <td> and </td>: the authors let them repeat


@dataclass(slots=True)
class OutputSoFar:
    """The output of the model for a page so far."""

    text: str = ""
    prompt_tokens: int = 0
    output_tokens: int = 0
    finish_reason: str | None = None
    first_token: float | None = None  # Unix time


class DeepseekPageReader(ABC):
    """The half of an engine that is alike whatever runs the model; the other half writes (`_write`)."""

    def __init__(self, settings: DeepseekSettings) -> None:
        self._prompt = settings.prompt
        self._layout = layout_of(*settings.views)
        self._usual = _usual(settings)

    async def read(
        self, image: PageImage, geometry: PageGeometry, params: RetryParams | None = None
    ) -> PageText | Failure | EngineDown:
        """Read one page. It fails with EMPTY_OUTPUT if the model writes nothing."""
        assert isinstance(image, PageViews), "its settings have views"
        params = params or self._usual
        prompt = params.prompt or self._prompt
        written = await self._write(image, prompt, params)
        if not isinstance(written, OutputSoFar):
            return written
        return _page_text(written, geometry, prompt=prompt, layout=self._layout, num_tiles=len(image.tiles))

    async def read_figure(self, picture: RGB) -> PageText | Failure | EngineDown:
        """Read one picture by the model's figure prompt, under the n-gram rule of pages."""
        written = await self._write(cut_views(picture, self._layout), FIGURE_PROMPT, self._usual)
        return _figure_text(written) if isinstance(written, OutputSoFar) else written

    @abstractmethod
    async def _write(self, views: PageViews, prompt: str, params: RetryParams) -> OutputSoFar | Failure | EngineDown:
        """Let the model write, until it ends, reaches its limit or loops."""


def _usual(settings: DeepseekSettings) -> RetryParams:
    """Describe the first attempt in the words of those that may follow it."""
    return RetryParams(frozenset(), settings.ngram_size, settings.ngram_window)


def describe_deepseek(settings: DeepseekSettings, *, slots: int, gpus: int) -> EngineDescription:
    """Describe an engine of `slots` pages in flight that takes `gpus` and all cores of a machine without."""
    return EngineDescription(
        name=settings.engine,
        slots=slots,
        model=settings.model if settings.lora is None else f"{settings.model} with {settings.lora}",
        model_revision=settings.revision,
        prompt=settings.prompt,
        temperature=0.0,
        writes_markup=settings.prompt == "markdown",
        scripts=None,  # its tokenizer is of bytes and writes any; what it reads well is not known by script
        gpus=gpus,
        takes_all_cores=True,
        retry_policy=retry_policy(settings.prompt)[: settings.repairs],
        usual=_usual(settings),
    )


def _page_text(
    written: OutputSoFar, geometry: PageGeometry, *, prompt: str, layout: ViewLayout, num_tiles: int
) -> PageText | Failure:
    """Return the text of a page that was cut into so many tiles; EMPTY_OUTPUT if the model wrote nothing."""
    markdown, blocks = to_markdown(written.text, geometry, refs_are_text=asks_for_phrases(prompt))
    if not markdown.strip() and not blocks:
        return _nothing(written)
    tiling = layout.plan(geometry.width_px, geometry.height_px)
    if tiling.num_tiles != num_tiles:  # of an attempt with another number
        tiling = layout.with_max_tiles(num_tiles).plan(geometry.width_px, geometry.height_px)
    return PageText(
        markdown,
        raw=written.text,
        blocks=blocks,
        finish_reason=written.finish_reason,
        prompt_tokens=written.prompt_tokens,
        output_tokens=written.output_tokens,
        visual_tokens=layout.num_visual_tokens(tiling),
        tile_columns=tiling.columns,
        tile_rows=tiling.rows,
        first_token=written.first_token,
    )


def _figure_text(written: OutputSoFar) -> PageText | Failure:
    """Return the answer to the figure prompt as the model wrote it; EMPTY_OUTPUT if it wrote nothing."""
    if not written.text.strip():
        return _nothing(written)
    return PageText(written.text, finish_reason=written.finish_reason, output_tokens=written.output_tokens)


def _nothing(written: OutputSoFar) -> Failure:
    return Failure(Reason.EMPTY_OUTPUT, f"the model wrote nothing ({written.output_tokens} tokens)")
