"""How a page becomes a row. Every page leaves through exactly one of these functions."""

from typing import Any

from configs.settings import QualitySettings
from pipeline.agreement import text_layer_agreement
from pipeline.empty_output import is_mostly_empty
from pipeline.quality import judge
from pipeline.records import Attempt, Document, Figure, PageRow, PageText, Reason, RenderedPage, Status
from pipeline.repetition import measure_repetition


def finished_row(
    document: Document, page: RenderedPage, quality: QualitySettings, figures: tuple[Figure, ...] | None = None
) -> PageRow:
    """The row of a page that needs no engine: read from its text layer, blank, or failed."""
    if page.reason is not None:
        return failed_row(document, page, page.reason, page.detail)
    if page.text is None:
        return PageRow(**_place(document, page), status=Status.BLANK)
    return PageRow(**_place(document, page), status=Status.TEXT_LAYER, figures=figures, **_read(page.text, quality))


def recognized_row(
    document: Document, page: RenderedPage, text: PageText, attempt: Attempt, quality: QualitySettings
) -> PageRow:
    """The row of a page that an engine has read."""
    agreement = None if page.layer_text is None else text_layer_agreement(text.markdown, page.layer_text)
    return PageRow(
        **_place(document, page),
        status=Status.OK,
        engine=attempt.engine,
        prompt=attempt.prompt,
        engine_ms=attempt.seconds * 1000,
        attempts=(attempt,),
        text_layer_agreement=agreement,
        **_read(text, quality),
    )


def failed_row(
    document: Document, page: RenderedPage, reason: Reason, detail: str | None, *attempts: Attempt
) -> PageRow:
    """The row of a page that could not be read."""
    return PageRow(
        **_place(document, page),
        status=Status.FAILED,
        reason=reason,
        detail=detail or reason,
        engine=attempts[-1].engine if attempts else None,
        prompt=attempts[-1].prompt if attempts else None,
        engine_ms=sum(attempt.seconds for attempt in attempts) * 1000 if attempts else None,
        attempts=attempts,
    )


def _place(document: Document, page: RenderedPage) -> dict[str, Any]:
    return {
        "document_id": document.document_id,
        "source": document.source.uri,
        "page_number": page.page_number,
        "page_count": document.page_count,
        "rendered": page,
    }


def _read(text: PageText, quality: QualitySettings) -> dict[str, Any]:
    measures = measure_repetition(text.markdown)
    judgement = judge(
        measures,
        text_chars=len(text.markdown),
        finish_reason=text.finish_reason,
        settings=quality,
        is_mostly_empty=is_mostly_empty(text),
    )
    return {
        "text": text,
        "measures": measures,
        "repetition_flag": judgement.repetition_flag,
        "flags": judgement.flags,
    }
