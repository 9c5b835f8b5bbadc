"""Make the row of a page. Every row is made by one of these functions."""

from dataclasses import replace
from typing import Any

from ocrmill.configs.settings import QualitySettings
from ocrmill.pipeline.measures import AgreementMeasures
from ocrmill.pipeline.pages.routing import FOREIGN_SHARE
from ocrmill.pipeline.quality.agreement.doubts import flags_of, is_checked
from ocrmill.pipeline.quality.agreement.ocr_agreement import measure_agreement
from ocrmill.pipeline.quality.agreement.trigrams import text_layer_agreement
from ocrmill.pipeline.quality.attempts import find_defect
from ocrmill.pipeline.quality.empty_output import is_mostly_empty
from ocrmill.pipeline.quality.flags import LEAST_CONFIDENCE, UNSUPPORTED_SCRIPT, judge, signals
from ocrmill.pipeline.quality.repetition.measures import measure_repetition
from ocrmill.pipeline.quality.signals.doubts import INK_WITHOUT_TEXT, flags_of_text, has_unread_ink
from ocrmill.pipeline.quality.signals.text_signals import measure_signals
from ocrmill.pipeline.records import (
    Attempt,
    BlankPage,
    Document,
    FailedPage,
    Failure,
    Figure,
    PageResult,
    PageText,
    Reason,
    RenderedPage,
    Status,
    TextLayerPage,
)
from ocrmill.pipeline.rows import PageReading, PageRow

_MOST_LETTERS = 0.5
# An engine that writes a tenth of the characters wrong has 0.64 to 0.73 in common with the layer (trigrams.py).
_LEAST_AGREEMENT = 0.5


def finished_row(
    document: Document,
    page: BlankPage | TextLayerPage | FailedPage,
    quality: QualitySettings,
    figures: tuple[Figure, ...] | None = None,
) -> PageRow:
    """Make the row of a page that needs no engine: read from its text layer, blank, or failed."""
    if isinstance(page, FailedPage):
        return failed_row(document, page, page.reason, page.detail)
    if isinstance(page, BlankPage):
        return PageRow(**_place(document, page), status=Status.BLANK)
    kept = page.decision.reason == UNSUPPORTED_SCRIPT
    raised = signals(page.text, unsupported_script=kept)
    reading, flags = _judge(page, page.text, quality, raised, figures=figures)
    return PageRow(**_place(document, page), status=Status.TEXT_LAYER, content=reading, flags=flags)


def recognized_row(
    document: Document, page: RenderedPage, text: PageText, attempt: Attempt, quality: QualitySettings
) -> PageRow:
    """Make the row of a page that an engine has read, or failed to read because it cannot write its script."""
    if _is_foreign(page, text):
        reason = Reason.UNSUPPORTED_SCRIPT
        detail = (
            f"{page.unwritable_share:.0%} of the letters of its own text, which cannot be trusted or was not to be "
            f"taken, are of scripts that {attempt.engine} cannot write (confidence {text.confidence:.2f}): read it "
            "with another engine"
        )
        return failed_row(document, page, reason, detail, replace(attempt, reason=reason))
    agreement = None if page.layer_text is None else text_layer_agreement(text.markdown, page.layer_text)
    checked = (
        measure_agreement(text.markdown, text.blocks, page.layer_lines, page.geometry) if page.layer_lines else None
    )
    raised = signals(text, agreement=agreement, unsupported_script=page.unwritable_share >= FOREIGN_SHARE)
    reading, flags = _judge(page, text, quality, raised + page.flags, checked)
    return PageRow(
        **_place(document, replace(page, layer_lines=())),  # long, and of no use to a row that waits to be written
        status=Status.OK,
        content=replace(reading, text_layer_agreement=agreement),
        flags=flags,
        attempts=(attempt,),
        standing=attempt,
    )


def better_of_layer(document: Document, row: PageRow, quality: QualitySettings) -> PageRow:
    """Return the row of the engine, or that of the layer if the page has a good one and the engine did worse.

    It did worse if it failed, if its text has a defect, or if the text has too little in common with the layer. The
    row then names the attempts, and the defect as its reason; its route and flags still say what the text lacks.
    """
    page = row.page
    if not isinstance(page, RenderedPage) or page.kept is None:
        return row
    agreement = None if row.reading is None else row.reading.text_layer_agreement
    if find_defect(row) is None and (agreement is None or agreement >= _LEAST_AGREEMENT):
        return row
    layer = TextLayerPage(
        page.page_number,
        page.geometry,
        page.decision,
        page.features,
        page.renderer,
        page.detail,
        page.render_ms,
        text=page.kept,
    )
    kept = finished_row(document, layer, quality, page.kept_figures)
    return replace(kept, defect=find_defect(row), attempts=row.attempts)


def unrendered_row(document: Document, page_number: int, reason: Reason, detail: str) -> PageRow:
    """Make the row of a page that no renderer returned."""
    return failed_row(document, FailedPage(page_number, reason, detail), reason, detail)


def failed_row(document: Document, page: PageResult, reason: Reason, detail: str | None, *attempts: Attempt) -> PageRow:
    """Make the row of a page that could not be read."""
    return PageRow(
        **_place(document, page),
        status=Status.FAILED,
        content=Failure(reason, detail or reason),
        attempts=attempts,
        standing=attempts[-1] if attempts else None,
        flags=(INK_WITHOUT_TEXT,) if reason is Reason.EMPTY_OUTPUT and _shows_ink(page) else (),
    )


def _shows_ink(page: PageResult) -> bool:
    return not isinstance(page, FailedPage) and has_unread_ink(page.features)


def _is_foreign(page: RenderedPage, text: PageText) -> bool:
    """Tell if most of a page's own letters are of scripts that the engine cannot write, and it read with doubts.

    One that reads without doubts has shown that the layer's letters are wrong ones.
    """
    doubted = text.confidence is not None and text.confidence < LEAST_CONFIDENCE
    return doubted and page.unwritable_share > _MOST_LETTERS


def _place(document: Document, page: PageResult) -> dict[str, Any]:
    return {
        "document_id": document.document_id,
        "source": document.source.uri,
        "page_number": page.page_number,
        "page_count": document.page_count,
        "page": page,
    }


def _judge(
    page: TextLayerPage | RenderedPage,
    text: PageText,
    quality: QualitySettings,
    raised: tuple[str, ...],
    checked: AgreementMeasures | None = None,
    figures: tuple[Figure, ...] | None = None,
) -> tuple[PageReading, tuple[str, ...]]:
    """Measure a text; return it with its measures, and the flags of the page."""
    layer_text = page.layer_text if isinstance(page, RenderedPage) else None
    signs = measure_signals(text.markdown, layer_text, page.features, page.geometry)
    doubts = flags_of(checked, page.features) + flags_of_text(signs, is_checked=is_checked(checked))
    measures = measure_repetition(text.markdown)
    judgement = judge(
        measures,
        text_chars=len(text.markdown),
        finish_reason=text.finish_reason,
        settings=quality,
        is_mostly_empty=is_mostly_empty(text),
    )
    reading = PageReading(text, measures, signs, judgement.repetition_flag, agreement=checked, figures=figures)
    return reading, tuple(dict.fromkeys(judgement.flags + raised + doubts))
