"""The light layout model decides only where the full one would write the same."""

from collections.abc import Callable

import pymupdf
import pytest

from ocrmill.pipeline.records import PageText
from ocrmill.pipeline.text import layout_model, text_layer
from ocrmill.pipeline.text.layout_model import draws_only_text, is_one_column, light_chunk
from ocrmill.pipeline.text.reading_order import Box
from ocrmill.pipeline.text.text_layer import read_text_layer

PARAGRAPH = "The miller never worked by the sun, for high water comes about fifty minutes later every day. " * 4
Draw = Callable[[pymupdf.Page], None]


def letter(page: pymupdf.Page) -> None:
    """A heading and three paragraphs with space between them."""
    page.insert_text((72, 90), "The Hours of the Mill", fontsize=16, fontname="hebo")
    for top in (110, 220, 330):
        page.insert_textbox((72, top, 540, top + 100), PARAGRAPH, fontsize=11, fontname="tiro")


def with_a_rule(page: pymupdf.Page) -> None:
    letter(page)
    page.draw_line((72, 440), (540, 440))


def in_columns(page: pymupdf.Page) -> None:
    for left in (72, 320):
        page.insert_textbox((left, 72, left + 220, 500), PARAGRAPH * 3, fontsize=10)


def as_a_list(page: pymupdf.Page) -> None:
    letter(page)
    for number in range(1, 6):
        page.insert_text((90, 440 + 20 * number), f"{number}. The gate: weed under its edge let half a pond leak away.")


def of_one_line(page: pymupdf.Page) -> None:
    page.insert_text((72, 90), "Nothing says whether this is a heading or a header.")


def document(draw: Draw) -> pymupdf.Document:
    made = pymupdf.open()
    draw(made.new_page())
    return pymupdf.open(stream=made.tobytes())


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The models that decided, in turn."""
    decided: list[str] = []

    def light(copy: pymupdf.Document, lines: list[Box]) -> layout_model.Chunk | None:
        chunk = light_chunk(copy, lines)
        decided.append("full" if chunk is None else "light")
        return chunk

    monkeypatch.setattr(text_layer, "light_chunk", light)
    return decided


def by_the_full_model(draw: Draw, monkeypatch: pytest.MonkeyPatch) -> PageText:
    with monkeypatch.context() as patch:
        patch.setattr(text_layer, "light_chunk", lambda *_: None)
        return read_text_layer(document(draw), 0, right_to_left=False)


@pytest.mark.parametrize(
    ("draw", "model"),
    [
        (letter, "light"),
        (with_a_rule, "full"),
        (in_columns, "full"),
        (as_a_list, "full"),
        (of_one_line, "full"),
    ],
)
def test_the_light_model_decides_plain_pages_only(
    draw: Draw, model: str, asked: list[str], monkeypatch: pytest.MonkeyPatch
):
    """Plain paragraphs are spared the picture; with rules, columns, lists or too little text they are not.

    What is written is what the full model writes, block by block.
    """
    read = read_text_layer(document(draw), 0, right_to_left=False)

    assert asked == [model]
    full = by_the_full_model(draw, monkeypatch)
    assert read.markdown == full.markdown
    assert [(b.label, b.start, b.end) for b in read.blocks] == [(b.label, b.start, b.end) for b in full.blocks]


def test_text_that_is_lost_is_given_to_the_full_model(monkeypatch: pytest.MonkeyPatch):
    """A light model that leaves letters out does not decide."""
    nothing = {"text": "", "page_boxes": []}
    monkeypatch.setattr(text_layer, "light_chunk", lambda *_: nothing)

    assert read_text_layer(document(letter), 0, right_to_left=False) == by_the_full_model(letter, monkeypatch)


def test_lines_beside_each_other_are_columns():
    """Lines one below the other are one column, also where they touch; two in a row are not."""
    below = [Box(72, top, 300, top + 12) for top in (72, 84, 95)]

    assert is_one_column(below)
    assert not is_one_column([*below, Box(320, 73, 500, 85)])


def test_unseen_pictures_count_as_drawn():
    """Only a page that draws nothing but text, painted or not, draws only text."""
    assert draws_only_text(document(letter)[0])
    assert not draws_only_text(document(with_a_rule)[0])
