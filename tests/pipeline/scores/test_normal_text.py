"""Both sides of a score are brought into one normal form."""

import pytest

from ocrmill.pipeline.scores.normal_text import Place, markdown_content, signs, words


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("The mill, (at last) stood.", ["the", "mill", "at", "last", "stood"]),
        ("long-term 1990\u20131995", ["long-term", "1990-1995"]),
        ("\u22123.5 +0.27 4,344,902 35%.", ["-3.5", "+0.27", "4,344,902", "35%"]),
        ("effi\u00adcient of\ufb01ce", ["efficient", "office"]),
        ("The Mill . . . . . . 12", ["the", "mill", "12"]),
        ("The Mill........12", ["the", "mill", "12"]),
        ("a - b \u2022 c", ["a", "b", "c"]),
        ("茶叶23073.92工作", ["茶", "叶", "23073.92", "工", "作"]),
        ("강의 물은.", ["강의", "물은"]),
        ("\u202bבית\u202c 4.83", ["בית", "4.83"]),
    ],
)  # fmt: skip
def test_words_have_one_form(text: str, right: list[str]) -> None:
    """Case, ligatures, soft hyphens, kinds of hyphens and punctuation make no difference; signs and separators do."""
    assert words(text) == right


def test_markup_is_no_text() -> None:
    """A CommonMark parser takes the markup away; numbers of lists are text."""
    content = markdown_content(
        "# A *b*\n\n1. one\n2. **two**\n   - three\n\n> 60 percent\n\nx\\_y&lt;[^1]\n\n[^1]: note\n"
    )

    assert content.words == ["a", "b", "1", "one", "2", "two", "three", "60", "percent", "x_y", "note"]
    assert content.headings == [(1, "a b")]


def test_tables_of_both_forms_are_read() -> None:
    """Pipe tables and HTML tables have rows of cells, with what each covers."""
    pipes = markdown_content("|a|b c|\n|---|---|\n|1.5|x<br>y|\n")
    markup = markdown_content(
        '<table><tr><td colspan="2">a</td></tr><tr><th>1.5</th><td rowspan="2"><b>x</b> y</td></tr></table>'
    )

    assert pipes.tables == [[(Place("a"), Place("b c")), (Place("1.5"), Place("x y"))]]
    assert markup.tables == [[(Place("a", 2),), (Place("1.5"), Place("x y", 1, 2))]]
    assert pipes.words == ["a", "b", "c", "1.5", "x", "y"]
    assert markup.words == ["a", "1.5", "x", "y"]


def test_listings_keep_their_blanks() -> None:
    """The text of a code block is its lines as they are."""
    assert markdown_content("```\nif a:\n    b  c\n```\n").listings == ["if a:\n    b  c\n"]


def test_formulas_are_no_words() -> None:
    """A formula's characters are scored by themselves, in LaTeX and in plain characters alike."""
    content = markdown_content("before\n\n$$\n\\frac{a + \\alpha}{2}\n$$\n\nafter")

    assert content.words == ["before", "after"]
    assert content.signs == "beforea+α2after"
    assert signs("a+ α 2") == signs(r"\frac{a + \alpha}{2}")
