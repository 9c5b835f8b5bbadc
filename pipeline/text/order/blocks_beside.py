"""Blocks of lines that stand beside each other: letterheads, and the captions of courts, which a rule parts.

Each is read to its end before the next one. What a rule parts is text only if some of its lines have none beside them:
others are rows of a table.
"""

from collections.abc import Sequence
from dataclasses import replace

from ocrmill.pipeline.text.contents.part import Part, lines_of, rows_of
from ocrmill.pipeline.text.layout_model import Region
from ocrmill.pipeline.text.reading_order import Box, enclosing
from ocrmill.pipeline.text.tables.rules import Rules
from ocrmill.pipeline.text.words import Word

_TEXTS = frozenset({"text", "list"})
_HEADINGS = frozenset({"title", "heading"})
_LINES = 3  # of a block beside another


def with_letterheads(parts: Sequence[Part]) -> list[Part]:
    """Take a header of several lines for text if a text stands beside it, or a heading above: that of a letter."""
    return [
        replace(part, label="text")
        if part.label == "header" and len(rows_of(part.lines)) > 1 and any(_is_of_letter(part, o) for o in parts)
        else part
        for part in parts
    ]


def _is_of_letter(header: Part, other: Part) -> bool:
    """Tell if most of a header's height is beside a text of several lines, or if a heading stands above its last line.

    Running headers are above all headings, and beside a page number at most.
    """
    if other.label in _HEADINGS:
        return other.box.y1 <= header.lines[-1].box.y1
    shared = min(header.box.y1, other.box.y1) - max(header.box.y0, other.box.y0)
    return other.label in _TEXTS and len(rows_of(other.lines)) > 1 and 2 * shared > header.box.height


def parted_at_rules(regions: Sequence[Region], words: Sequence[Word], rules: Rules) -> list[Region]:
    """Cut regions of text at a vertical rule that stands between two blocks of lines."""
    out: list[Region] = []
    for region in regions:
        within = [word for word in words if region.box.contains_centre_of(word.box)] if region.label in _TEXTS else []
        blocks = _blocks(within, [rule for rule in rules.vertical if region.box.contains_centre_of(rule)])
        out += [Region(region.label, box) for box in blocks] if blocks else [region]
    return out


def _blocks(words: Sequence[Word], down: Sequence[Box]) -> list[Box]:
    """Return the boxes of the words on both sides of the only rule; none if they are no blocks of lines."""
    if len(down) != 1:
        return []
    x = down[0].x0
    left = [word for word in words if word.box.x1 <= x]
    right = [word for word in words if word.box.x0 >= x]
    if len(left) + len(right) < len(words):
        return []
    sides = [lines_of(left), lines_of(right)]
    fewer, more = sorted(sides, key=len)
    alone = [line for line in more if not any(line.box.shares_row(other.box) for other in fewer)]
    if len(fewer) < _LINES or not alone:
        return []
    return [enclosing([line.box for line in side]) for side in sides]
