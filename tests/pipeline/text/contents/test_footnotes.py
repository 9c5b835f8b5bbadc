"""Footnotes are tied to their marks where both are beyond doubt; words and their order stay."""

import pymupdf
import pytest

from ocrmill.pipeline.quality.agreement.layer_fidelity import measure_fidelity
from ocrmill.pipeline.quality.faithful_text import read_faithfully
from ocrmill.pipeline.text.reading_order import Box

BODY = ["The ferry leaves the north quay at seven in the morning", "and comes back with the tide in the afternoon."] * 4
NOTE = "Only from May to September, see the table of the tides."


def read(*parts: tuple[str, str], notes: tuple[tuple[str, str], ...], page_number: int = 1) -> str:
    """The Markdown of a page: text with raised numbers behind these pieces of it, and notes below, numbers raised."""
    document = pymupdf.open()
    for _ in range(page_number):
        page = document.new_page()
    y = 80.0
    for line in BODY:
        page.insert_text((72, y), line, fontsize=11)
        y += 14
    x = 72.0
    for text, mark in parts:
        page.insert_text((x, y), text, fontsize=11)
        x += pymupdf.get_text_length(text, fontsize=11)
        page.insert_text((x, y - 4), mark, fontsize=7)
        x += pymupdf.get_text_length(mark, fontsize=7) + 3
    for n, (mark, text) in enumerate(notes):
        page.insert_text((72, 700 + 12 * n), mark, fontsize=6)
        page.insert_text((72 + pymupdf.get_text_length(mark, fontsize=6), 703 + 12 * n), text, fontsize=8.5)
    found = read_faithfully(document, page_number - 1, right_to_left=False, fast=True)
    assert found.fidelity is not None
    assert (found.fidelity.recall, found.fidelity.precision) == (1, 1)
    return found.markdown


def test_a_note_is_tied_to_its_mark() -> None:
    """The mark becomes a reference, the note its definition; both name the page."""
    markdown = read(("The boat of Sunday waits.", "1"), ("It is green.", "2"), notes=(("1", NOTE), ("2", "Once red.")))
    assert "waits.[^p1-1] It is green.[^p1-2]" in markdown
    assert markdown.endswith(f"[^p1-1]: {NOTE}\n\n[^p1-2]: Once red.")
    assert "[^p3-1]" in read(("The boat waits.", "1"), notes=(("1", NOTE),), page_number=3)


@pytest.mark.parametrize(
    ("parts", "notes"),
    [
        ((("The boat waits.", "1"), ("It is green.", "1")), (("1", NOTE),)),
        ((("The boat waits.", "2"),), (("1", NOTE),)),
        ((("It is 20 km", "2"),), (("2", NOTE),)),
        ((("More than 10", "6"),), (("6", NOTE),)),
        ((("The boat waits.", "1"),), ()),
    ],
    ids=["two marks", "another note", "unit", "power", "no note"],
)
def test_what_is_in_doubt_stays_raised(parts: tuple[tuple[str, str], ...], notes: tuple[tuple[str, str], ...]) -> None:
    """Two marks of one note, exponents, and marks without a note are superscripts."""
    markdown = read(*parts, notes=notes)
    assert "[^" not in markdown
    assert f"<sup>{parts[0][1]}</sup>" in markdown


def test_labels_of_footnotes_are_their_numbers_to_the_measure() -> None:
    """A tied footnote counts as the number and the words that the layer has, in one word or two; what is wrong is."""
    box = Box(0, 0, 9, 9)
    markdown = "The boat.[^p12-3] Green.\n\n[^p12-3]: Ibid."
    for note in (["3Ibid."], ["3", "Ibid."]):
        words = [(word, box) for word in ["The", "boat.3", "Green.", *note]]
        found = measure_fidelity(markdown, None, words)
        assert (found.recall, found.precision, found.changed_numbers) == (1, 1, 0)
    wrong = measure_fidelity(markdown, None, [(word, box) for word in ["The", "boat.4", "Green.", "4Ibid."]])
    assert wrong.recall < 1
    assert wrong.changed_numbers
