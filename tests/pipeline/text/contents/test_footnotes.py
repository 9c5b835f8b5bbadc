"""Footnotes are tied to their marks where both are beyond doubt; words and their order stay."""

from dataclasses import replace

import pymupdf
import pytest

from ocrmill.pipeline.quality.agreement.layer_fidelity import measure_fidelity
from ocrmill.pipeline.quality.faithful_text import read_faithfully
from ocrmill.pipeline.text.contents.footnotes import with_footnotes, with_note_numbers
from ocrmill.pipeline.text.contents.part import Part, WordLine, lines_of
from ocrmill.pipeline.text.layer.page_words import read_planes
from ocrmill.pipeline.text.reading_order import Box
from ocrmill.pipeline.text.words import Rise

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


def test_a_note_at_the_end_of_a_column_is_tied() -> None:
    """Text follows it that stands beside it and begins higher up."""
    boxes = [Box(50, 80, 290, 700), Box(50, 710, 290, 740), Box(310, 80, 550, 700)]
    body, note, beside = (Part("text", lines, box) for lines, box in zip(column_lines(), boxes, strict=True))
    found = with_footnotes([body, note, beside], 4)

    assert [part.note for part in found] == ["", "p4-1", ""]
    assert [part.note for part in with_footnotes([body, note, replace(beside, box=Box(50, 750, 290, 770))], 4)] == [
        ""
    ] * 3


def column_lines() -> list[tuple[WordLine, ...]]:
    """A line with a mark, a note with its number, a line."""
    document = pymupdf.open()
    page = document.new_page()
    page.insert_text((72, 100), "The boat waits.", fontsize=11)
    page.insert_text((72 + pymupdf.get_text_length("The boat waits.", fontsize=11), 96), "1", fontsize=7)
    page.insert_text((72, 700), "1", fontsize=6)
    page.insert_text((76, 703), NOTE, fontsize=8.5)
    page.insert_text((320, 100), "Another line.", fontsize=11)
    lines = lines_of(read_planes(page)[0].words)
    return [(line,) for line in lines]


def test_the_number_of_a_note_in_the_margin_is_raised_before_it() -> None:
    """Some programs set a number far from its note, on a line of the layer; the number of a page is not raised."""
    page = pymupdf.open().new_page()
    page.insert_text((72, 697), "1", fontsize=6)
    page.insert_text((92, 700), NOTE, fontsize=9)
    page.insert_text((92, 711), "And in October.", fontsize=9)
    page.insert_text((72, 740), "17", fontsize=9)
    page.insert_text((400, 497), "120", fontsize=6)
    page.insert_text((440, 500), "*", fontsize=9)  # both stand in a plot
    words = read_planes(page)[0].words
    found = with_note_numbers(words)

    assert [line.text for line in lines_of(found)] == [f"1 {NOTE}", "And in October.", "17", "120", "*"]
    assert found[0].pieces[0].rise is Rise.SUPERSCRIPT
    assert len(found) == len(words)


def test_numbers_of_all_lines_of_a_page_are_not_those_of_notes() -> None:
    """Pleadings count the lines of a page in the margin, in small type and not at the height of the text."""
    page = pymupdf.open().new_page()
    for n in range(1, 25):
        page.insert_text((72, 97 + 24 * n), str(n), fontsize=6)
        page.insert_text((92, 100 + 24 * n), NOTE, fontsize=9)
    words = read_planes(page)[0].words

    assert with_note_numbers(words) == list(words)


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
