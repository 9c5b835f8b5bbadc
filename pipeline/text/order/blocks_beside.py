"""Blocks of lines beside each other: letterheads, the captions of courts, which a rule parts, boxes with labels.

Each is read to its end before the next one. What a rule parts is text only if some of its lines have none beside them:
others are rows of a table.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from ocrmill.pipeline.text.contents.part import Part, lines_of, rows_of
from ocrmill.pipeline.text.layout_model import Region
from ocrmill.pipeline.text.reading_order import Box, enclosing
from ocrmill.pipeline.text.tables.chunks import text_lines
from ocrmill.pipeline.text.tables.rules import Rules
from ocrmill.pipeline.text.words import Word

_TEXTS = frozenset({"text", "list"})
_HEADINGS = frozenset({"title", "heading"})
_LINES = 3  # of a block beside another
_TYPES = 2  # of labels and of values
_BOXES = 3
_CELL_GAP, _ALIGNED, _BENEATH = 1.0, 0.2, 2.0  # of the type: between cells, their left edges, from label to value


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
        down = [rule for rule in rules.vertical if region.box.contains_centre_of(rule)]
        blocks: list[Box] = []
        if len(down) == 1 and region.label in _TEXTS:
            blocks = _blocks([word for word in words if region.box.contains_centre_of(word.box)], down[0].x0)
        out += [Region(region.label, box) for box in blocks] if blocks else [region]
    return out


def _blocks(words: Sequence[Word], x: float) -> list[Box]:
    """Return the boxes of the words on both sides of a rule at `x`; none if they are no blocks of lines."""
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


def parted_boxes(regions: Sequence[Region], words: Sequence[Word]) -> list[Region]:
    """Cut regions of text that hold labels and values in boxes beside each other, each label right above its value."""
    out: list[Region] = []
    for region in regions:
        within = [word for word in words if region.box.contains_centre_of(word.box)] if region.label in _TEXTS else []
        boxes = _labelled_boxes(within) if len({_type_of(word) for word in within}) == _TYPES else []
        out += [replace(region, box=box) for box in boxes] if boxes else [region]
    return out


def _labelled_boxes(words: Sequence[Word]) -> list[Box]:
    """Return the boxes of labels with their values; none unless lines of two types take turns and their cells align."""
    lines = text_lines(words)
    types = [{_type_of(word) for word in line} for line in lines]
    if len(lines) % 2 or any(len(own) > 1 for own in types):
        return []
    if any(types[n] != types[n % 2] for n in range(len(lines))) or types[0] == types[1]:
        return []
    found: list[Box] = []
    for labels, values in zip(lines[::2], lines[1::2], strict=True):
        rows = [_cells(labels), _cells(values)]
        if len(rows[0]) != len(rows[1]) or labels[0].baseline + _BENEATH * labels[0].size < values[0].baseline:
            return []
        if any(abs(one[0].box.x0 - other[0].box.x0) > _ALIGNED * one[0].size for one, other in zip(*rows, strict=True)):
            return []
        found += [enclosing([word.box for word in [*one, *other]]) for one, other in zip(*rows, strict=True)]
    return found if len(found) >= _BOXES and len(found) > len(lines) / 2 else []


def _type_of(word: Word) -> tuple[int, bool]:
    return round(word.size), word.bold


def _cells(line: Sequence[Word]) -> list[list[Word]]:
    """Return the words of a line, parted where more than a blank lies between them."""
    cells = [[line[0]]]
    for before, after in pairwise(line):
        if after.box.x0 - before.box.x1 > _CELL_GAP * after.size:
            cells.append([after])
        else:
            cells[-1].append(after)
    return cells
