import re
import subprocess
import sys
import time
from pathlib import Path

import pymupdf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from real_pdfs import CORPUS, FETCH, needs_corpus

from ocrmill.pipeline.records import PICTURE, PageText
from ocrmill.pipeline.text.layer.page_words import clean_text
from ocrmill.pipeline.text.text_layer import read_text_layer

ROOT = Path(__file__).parents[3]

FIRST = "The first column begins here and goes on for some lines, so that it looks like a column of a paper. " * 4
SECOND = "Another column stands beside it and must be read only after the first one has come to its very end. " * 4


def paper(rotation: int = 0) -> pymupdf.Document:
    """A heading across two columns, and a note that runs up the margin."""
    document = pymupdf.open()
    page = document.new_page()
    page.insert_text((72, 90), "A Heading Across Both Columns", fontsize=22, fontname="hebo")
    page.insert_textbox((72, 130, 290, 500), FIRST, fontsize=10)
    page.insert_textbox((310, 130, 530, 500), SECOND, fontsize=10)
    page.insert_text((30, 600), "arXiv note of the margin", fontsize=9, rotate=90)
    page.set_rotation(rotation)
    return pymupdf.open(stream=document.tobytes())


def sideways() -> pymupdf.Document:
    """A page whose text all runs upwards, though the page is not rotated."""
    document = pymupdf.open()
    page = document.new_page()
    page.insert_text((90, 700), "A Sideways Heading", fontsize=22, rotate=90)
    page.insert_textbox((120, 100, 400, 700), FIRST, fontsize=11, rotate=90)
    return pymupdf.open(stream=document.tobytes())


def read(document: pymupdf.Document, index: int = 0, *, right_to_left: bool = False) -> PageText:
    text = read_text_layer(document, index, right_to_left=right_to_left)
    spans = [text.markdown[block.start : block.end] for block in text.blocks]
    assert all(span or block.label == PICTURE for span, block in zip(spans, text.blocks, strict=True))
    assert re.sub(r"\s", "", "".join(spans)) == re.sub(r"\s", "", text.markdown)
    return text


def letters(text: str) -> str:
    return "".join(sorted(filter(str.isalnum, re.sub(r"</?\w+>", "", text))))


def everything(document: pymupdf.Document) -> list[str]:
    return [document.xref_object(xref) for xref in range(1, document.xref_length())]


def test_headings_columns_and_notes_of_the_margin() -> None:
    """A heading is marked, columns are read one after the other, and what runs sideways is kept."""
    markdown = read(paper()).markdown

    assert markdown.startswith("# A Heading Across Both Columns\n\nThe first column begins")
    assert markdown.index(FIRST[:60]) < markdown.index(SECOND[:60])
    assert FIRST.strip() in markdown
    assert SECOND.strip() in markdown
    assert "arXiv note of the margin" in markdown


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_boxes_are_where_the_page_shows_the_text(rotation: int) -> None:
    """On a rotated page too, each word of a block is displayed inside the block's box."""
    document = paper(rotation)
    page = document[0]
    for block in (text := read(document)).blocks:
        box = pymupdf.Rect(block.x0, block.y0, block.x1, block.y1)
        assert box in page.rect
        for phrase in re.findall(r"\w+ \w+ \w+", text.markdown[block.start : block.end])[:3]:
            hits = [hit * page.rotation_matrix for hit in page.search_for(phrase)]
            assert any((hit.tl + hit.br) / 2 in box for hit in hits), phrase


def test_sideways_text_is_read_upright() -> None:
    """A page whose text runs sideways is turned for reading; its boxes stay where the page shows them."""
    text = read(sideways())

    assert text.markdown.startswith("# A Sideways Heading")
    assert FIRST.strip() in text.markdown
    assert text.blocks[0].y1 - text.blocks[0].y0 > 3 * (text.blocks[0].x1 - text.blocks[0].x0)


def test_fields_and_annotations_are_read_and_nothing_is_written() -> None:
    """Reading a form twice gives the same, with the values that it shows, and changes no object of the document."""
    document = paper()
    field = pymupdf.Widget()
    field.field_type, field.field_name, field.field_value = pymupdf.PDF_WIDGET_TYPE_TEXT, "name", "Jane Quux"
    field.rect = pymupdf.Rect(150, 700, 300, 720)
    document[0].add_widget(field)
    document[0].add_freetext_annot(pymupdf.Rect(72, 740, 300, 760), "a note of the reader")
    document[0].set_rotation(90)
    document = pymupdf.open(stream=document.tobytes())
    document[0].get_text()
    before = everything(document)
    first, second = read(document), read(document)

    assert "Jane Quux" in first.markdown
    assert "a note of the reader" in first.markdown
    assert first == second
    assert everything(document) == before


def test_hidden_layers_stay_hidden() -> None:
    """Text of a layer that is switched off is not read, and the rest of the page is."""
    document = paper()
    hidden = document.add_ocg("draft", on=False)
    document[0].insert_textbox((72, 300, 290, 500), "secret " * 40, oc=hidden)
    markdown = read(pymupdf.open(stream=document.tobytes())).markdown

    assert "secret" not in markdown
    assert FIRST.strip() in markdown
    assert markdown.startswith("# A Heading Across Both Columns")


def test_a_page_with_thousands_of_lines_is_read_in_time() -> None:
    """A directory in small type, too much for the layout model, is read column by column in seconds."""
    document = pymupdf.open()
    page = document.new_page(width=1200, height=1600)
    names = [f"{n:04} Smith Street number {n}, on the third floor" for n in range(1800)]
    for column in range(6):
        page.insert_text((20 + 200 * column, 20), names[300 * column :][:300], fontsize=4.5, lineheight=1.15)
    document = pymupdf.open(stream=document.tobytes())
    started = time.thread_time()
    markdown = read(document).markdown

    assert time.thread_time() - started < 60
    assert re.findall(r"(\d{4}) Smith", markdown) == [name[:4] for name in names]


def test_a_page_without_text_has_none() -> None:
    """An empty page gives empty Markdown and no blocks."""
    document = pymupdf.open()
    document.new_page()

    assert read_text_layer(document, 0, right_to_left=False) == PageText("")


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    """Libraries keep quiet while a page is read."""
    read(paper())

    assert capfd.readouterr() == ("", "")


@given(st.text(st.characters(codec=None), max_size=50))
def test_clean_text_can_be_stored(text: str) -> None:
    """Cleaned text encodes as UTF-8, has no NUL, and keeps all else."""
    cleaned = clean_text(text)

    assert "\0" not in cleaned.encode().decode()
    assert cleaned == "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text if c != "\0")


def test_layout_loads_late_in_a_small_process() -> None:
    """If its import was blocked, the layout model loads on first use, in 3 GiB of address space, on one thread."""
    program = (
        "import resource, sys, threading, pathlib\n"
        "resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))\n"
        "import ocrmill.pipeline.pages.mupdf, ocrmill.pipeline.text.text_layer, pymupdf\n"
        "assert pymupdf._get_layout is None and sys.modules['pymupdf.layout'] is None\n"
        "threads = lambda: len(list(pathlib.Path('/proc/self/task').iterdir()))\n"
        "import numpy, onnxruntime\n"
        "before = threads()\n"
        "corrections = pymupdf.TOOLS.unset_quad_corrections()\n"
        "document = pymupdf.open(sys.argv[1])\n"
        "print(ocrmill.pipeline.text.text_layer.read_text_layer(document, 0, right_to_left=False).markdown)\n"
        "assert sys.modules['pymupdf.layout'] is not None\n"
        "assert pymupdf._get_layout is None, 'the larger model has been loaded'\n"
        "assert threads() == before, 'ONNX Runtime has started threads'\n"
        "assert pymupdf.TOOLS.unset_quad_corrections() == corrections\n"
    )
    path = CORPUS / "multi_page.pdf"
    if not path.exists():
        pytest.skip(FETCH)
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("#### The Evolution of the Word Processor\n\n")
    assert not done.stderr


@needs_corpus
@pytest.mark.parametrize(
    ("name", "heading", "hidden"),
    [("right_to_left_01", "#### تحسين الإنتاجية وحل المشكلات", ""), ("right_to_left_02", "", "11")],
)
def test_arabic_is_in_logical_order_with_its_ligatures(name: str, heading: str, hidden: str) -> None:
    """Arabic comes out as it is written, lam-alef in order, and every letter of the page is there.

    But for the page number of the second file, which lies under the picture at its foot.
    """
    document = pymupdf.open(CORPUS / f"{name}.pdf")
    markdown = read(document, right_to_left=True).markdown
    truth = (CORPUS / f"{name}.gt.md").read_text()
    words = re.findall(r"\w+", truth)

    assert markdown.startswith(heading)
    assert letters(markdown + hidden) == letters(document[0].get_text())
    assert sum(word in markdown for word in words) > 0.85 * len(words)


@needs_corpus
@pytest.mark.parametrize(
    ("name", "index"),
    [("clockwise_table_1.pdf", 0), ("lots_of_sci_tables.pdf", 1), ("form_dd0293.pdf", 1), ("tracemonkey.pdf", 1)],
)
def test_no_text_of_real_pages_is_lost(name: str, index: int) -> None:
    """Sideways tables, forms and papers: what is written holds at least 98 of 100 letters that the page has."""
    document = pymupdf.open(CORPUS / name)
    markdown = read(document, index).markdown

    assert len(letters(markdown)) >= 0.98 * len(letters(document[index].get_text()))


@needs_corpus
def test_a_sideways_table_is_a_table() -> None:
    """A table that runs down the page has its header first and a row for each state."""
    markdown = read(pymupdf.open(CORPUS / "clockwise_table_1.pdf")).markdown
    rows = [re.findall(r"<td>(.*?)</td>", line) for line in markdown.splitlines()]

    assert ["Kerala", "5738", "6633", "8864", "8297", "245", "2161", "3195", "1645", "2391"] in rows
    assert ["Andhra Pradesh", "5844", "9920", "9545", "8300", "557", "1899", "2493", "1111", "1529"] in rows


@needs_corpus
def test_facing_pages_are_read_one_after_the_other() -> None:
    """On a spread, question 25 of the left page comes before question 26 of the right one."""
    markdown = read(pymupdf.open(CORPUS / "table_mislabeled_as_picture.pdf")).markdown

    assert [int(number) for number in re.findall(r"^\s*\**(\d\d)\.", markdown, re.MULTILINE)] == list(range(23, 29))


def test_headings_that_stand_upright_leave_a_table_in_doubt() -> None:
    """Words that run another way are in no cell, and the page says so; a stamp across the table is no cell."""
    for morph, notes in ((None, ("table_uncertain",)), (pymupdf.Matrix(40), ())):
        document = pymupdf.open()
        page = document.new_page()
        for row in range(8):
            for column in range(4):
                page.draw_rect(pymupdf.Rect(72 + 90 * column, 100 + 30 * row, 162 + 90 * column, 130 + 30 * row))
                text = str(37 * (row + 1) * (column + 1)) if row and column else f"row {row}" * (column == 0)
                page.insert_text((80 + 90 * column, 120 + 30 * row), text, fontsize=10)
        if morph is None:
            page.insert_text((210, 128), "Depth", fontsize=9, rotate=90)
        else:
            page.insert_text((100, 300), "COPY", fontsize=70, morph=(pymupdf.Point(100, 300), morph))
        assert read(pymupdf.open(stream=document.tobytes())).notes == notes
