"""Hyperlinks in Markdown: `[text](target)`."""

import html
import re
from urllib.parse import quote

_SAFE = "%/:?#@!$&'*+,;=~-._[]"  # of a target; what else has a meaning in Markdown becomes `%xx`
_ENTITY = re.compile(r"&(?=#?\w+;)")
_BRACKETS = re.compile(r"\\.|[\[\]]")
_TARGET = re.compile(r"(?<=\])\((?:https?://|mailto:)[^\s()<>]*\)", re.IGNORECASE)
_BEFORE = re.compile("[(\\[\"'\u201c\u2018\u00ab]+")
_OPENING = {")": "(", "]": "["}
_AFTER = re.compile("[.,;:!?)\\]\"'\u201d\u2019\u00bb]+$")


def link(text: str, target: str) -> str:
    """Put a target behind Markdown in one line that holds no link."""
    marked = _BRACKETS.sub(lambda found: found[0] if len(found[0]) > 1 else f"\\{found[0]}", text)
    return f"[{marked}]({_ENTITY.sub('&amp;', _quoted(target))})"


def html_link(text: str, target: str) -> str:
    """Put HTML into an element that leads to a target."""
    return f'<a href="{html.escape(_quoted(target))}">{text}</a>'


def without_targets(markdown: str) -> str:
    """Return Markdown without the targets of its links: what a reader of the page sees."""
    return _TARGET.sub("", markdown) if "](" in markdown else markdown


def punctuation_around(text: str) -> tuple[str, str, str]:
    """Part a link's text from the punctuation of its sentence: `(ocr.org).` is `(`, `ocr.org` and `).`."""
    before = found[0] if (found := _BEFORE.match(text)) else ""
    after = found[0] if (found := _AFTER.search(text, len(before))) else ""
    inside = text[len(before) : len(text) - len(after)]
    while after and inside.count(_OPENING.get(after[0], after[0])) > inside.count(after[0]):
        inside, after = inside + after[0], after[1:]
    return (before, inside, after) if inside and not inside.endswith("\\") else ("", text, "")


def _quoted(target: str) -> str:
    return quote(target, safe=_SAFE, errors="replace")
