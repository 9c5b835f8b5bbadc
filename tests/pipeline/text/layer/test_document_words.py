"""The words of all pages of a document tell a hyphen at a line's end."""

import pymupdf
import pytest

from ocrmill.pipeline.quality.faithful_text import read_faithfully
from ocrmill.pipeline.text.layer.document_words import DocumentWords


def broken(other: str) -> pymupdf.Document:
    """A word that breaks at its hyphen on page 1, and what page 2 writes."""
    document = pymupdf.open()
    page = document.new_page()
    for n, line in enumerate(("They agreed on the salt-", "ways of the north, and on the sea-", "mark of the south.")):
        page.insert_text((72, 90 + 14 * n), line)
    document.new_page().insert_text((72, 90), other)
    return document


@pytest.mark.parametrize(
    ("other", "written"),
    [
        ("Old salt-ways and sea-mark paintings", "salt-ways of the north, and on the sea-mark of"),
        ("Saltways, and one SEAMARK", "saltways of the north, and on the seamark of"),
        ("Salt-ways, salt-ways, saltways and a seamark", "salt-ways of the north, and on the seamark of"),
    ],
)
def test_a_compound_is_written_as_on_other_pages(other: str, written: str) -> None:
    """With its hyphen if the document writes it so more often, without it if not."""
    document = broken(other)
    words = DocumentWords(document)

    assert written in read_faithfully(document, 0, right_to_left=False, document_words=words).markdown


def test_pages_of_long_programs_end_the_reading() -> None:
    """A page of megabytes of drawing is not read for words, nor what is behind it; the pages before are."""
    document = broken("Saltways")
    heavy = document.new_page()
    contents = document.get_new_xref()
    document.update_object(contents, "<<>>")
    document.update_stream(contents, bytes(range(256)) * 20_000, new=True, compress=False)
    heavy.set_contents(contents)
    document.new_page().insert_text((72, 90), "Seamark")

    counts = DocumentWords(document).counts()

    assert counts["saltways"] == 1
    assert "seamark" not in counts
