"""Entries whose first lines stand out to the left of the others: references, dictionaries, speeches of a play.

Paragraphs with their first lines indented look alike where they have two lines each. What tells is that an entry's
first line begins a sentence, and that the line above it ends one.
"""

import re
from collections.abc import Sequence
from itertools import pairwise

from ocrmill.pipeline.text.contents.part import WordLine

_ENTRIES, _INDENTED = 3, 2  # lines, at least
_SAME_EDGE = 0.2  # of the type
_INDENT = (0.7, 6.0)  # of the type
_SHARE = 0.8  # of first lines that begin a sentence, and of last ones that end one
_END = re.compile(r"(?:[.!?)\]\u3002\uff0e]|\d)[\"'\u2019\u201d\u00bb]*$")


def hanging_entries(lines: Sequence[WordLine]) -> list[list[WordLine]]:
    """Part lines of one column at each that stands out to the left; all as one if they are no such entries."""
    left, size = min(line.box.x0 for line in lines), max(line.size for line in lines)
    out = [line.box.x0 - left <= _SAME_EDGE * size for line in lines]
    indents = [line.box.x0 - left for line, is_out in zip(lines, out, strict=True) if not is_out]
    starts = [n for n, is_out in enumerate(out) if is_out]
    if not out[0] or len(starts) < _ENTRIES or len(indents) < _INDENTED:
        return [list(lines)]
    even = max(indents) - min(indents) <= _SAME_EDGE * size and _INDENT[0] * size <= indents[0] <= _INDENT[1] * size
    below = all(lower.box.y0 > upper.box.middle for upper, lower in pairwise(lines))
    begin = sum(not lines[n].text.lstrip("\"'\u2018\u201c(")[:1].islower() for n in starts)
    end = sum(_END.search(lines[n - 1].text.rstrip()) is not None for n in starts[1:])
    begin += 1  # one may be a name such as `de Vries`
    if not (even and below and begin >= _SHARE * len(starts) and end >= _SHARE * (len(starts) - 1)):
        return [list(lines)]
    return [list(lines[a:b]) for a, b in zip(starts, [*starts[1:], len(lines)], strict=True)]
