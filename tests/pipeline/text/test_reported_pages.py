"""Pages that people reported elsewhere, drawn again: their Markdown is what is right for them."""

import re

import pymupdf
from real_pdfs import CASES, CORPUS, needs_cases, needs_corpus

from ocrmill.pipeline.records import PageText
from ocrmill.pipeline.text.text_layer import read_text_layer


def read(number: int, *, right_to_left: bool = False) -> PageText:
    (path,) = (CASES / "pages").glob(f"{number:02}-*.pdf")
    with pymupdf.open(path) as document:
        return read_text_layer(document, 0, right_to_left=right_to_left)


def blocks(text: PageText, label: str) -> list[str]:
    return [text.markdown[block.start : block.end] for block in text.blocks if block.label == label]


@needs_cases
def test_tables_beside_each_other_keep_their_rows() -> None:
    """Of two tables with rows half a line apart each is one of its own, and every cell is whole."""
    first, second = blocks(read(1), "table")

    assert "| 8,468,240 | Westports Holdings Berhad (Malaysia) | 4,828,454 |" in first
    assert "| 4,344,902 | Philippine Quay Company | 8,252,513 |" in first
    assert "| 1,025,122 | Philippine Quay Company | 7,937,161 |" in second


@needs_cases
def test_listings_keep_their_blanks() -> None:
    """Words of a listing stand in their columns, although no glyph draws the blanks between them."""
    (listing,) = blocks(read(6), "code")

    assert listing.splitlines() == [
        "```",
        "SELECT NAME, DEPT, SALARY, COMM",
        "FROM Q.STAFF WHERE COMM > 500",
        "NAME      DEPT   SALARY     COMM",
        "ROTHMAN     15 16502.83  1152.00",
        "PERNAL      20 18171.25   612.45",
        "KOONITZ     42 18001.75  1386.70",
        "```",
    ]


@needs_cases
def test_a_row_across_all_columns_is_one_cell() -> None:
    """A sentence that spans a table is written whole, in a cell as wide as the table."""
    (table,) = blocks(read(7), "table")
    sentence = (
        "The vessel was on a charter voyage from Northbay to the outer islands when the pump failed; "
        "the crew closed the hatch and waited for the tug."
    )

    assert f'<td colspan="5">{sentence}</td>' in table


@needs_cases
def test_words_drawn_from_left_to_right_are_read_from_right_to_left() -> None:
    """Persian whose words are drawn one by one in visual order comes out in the order of reading."""
    assert read(8, right_to_left=True).markdown.startswith(
        "نظر به اهمیت و کاربرد شبکه در محیط دانشگاهی در کشورهای پیشرفته"
    )


@needs_cases
def test_compounds_and_ranges_keep_their_hyphens() -> None:
    """A hyphen at a line's end stays if it is the word's own, and goes if it is the typesetter's."""
    markdown = read(10).markdown

    for whole in ("long-term", "state-of-the-art", "1990-1995", "re-elected", "Smith-Jones", "governing", "foundation"):
        assert re.search(rf"(?<![\w-]){whole}(?![\w-])", markdown), whole


@needs_cases
def test_vertical_japanese_is_read_column_by_column() -> None:
    """Glyphs set one below the other are columns, read from right to left."""
    assert read(15).markdown.startswith("縦書きの日本語の文章です。右から左へ列が進みます。")


@needs_cases
def test_marks_at_the_start_of_a_line_stay_text() -> None:
    """Text that Markdown would take for a quotation, a heading, a rule, a tag or a link is escaped."""
    lines = read(20).markdown.split("\n\n")

    for line in (
        r"\> 60 percent of the vessels were late.",
        r"\# parameters are counted without the last layer.",
        r"1986\. That was the year of the flood.",
        r"\* marks a value that was estimated.",
        r"\---",
        r"\<script>alert(1)\</script> is shown as text.",
        r"\[link](http://example.invalid/) and !\[image](x.png) are literal.",
    ):
        assert line in lines


@needs_cases
def test_soft_hyphens_go() -> None:
    """A soft hyphen is no part of the word, within a line or at its end."""
    markdown = read(21).markdown

    assert "\u00ad" not in markdown
    for word in ("Immobilien", "Gesellschaft", "Wertpapierindex", "langfristig"):
        assert word in markdown


@needs_cases
def test_drop_caps_belong_to_their_word_and_notes_to_the_margin() -> None:
    """A large initial is put onto its word; a note in the margin is a block of its own."""
    text = read(23)

    assert any(block.startswith("This report describes the harbour o") for block in blocks(text, "text"))
    assert (
        "The author is a clerk in the office of coastal records and may be reached by mail at the customs house."
        in blocks(text, "text")
    )


@needs_cases
def test_a_sideways_table_on_an_upright_page_is_a_table() -> None:
    """Text that runs up the page beside upright text is laid out as what it is."""
    (table,) = blocks(read(25), "table")

    assert table.splitlines()[0] == "| Part | Capacity | Equivalent | Name |"
    assert "| Engine coolant | 18.6 quarts | 17.6 L | Premium Gold |" in table


@needs_cases
def test_ruled_paper_is_not_struck_out() -> None:
    """Lines that stand on rules are a paragraph."""
    text = read(30)

    assert "~~" not in text.markdown
    assert [block.label for block in text.blocks] == ["text"]


@needs_cases
def test_a_highlight_leaves_words_whole() -> None:
    """A highlight or its note changes no word."""
    assert "winter months" in read(32).markdown


@needs_cases
def test_lists_are_nested_by_their_places() -> None:
    """Items stand below the item that they are part of; a further line is no item of its own."""
    markdown = read(35).markdown

    assert (
        "1. Before arrival\n"
        "   - 1.1 Report the cargo to the office\n"
        "     - (a) weight in tonnes\n"
        "     - (b) kind of goods\n"
        "   - 1.2 Ask for a pilot\n"
        "2. After arrival\n"
        "   - i. Pay the dues\n"
        "   - ii. Sign the ledger\n"
        "3. Departure\n"
    ) in markdown
    assert "  - inner item two that is long enough to need a second line of text\n- outer item two" in markdown


@needs_corpus
def test_numbers_of_a_table_stay_in_their_rows() -> None:
    """Decimal points stand in their numbers, and numbers in their rows."""
    with pymupdf.open(CORPUS / "DeepSeek_OCR2_paper.pdf") as document:
        markdown = read_text_layer(document, 8, right_to_left=False).markdown

    row = "PaddleOCR-VL [12] - 92.86 0.035 91.22 90.89 94.76 0.043"
    assert row in [re.sub(r"<[^>]*>|\|", " ", line).replace("  ", " ").strip() for line in markdown.splitlines()]


@needs_corpus
def test_formulas_have_no_unmapped_glyph_and_are_flagged() -> None:
    """Characters of a formula are written with their scripts; glyphs without a Unicode value are left out."""
    with pymupdf.open(CORPUS / "DeepSeek_OCR2_paper.pdf") as document:
        text = read_text_layer(document, 6, right_to_left=False)

    assert "\ufffd" not in "".join(blocks(text, "formula"))
    assert "formula_as_text" in text.notes


@needs_corpus
def test_cells_hold_whole_words() -> None:
    """The word `Language` of a header stands in one cell, in full."""
    with pymupdf.open(CORPUS / "2305.03393v1-pg9.pdf") as document:
        (table,) = blocks(read_text_layer(document, 0, right_to_left=False), "table")

    assert '<th rowspan="2">Language</th>' in table
    assert "<td>OTSL</td><td>0.965</td><td>0.934</td><td>0.955</td><td>0.88</td><td>2.73</td>" in table


@needs_corpus
def test_tables_with_frames_of_their_own_keep_their_rows() -> None:
    """Of two ruled tables side by side, with rules at different heights, each has a row for each of its lines."""
    with pymupdf.open(CORPUS / "195981.pdf") as document:
        tables = blocks(read_text_layer(document, 45, right_to_left=False), "table")

    rows = [line for table in tables for line in table.splitlines()]
    for row in ("| B | NAVY, MARINE--ACTIVE DUTY |", "| C | AIR FORCE--ACTIVE DUTY |", "| T | OTHER NON-VETERANS |"):
        assert row in rows


@needs_cases
def test_glyphs_without_a_unicode_value_are_no_letters() -> None:
    """Unmapped ligatures are U+FFFD, which flags the page, and never some other letter or control character."""
    markdown = read(19).markdown

    assert "commi\ufffdee of the se\ufffdlement" in markdown
    assert not any(ord(character) < ord(" ") and character != "\n" for character in markdown)
