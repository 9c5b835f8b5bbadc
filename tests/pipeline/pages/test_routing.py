from dataclasses import replace

import pymupdf
import pytest
from real_pdfs import CASES, CORPUS, needs_cases, needs_corpus

from ocrmill.configs.settings import RoutingSettings
from ocrmill.pipeline.pages.inspection import inspect_page
from ocrmill.pipeline.pages.mupdf import displayed_geometry, render_thumbnail
from ocrmill.pipeline.pages.routing import decide, is_right_to_left, layer_can_check
from ocrmill.pipeline.records import PageFeatures, Route

AUTO = RoutingSettings()
FORCED = RoutingSettings(mode="ocr")

GOOD = PageFeatures(
    characters=1900,
    words=320,
    unmapped_share=0.0,
    control_share=0.0,
    private_use_share=0.0,
    vowelless_share=0.01,
    consonant_run_share=0.0,
    stopword_share=0.25,
    one_letter_share=0.03,
    vowel_share=0.39,
    script="latin",
    script_oddness=0.07,
    invisible_share=0.0,
    image_cover=0.0,
    ink_share=0.1,
    uncovered_ink_share=0.02,
    inkless_text_share=0.0,
)
NOTHING = replace(GOOD, characters=0, words=0, script="none", ink_share=0.0, uncovered_ink_share=0.0)


@pytest.mark.parametrize(
    ("features", "reason"),
    [
        (replace(GOOD, characters=0), "no_text"),
        (replace(GOOD, invisible_share=0.9), "invisible_text"),
        (replace(GOOD, inkless_text_share=0.5), "inkless_text"),
        (replace(GOOD, unmapped_share=0.03), "garbled"),
        (replace(GOOD, control_share=0.02), "garbled"),
        (replace(GOOD, private_use_share=0.02), "garbled"),
        (replace(GOOD, vowelless_share=0.2), "garbled"),
        (replace(GOOD, stopword_share=0.0, consonant_run_share=0.05), "garbled"),
        (replace(GOOD, stopword_share=0.0, vowel_share=0.2), "garbled"),
        (replace(GOOD, stopword_share=0.0, vowel_share=0.6), "garbled"),
        (replace(GOOD, stopword_share=0.0, one_letter_share=0.4), "garbled"),
        (replace(GOOD, script="cyrillic", script_oddness=0.3), "odd_script"),
        (replace(GOOD, uncovered_ink_share=0.7), "uncovered_ink"),
        (replace(GOOD, invisible_share=0.9, unmapped_share=0.5, uncovered_ink_share=1.0), "invisible_text"),
    ],
)
def test_each_doubt_sends_a_page_to_ocr_by_its_name(features: PageFeatures, reason: str) -> None:
    """One measurement past its threshold is enough, and the weightiest gives the reason."""
    decision = decide(features, AUTO)
    assert (Route.OCR, reason) == (decision.route, decision.reason)


@pytest.mark.parametrize(
    "features",
    [
        GOOD,
        replace(GOOD, stopword_share=0.0),
        replace(GOOD, words=79, stopword_share=0.0, consonant_run_share=0.5),
        replace(GOOD, words=3, vowelless_share=1.0),
        replace(GOOD, words=0, stopword_share=0.0, vowel_share=0.0, script="none"),
        replace(GOOD, script="han", stopword_share=0.0, vowel_share=0.1, vowelless_share=1.0, one_letter_share=0.9),
        replace(GOOD, image_cover=1.0),
    ],
)
def test_what_is_no_doubt(features: PageFeatures) -> None:
    """Prose, lists without stopwords, headings, numbers, other scripts and background pictures keep their layer."""
    decision = decide(features, AUTO)
    assert (Route.TEXT_LAYER, "good_text") == (decision.route, decision.reason)


@pytest.mark.parametrize("settings", [AUTO, FORCED])
def test_a_page_is_blank_when_nothing_is_seen(settings: RoutingSettings) -> None:
    """No ink and no text that shows; text nobody sees does not make a page worth reading."""
    assert Route.BLANK is decide(NOTHING, settings).route
    hidden = replace(NOTHING, characters=900, invisible_share=1.0)
    white = replace(NOTHING, characters=900, inkless_text_share=1.0)
    assert Route.BLANK is decide(hidden, settings).route is decide(white, settings).route
    assert Route.OCR is decide(replace(NOTHING, ink_share=0.0001), settings).route
    assert Route.BLANK is not decide(replace(NOTHING, characters=1), settings).route


def test_ocr_can_be_forced_on_all_that_is_not_blank() -> None:
    """A good layer is then read by the engine, and serves to check it."""
    assert "forced" == decide(GOOD, FORCED).reason
    assert layer_can_check(GOOD, FORCED)


@pytest.mark.parametrize(
    ("features", "can"),
    [
        (replace(GOOD, invisible_share=1.0, image_cover=1.0), True),
        (replace(GOOD, invisible_share=1.0, unmapped_share=0.2), False),
        (replace(GOOD, invisible_share=1.0, script_oddness=0.5), False),
        (replace(GOOD, invisible_share=1.0, uncovered_ink_share=0.7), False),
        (replace(GOOD, inkless_text_share=0.5), False),
        (replace(GOOD, characters=0), False),
    ],
)
def test_a_layer_checks_ocr_if_it_is_text_that_covers_what_is_seen(features: PageFeatures, can: bool) -> None:
    """The layer of a searchable scan does, a garbled, hidden or partial one does not."""
    assert can == layer_can_check(features, AUTO)


def test_scripts_that_run_from_right_to_left() -> None:
    """The script of most letters decides it."""
    assert is_right_to_left(replace(GOOD, script="arabic"))
    assert not is_right_to_left(GOOD)


def test_thresholds_are_settings() -> None:
    """Whoever trusts pictures less or layers more can say so."""
    assert "uncovered_ink" == decide(GOOD, RoutingSettings(max_uncovered_ink=0.01)).reason
    assert "good_text" == decide(replace(GOOD, uncovered_ink_share=0.9), RoutingSettings(max_uncovered_ink=0.95)).reason


@needs_corpus
@pytest.mark.parametrize(
    ("name", "number", "reason"),
    [
        ("2305.03393v1-pg9.pdf", 1, "good_text"),
        ("073439.pdf", 5, "good_text"),
        ("195981.pdf", 1, "uncovered_ink"),  # its first lines are a picture
        ("195981.pdf", 65, "good_text"),
        ("DeepSeek_OCR2_paper.pdf", 5, "good_text"),
        ("a1977-backus-p21.pdf", 1, "invisible_text"),
        ("clockwise_table_1.pdf", 1, "good_text"),
        ("dr-with-indirect-item.pdf", 1, "blank"),
        ("edgar-rotated90.pdf", 1, "good_text"),
        ("edgar_image.pdf", 1, "no_text"),
        ("form_dd0293.pdf", 2, "good_text"),
        ("handwriting_bad_ocr.pdf", 1, "invisible_text"),
        ("issue-336-example.pdf", 1, "good_text"),
        ("issue-461-example.pdf", 1, "good_text"),
        ("issue-463-example.pdf", 3, "good_text"),
        ("issue11878_reduced.pdf", 1, "no_text"),
        ("linn.pdf", 1, "no_text"),
        ("no_contents.pdf", 1, "blank"),
        ("normal_4pages.pdf", 1, "good_text"),
        ("olmo-page-1.pdf", 1, "garbled"),
        ("right_to_left_01.pdf", 1, "good_text"),
        ("right_to_left_02.pdf", 1, "odd_script"),
        ("test_241.pdf", 41, "good_text"),
        ("tracemonkey.pdf", 13, "good_text"),  # half of it plots
    ],
)
def test_real_pages_go_where_a_reader_would_send_them(name: str, number: int, reason: str) -> None:
    """Bad layers are caught; scans, blanks, turned, Chinese, Korean and repaired pages go where they belong."""
    page = pymupdf.open(CORPUS / name)[number - 1]
    features = inspect_page(page, render_thumbnail(page, displayed_geometry(page)))
    decision = decide(features, AUTO)
    pymupdf.TOOLS.reset_mupdf_warnings()
    assert reason == decision.reason
    if decision.route is Route.OCR:
        assert layer_can_check(features, AUTO) == (name == "a1977-backus-p21.pdf")


@needs_cases
def test_codes_of_a_font_without_names_are_garbled() -> None:
    """The reported page, whose Type 3 font names its letters a33, a34 ..., is sent to OCR."""
    (path,) = (CASES / "pages").glob("17-*.pdf")
    with pymupdf.open(path) as document:
        geometry = displayed_geometry(document[0])
        decision = decide(inspect_page(document[0], render_thumbnail(document[0], geometry)), AUTO, geometry)

    assert (decision.route, decision.reason) == (Route.OCR, "garbled")
