"""Two pages of a book on one page of a PDF are read one after the other, each with its head and its foot."""

import pymupdf
import pytest

from ocrmill.pipeline.text.text_layer import Manner, read_text_layer

PROSE = (
    "The ferry leaves the north quay at seven in the morning and comes back with the tide, whatever the weather is "
    "like, and nobody has ever seen it leave late, although the bell in the harbour office has been slow for years. "
)


def spread(*, heading: str = "") -> pymupdf.Document:
    """Two pages beside each other: a head, two paragraphs with white space between them at one height, a foot."""
    document = pymupdf.open()
    page = document.new_page(width=842, height=595)
    for number, x in ((12, 50), (13, 461)):
        page.insert_text((x + 100, 40), f"Running head {number}", fontsize=8)
        page.insert_textbox((x, 70, x + 330, 250), f"Upper {number}. " + PROSE * 3, fontsize=10)
        page.insert_textbox((x, 330, x + 330, 540), f"Lower {number}. " + PROSE * 3, fontsize=10)
        page.insert_text((x + 160, 575), f"Foot {number}", fontsize=8)
    if heading:
        page.insert_text((250, 60), heading, fontsize=20)
    return document


def places(document: pymupdf.Document, manner: Manner, *, right_to_left: bool = False) -> list[int]:
    markdown = read_text_layer(document, 0, right_to_left=right_to_left, manner=manner).markdown
    first, second = [[markdown.index(f"{each} {number}") for each in ("Upper", "Lower", "Foot")] for number in (12, 13)]
    heads = [markdown.index(f"Running head {number}") for number in (12, 13)]
    return [heads[0], *first, heads[1], *second]


@pytest.mark.parametrize("manner", [Manner.FULL, Manner.PLAIN])
def test_the_left_page_is_read_before_the_right_one(manner: Manner) -> None:
    """Heads, feet and white space that both pages have at one height do not mix them."""
    found = places(spread(), manner)

    assert found == sorted(found)


def test_books_from_right_to_left_begin_on_the_right() -> None:
    """In a book that is read from right to left the right page is the first."""
    found = places(spread(), Manner.PLAIN, right_to_left=True)

    assert [*found[4:], *found[:4]] == sorted(found)


def test_a_heading_across_the_fold_makes_it_one_page() -> None:
    """Text over the fold belongs to both sides: the page is one, and its heading is read first."""
    markdown = read_text_layer(spread(heading="A Heading over All of It"), 0, right_to_left=False).markdown

    assert markdown.index("A Heading over") < markdown.index("Upper 12")
