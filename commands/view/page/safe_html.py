"""Markdown of a page as HTML that cannot harm: model output is hostile.

Everything passes one list of elements, which has no script, style, form, frame, picture or SVG, and no attribute but
the target of a link and the spans of a table's cells. Links lead to web addresses, open apart and on a click alone.
"""

import re
import secrets
from functools import cache
from html import escape
from typing import TYPE_CHECKING

from ocrmill.commands.view.page.formulas import FORMULA, to_mathml
from ocrmill.pipeline.printable import printable

if TYPE_CHECKING:
    import nh3
    from markdown_it import MarkdownIt

LONGEST = 200_000  # characters of a piece; a longer one is shown as its source
_ELEMENTS = set(
    "p br hr h1 h2 h3 h4 h5 h6 ul ol li blockquote pre code em strong b i u s del ins sub sup small a table "  # noqa: SIM905
    "caption thead tbody tfoot tr th td dl dt dd".split()
)
_GONE = {"script", "style", "svg", "math", "iframe", "object", "template", "noscript", "title", "textarea", "xmp"}
_SPAN = re.compile(r"[1-9]\d{0,2}")
_HEADING = re.compile("<(/?)h([1-6])>")
_LINK = re.compile(r"(?:https?://|mailto:)[^\s\x00-\x1f]+", re.IGNORECASE)


def to_safe_html(markdown: str) -> str:
    """Return Markdown, with HTML within it, as HTML; what is not allowed is shown as text or left out."""
    markdown = printable(markdown)
    if len(markdown) > LONGEST:
        return f"<pre>{escape(markdown)}</pre>"
    mark = secrets.token_hex(8)  # hostile text cannot guess it
    formulas: list[str] = []

    def keep(found: re.Match[str]) -> str:
        formulas.append(to_mathml(found))
        return f"{mark}x{len(formulas) - 1}x"

    html = _sanitiser(mark).clean(_parser().render(FORMULA.sub(keep, markdown)))
    html = re.sub(
        "<(/?)h([1-6])>", lambda found: f"<{found[1]}h{min(6, int(found[2]) + 1)}>", html
    )  # the view has an h1
    return re.sub(f"{mark}x([0-9]+)x", lambda found: formulas[int(found[1])], html)


@cache
def _parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    return parser.disable(["image"])


def _sanitiser(mark: str) -> "nh3.Cleaner":
    import nh3

    def allowed(_: str, name: str, value: str) -> str | None:
        if mark in value:  # a formula is put into text, never into an attribute
            return None
        pattern = {"href": _LINK, "start": _SPAN, "colspan": _SPAN, "rowspan": _SPAN}.get(
            name
        )  # no others but those set below
        return value if pattern is None or pattern.fullmatch(value) else None

    return nh3.Cleaner(
        tags=_ELEMENTS,
        clean_content_tags=_GONE,
        attributes={"a": {"href"}, "ol": {"start"}, "td": {"colspan", "rowspan"}, "th": {"colspan", "rowspan"}},
        attribute_filter=allowed,
        url_schemes={"http", "https", "mailto"},
        url_relative="deny",
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"a": {"target": "_blank"}},
    )
