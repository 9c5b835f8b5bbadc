import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrmill.pipeline.text.inline.running_text import join_lines
from ocrmill.pipeline.text.paragraphs import Line, Written, assemble, heading_level, paragraphs, to_written
from ocrmill.pipeline.text.reading_order import Box


def lines(*texts: str, x0: float = 0, top: float = 0, size: float = 10) -> list[Line]:
    """Texts below each other at 5 points a character, which makes full lines of about 60 characters."""
    boxes = [
        Box(x0, top + n * 1.2 * size, x0 + 0.5 * size * len(text), top + n * 1.2 * size + size)
        for n, text in enumerate(texts)
    ]
    return [Line(text, box, size, box) for text, box in zip(texts, boxes, strict=True)]


def written(found: list[Line], *, right_to_left: bool = False) -> list[str]:
    return [part.text for part in to_written(paragraphs(found, right_to_left=right_to_left, heading_ratio=1.2))]


FULL = "a line of running text that goes from edge to edge, all the way"
SHORT = "and ends before it."


@pytest.mark.parametrize(
    ("texts", "joined"),
    [
        (["exam-", "ple of"], "example of"),
        (["exam\u00ad", "ple"], "example"),
        (["Jean-", "Luc"], "Jean-Luc"),
        (["1990-", "2000"], "1990-2000"),
        (["1990\u2013", "2000"], "1990\u20132000"),
        (["4,157,65", "4"], "4,157,654"),
        (["(1.342.6", "73)"], "(1.342.673)"),
        (["4,157,654", "4"], "4,157,654 4"),
        (["1,23", "4 items"], "1,23 4 items"),
        (["4,157,65", "4,5"], "4,157,65 4,5"),
        (["at https://", "docs.org/a-", "b.pdf"], "at https://docs.org/a-b.pdf"),
        (["doi:10.1017/", "S0022."], "doi:10.1017/S0022."),
        (["www.docs.org/", "papers/2011"], "www.docs.org/papers/2011"),
        (["see www.docs.org/", "for more."], "see www.docs.org/ for more."),
        (["and/or", "more"], "and/or more"),
        (["a dash \u2013", "2 more"], "a dash \u2013 2 more"),
        (["dash\u2014", "closed"], "dash\u2014closed"),
        (["第一行", "第二行。", "English"], "第一行第二行。 English"),
        (["ひらが", "なです"], "ひらがなです"),
        (["한국어", "문장"], "한국어 문장"),
        (["", "  a   b ", ""], "a b"),
    ],
)
def test_lines_become_running_text(texts: list[str], joined: str) -> None:
    """Hyphens at line ends go unless they are the word's own, spaces where the script has none; addresses go on."""
    assert join_lines(texts) == joined


def test_an_indented_line_goes_on_from_a_sentence_that_runs_to_the_edge() -> None:
    """The lines of a note hang below its first one; a line that begins a sentence there begins a paragraph."""
    below = lines(FULL[:-6], FULL[:-6], x0=30, top=12)
    assert len(written([*lines(FULL), *below])) == 1
    assert len(written([*lines(FULL), *lines(FULL[:-6].capitalize(), x0=30, top=12)])) == 2


def test_short_lines_indents_and_gaps_end_paragraphs() -> None:
    """A last line, white space and an indent each begin a new paragraph; a full line does not."""
    assert len(written(lines(FULL, FULL, FULL))) == 1
    assert len(written(lines(FULL, SHORT, FULL))) == 2
    assert len(written([*lines(FULL, FULL), *lines(FULL, FULL, top=60)])) == 2
    indented = [*lines(FULL, FULL), *lines(FULL[:-2], x0=10, top=24), *lines(FULL, top=36)]
    assert len(written(indented)) == 2


def spaced(step: float, *texts: str) -> list[Line]:
    """Lines of type 10 whose baselines are `step` points apart."""
    return [line for n, text in enumerate(texts) for line in lines(text, top=step * n)]


def test_lines_of_double_spaced_text_are_one_paragraph() -> None:
    """White space within sentences ends no paragraph, however wide: drafts and vertical Japanese are set so."""
    draft = spaced(21, FULL, FULL, FULL, SHORT, "Another paragraph.")

    assert written(draft) == [f"{FULL} {FULL} {FULL} {SHORT}", "Another paragraph."]


def test_white_space_between_sentences_parts_them() -> None:
    """Paragraphs of a line each, with white space between them, are no double-spaced text."""
    items = [f"Item {n} says so much that its line is as wide as all the others are" for n in range(4)]

    assert written(spaced(21, *items)) == items


def test_right_to_left_paragraphs_mirror() -> None:
    """Indents and short lines are seen from the right edge."""
    found = lines(FULL, FULL[:40] + ".", FULL)
    mirrored = [
        Line(line.text, Box(-line.box.x1, line.box.y0, -line.box.x0, line.box.y1), 10, line.shown) for line in found
    ]

    assert written(mirrored, right_to_left=True) == written(found)
    assert len(written(found)) == 2


def test_items_are_lines_of_a_list() -> None:
    """Bullets become dashes, numbers stay, and an item goes on over its hanging lines."""
    found = [
        *lines("• the first item, which is as long as a line is on this page,"),
        *lines("and a little longer", x0=10, top=12),
        *lines("• the second item", top=24),
        *lines("3. the third", top=36),
    ]
    markdown, blocks = assemble(to_written(paragraphs(found, right_to_left=False, heading_ratio=1.2)))

    assert markdown.split("\n") == [
        "- the first item, which is as long as a line is on this page, and a little longer",
        "- the second item",
        "3. the third",
    ]
    assert {block.label for block in blocks} == {"list"}


def test_short_large_type_is_a_heading() -> None:
    """Type larger than the body's by the given ratio makes a heading, unless it is long or nothing else is there."""
    title, body = lines("The Title", size=18), lines(FULL, FULL, FULL, SHORT, top=60)

    assert written([*title, *body])[0] == "## The Title"
    assert written([*lines("A Part", size=13), *body])[0] == "### A Part"
    assert written([*lines("No Part", size=11), *body])[0] == "No Part"
    assert written(title) == ["The Title"]
    assert written([*lines("1 2 3", size=18), *body])[0] == "1 2 3"
    assert not written([*lines(*[FULL] * 4, size=18), *lines(*[FULL] * 20, top=200)])[0].startswith("#")


def test_levels_do_not_depend_on_other_headings() -> None:
    """A heading's level comes from its type and the body's alone, so that it is the same on every page."""
    assert [heading_level(size, 10) for size in (20, 16, 15, 12, 11, 0)] == [1, 2, 2, 3, 4, 4]


def test_columns_are_not_joined() -> None:
    """The last line of one column and the first of the next belong to different blocks."""
    left, right = lines(*[FULL] * 8), lines(*[FULL] * 8, x0=340)

    assert [
        part.box.x0 for part in to_written(paragraphs([*right, *left], right_to_left=False, heading_ratio=1.2))
    ] == [0, 340]


@given(st.lists(st.builds(Written, st.text(), st.sampled_from(["text", "list"]), st.just(Box(0, 0, 1, 1))), max_size=8))
def test_spans_are_exact(parts: list[Written]) -> None:
    """Every block's span is its own text, in order; what is empty is left out; between blocks is only white space."""
    markdown, blocks = assemble(parts)

    assert [markdown[block.start : block.end] for block in blocks] == [part.text for part in parts if part.text.strip()]
    ends = [0, *(block.end for block in blocks)]
    starts = [*(block.start for block in blocks), len(markdown)]
    assert all(not markdown[end:start].strip("\n") for end, start in zip(ends, starts, strict=True))
