"""Text stays text under a CommonMark parser."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from ocrmill.pipeline.text.inline.escapes import escape, escape_start

PARSER = MarkdownIt("commonmark")


def shown(markdown: str) -> str:
    """Return the text that a parser shows of one paragraph."""
    tokens = PARSER.parse(markdown)
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"], markdown
    return "".join(child.content for child in tokens[1].children or ())


@pytest.mark.parametrize(
    "text",
    [
        "> 60 percent", "# parameters", "* marks a value", "---", "- dash", "+ plus", "1986. The flood", "2) two",
        "<b>bold</b>", "<!-- no comment -->", "&amp; &#65;", "[link](http://example.invalid)", "![image](x.png)",
        "a*b*c", "_x_", "__init__", "snake_case_name", "`code`", r"a \* b", r"C:\new", "***", "~~~", "[a]: b", "===",
        "5 * 3 < 7 > 2", "*a", "a_", "<http://example.invalid>",
    ],
)  # fmt: skip
def test_text_that_looks_like_markup_is_shown_as_it_is(text: str) -> None:
    """A parser shows the escaped line as the text that it was, in one paragraph."""
    assert shown(escape_start(escape(text))) == text


@given(st.text(alphabet="ab1 *_`<>&;#[]()!\\-+.~=:", min_size=1, max_size=30))
def test_any_text_comes_back(text: str) -> None:
    """Whatever a line is made of, a parser shows it."""
    text = " ".join(text.split())
    if text:
        assert shown(escape_start(escape(text))) == text
