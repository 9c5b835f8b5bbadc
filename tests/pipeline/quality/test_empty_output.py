"""Outputs that hold text, none, or hardly any, and what counts as text."""

import pytest

from ocrmill.pipeline.quality.empty_output import LEAST_EMPTY, MOST_EMPTY_ELEMENTS, has_text, is_empty, is_mostly_empty
from ocrmill.pipeline.records import PICTURE, Block, PageText

SENTENCE = "The mill turns when the river runs."


def page(*texts: str, pictures: int = 0) -> PageText:
    """A page whose boxes hold these texts, after some pictures."""
    blocks, markdown = [Block(PICTURE, 0, 0, 9, 9, 0, 0)] * pictures, ""
    for text in texts:
        blocks.append(Block("text", 0, 0, 9, 9, len(markdown), len(markdown) + len(text)))
        markdown += text + "\n\n"
    return PageText(markdown, blocks=tuple(blocks))


@pytest.mark.parametrize(
    "text",
    [
        *("a", "7", "深", "م", "☐", "♪", "∫", "<td>x</td>", "| | 0 |", "&amp;c", "<3", "a < b > c"),
        *(
            "```\nx = 1\n```",
            "``` see below: it runs",
            "![The mill](mill.png)",
            "\\[ \\alpha \\]",
            "\\begin{tabular}{l} a \\end{tabular}",
        ),
        "<!-- hidden --> said",
    ],
)
def test_a_letter_a_digit_or_a_sign_is_text(text: str) -> None:
    """In any script, and inside any markup."""
    assert has_text(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", " \n\u3000", "<td></td>", "| |\n|---|", "&nbsp;", "<pre> <b></b>", "....", "____", "- - -", "**", "# "),
        *("<!-- nothing here -->", "```markdown\n```", "~~~\n\n~~~", "![](images/1.jpg)", "\\[ \\quad \\]"),
        "\\begin{tabular}{|l|c|}\n\\hline & \\\\\n\\end{tabular}",
    ],
)
def test_markup_alone_is_no_text(text: str) -> None:
    """Tags, bars, rules, leaders, bullets, comments, fences, links to pictures, spaces however they are written."""
    assert not has_text(text)


@pytest.mark.parametrize(
    ("text", "empty"),
    [
        (page(), True),
        (page(""), True),
        (page("<table><tr><td></td></tr></table>"), True),
        (page(SENTENCE), False),
        (page(pictures=1), False),  # a page that is a picture
        (page("", pictures=1), False),  # with a caption that was not read
        (page(*[""] * LEAST_EMPTY, pictures=1), True),
    ],
)
def test_an_output_without_text_or_picture_is_empty(text: PageText, empty: bool) -> None:
    """A picture is something; one among boxes that drift is not."""
    assert is_empty(text) == empty


@pytest.mark.parametrize(
    ("text", "mostly"),
    [
        (page(SENTENCE, *[""] * LEAST_EMPTY), True),
        (page(SENTENCE, *[""] * (LEAST_EMPTY - 1)), False),
        (page(*[SENTENCE, ""] * LEAST_EMPTY), False),  # a worksheet: as many boxes for answers as questions
        (page(SENTENCE, pictures=40), False),  # an album
        (page(SENTENCE + "<pre></pre>" * (MOST_EMPTY_ELEMENTS + 1)), True),
        (page(SENTENCE + "<u> </u>" * MOST_EMPTY_ELEMENTS), False),  # a form with blank lines
        (page(SENTENCE + "<tr>" + "<td></td>" * 900 + "</tr>"), False),  # a sparse table is no drift
        (page("<b>bold</b> <i>cells</i> " * 300), False),
        (page("<p>" + "<br>" * 300 + SENTENCE + "</p>"), False),
    ],
)
def test_most_boxes_or_many_tags_without_text_are_drift(text: PageText, mostly: bool) -> None:
    """Each limit is the last that an honest page may have."""
    assert is_mostly_empty(text) == mostly
