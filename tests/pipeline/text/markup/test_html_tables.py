"""HTML tables of engines become valid, and lose nothing but tags."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrmill.pipeline.text.markup.html_tables import valid_tables

_TAGS = ("table", "thead", "tbody", "tfoot", "tr", "td", "th", "caption")


_PARENTS: dict[str, set[str | None]] = {
    "tr": {"table", "thead", "tbody", "tfoot"},
    "td": {"tr"},
    "th": {"tr"},
    "table": {None, "td", "th"},
}


class _Strict(HTMLParser):
    """Notes each tag in a table that does not stand where it may, or is not closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str | None] = [None]
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _TAGS and (tag == "table" or len(self.open) > 1):
            if self.open[-1] not in _PARENTS.get(tag, {"table"}):
                self.faults.append(f"<{tag}> in {self.open[-1]}")
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in _TAGS and len(self.open) > 1 and self.open.pop() != tag:
            self.faults.append(f"</{tag}>")


def faults(html: str) -> list[str]:
    parser = _Strict()
    parser.feed(html)
    parser.close()
    return parser.faults + [f"<{tag}> stays open" for tag in parser.open[1:]]


@pytest.mark.parametrize(
    ("written", "valid"),
    [
        ("<table><tr><td>a<td>b<tr><td>c</table>", "<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>"),
        ("<table><tr><td>cut off he", "<table><tr><td>cut off he</td></tr></table>"),
        ("<tr><td>1</td></tr></table>", "<table><tr><td>1</td></tr></table>"),
        ("<table><td>a</td></tr><td>b</td></table>", "<table><tr><td>a</td></tr><tr><td>b</td></tr></table>"),
        ("<table><tr><td>a</td></td></tr></table>", "<table><tr><td>a</td></tr></table>"),
        ("<table><tr><td>a\n\n \nb</td></tr></table>\n\nc", "<table><tr><td>a\nb</td></tr></table>\n\nc"),
        ("<table></table></table><tr><td>a", "<table></table><table><tr><td>a</td></tr></table>"),
        (
            "<table><tr><td>a</td><table><tr><td>b",
            "<table><tr><td>a</td></tr></table><table><tr><td>b</td></tr></table>",
        ),
        (
            "<table><thead><tr><th>x</thead><td>y",
            "<table><thead><tr><th>x</th></tr></thead><tr><td>y</td></tr></table>",
        ),
    ],
)
def test_missing_tags_are_added(written: str, valid: str) -> None:
    """A tag is closed where the next one shows that it ends, or at the end; one that closes nothing goes."""
    assert valid_tables(written) == valid
    assert not faults(valid)


@pytest.mark.parametrize(
    "text",
    [
        "no table, p < 0.05 and <b>bold</b>",
        '<TABLE border="1"><TR><TD colspan=2>p < 0.05</TD></TR></TABLE>',
        "<table><tr><td><table><tr><td>inner</td></tr></table></td><td>x</td></tr></table>",
        "A cell is written <td>, a row </tr>, the whole <table>.",
        "<table><tr><td>1</td></tr></table>\n\nIt ends with </table>.",
        "```html\n<table><tr><td>\n\n```",
        "<table><colgroup><col><col></colgroup><tr><td>a</td><td>b</td></tr></table>",
    ],
)
def test_what_is_valid_stays(text: str) -> None:
    """A valid table, code, and tags that a sentence names come back as they are."""
    assert valid_tables(text) == text


@given(
    st.lists(
        st.sampled_from(
            [f"<{end}{tag}>" for tag in _TAGS[1:] for end in ("", "/")]
            + ["<table><tr>", "</table>", "a", "b < 1 ", "<td rowspan=2>", "\n\n"]
        ),
        max_size=25,
    ).map(lambda parts: "<table><tr>" + "".join(parts))
)
def test_any_soup_of_tags_becomes_valid_and_keeps_its_text(soup: str) -> None:
    """Whatever tags come in which order, the tables are valid, no letter is lost, and a second pass changes nothing."""
    valid = valid_tables(soup)

    assert not faults(valid)
    assert _letters(valid) == _letters(soup)
    assert valid_tables(valid) == valid


def _letters(text: str) -> str:
    return "".join(re.sub(r"</?[a-z]+[^<>]*>", "", text).split())
