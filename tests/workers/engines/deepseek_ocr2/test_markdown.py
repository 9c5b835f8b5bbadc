"""The model's output becomes Markdown and blocks; what goes is markup, what stays is every character of the text."""

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_outputs import PAGE, TOKENS

from ocrmill.pipeline.records import PageGeometry
from ocrmill.workers.engines.deepseek_ocr2.markdown import to_markdown

DOCUMENT = r"""<|ref|>title<|/ref|><|det|>[[100, 50, 900, 90]]<|/det|>
# On Tides

<|ref|>text<|/ref|><|det|>[[100, 100, 480, 400], [520, 100, 900, 300]]<|/det|>
We put \( h \coloneqq a \cos t \).



It rises.

<|ref|>image<|/ref|><|det|>[[100, 420, 900, 600]]<|/det|>

<|ref|>image_caption<|/ref|><|det|>[[100, 610, 900, 630]]<|/det|>
<center>Figure 1. A tide.</center>

<|ref|>table<|/ref|><|det|>[[100, 650, 900, 800]]<|/det|>
<table><tr><td>1</td><td>2</td></tr></table>

<|ref|>sub_title<|/ref|><|det|>[[100, 820, 900, 850]]<|/det|>
## 2 Method<｜end▁of▁sentence｜>"""

MARKDOWN = r"""# On Tides

We put \( h := a \cos t \).

It rises.

<center>Figure 1. A tide.</center>

<table><tr><td>1</td><td>2</td></tr></table>

## 2 Method"""


fragments = st.sampled_from(
    [
        *("<|ref|>", "<|/ref|>", "<|det|>", "<|/det|>", "[[1, 2, 3, 4]]", "[[9, 1005, -3, 4], [0, 0, 0, 0]]", "[[1, 2"),
        *("text", "image", "sub_title", "Two words.", "\n", "\n\n\n", "```", "~~~~\n", "\n```\n", "12", "<td></td>"),
        *(
            "<｜end▁of▁sentence｜>",
            "<|grounding|>",
            "<|User|>",
            "<image>",
            "\\coloneqq",
            "\\eqqcolon ",
            " ",
            "\t",
            "\r\n",
        ),
        *("<|", "|>", "<", ">", "]", "\0", "\ud800", "漢字"),
    ]
)
outputs = st.one_of(st.lists(st.one_of(fragments, st.text(max_size=8)), max_size=40).map("".join), st.text())


def shown(raw: str, **options: bool) -> list[tuple[str, str]]:
    """Label and Markdown of each block."""
    markdown, blocks = to_markdown(raw, PAGE, **options)
    return [(block.label, markdown[block.start : block.end]) for block in blocks]


def without_space(text: str) -> str:
    return "".join(text.split())


def test_a_document_becomes_markdown() -> None:
    """Tags and figures leave nothing, blank lines do not pile up, tables stay HTML."""
    markdown, _ = to_markdown(DOCUMENT, PAGE)

    assert markdown == MARKDOWN


def test_blocks_cover_their_text() -> None:
    """Labels are those of the other readers; a block's span is its own text, a picture's is empty and in its place."""
    assert [
        ("title", "# On Tides"),
        ("text", "We put \\( h := a \\cos t \\).\n\nIt rises."),
        ("text", "We put \\( h := a \\cos t \\).\n\nIt rises."),
        ("picture", ""),
        ("caption", "<center>Figure 1. A tide.</center>"),
        ("table", "<table><tr><td>1</td><td>2</td></tr></table>"),
        ("heading", "## 2 Method"),
    ] == shown(DOCUMENT)


def test_boxes_are_points_of_the_page() -> None:
    """Box numbers are 1/999 of the page's sides; each box of a region is a block, with the same span."""
    _, blocks = to_markdown("<|ref|>a<|/ref|><|det|>[[0, 0, 999, 999]]<|/det|>" + DOCUMENT, PAGE)

    assert (0, 0, 612, 792) == (blocks[0].x0, blocks[0].y0, blocks[0].x1, blocks[0].y1)
    assert (blocks[2].x0, blocks[2].y0) == pytest.approx((100 / 999 * 612, 100 / 999 * 792))
    assert (blocks[2].x1, blocks[2].y1) == pytest.approx((480 / 999 * 612, 400 / 999 * 792))
    assert (blocks[3].x0, blocks[3].y1) == pytest.approx((520 / 999 * 612, 300 / 999 * 792))
    assert (blocks[2].start, blocks[2].end) == (blocks[3].start, blocks[3].end)


def test_equal_blocks_stay_apart() -> None:
    """Two blocks that are the same to the letter are two blocks, each with its own span."""
    raw = "<|ref|>text<|/ref|><|det|>[[1, 2, 3, 4]]<|/det|>\nTwice.\n" * 2
    markdown, blocks = to_markdown(raw, PAGE)

    assert markdown == "Twice.\n\nTwice."
    assert [(0, 6), (8, 14)] == [(block.start, block.end) for block in blocks]


def test_a_block_without_a_valid_box_keeps_its_text() -> None:
    """With malformed boxes there is no block, but the text stands where it stood."""
    raw = (
        "<|ref|>text<|/ref|><|det|>[[1, 2, 3]]<|/det|>\nOne.\n<|ref|>list<|/ref|><|det|>[[1, 2, 3, 4]]<|/det|>\n- Two."
    )

    assert "One.\n\n- Two." == to_markdown(raw, PAGE)[0]
    assert [("list", "- Two.")] == shown(raw)


def test_text_outside_blocks_stays_in_its_place() -> None:
    """Text that the model writes before the first block comes first, and belongs to none."""
    raw = "Preface.\n<|ref|>text<|/ref|><|det|>[[1, 2, 3, 4]]<|/det|>\nText."

    assert "Preface.\n\nText." == to_markdown(raw, PAGE)[0]
    assert [("text", "Text.")] == shown(raw)


def test_lines_follow_each_other() -> None:
    """Lines are separated by one line break, each with its box; a last line that was cut off has none."""
    raw = (
        "<|ref|>Total:<|/ref|><|det|>[[10, 20, 30, 40]]<|/det|>\n"
        "<|ref|>title<|/ref|><|det|>[[50, 20, 70, 40]]<|/det|>\n"
        "<|ref|>and then"
    )

    assert "Total:\ntitle\nand then" == to_markdown(raw, PAGE, refs_are_text=True)[0]
    assert [("line", "Total:"), ("line", "title")] == shown(raw, refs_are_text=True)


@pytest.mark.parametrize(
    "text",
    [
        "# Free OCR\n\nSome *text*, with  two spaces  \nand a hard break.\n\n    indented code\n\n| a | b |\n|---|---|",
        "<table>\n<tr><td>2019</td><td>17 %</td></tr>\n</table>",
        "{'Line': {'line': ['A -- B'], 'line_endpoint': ['A: (0, 0)', __import__('os')]}, 'Circle': None}",
        "CC(=O)Oc1ccccc1C(=O)O",
        "x < y |> f, [[1, 2, 3, 4]], \\coloneqqX and <!-- a comment -->",
    ],
)
def test_output_without_tags_is_unharmed(text: str) -> None:
    """Free OCR, figures as tables or formulas, and geometry come through to the letter, and are never evaluated."""
    assert (text, ()) == to_markdown(f"\n{text}\n<｜end▁of▁sentence｜>", PAGE)


def test_signs_and_blank_lines_are_cleaned_up_without_any_block() -> None:
    """Formula signs become plain and blank lines single in every output; a blank line may hold spaces."""
    raw = "\n \na \\coloneqq b\n\n \t\n\n\\eqqcolon c\n\n"

    assert to_markdown(raw, PAGE)[0] == "a := b\n\n=: c"


@pytest.mark.parametrize(
    "code",
    [
        "```\na\n\n\n\nb \\coloneqq c\n```",
        "  ~~~ text\na\n\n\n```\n\n\nb\n~~~~",
        "````\n```\n\n\n```\n````",
        "```\nnever closed\n\n\n\\eqqcolon",
    ],
)
def test_code_between_fences_is_verbatim(code: str) -> None:
    """Blank lines and commands in fenced code stay, and are cleaned up again after it."""
    assert code == to_markdown(code, PAGE)[0]
    if "never" not in code:
        assert f"{code}\n\n:=" == to_markdown(f"{code}\n\n\n\n\\coloneqq", PAGE)[0]


def test_backquotes_within_a_line_open_no_fence() -> None:
    """Code within a line may have three backquotes on both sides."""
    assert "```a``` b\n\nc" == to_markdown("```a``` b\n\n\n\nc", PAGE)[0]


@pytest.mark.parametrize("lines", [False, True])
def test_output_cut_anywhere_leaves_no_markup(lines: bool) -> None:
    """Cut off after any token, the Markdown has no tag or box list, and begins as the whole page's does.

    The closing tags of a table are added.
    """
    tokens = re.findall(r"<\|/?(?:ref|det)\|>|<｜[^｜]+｜>|[\s\S]", DOCUMENT)
    for count in range(len(tokens)):
        markdown, _ = to_markdown("".join(tokens[:count]), PAGE, refs_are_text=lines)

        assert "|>" not in markdown
        assert "[[" not in markdown
        if not lines:
            whole = without_space(MARKDOWN.replace(":=", "\\coloneqq"))
            written = re.sub("(?:</(?:table|tr|td)>)*$", "", markdown.replace(":=", "\\coloneqq"))
            assert whole.startswith(without_space(written))


@given(outputs, st.booleans())
def test_any_output_gives_ordered_blocks_within_page_and_markdown(raw: str, lines: bool) -> None:
    """Nothing raises; spans are ordered, equal or apart, without outer line breaks; boxes lie on the page."""
    markdown, blocks = to_markdown(raw, PAGE, refs_are_text=lines)

    assert not TOKENS.search(markdown)
    for before, after in pairwise(blocks):
        assert before.end <= after.start or (before.start, before.end) == (after.start, after.end)
    for block in blocks:
        assert 0 <= block.start <= block.end <= len(markdown)
        assert 0 <= block.x0 <= block.x1 <= PAGE.width_pt
        assert 0 <= block.y0 <= block.y1 <= PAGE.height_pt
        assert block.label
        text = markdown[block.start : block.end]
        assert text.strip("\n") == text.rstrip() == text


@given(st.text(st.characters(exclude_characters="<\\")))
def test_no_character_of_text_is_lost(text: str) -> None:
    """Only white space is cleaned up where there is neither tag nor command."""
    assert without_space(text) == without_space(to_markdown(text, PAGE)[0])


words = st.text(st.characters(exclude_characters="<\\`~"), min_size=1).filter(str.strip)
labels = st.sampled_from(["text", "title", "image", "table", "figure_title", "table_caption", "list", "a-new_label"])


@given(words, st.lists(st.tuples(labels, st.lists(st.tuples(*[st.integers(-9, 2000)] * 4), min_size=1), words)))
def test_each_block_keeps_its_own_text(preface: str, written: list[tuple[str, list[Any], str]]) -> None:
    """A block for each box that the model wrote, in its order, covering exactly the characters that followed."""
    raw = preface + "".join(
        f"<|ref|>{label}<|/ref|><|det|>{[list(box) for box in boxes]}<|/det|>\n{text}" for label, boxes, text in written
    )
    markdown, blocks = to_markdown(raw, PAGE)

    assert [without_space(text) for _, boxes, text in written for _ in boxes] == [
        without_space(markdown[block.start : block.end]) for block in blocks
    ]
    assert without_space(markdown) == without_space(preface + "".join(text for _, _, text in written))


def raw_output(name: str) -> str:
    """An output of the model in a form that users reported, in our own words."""
    return (Path(__file__).parent / "raw_outputs" / f"{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("label", "ours"),
    [
        *(
            ("title", "title"),
            ("sub_title", "heading"),
            ("text", "text"),
            ("equation", "formula"),
            ("image", "picture"),
        ),
        *(("table", "table"), ("figure_title", "caption"), ("table_title", "caption"), ("image_caption", "caption")),
        *(("table_caption", "caption"), ("table_footnote", "footnote"), ("image_footnote", "footnote")),
        *((label, label) for label in ("list", "header", "footer", "page_number", "footnote", "reference", "abstract")),
        *(("code", "code"), ("seal", "seal"), ("text_title_2", "text_title_2")),
    ],
)
def test_every_known_label_has_one_name(label: str, ours: str) -> None:
    """Captions and footnotes of both versions have one name each; unknown labels keep theirs. None loses its text."""
    raw = f"<|ref|>{label}<|/ref|><|det|>[[1, 2, 3, 4]]<|/det|>\nIts text."

    assert [(ours, "Its text.")] == shown(raw)


def test_a_figure_title_is_a_caption() -> None:
    """DeepSeek-OCR 2 calls captions `figure_title`."""
    found = shown(raw_output("r03_ocr2_figure_title_mlx"))

    assert found[1:4] == [
        ("picture", ""),
        ("caption", "Figure 1: A hull surrounds water around a particle."),
        ("heading", "## Real Space Sums"),
    ]


def test_a_caption_between_a_table_and_its_html_leaves_it_the_html() -> None:
    """The table's box goes with its HTML, the caption's with its own text, in the order in which they are written."""
    markdown, blocks = to_markdown(raw_output("r01_captioned_table_v1_issue295"), PageGeometry(999, 999, 0))

    assert [(block.label, block.x0, block.y0) for block in blocks] == [
        ("caption", 113, 99),
        ("table", 120, 210),
        ("text", 115, 760),
    ]
    caption, table = (markdown[block.start : block.end] for block in blocks[:2])
    assert caption.startswith("Table 3 |")
    assert caption.endswith("enlarged pages.")
    assert table.startswith("<table><tr><td rowspan")
    assert table.endswith("</table>")


TABLE_TAGS = "<|ref|>table<|/ref|><|det|>[[1, 2, 3, 4]]<|/det|>\n"
CAPTION_TAGS = "<|ref|>table_title<|/ref|><|det|>[[5, 6, 7, 8]]<|/det|>\n"
HTML = "<table><tr><td>1</td></tr></table>\n"
PIPES = "| a | b |\n|---|---|\n| 1 | 2 |\n"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (
            TABLE_TAGS + CAPTION_TAGS + "One\n<|ref|>table_footnote<|/ref|><|det|>[[5, 6, 7, 8]]<|/det|>\nTwo " + HTML,
            [("caption", "One"), ("footnote", "Two"), ("table", HTML)],
        ),
        (TABLE_TAGS + CAPTION_TAGS + HTML, [("caption", ""), ("table", HTML)]),
        (TABLE_TAGS * 2 + (CAPTION_TAGS + "C\n" + HTML) * 2, [("caption", "C"), ("table", HTML)] * 2),
        (TABLE_TAGS + CAPTION_TAGS + "C\n<table>", [("caption", "C"), ("table", "<table></table>")]),
        (CAPTION_TAGS + "C\n" + HTML, [("caption", "C")]),
        (TABLE_TAGS + CAPTION_TAGS + "Table 3 | C\n\n" + PIPES, [("caption", "Table 3 | C"), ("table", PIPES)]),
        (TABLE_TAGS + CAPTION_TAGS + "C\n" + PIPES, [("caption", "C"), ("table", PIPES)]),
        (CAPTION_TAGS + "Either | or\n- this", [("caption", "Either | or\n- this")]),
        (TABLE_TAGS + HTML + CAPTION_TAGS + "C", [("table", HTML), ("caption", "C")]),
        (CAPTION_TAGS + "C\n" + TABLE_TAGS + HTML, [("caption", "C"), ("table", HTML)]),
        (CAPTION_TAGS + "The <table> element", [("caption", "The <table> element")]),
        ("<|ref|>text<|/ref|><|det|>[[5, 6, 7, 8]]<|/det|>\nT " + HTML, [("text", "T " + HTML)]),
        (
            TABLE_TAGS + "<|ref|>text<|/ref|><|det|>[[5, 6, 7, 8]]<|/det|>\nT\n" + CAPTION_TAGS + "C\n" + HTML,
            [("table", ""), ("text", "T"), ("caption", "C")],
        ),
    ],
)
def test_tables_and_captions_in_any_order_keep_apart(raw: str, expected: list[tuple[str, str]]) -> None:
    """Only a caption or footnote gives HTML away, and to the table just before it; no text moves or goes."""
    markdown = to_markdown(raw, PAGE)[0].removesuffix("</table>")

    assert [(label, text.strip()) for label, text in expected] == shown(raw)
    assert without_space(markdown) == without_space(re.sub(r"<\|ref\|>.*?<\|/det\|>", "", raw)).removesuffix("</table>")


def test_a_blank_before_a_box_and_an_empty_caption() -> None:
    """The box counts, the block without text stays, with an empty span, and the table after it has its own HTML."""
    found = shown(raw_output("r04_worksheet_leading_blank_det"))

    assert [label for label, _ in found] == ["picture", "heading", "text", "formula", "caption", "table"]
    assert found[2] == ("text", "Sei \\(\\omega_0 > 0\\). Gegeben sei das AWP:")
    assert found[4] == ("caption", "")


def test_output_that_ends_within_a_tag_leaves_no_part_of_it() -> None:
    """The text that came before is all there, the picture keeps its box, and the cut-off tag is no text."""
    raw = raw_output("r07_truncated_patent").rstrip("\n")
    markdown, blocks = to_markdown(raw, PAGE)

    assert markdown == "Some text here."
    assert [block.label for block in blocks] == ["text", "picture"]
    for tag in ("<|ref|>", "<|/ref|>", "<|det|>", "<|/det|>", "<｜end▁of▁sentence｜>"):
        for end in range(2, len(tag)):
            assert to_markdown("Words." + tag[:end], PAGE)[0] == "Words."
    assert to_markdown("a <", PAGE)[0] == "a <"


def test_an_output_of_lines_is_text_whatever_was_asked_for() -> None:
    """If one `<|ref|>` holds a sentence and nothing stands outside of them, `text` and `image` are words, too."""
    markdown, blocks = to_markdown(raw_output("r14_ocr_lines_310"), PAGE)

    assert markdown == "Invoice no. 17\n合计：17.50\ntext\nimage"
    assert [block.label for block in blocks] == ["line"] * 5
