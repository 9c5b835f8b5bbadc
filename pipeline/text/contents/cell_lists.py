"""Lists in the cells of tables: their items, and how deep each lies.

An item begins with a bullet; with a dash, a number or a letter if another item of its kind stands in the cell, or if it
is set in below a bullet.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ocrmill.pipeline.text.contents.item_marks import BULLET, DASHES, follow, mark_of, without_mark
from ocrmill.pipeline.text.tables.table import Lines
from ocrmill.pipeline.text.words import Word

_INDENT = 0.5  # of the type: what is set in by less is on one level


@dataclass(frozen=True, slots=True)
class CellItem:
    """Lines of a cell that belong to one item, or stand before the first one."""

    lines: tuple[tuple[Word, ...], ...]
    mark: str  # empty if it is no item
    level: int

    @property
    def text_lines(self) -> list[Sequence[Word]]:
        """Return its lines without a bullet or a dash; numbers and letters are a part of the text."""
        if not self.mark or not (BULLET.match(self.mark) or self.mark in DASHES):
            return list(self.lines)
        first = without_mark(list(self.lines[0]), self.mark)
        return [first, *self.lines[1:]] if first else list(self.lines[1:])


def cell_items(lines: Lines) -> list[CellItem]:
    """Return the items of a cell; all lines as one that has no mark, if fewer than two are items."""
    marks = _marks(lines)
    starts = [n for n, mark in enumerate(marks) if mark]
    if len(starts) < 2:  # noqa: PLR2004
        return [CellItem(lines, "", 0)] if lines else []
    items = [CellItem(lines[: starts[0]], "", 0)] if starts[0] else []
    edges: list[float] = []
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        left, size = lines[start][0].box.x0, lines[start][0].size
        while edges and left < edges[-1] + _INDENT * size:
            edges.pop()
        items.append(CellItem(lines[start:end], marks[start], len(edges)))
        edges.append(left)
    return items


def is_nested(items: Sequence[CellItem]) -> bool:
    """Tell if an item lies within another."""
    return any(item.level for item in items)


def _marks(lines: Lines) -> list[str]:
    """Return the mark with which each line begins an item; an empty one where it begins none."""
    found = [_mark_of(line) for line in lines]
    bullets = [line[0].box.x0 for line in lines if BULLET.match(line[0].text)]
    kept = []
    for n, (mark, line) in enumerate(zip(found, lines, strict=True)):
        is_set_in = bool(bullets) and line[0].box.x0 >= min(bullets) + _INDENT * line[0].size
        others = [other for m, other in enumerate(found) if other and m != n]
        is_listed = bool(mark) and any(follow(mark, other) or follow(other, mark) for other in others)
        kept.append(mark if mark and (BULLET.match(mark) or is_set_in or is_listed) else "")
    return kept


def _mark_of(line: Sequence[Word]) -> str:
    """Return a line's mark: a dash only before a letter, for it may be a sign; no number that may be a value."""
    if BULLET.fullmatch(line[0].text):
        return line[0].text
    mark = mark_of(line) or ""
    if mark in DASHES:
        return mark if line[1].text[0].isalpha() else ""
    return mark if BULLET.match(mark) or mark[-1:] in (".", ")") else ""
