"""Hostile Markdown as HTML: nothing of it runs, loads, styles or deceives."""

from html.parser import HTMLParser

import pytest

from ocrmill.commands.view.page.formulas import FORMULA
from ocrmill.commands.view.page.safe_html import LONGEST, to_safe_html

ATTRIBUTES = {"href", "rel", "target", "colspan", "rowspan", "display", "mathvariant", "columnalign", "stretchy"}
ATTRIBUTES |= {"fence", "form", "separator", "accent", "linethickness", "width", "height", "movablelimits"}
FORBIDDEN = {"script", "style", "img", "svg", "iframe", "form", "input", "base", "meta", "link", "object", "embed"}
ATTACKS = {
    "script": "<script>evil()</script>",
    "script in a table": "<table><tr><td><script>evil()</script></td></tr></table>",
    "handler": '<b onclick="evil()" onmouseover=evil()>b</b>',
    "picture": '<img src=x onerror="evil()">',
    "picture of Markdown": "![p](https://evil.example/p.png)",
    "script link": "[a](javascript:evil()) <a href=' java&#10;script:evil()'>b</a> <a href='JaVaScRiPt:evil()'>c</a>",
    "data link": "<a href='data:text/html,<script>evil()</script>'>a</a>",
    "relative link": "<a href='/page/x/1/verdict'>a</a> [b](//evil.example)",
    "svg": "<svg onload=evil()><animate href='#a' attributeName=href values=javascript:evil() /></svg>",
    "style": "<style>* { display: none }</style><p style='position: fixed'>p</p>",
    "iframe": "<iframe srcdoc='<script>evil()</script>'></iframe>",
    "form": "<form action=https://evil.example><input name=p><button formaction=javascript:evil()>b</button></form>",
    "base": "<base href=https://evil.example/>",
    "refresh": '<meta http-equiv="refresh" content="0;url=https://evil.example">',
    "names": "<a id=verdicts name=keys class=flag data-verdict=x>a</a>",
    "namespaces": "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=evil()&gt;'>",
    "noscript": "<noscript><p title='</noscript><img src=x onerror=evil()>'>",
    "formula of tags": r"\(\text{<script>evil()</script>}\) \[\text{<img src=x onerror=evil()>}\]",
    "formula of links": r"\(\href{javascript:evil()}{x}\) \(\style{position:fixed}{x}\) \(\class{flag}{x}\)",
    "formula in an attribute": r'<a href="https://x.example/\(\text{"><script>evil()</script>}\)">a</a>',
    "formula in a title": r"""<td title="\(\text{' onclick=evil()}\)">a</td>""",
    "entities in a formula": r"\(\text{&lt;script&gt;evil()&lt;/script&gt;}\)",
    "unclosed": "<table><tr><td><b><i><a href='https://x.example'>",
    "closing ours": "</div></section></main><h1>Another view</h1>",
}


class Found(HTMLParser):
    """Tags, attributes and text as a browser would find them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_of_an_attack_is_left_but_text(attack: str) -> None:
    """No forbidden element, no other attribute than those of the list, and no other target than the web is left."""
    html = to_safe_html(ATTACKS[attack])
    found = Found(html)
    assert not FORBIDDEN & set(found.tags)
    assert {name for name, _ in found.attributes} <= ATTRIBUTES
    for name, value in found.attributes:
        assert name != "href" or value.lower().startswith(("https://", "http://", "mailto:"))
    assert "</div>" not in html
    assert "</main>" not in html


def test_links_open_apart_and_tell_nobody() -> None:
    """A link opens in its own tab, without an opener and a referrer."""
    attributes = dict(Found(to_safe_html("[a](https://good.example/x)")).attributes)
    assert attributes["href"] == "https://good.example/x"
    assert attributes["target"] == "_blank"
    assert {"noopener", "noreferrer"} <= set(attributes["rel"].split())


def test_marks_that_turn_the_direction_are_shown() -> None:
    """A mark that turns the direction of text is shown as its escape, in formulas, too."""
    assert "\u202e" not in to_safe_html("a\u202egnp.exe")
    assert r"a\u202egnp.exe" in to_safe_html("a\u202egnp.exe")
    assert r"\u2066" in to_safe_html("\\(\\text{a\u2066}\\)")


def test_tables_and_formulas_are_shown() -> None:
    """Tables of HTML and of Markdown are tables, and formulas in both are MathML."""
    table = '<table><tr><td colspan="2" rowspan="99999">\\(x^2\\)</td></tr></table>'
    html = to_safe_html(f"{table}\n\n| a |\n|---|\n| $$y$$ |")
    assert '<td colspan="2">' in html
    assert "99999" not in html
    assert "<msup><mi>x</mi><mn>2</mn></msup>" in html
    assert html.count("<table>") == 2
    assert html.count("<math") == 2


def test_a_list_keeps_its_number() -> None:
    """An item that is a block of its own has the number that the text gives it."""
    assert '<ol start="3">' in to_safe_html("3. The smell")
    assert "start" not in to_safe_html('<ol start="javascript:1"><li>a</li></ol>')


BROKEN = [r"\(\frac{\)", r"\[\begin{array}\]", r"\(" + "{" * 900 + r"\)", f"\\({'x' * 5000}\\)"]


@pytest.mark.parametrize("source", BROKEN, ids=["argument", "array", "braces", "length"])
def test_a_formula_that_does_not_parse_is_shown_as_its_source(source: str) -> None:
    """A formula that is broken, too deep or too long is text."""
    assert FORMULA.fullmatch(source)
    assert source in Found(to_safe_html(source)).text
    assert "<math" not in to_safe_html(source)


def test_a_very_long_text_is_shown_as_its_source() -> None:
    """A text over the limit is not parsed."""
    html = to_safe_html("# <b>" * (LONGEST // 5 + 1))
    assert html.startswith("<pre># &lt;b&gt;")


def test_headings_stand_below_that_of_the_view() -> None:
    """The only heading of the first level is that of the view."""
    assert "<h2>a</h2>" in to_safe_html("# a")
    assert "<h6>a</h6>" in to_safe_html("###### a")
