"""A continuous text joins what a page break cuts, parts what is two, and loses no word of a page."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from written_outputs import add_document, failed_page, page, writing

from ocrmill.commands.export.chosen_documents import ExportOptions
from ocrmill.commands.export.continuous import join_pages
from ocrmill.commands.export.document_text import TextForm
from ocrmill.commands.export.formats.json_lines import export_jsonl
from ocrmill.commands.export.formats.markdown_tree import export_markdown
from ocrmill.commands.export.pieces import FURNITURE, BlockSpan, Piece, block_spans, pieces_of
from ocrmill.pipeline.output.stores.local import LocalStore

Blocks = list[tuple[str, str]]
ONE = "| Year | Tons |\n| --- | --- |\n| 1990 | 12 |"


def laid_out(blocks: Blocks) -> tuple[str, list[BlockSpan]]:
    """A page's Markdown with the spans of its blocks."""
    text, spans = "", []
    for label, words in blocks:
        text += "\n\n" if text else ""
        spans.append({"label": label, "start": len(text), "end": len(text) + len(words)})
        text += words
    return text, block_spans(spans)


def pieces(number: int, blocks: Blocks) -> list[Piece]:
    return [piece for piece in pieces_of(*laid_out(blocks), number) if piece.label not in FURNITURE]


def joined(*pages: Blocks) -> str:
    return join_pages(pieces(number, blocks) for number, blocks in enumerate(pages, 1)).text


@pytest.mark.parametrize(
    ("end", "beginning", "text"),
    [
        ("It was the best", "of times.", "It was the best of times."),
        ("We saw the moun-", "tains of Peru.", "We saw the mountains of Peru."),
        ("a well-", "known rule", "a well-known rule"),
        ("In Paris, London,", "Berlin and Rome.", "In Paris, London, Berlin and Rome."),
        ("the sum; it", "**is** large", "the sum; it **is** large"),
        ("我们提出了一种新的方法用于处理大规模文档的", "分析。", "我们提出了一种新的方法用于处理大规模文档的分析。"),
        ("وقد كانت هذه المدينة", "كبيرة.", "وقد كانت هذه المدينة كبيرة."),
    ],
)
def test_a_paragraph_that_goes_on_is_joined(end: str, beginning: str, text: str) -> None:
    """No full stop and then the middle of a sentence: one paragraph, the hyphen of a line end gone."""
    assert joined([("text", end)], [("text", beginning)]) == text


@pytest.mark.parametrize(
    ("end", "beginning"),
    [
        ("The end.", "the beginning"),
        ("The end.\u201d", "the beginning"),
        ("A title", "Another one"),
        ("H:768", "number of crops"),
        ("pages 3-", "5 of it"),
        ("One line", "- an item"),
        ("One line", "# heading"),
        ("One line", "1. an item"),
        ("第一章", "汉字文本"),
    ],
)
def test_what_is_two_stays_apart(end: str, beginning: str) -> None:
    """The end of a sentence, a capital letter, a list or a heading parts two pages by a blank line."""
    assert joined([("text", end)], [("text", beginning)]) == f"{end}\n\n{beginning}"


def test_furniture_goes_and_floats_make_room() -> None:
    """Headers and footers go; a note before the break and a figure after it stand around the paragraph."""
    text = joined(
        [("header", "Chapter 1"), ("text", "And it goes"), ("footnote", "\u00b9 A note."), ("page_number", "7")],
        [
            *(("header", "Chapter 1"), ("caption", "Figure 2. A tide."), ("text", "**Fig. 3.** An ebb.")),
            *(("text", "on here."), ("text", "New.")),
        ],
    )

    assert text == "\u00b9 A note.\n\nAnd it goes on here.\n\nFigure 2. A tide.\n\n**Fig. 3.** An ebb.\n\nNew."


def test_headings_skip_no_level() -> None:
    """A heading is at most one level below the one that it stands under, over pages, too; equal levels stay equal."""
    one = [("title", "# Mills"), ("heading", "### Tide"), ("text", "Text.\n\n```\n#### no heading\n```")]
    other = [("heading", "### Wind"), ("heading", "## Trade"), ("text", "#1 is no heading.\n\n##### Grain")]

    headings = re.findall(r"^#+ .*", joined(one, other), re.MULTILINE)

    assert headings == ["# Mills", "## Tide", "#### no heading", "## Wind", "## Trade", "### Grain"]


def test_a_paragraph_may_go_on_over_three_pages() -> None:
    """A page that is the middle of a paragraph joins those before and after it."""
    assert (
        joined([("text", "All of one")], [("text", "and two")], [("text", "and three.")])
        == "All of one and two and three."
    )


def test_a_page_that_failed_parts_its_neighbours() -> None:
    """Words may be missing there, so nothing is joined over it."""
    assert (
        join_pages([pieces(1, [("text", "All of one")]), None, pieces(3, [("text", "and")])]).text
        == "All of one\n\nand"
    )


@pytest.mark.parametrize(
    ("rest", "rows"),
    [
        ([("table", "| Year | Tons |\n| --- | --- |\n| 1991 | 13 |")], "| 1991 | 13 |"),
        ([("table", "|  |  |\n| --- | --- |\n| 1991 | 13 |")], "| 1991 | 13 |"),
        ([("caption", "Table 2 (continued)"), ("table", "| 1991 | 13 |\n| --- | --- |")], "| 1991 | 13 |"),
    ],
)
def test_a_table_goes_on_if_both_sides_say_so(rest: Blocks, rows: str) -> None:
    """A header that is repeated or empty, or a caption that says `continued`: one table, its header once."""
    assert joined([("table", ONE)], rest) == f"{ONE}\n{rows}"


def test_tables_of_html_go_on() -> None:
    """Rows move before the end of the first table, without the header that is there twice, over three pages too."""
    header = '<tr><th colspan="2">Tons</th></tr>'
    tables = [f"<table>{header}<tr><td>{n}</td><td>x</td></tr></table>" for n in (1, 2, 3)]

    text = joined(*([("table", table)] for table in tables))

    assert text == f"<table>{header}" + "".join(f"<tr><td>{n}</td><td>x</td></tr>" for n in (1, 2, 3)) + "</table>"


@pytest.mark.parametrize(
    "rest",
    [
        [("table", "| Month | Tons |\n| --- | --- |\n| May | 1 |")],
        [("table", "| Year | Tons | Share |\n| --- | --- | --- |\n| 1991 | 13 | 2 |")],
        [("caption", "Table 3"), ("table", "| Year | Tons |\n| --- | --- |\n| 1991 | 13 |")],
        [("text", "A sentence."), ("table", "| Year | Tons |\n| --- | --- |\n| 1991 | 13 |")],
        [("table", "<table><tr><td>Year</td><td>Tons</td></tr></table>")],
    ],
)
def test_other_tables_stay_apart(rest: Blocks) -> None:
    """Another header, another number of columns, a caption of its own or text before it: another table."""
    assert joined([("table", ONE)], rest) == "\n\n".join([ONE, *(text for _, text in rest)])


@given(
    st.lists(
        st.lists(
            st.tuples(
                st.sampled_from(["text", "text", "header", "caption", "table", "list", "footnote"]),
                st.sampled_from(["one two", "Three four.", "five-", "six, seven,", "eight\n\nnine", ONE, "- a\n- b"]),
            ),
            max_size=4,
        ),
        max_size=5,
    )
)
def test_no_word_is_lost(pages: list[Blocks]) -> None:
    """All words but those of furniture and of repeated headers are there, and each page's span holds its own."""
    found = join_pages(pieces(number, blocks) for number, blocks in enumerate(pages, 1))
    kept = [[text for label, text in blocks if label not in FURNITURE] for blocks in pages]

    repeated = ONE.split("\n", maxsplit=1)[0]
    assert letters(" ".join(map(" ".join, kept)).replace(repeated, "")) <= letters(found.text)
    assert letters(found.text) <= letters(" ".join(map(" ".join, kept)))
    for number, texts in enumerate(kept, 1):
        start, end = found.spans.get(number, (0, 0))
        assert letters(" ".join(texts).replace(repeated, "")) <= letters(found.text[start:end])


def letters(text: str) -> Counter[str]:
    return Counter(re.sub(r"[\W_]", "", text))


def test_exports_read_on(tmp_path: Path) -> None:
    """Both formats: joined text, spans of pages that hold, a mark only where a page is missing."""
    with writing(tmp_path / "out") as sink:
        pages = [page("# It\n\nIt was the best"), page("of times."), failed_page(), page("### It\n\nThe end.")]
        add_document(sink, "/in/a.pdf", pages)
    store = LocalStore(tmp_path / "out")
    export_markdown(store, tmp_path / "tree", ExportOptions(form=TextForm(continuous=True)))
    export_jsonl(store, tmp_path / "a.jsonl", ExportOptions(form=TextForm(continuous=True)))
    record = json.loads((tmp_path / "a.jsonl").read_text())

    assert (tmp_path / "tree" / "a.pdf.md").read_text() == (
        "# It\n\nIt was the best of times.\n\n<!-- page: 3 status: failed reason: render_timeout -->\n\n"
        "## It\n\nThe end.\n"
    )
    assert record["text"] == "# It\n\nIt was the best of times.\n\n## It\n\nThe end."
    spans = [record["text"][one["start"] : one["end"]] for one in record["metadata"]["pages"]]
    assert spans == ["# It\n\nIt was the best", " of times.", "", "## It\n\nThe end."]
