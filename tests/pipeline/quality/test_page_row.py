"""A good layer stands on a page that an engine was asked to read better and read worse."""

from dataclasses import replace

import pytest
from narrowed import present

from ocrmill.configs.settings import QualitySettings
from ocrmill.pipeline.measures import LayerLine
from ocrmill.pipeline.quality.page_row import better_of_layer, failed_row, recognized_row
from ocrmill.pipeline.records import (
    Attempt,
    Document,
    FailedPage,
    Figure,
    PageGeometry,
    PageText,
    Reason,
    RenderedPage,
    Route,
    RouteDecision,
    Source,
    Status,
)

LAYER = "The miller never worked by the sun, for high water comes fifty minutes later every day: v = a / t."
QUALITY = QualitySettings()
DOCUMENT = Document("0" * 64, Source("/mill.pdf", "1", 9, "/mill.pdf"), 1)
ATTEMPT = Attempt("deepseek-ocr2", 1.5)
PAGE = RenderedPage(
    1,
    PageGeometry(595, 842, 0),
    RouteDecision(Route.OCR, "formulas"),
    layer_text=LAYER,
    kept=PageText(LAYER, notes=("formula_as_text",)),
)


def test_the_engine_stands_where_it_reads_the_same_words() -> None:
    """A formula as LaTeX is what the page was sent for."""
    row = recognized_row(
        DOCUMENT, PAGE, PageText(LAYER.replace("v = a / t", r"\\(v = \\frac{a}{t}\\)")), ATTEMPT, QUALITY
    )
    assert better_of_layer(DOCUMENT, row, QUALITY) is row


@pytest.mark.parametrize(
    ("read", "reason"),
    [
        (PageText("Something that is nowhere on this page, and not much of it."), None),
        (PageText(LAYER, finish_reason="length"), Reason.TRUNCATED),
        (None, Reason.ENGINE_TIMEOUT),
    ],
)
def test_the_layer_stands_where_the_engine_did_worse(read: PageText | None, reason: Reason | None) -> None:
    """Other words, a cut-off text and a failure leave the layer, with the attempt, its reason and the layer's flag."""
    if read is None:
        row = failed_row(DOCUMENT, PAGE, Reason.ENGINE_TIMEOUT, "no answer", ATTEMPT)
    else:
        row = recognized_row(DOCUMENT, PAGE, read, ATTEMPT, QUALITY)
    kept = better_of_layer(DOCUMENT, row, QUALITY)
    assert (kept.status, kept.reason, kept.flags) == (Status.TEXT_LAYER, reason, ("formula_as_text",))
    assert kept.text is not None
    assert not isinstance(kept.page, FailedPage)
    assert (kept.text.markdown, kept.attempts, kept.page.decision) == (LAYER, row.attempts, PAGE.decision)


def test_an_engines_text_is_measured_against_the_lines_of_the_page() -> None:
    """The row has the measures, and not the lines; a page without lines has no measures."""
    page = replace(PAGE, layer_lines=(LayerLine(LAYER, 80, 100, 500, 112),))
    row = recognized_row(DOCUMENT, page, PageText(LAYER.replace("comes fifty minutes ", "")), ATTEMPT, QUALITY)
    agreement = present(present(row.reading).agreement)
    assert (agreement.agreement_missing > 0.1, agreement.agreement_invented) == (True, 0)
    assert isinstance(row.page, RenderedPage)
    assert row.page.layer_lines == ()
    assert present(recognized_row(DOCUMENT, PAGE, PageText(LAYER), ATTEMPT, QUALITY).reading).agreement is None


def test_a_page_without_a_good_layer_keeps_the_engine() -> None:
    """A failure without a layer stays a failure."""
    row = failed_row(DOCUMENT, replace(PAGE, kept=None), Reason.ENGINE_TIMEOUT, "no answer", ATTEMPT)
    assert better_of_layer(DOCUMENT, row, QUALITY) is row


def test_a_layer_that_stands_has_its_pictures() -> None:
    """Pictures cut for a kept layer come with it, as they do on a page that no engine was asked for."""
    figure = Figure("block-1.jpg", 0, 0, 10, 10, b"jpeg")
    row = failed_row(DOCUMENT, replace(PAGE, kept_figures=(figure,)), Reason.ENGINE_TIMEOUT, "no answer", ATTEMPT)
    assert better_of_layer(DOCUMENT, row, QUALITY).figures == (figure,)
    assert better_of_layer(DOCUMENT, replace(row, page=PAGE), QUALITY).figures is None


def test_a_page_has_its_own_flags_whoever_reads_it() -> None:
    """The cover of a portfolio is flagged if an engine reads it, too, and once."""
    cover = replace(PAGE, flags=("portfolio_cover",), kept=None)
    assert recognized_row(DOCUMENT, cover, PageText(LAYER), ATTEMPT, QUALITY).flags == ("portfolio_cover",)
