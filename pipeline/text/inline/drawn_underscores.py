r"""Underscores that TeX draws as short rules: `Fl\_xxx` in its older fonts is `Fl`, a rule on the baseline, and `xxx`.

MuPDF has a blank there, which would part the word. A rule below a blank to be filled in is wider, one under words lies
lower, and the bar of a fraction higher.

Not covered: underscores at the ends of words.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

# In sizes of the type. TeX's rule is 0.3 to 0.39 wide, 0.04 thick, stands on the baseline and 0.06 from the letter.
_NARROWEST, _WIDEST = 0.2, 0.6
_THICKEST = 0.1
_LEVEL = 0.05
_APART = 0.12
_MOST = 4  # underscores in a row

_Rect = tuple[float, float, float, float]


def put_drawn_underscores(layout: Mapping[str, Any], drawn: Sequence[tuple[str, _Rect]]) -> None:
    """Put underscores into a page's `rawdict` for the blanks over such rules.

    `drawn`: kind and box of what the page draws, in points before its rotation, as the layout is.
    """
    sizes = [span["size"] for block in layout["blocks"] for line in block["lines"] for span in line["spans"]]
    if not sizes:
        return
    rules = [
        box
        for kind, box in drawn
        if kind.endswith("-path")
        and 0 < box[2] - box[0] < _WIDEST * max(sizes)
        and box[3] - box[1] < _THICKEST * max(sizes)
    ]
    if not rules:
        return
    for block in layout["blocks"]:
        for line in block["lines"]:
            if line["dir"] == (1.0, 0.0):
                _, top, _, bottom = line["bbox"]
                reach = _LEVEL * max(sizes)
                _fill_blanks(line["spans"], [rule for rule in rules if top - reach < rule[3] < bottom + reach])


def _fill_blanks(spans: Sequence[dict[str, Any]], rules: Sequence[_Rect]) -> None:
    """Put underscores for the blanks of a line; a blank may be a span of its own."""
    characters = [(span, character) for span in spans for character in span["chars"]]
    for (_, left), (span, blank), (_, right) in zip(characters, characters[1:], characters[2:], strict=False):
        if blank["c"] != " " or left["c"].isspace() or right["c"].isspace():
            continue
        found = _rules_between(left, right, span["size"], rules)
        if not found:
            continue
        x0, y0, x1, y1 = blank["bbox"]
        edges = [x0, *(rule[0] for rule in found[1:]), x1]
        signs = [
            {**blank, "c": "_", "bbox": (start, y0, end, y1), "origin": (start, blank["origin"][1])}
            for start, end in pairwise(edges)
        ]
        at = next(n for n, character in enumerate(span["chars"]) if character is blank)
        span["chars"] = [*span["chars"][:at], *signs, *span["chars"][at + 1 :]]


def _rules_between(
    left: Mapping[str, Any], right: Mapping[str, Any], size: float, rules: Sequence[_Rect]
) -> list[_Rect]:
    """Return rules that fill the gap between two letters, on their baseline, from left to right."""
    x0, x1, baseline = left["bbox"][2], right["bbox"][0], left["origin"][1]
    found = sorted(
        rule
        for rule in rules
        if abs(rule[3] - baseline) < _LEVEL * size
        and rule[3] - rule[1] < _THICKEST * size
        and _NARROWEST * size < rule[2] - rule[0] < _WIDEST * size
        and x0 - _LEVEL * size < rule[0]
        and rule[2] < x1 + _LEVEL * size
    )
    if not 0 < len(found) <= _MOST:
        return []
    edges = [x0, *(edge for rule in found for edge in (rule[0], rule[2])), x1]
    gaps = [after - before for before, after in zip(edges[::2], edges[1::2], strict=True)]
    return found if max(gaps) < _APART * size else []
