"""Turns the parts that a layout model calls tables into tables, where words lie in rows and columns without doubt."""

from collections.abc import Sequence
from dataclasses import replace

from ocrmill.pipeline.text.layout_model import TABLE, Region
from ocrmill.pipeline.text.page_parts import Part
from ocrmill.pipeline.text.tables.grid import build_tables
from ocrmill.pipeline.text.tables.ruled import find_ruled_tables
from ocrmill.pipeline.text.tables.rules import Rules
from ocrmill.pipeline.text.words import Word

_SAME = 0.5  # of a ruled grid's area: the model has seen it


def with_ruled_tables(regions: Sequence[Region], words: Sequence[Word], rules: Rules) -> list[Region]:
    """Add ruled grids that the layout model has not taken for tables."""
    tables = [region.box for region in regions if region.label == TABLE]
    added = [
        box
        for box in find_ruled_tables(words, rules)
        if not any(max(box.share_inside(table), table.share_inside(box)) >= _SAME for table in tables)
    ]
    return [*regions, *(Region(TABLE, box) for box in added)]


def with_tables(parts: Sequence[Part], rules: Rules, *, right_to_left: bool) -> list[Part]:
    """Lay out each part that is a table; one without a `table` afterwards is doubtful, and is written row by row."""
    out: list[Part] = []
    for part in parts:
        words = [word for line in part.lines for word in line.words]
        grid = part.region.grid if part.region else None
        tables = build_tables(words, rules, grid, right_to_left=right_to_left) if part.label == TABLE else None
        if tables:
            out += [replace(part, box=table.box, table=table) for table in tables]
        else:
            out.append(part)
    return out
