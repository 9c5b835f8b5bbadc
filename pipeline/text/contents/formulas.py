"""Tells if a page holds mathematics: by its fonts, its signs, and fractions that stand on a bar.

A line is a formula if much of it is set in fonts for mathematics or in Unicode's signs for it, and something is equal,
smaller, added or divided in it: a column's head with an arrow is none. A fraction is text above and text below a bar,
both at its middle and one nearly as wide, with a sign of relation beside the bar, as high as it: so underlined words
and rules of tables are none. A page holds mathematics from two of them on.

Not covered: formulas in fonts without a name and without Unicode, formulas in pictures, and those whose fonts, signs
and bars are those of prose, as in `a = b + c`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Drawn = Sequence[tuple[str, tuple[float, float, float, float]]]
"""MuPDF's log of what is drawn: kind and box, before the page's rotation."""

_FONTS = re.compile(
    r"CMMI|CMSY|CMEX|CMBSY|CMMIB|MSAM|MSBM|EUFM|EUSM|EURM|RSFS|Math|MTMI|MTSY|MTEX|MT-?Extra|RMTMI|tx(?:sy|mi|ex)"
    r"|px(?:sy|mi|ex)|Euclid|(?:^|\+)Symbol(?:MT)?$",
    re.IGNORECASE,
)
_SIGNS = re.compile(
    "[\u2200-\u220d\u220f-\u22ff\u27c0-\u27ef"
    "\u2980-\u2aff\u2102\u210d\u2115\u2119\u211a\u211d\u2124\U0001d400-\U0001d7ff]"
)
_RELATIONS = re.compile(
    "[=<>+\u00b1\u00d7\u2208\u2211\u220f\u221a\u2212\u222b\u2248\u2260\u2264\u2265\u22c5\u2297\u2295]"
)
_LAST_LETTER = "\u2100"  # of alphabets; signs of mathematics come after it
_LEAST_SIGNS = 3  # of a line
_LEAST_SHARE = 0.3  # of its characters
_LEAST_LINES = 2  # of a page, or fractions

_THICKEST_BAR = 1.6  # points
_WIDEST_BAR = 0.6  # of the page
_MOST_BARS = 300  # a page of more is a table or a drawing
# In type sizes.
_ABOVE, _BELOW = (-0.05, 0.95), (0.45, 1.6)  # from a bar to the baselines of what stands on and under it
_AXIS = (0.1, 0.5)  # from a bar down to the baseline of the line that it stands in
_BESIDE = 2.0  # from a bar to a sign of relation in its line
_LEAST_FILL = 0.75  # of a bar, that its wider side takes: rules of tables are longer than what stands in a cell
_OFF_CENTRE = 0.2  # of a bar: both sides stand at its middle
_CLOSE = 0.5  # what stands so close beside the bar, on the row above or below it, goes on there: no fraction


def has_formulas(layout: Mapping[str, Any], drawn: Drawn) -> bool:
    """Tell if a page holds mathematics. `layout` is its `rawdict`, without what is hidden."""
    lines = [line for block in layout["blocks"] for line in block.get("lines", ())]
    found = sum(_is_formula(line) for line in lines)
    return found >= _LEAST_LINES or found + sum(_fractions(lines, drawn)) >= _LEAST_LINES


@lru_cache(maxsize=4096)
def _is_math_font(name: str) -> bool:
    return _FONTS.search(name) is not None


def _is_formula(line: Mapping[str, Any]) -> bool:
    """Tell if a line is a formula, or most of one."""
    spans = line["spans"]
    texts = [("".join([character["c"] for character in span["chars"]]), _is_math_font(span["font"])) for span in spans]
    if not any(in_math_font or (text and max(text) > _LAST_LETTER) for text, in_math_font in texts):
        return False
    total = signs = 0
    for text, in_math_font in texts:
        shown = "".join(text.split())
        total += len(shown)
        signs += len(shown) if in_math_font else len(_SIGNS.findall(shown))
    enough = signs >= _LEAST_SIGNS and signs >= _LEAST_SHARE * total
    return enough and any(_RELATIONS.search(text) for text, _ in texts)


def _fractions(lines: Sequence[Mapping[str, Any]], drawn: Drawn) -> Iterator[bool]:
    bars = _bars(drawn)
    if not 0 < len(bars) <= _MOST_BARS:
        return
    letters = [
        (*character["bbox"], character["origin"][1], span["size"] or 1.0, bool(_RELATIONS.match(character["c"])))
        for line in lines
        if line["dir"] == (1.0, 0.0)
        for span in line["spans"]
        for character in span["chars"]
        if not character["c"].isspace()
    ]
    if letters:
        table = np.nan_to_num(np.array(letters, np.float64))
        yield from (_is_fraction(bar, table) for bar in bars)


def _bars(drawn: Drawn) -> list[tuple[float, float, float]]:
    """Thin, short, level things that are drawn: their ends, and their height on the page."""
    paths = [box for kind, box in drawn if kind.endswith("-path")]
    widest = _WIDEST_BAR * max((box[2] for _, box in drawn), default=0.0)
    return [
        (x0, x1, (y0 + y1) / 2)
        for x0, y0, x1, y1 in paths
        if y1 - y0 <= _THICKEST_BAR and 2 * _THICKEST_BAR < x1 - x0 <= widest
    ]


def _is_fraction(bar: tuple[float, float, float], letters: Floats) -> bool:
    x0, x1, y = bar
    lefts, _, rights, _, feet, sizes, relations = letters.T
    middles = (lefts + rights) / 2
    over = (middles >= x0) & (middles <= x1)
    up, down = (y - feet) / sizes, (feet - y) / sizes
    above, below = (up >= _ABOVE[0]) & (up <= _ABOVE[1]), (down >= _BELOW[0]) & (down <= _BELOW[1])
    if not ((above & over).any() and (below & over).any()):
        return False
    sides = [(lefts[row & over].min(), rights[row & over].max()) for row in (above, below)]
    if max(right - left for left, right in sides) < _LEAST_FILL * (x1 - x0):
        return False
    if any(abs(left + right - x0 - x1) > _OFF_CENTRE * (x1 - x0) for left, right in sides):
        return False
    gaps = np.maximum(x0 - rights, lefts - x1) / sizes
    level = (down >= _AXIS[0]) & (down <= _AXIS[1]) & ~over
    goes_on = (above | (below & ~level)) & ~over & (gaps < _CLOSE)
    return not goes_on.any() and bool((level & (gaps < _BESIDE) & (relations > 0)).any())
