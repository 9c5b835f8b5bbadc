"""Large first letters are read as a part of their word."""

import pymupdf
import pytest

from ocrmill.pipeline.text.contents.drop_caps import with_drop_caps
from ocrmill.pipeline.text.layer.page_words import read_planes
from ocrmill.pipeline.text.words import Word

LINES = (
    "ferry leaves the north quay at",
    "seven in the morning, and comes",
    "back late in the night with the",
    "tide of",
)


def page_words(cap: str, start: str, *, lines: int = 3, over: bool = False) -> list[Word]:
    """Return the words of a paragraph below another one; its first lines stand beside a letter as high as they are."""
    page = pymupdf.open().new_page()
    page.insert_text((72, 100), "the last words of what is above", fontsize=10, fontname="tiro")
    size = (12 * (lines - 1) + 6.6) / 0.66
    page.insert_text((72, 112 + 12 * (lines - 1)), cap, fontsize=size, fontname="tiro")
    beside = 72 + pymupdf.get_text_length(cap, "tiro", size) + 2
    for n, text in enumerate((f"{start} {LINES[0]}", *LINES[1:], *LINES[1:])):
        x = beside if n < lines and (n or not over) else 72
        page.insert_text((x, 112 + 12 * n), text, fontsize=10, fontname="tiro")
    return list(read_planes(page)[0].words)


@pytest.mark.parametrize("lines", [2, 3, 4, 5])
@pytest.mark.parametrize(
    ("cap", "start", "word"),
    [
        ("T", "he", "The"),
        ("\u00abT", "he", "\u00abThe"),
        ("N", "EVER", "NEVER"),
        ("A", "n", "An"),
        ("O", "PTICS", "OPTICS"),
        ("I", "'m", "I'm"),
    ],
)
def test_a_large_letter_begins_the_first_word_beside_it(cap: str, start: str, word: str, lines: int) -> None:
    """Whatever its height, with a quotation mark or before capitals: the word of its first line gets the letter."""
    words = with_drop_caps(page_words(cap, start, lines=lines))
    texts = [each.text for each in words]

    assert cap not in texts
    assert texts[texts.index(word) + 1] == "ferry"
    assert "seven" in texts


def test_a_first_word_that_is_printed_over_its_large_letter_gets_it() -> None:
    """WeasyPrint sets the first line below a floating first letter, and the others beside it."""
    texts = [each.text for each in with_drop_caps(page_words("T", "he", over=True))]
    assert "The" in texts
    assert "seven" in texts


def test_a_large_letter_that_is_a_word_comes_before_its_line() -> None:
    """`A` before a word that the page has elsewhere, and any letter before a name, are words of their own."""
    for cap, start in (("A", "night"), ("A", "NIGHT"), ("T", "Northbay"), ("I", "THERE")):
        texts = [each.text for each in with_drop_caps(page_words(cap, start))]
        assert texts[texts.index(cap) :][:3] == [cap, start, "ferry"]


def test_a_letter_beside_one_line_stays_where_it_is() -> None:
    """A large letter that is a word stands over several lines, or is no first letter of theirs."""
    words = page_words("A", "night")
    first = next(word for word in words if word.text == "ferry")
    one_line = [word for word in words if word.text == "A" or word.baseline <= first.baseline or word.text == "night"]
    assert with_drop_caps(one_line) == one_line


def test_a_large_number_comes_before_the_first_line_beside_it() -> None:
    """The number of a chapter that stands over two lines or more is read before them; beside one line it stays."""
    for lines in (2, 3):
        texts = [each.text for each in with_drop_caps(page_words("12", "In", lines=lines))]
        assert texts[texts.index("12") :][:3] == ["12", "In", "ferry"]
    words = page_words("12", "In")
    first = next(word for word in words if word.text == "ferry")
    one_line = [word for word in words if word.text == "12" or word.baseline <= first.baseline]
    assert with_drop_caps(one_line) == one_line
