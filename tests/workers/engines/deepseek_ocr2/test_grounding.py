"""The model's output is read as regions, whatever it is, and none of it is believed or evaluated."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrmill.workers.engines.deepseek_ocr2.grounding import GRID, LINE, GridBox, parse_boxes, read_regions


def regions(raw: str, **options: bool) -> list[tuple[str | None, str, int]]:
    """Label, text without outer white space, and number of boxes of every region that has any of them."""
    read = [(region.label, region.text.strip(), len(region.boxes)) for region in read_regions(raw, **options)]
    return [region for region in read if region != (None, "", 0)]


@pytest.mark.parametrize(
    ("text", "boxes"),
    [
        ("[[70, 44, 371, 62]]", [GridBox(70, 44, 371, 62)]),
        ("[[0,0,999,999]]", [GridBox(0, 0, 999, 999)]),
        (" [ [ 1 ,\n2 , 3 , 4 ] , [5, 6, 7, 8] ]", [GridBox(1, 2, 3, 4), GridBox(5, 6, 7, 8)]),
        ("[[-5, 1000, 999999999, 20]]", [GridBox(0, 20, 999, 999)]),
        ("[[300, 20, 100, 10]]", [GridBox(100, 10, 300, 20)]),
        ("[[7, 7, 7, 7]]", [GridBox(7, 7, 7, 7)]),
    ],
)
def test_boxes_are_clamped_to_the_grid_and_their_corners_ordered(text: str, boxes: list[GridBox]) -> None:
    """Integers outside 0 to 999 go to the border, corners in the wrong order are swapped, no area is no error."""
    assert boxes == parse_boxes(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "[[]]",
        "[1, 2, 3, 4]",
        "[[1, 2, 3]]",
        "[[1, 2, 3, 4, 5]]",
        "[[1, 2, 3, 4], [5, 6]]",
        "[[1, 2, 3, 4],]",
        "[[1, 2, 3, 4]",
        "[[1.0, 2, 3, 4]]",
        "[[1e2, 2, 3, 4]]",
        "[[0x1, 2, 3, 4]]",
        "[[1_0, 2, 3, 4]]",
        "[[+1, 2, 3, 4]]",
        "[[- 1, 2, 3, 4]]",
        "[[1, 2, 3, 1000000000]]",
        "[[١, ٢, ٣, ٤]]",
        "[[1, 2, 3, 4]] or 1",
        "[[1, 2, 3, exit()]]",
        "__import__('os').system('true')",
        "[[" + "9" * 5000 + ", 1, 2, 3]]",
    ],
)
def test_what_is_not_a_list_of_integer_boxes_is_no_box(text: str) -> None:
    """Nothing but lists of four plain integers of at most nine digits is taken; not a part of it, and no expression."""
    assert [] == parse_boxes(text)


@given(st.text())
def test_any_text_is_boxes_within_the_grid_or_none(text: str) -> None:
    """The parser takes anything."""
    for given_text in (text, f"[[1, 2, 3, {text}]]", f"[[{text}, 1, 2, 3]]"):
        for box in parse_boxes(given_text):
            assert 0 <= box.x0 <= box.x1 <= GRID
            assert 0 <= box.y0 <= box.y1 <= GRID


def test_a_document_is_labels_boxes_and_texts() -> None:
    """Each pair of tags begins a region; what stands before the first one has no label."""
    raw = (
        "Page one\n<|ref|>title<|/ref|><|det|>[[10, 20, 30, 40]]<|/det|>\n# A title\n\n"
        "<|ref|>image<|/ref|><|det|>[[1, 2, 3, 4], [5, 6, 7, 8]]<|/det|>\n\n"
        "<|ref|>Text<|/ref|><|det|>[[10, 50, 30, 90]]<|/det|>\nSome [[text]] of 3 < 4.\n"
    )

    assert [
        (None, "Page one", 0),
        ("title", "# A title", 1),
        ("image", "", 2),
        ("text", "Some [[text]] of 3 < 4.", 1),
    ] == (regions(raw))


def test_lines_are_texts_with_boxes() -> None:
    """If the prompt asks for lines, one word is a line too, and never a label."""
    raw = (
        "<|ref|>Total<|/ref|><|det|>[[10, 20, 30, 40]]<|/det|>\n"
        "<|ref|>17.50 EUR<|/ref|><|det|>[[50, 20, 70, 40]]<|/det|>\n"
    )

    assert [(LINE, "Total", 1), (LINE, "17.50 EUR", 1)] == regions(raw, refs_are_text=True)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("<|ref|>", [("text", "", 0)]),
        ("<|ref|>sub_ti", [("sub_ti", "", 0)]),
        ("<|ref|>text<|/ref|>", [("text", "", 0)]),
        ("<|ref|>text<|/ref|><|det|>", [("text", "", 0)]),
        ("<|ref|>text<|/ref|><|det|>[[12, 3", [("text", "", 0)]),
        ("<|ref|>text<|/ref|><|det|>[[1, 2, 3, 4]]", [("text", "", 1)]),
        ("<|ref|>text<|/ref|><|det|>[[1, 2, 3, 4]]\n12 apples", [("text", "12 apples", 1)]),
        ("<|ref|>text<|/ref|><|det|>[[1, 2, 3, 4]]\n1984", [("text", "1984", 1)]),
        ("<|ref|>text<|/ref|><|det|>[[1, 2, 3]]<|/det|>\nwords", [("text", "words", 0)]),
        ("<|ref|>text<|/ref|><|det|>[[1, 2, 3, 4]]]<|/det|>\nwords", [("text", "words", 1)]),
        ("<|ref|>text<|/ref|><|det|>exit()<|/det|>\nwords", [("text", "exit()\nwords", 0)]),
        ("<|ref|>Two words are no label", [(LINE, "Two words are no label", 0)]),
        ("<|ref|>A sentence.<|/ref|><|det|>[[1, 2, 3, 4]]<|/det|>\nmore", [(LINE, "A sentence.\n\nmore", 1)]),
        ("<|ref|><|/ref|><|det|>[[1, 2, 3, 4]]<|/det|>\nwords", [("text", "words", 1)]),
        ("a<|/ref|>b<|/det|>c<|det|>[[1, 2, 3, 4]]<|/det|>d", [(None, "abcd", 1)]),
    ],
)
def test_broken_markup_loses_no_text(raw: str, expected: list[tuple[str | None, str, int]]) -> None:
    """Cut off or malformed, tags, labels and box lists go; whatever else there is stays, in the region it is in."""
    assert expected == regions(raw)


@pytest.mark.parametrize(
    "token",
    [
        "<｜begin▁of▁sentence｜>",
        "<｜end▁of▁sentence｜>",
        "<｜▁pad▁｜>",
        "<｜place▁holder▁no▁799｜>",
        "<｜tool▁calls▁begin｜>",
        "<｜User｜>",
        "<｜Assistant｜>",
        "<|EOT|>",
        "<|User|>",
        "<|Assistant|>",
        "<|grounding|>",
        "<image>",
    ],
)
def test_control_tokens_are_no_text(token: str) -> None:
    """Control tokens are removed wherever they are: in text, in a label, in a list of boxes, at the ends."""
    raw = f"{token}<|ref|>ti{token}tle<|/ref|><|det|>[[1, {token}2, 3, 4]]<|/det|>\nwo{token}rds{token}"

    assert [("title", "words", 1)] == regions(raw)


@pytest.mark.parametrize("text", ["<td>1</td>", "<tr></tr>", "f <| x |> g", "<|x|>", "<｜a b｜>", "<img>", "a < b > c"])
def test_what_is_no_token_of_the_model_is_text(text: str) -> None:
    """HTML cells, operators and brackets of physics stay."""
    assert [(None, text, 0)] == regions(text)


def test_a_token_that_only_removal_makes_is_text() -> None:
    """`<|Us<|User|>er|>` leaves characters that look like a token; they are shown, not passed on as one."""
    assert [(None, "&lt;|User|>", 0)] == regions("<|Us<|User|>er|>")
    assert [(None, "a &lt;|ref|> b", 0)] == regions("a <|r<|/det|>ef|> b")
