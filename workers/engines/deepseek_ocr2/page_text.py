"""The output of a DeepSeek-OCR for a page, as the text of its row."""

from dataclasses import dataclass

from ocrmill.model_adapter.prompts import asks_for_phrases
from ocrmill.model_adapter.tiling import ViewLayout
from ocrmill.pipeline.records import Failure, PageGeometry, PageText, Reason
from ocrmill.workers.engines.deepseek_ocr2.markdown import to_markdown

CELLS = (128821, 128822)  # <td> and </td>: the authors let them repeat


@dataclass(slots=True)
class OutputSoFar:
    """The output of the model for a page so far."""

    text: str = ""
    prompt_tokens: int = 0
    output_tokens: int = 0
    finish_reason: str | None = None


def page_text(
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
    )


def figure_text(written: OutputSoFar) -> PageText | Failure:
    """Return the answer to the figure prompt as the model wrote it; EMPTY_OUTPUT if it wrote nothing."""
    if not written.text.strip():
        return _nothing(written)
    return PageText(written.text, finish_reason=written.finish_reason, output_tokens=written.output_tokens)


def _nothing(written: OutputSoFar) -> Failure:
    return Failure(Reason.EMPTY_OUTPUT, f"the model wrote nothing ({written.output_tokens} tokens)")
