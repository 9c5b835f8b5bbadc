"""Notes in the margin come out after the paragraph that they stand beside, not within its sentences."""

import pymupdf
import pytest

from ocrmill.pipeline.quality.faithful_text import read_faithfully
from ocrmill.pipeline.records import PageText

RULE = (
    "The master of a vessel tells the harbour office on the eve of its",
    "arrival how many of its crew go ashore, what it carries, and from",
    "which ports it comes. Who fails to do so pays the dues of the quay",
    "for a second day. The office may ask for the list of the last har-",
    "bours, and sends the vessel to the outer roads until it has it.",
)
TERMS = ("quay", "roads", "eve")


def read(notes: dict[int, str], lines: tuple[str, ...] = RULE, *, right: bool = False) -> PageText:
    """Read a page of three paragraphs; the second has notes beside some of its lines."""
    document = pymupdf.open()
    page = document.new_page()
    for top, text in ((80, RULE), (180, lines), (280, RULE)):
        for n, line in enumerate(text):
            page.insert_text((150, top + 14 * n), line, fontsize=11)
    for n, note in notes.items():
        width = pymupdf.get_text_length(note, fontsize=9)
        page.insert_text((500 if right else 140 - width, 180 + 14 * n), note, fontsize=9)
    return read_faithfully(pymupdf.open(stream=document.tobytes()), 0, right_to_left=False)


def paragraph(lines: tuple[str, ...] = RULE) -> str:
    return " ".join(lines).replace("har- bours", "harbours")


@pytest.mark.parametrize("right", [False, True])
@pytest.mark.parametrize("notes", [{4: "Lists"}, {1: "Crew"}, {1: "Crew", 3: "Dues"}])
def test_a_note_stands_in_no_sentence_and_no_word(notes: dict[int, str], *, right: bool) -> None:
    """A paragraph is whole, and its notes are beside it in the order, in whichever margin they stand."""
    text = read(notes, right=right)

    blocks = text.markdown.split("\n\n")
    assert blocks.count(paragraph()) == 3
    assert blocks[0] == blocks[-1] == paragraph()
    assert all(note in " ".join(blocks).replace(paragraph(), "") for note in notes.values())
    assert text.fidelity is not None
    assert min(text.fidelity.recall, text.fidelity.precision) == 1.0


def test_a_name_beside_the_first_row_is_read_first() -> None:
    """A note beside the first row names what follows."""
    assert f"Crew {paragraph()}" in read({0: "Crew"}).markdown.replace("\n\n", " ")


def test_notes_beside_every_row_stand_in_no_sentence() -> None:
    """Names of macros stand one below the other beside a paragraph that goes on past each of them."""
    names = {0: "dues", 1: "eve", 2: "crew", 3: "list", 4: "roads"}
    markdown = read(names).markdown.replace("\n\n", " ")

    assert f"dues {paragraph()} eve crew list roads" in markdown


def test_notes_beside_a_word_that_breaks_stand_behind_two_rows() -> None:
    """A paragraph of two rows is one if a word breaks between them; its notes may go on below it."""
    rows = ("The office may ask the master of a vessel for the list of the har-", "bours that it has seen.")
    markdown = read({0: "office", 1: "list", 2: "crew"}, rows).markdown.replace("\n\n", " ")

    assert "office The office may ask the master of a vessel for the list of the harbours that" in markdown
    assert "it has seen. list crew" in markdown


def test_terms_stay_before_what_they_mean() -> None:
    """Terms of a glossary stand beside lines that do not go on from each other."""
    lines = ("a wall where vessels lie", "water where they wait", "the day before")
    markdown = read(dict(enumerate(TERMS)), lines).markdown.split(paragraph())[1]

    places = [markdown.index(text) for pair in zip(TERMS, lines, strict=True) for text in pair]
    assert places == sorted(places)
