"""Links of a page to the Web come out as `[text](target)`; the words stay what they are."""

from urllib.parse import unquote

import pymupdf
import pytest
from markdown_it import MarkdownIt

from ocrmill.pipeline.quality.faithful_text import read_faithfully
from ocrmill.pipeline.quality.repetition.measures import measure_repetition
from ocrmill.pipeline.text.inline.links import link
from ocrmill.pipeline.text.layer.links import page_links

LINES = (
    "The keeper of the lighthouse writes all ships into a book, and the har-",
    "bour office prints (see the tide tables). It",
    "hangs them out at the north quay before noon.",
)


def page_with_links(*links: tuple[str, str], rotation: int = 0, lines: tuple[str, ...] = LINES) -> pymupdf.Document:
    """A page of text on which each of these phrases, in one line of it, leads to a target."""
    document = pymupdf.open()
    page = document.new_page()
    for n, line in enumerate(lines):
        page.insert_text((72, 100 + 13 * n), line, fontsize=11)
    for phrase, target in links:
        for place in page.search_for(phrase, flags=pymupdf.TEXTFLAGS_SEARCH & ~pymupdf.TEXT_DEHYPHENATE):
            page.insert_link({"kind": pymupdf.LINK_URI, "from": place, "uri": target})
    page.set_rotation(rotation)
    return pymupdf.open(stream=document.tobytes())


def read(document: pymupdf.Document, *, fast: bool = True) -> str:
    text = read_faithfully(document, 0, right_to_left=False, fast=fast)
    assert text.fidelity is not None
    assert (text.fidelity.recall, text.fidelity.precision, text.fidelity.changed_numbers) == (1, 1, 0)
    return text.markdown.replace("\n", " ")


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_the_words_under_a_link_lead_to_its_target(rotation: int) -> None:
    """A link encloses the words that it covers, however the page is turned, without the brackets around them."""
    markdown = read(page_with_links(("the tide tables", "https://tides.example/t"), rotation=rotation))
    assert "prints (see [the tide tables](https://tides.example/t)). It" in markdown


def test_a_link_over_lines_is_one() -> None:
    """Places of one target that follow each other are one link, over a hyphenated word, too."""
    target = "https://port.example"
    markdown = read(page_with_links(("a book, and the har-", target), ("bour office", target)), fast=False)
    assert "[a book, and the harbour office](https://port.example) prints" in markdown


def test_neighbours_stay_two_links() -> None:
    """Words that lead to different targets are links of their own; a word between them is in none."""
    markdown = read(page_with_links(("keeper", "http://a.example"), ("lighthouse", "http://b.example")))
    assert "The [keeper](http://a.example) of the [lighthouse](http://b.example) writes" in markdown


@pytest.mark.parametrize(
    "target", ["javascript:alert(1)", "file:///etc/passwd", "ftp://a.example", "x" * 3000, "a.pdf"]
)
def test_other_targets_are_left_out(target: str) -> None:
    """Only targets of http, https and mailto come out: the others run programs, or open files."""
    assert "](" not in read(page_with_links(("keeper", target)))
    assert "[keeper](mailto:k@example.org)" in read(page_with_links(("keeper", "mailto:k@example.org")))


@pytest.mark.parametrize(
    "target",
    [
        "https://a.example/w_(x)",
        "https://a.example/a b|c<d>\\e",
        "https://a.example/?a=1&copy;=2",
        "https://a.example/\u00e9)(",
    ],
)
def test_targets_end_where_they_end(target: str) -> None:
    """Brackets, blanks, bars and characters of HTML in a target are written so that a parser reads all of it."""
    markdown = link("keeper", target)
    (found,) = [token for token in MarkdownIt("commonmark").parseInline(markdown)[0].children or () if token.attrs]
    assert unquote(str(found.attrs["href"])) == target
    assert "|" not in markdown


def test_brackets_of_a_text_stay() -> None:
    """A bracket in a link's text does not end it, and an exclamation mark before it makes no picture of it."""
    document = page_with_links(("[2]", "https://a.example/2"), lines=("As several authors[2] wrote in their books.",))
    assert "authors[2]" in read(document)
    document = page_with_links(("a[1]b", "https://a.example"), lines=("The entry a[1]b is of the first book here.",))
    assert r"The entry [a\[1\]b](https://a.example) is" in read(document)


def test_links_that_cannot_be_read_lose_no_word() -> None:
    """A page whose links are broken is read without them."""
    document = page_with_links(("keeper", "https://a.example"))
    document.xref_set_key(document[0].xref, "Annots", "[null 99999 0 R (text) << /Subtype /Link /Rect 7 /A 3 >>]")
    broken = pymupdf.open(stream=document.tobytes())
    assert page_links(broken[0]) == []
    assert "The keeper of the lighthouse" in read(broken)


def test_targets_are_no_text() -> None:
    """An index whose entries lead to one address repeats nothing that a reader sees."""
    words = LINES[0].split() + LINES[1].split()
    linked = " ".join(link(word, f"https://archive.example/documents/of/the/port/{word[0]}") for word in words)
    assert measure_repetition(linked) == measure_repetition(" ".join(link(word, "")[:-2] for word in words))
