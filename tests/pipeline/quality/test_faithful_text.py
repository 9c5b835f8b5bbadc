"""A page is read again in a plainer way if reading it in full loses words or fails."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pymupdf
import pytest

from ocrmill.pipeline.quality import faithful_text
from ocrmill.pipeline.quality.faithful_text import read_faithfully
from ocrmill.pipeline.records import PageText
from ocrmill.pipeline.text import text_layer
from ocrmill.pipeline.text.reading_order import Box
from ocrmill.pipeline.text.text_layer import Manner, read_text_layer

WORDS = "The miller never worked by the sun, for high water comes about fifty minutes later every day."


@pytest.fixture
def document() -> Iterator[pymupdf.Document]:
    with pymupdf.open() as made:
        made.new_page().insert_textbox((72, 72, 540, 300), WORDS, fontsize=11)
        yield made


def with_full_reading(monkeypatch: pytest.MonkeyPatch, spoil: Any) -> None:
    """Let the full way of reading be spoilt."""

    def read(*given: Any, manner: Manner, **settings: Any) -> PageText:
        text = read_text_layer(*given, manner=manner, **settings)
        return spoil(text) if manner is Manner.FULL else text

    monkeypatch.setattr(faithful_text, "read_text_layer", read)


def test_a_faithful_page_is_kept(document: pymupdf.Document) -> None:
    """A page with all its words has no flag."""
    text = read_faithfully(document, 0, right_to_left=False)

    assert (text.markdown, text.notes) == (WORDS, ())


def test_a_page_that_loses_words_is_written_more_plainly(
    document: pymupdf.Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plainer Markdown has all words, and says that it is plainer."""
    with_full_reading(monkeypatch, lambda text: replace(text, markdown="The miller", blocks=()))
    text = read_faithfully(document, 0, right_to_left=False)

    assert (text.markdown, text.notes) == (WORDS, ("table_uncertain",))
    assert text.fidelity is not None
    assert text.fidelity.recall == 1


def test_a_page_whose_paths_cannot_be_read_keeps_its_words(
    document: pymupdf.Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Damage to tables or images costs no word."""

    def fail(_: PageText) -> PageText:
        raise RuntimeError("too many color components")

    with_full_reading(monkeypatch, fail)

    assert read_faithfully(document, 0, right_to_left=False).markdown == WORDS


def test_words_that_mupdf_joins_are_measured_as_they_are_read(
    document: pymupdf.Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blanks that MuPDF takes for none lower no score, lost words do all the same."""
    joined = [("".join(WORDS.split()), Box(72, 72, 540, 90))]
    monkeypatch.setattr(faithful_text, "visible_words", lambda *_: joined)
    text = read_faithfully(document, 0, right_to_left=False)
    assert text.fidelity is not None
    assert (text.fidelity.recall, text.fidelity.precision, text.notes) == (1, 1, ())

    monkeypatch.setattr(
        faithful_text, "read_text_layer", lambda *_, **__: replace(text, markdown="The miller", blocks=())
    )
    lossy = read_faithfully(document, 0, right_to_left=False).fidelity
    assert lossy is not None
    assert lossy.recall < 0.2


def test_fast_asks_no_layout_model_and_keeps_words_and_flags(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page of formulas is read as paragraphs with all its words, measured and flagged as with the model."""
    with pymupdf.open() as document:
        page = document.new_page()
        for number, y in enumerate((100, 160)):
            page.insert_text((60, y), f"The sums of mill {number} follow:")
            page.insert_text((100, y + 30), "v =")
            page.insert_text((125, y + 22), "a + b")
            page.insert_text((135, y + 38), "t")
            page.draw_line((123, y + 26), (153, y + 26), width=0.5)
        monkeypatch.setattr(text_layer, "find_regions", _refuse)
        text = read_faithfully(document, 0, right_to_left=False, fast=True)
    assert text.notes == ("formula_as_text",)
    assert text.fidelity is not None
    assert (text.fidelity.recall, text.fidelity.precision) == (1.0, 1.0)
    assert {block.label for block in text.blocks} == {"text"}


def _refuse(*_: object) -> None:
    pytest.fail("the layout model was asked")
