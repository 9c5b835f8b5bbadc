"""Draws seeded tables of known cells: ruled, ruled across only, without rules, with spans, wrapped cells, numbers."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pymupdf

KINDS = ("ruled", "booktabs", "borderless", "spans", "wrapped", "decimal", "narrow", "sections", "row_spans")
_WORDS = (
    *("harbour", "vessel", "cargo", "office", "north", "pier", "annual", "report", "balance", "revenue", "total"),
    *("assets", "interest", "deposit", "service", "method", "result", "sample", "temperature", "pressure", "velocity"),
    *("engine", "coolant", "capacity", "station", "region", "county", "parish", "school", "hospital", "licence"),
    *("permit", "grant", "budget", "income", "expense", "transfer", "account", "measure", "quality", "sediment"),
    *("river", "basin", "coast", "island"),
)
_MARGIN = 60.0
_STYLES = {"ruled": ("grid",), "booktabs": ("booktabs",), "borderless": ("none",), "narrow": ("none", "booktabs")}
_ANY_STYLE = ("grid", "booktabs", "none", "lines")

Place = tuple[int, int]
Width = Callable[[str, int], float]
"""Gives the width of a text in a row."""


@dataclass
class MadeTable:
    """A page with one table, and its cells as (row, column, row span, column span, text)."""

    kind: str
    style: str  # of its rules: grid, lines (across only), booktabs, none
    document: pymupdf.Document  # holds the page
    page: pymupdf.Page
    cells: set[tuple[int, int, int, int, str]]


@dataclass
class _Plan:
    """The lines of each cell, and the cells that span."""

    rows: int
    columns: int
    texts: dict[Place, list[str]] = field(default_factory=dict)
    spans: dict[Place, tuple[int, int]] = field(default_factory=dict)
    numeric: set[int] = field(default_factory=set)
    header_rows: int = 1

    def owner(self, row: int, column: int) -> Place:
        """The first place of the cell that covers a place."""
        for (r, c), (down, across) in self.spans.items():
            if r <= row < r + down and c <= column < c + across:
                return r, c
        return row, column

    def owned(self) -> dict[Place, list[str]]:
        """The lines of each cell by its first place."""
        return {place: lines for place, lines in self.texts.items() if self.owner(*place) == place}


@dataclass
class _Geometry:
    """Places of the cells of a table."""

    lefts: list[float]
    widths: list[float]
    gutter: float
    tops: list[float]  # one more than rows
    leading: float
    gap: float  # white space between rows

    @property
    def borders(self) -> list[float]:
        """Xs of the borders of columns, the outer ones too."""
        return [*(left - self.gutter / 2 for left in self.lefts), self.lefts[-1] + self.widths[-1] + self.gutter / 2]


def made_table(seed: int) -> MadeTable:
    """Draw the table of a seed."""
    draw = random.Random(seed)
    kind = KINDS[seed % len(KINDS)]
    style = draw.choice(("grid", "booktabs", "lines") if kind == "row_spans" else _STYLES.get(kind, _ANY_STYLE))
    size = draw.choice([7, 8, 9, 10, 11])
    font, bold = draw.choice([("helv", "hebo"), ("tiro", "tibo")])
    head = bold if draw.random() < 0.6 else font
    plan = _plan(draw, kind)

    def width(text: str, row: int) -> float:
        return float(pymupdf.get_text_length(text, head if row < plan.header_rows else font, size))

    if kind == "wrapped":
        wrap_at = size * draw.uniform(9, 14)
        plan.texts = {
            place: _broken(" ".join(text), wrap_at, width) if text else [] for place, text in plan.texts.items()
        }
    if kind == "sections":
        _fit_section_names(plan, width, spans_show=style == "grid")
    geometry = _geometry(plan, draw, kind, size, width)
    document = pymupdf.open()
    page = document.new_page(width=max(612, geometry.borders[-1] + _MARGIN), height=geometry.tops[-1] + _MARGIN)
    aligns = ["right" if c in plan.numeric else draw.choice(["left"] * 3 + ["centre"]) for c in range(plan.columns)]
    in_middle = draw.random() < 0.3
    for place in sorted(plan.owned()):
        name = head if place[0] < plan.header_rows else font
        for x, y, line in _placed(plan, geometry, place, aligns[place[1]], width, in_middle=in_middle):
            page.insert_text((x, y), line, fontname=name, fontsize=size)
    _draw_rules(page, plan, geometry, style)
    cells = {(*place, *plan.spans.get(place, (1, 1)), " ".join(lines)) for place, lines in plan.owned().items()}
    return MadeTable(kind, style, document, page, cells)


def _phrase(draw: random.Random, least: int, most: int) -> str:
    text = " ".join(draw.choice(_WORDS) for _ in range(draw.randint(least, most)))
    return text.capitalize() if draw.random() < 0.8 else text


def _number(draw: random.Random, form: int) -> str:
    value = draw.uniform(0, 10 ** draw.randint(1, 7))
    text = [f"{value:,.0f}", f"{value:.2f}", f"{value:,.1f}", f"{value / 1e7:.3f}", f"{value / 1e5:.1f}%"][form]
    return draw.choice(["-", *[""] * 5]) + text


def _plan(draw: random.Random, kind: str) -> _Plan:
    plan = _Plan(draw.randint(4 if kind == "row_spans" else 3, 14), draw.randint(3 if kind == "spans" else 2, 6))
    plan.numeric = {c for c in range(1, plan.columns) if draw.random() < 0.65}
    for c in range(plan.columns):
        form = draw.randrange(5)
        plan.texts[0, c] = [_phrase(draw, 1, 2)]
        for r in range(1, plan.rows):
            if c in plan.numeric:
                text = _number(draw, form) if draw.random() < 0.92 else draw.choice(["", "-", "n/a"])
            else:
                text = _phrase(draw, 1, 3) if c == 0 or draw.random() < 0.9 else ""
            plan.texts[r, c] = [text] if text else []
    change = {
        "spans": _add_spanning_heading,
        "wrapped": _lengthen,
        "sections": _add_sections,
        "row_spans": _add_row_spans,
    }
    if kind in change:
        change[kind](plan, draw)
    return plan


def _add_spanning_heading(plan: _Plan, draw: random.Random) -> None:
    plan.texts = {(r + 1, c): text for (r, c), text in plan.texts.items()}
    plan.rows += 1
    plan.header_rows = 2
    across = draw.randint(2, plan.columns - 1)
    start = draw.randint(1, plan.columns - across)
    plan.texts.update({(0, c): [_phrase(draw, 1, 2)] if c == start else [] for c in range(plan.columns)})
    plan.spans[0, start] = (1, across)


def _lengthen(plan: _Plan, draw: random.Random) -> None:
    """Put long texts, which will be broken into lines, into a column or two."""
    wide = [c for c in range(plan.columns) if c not in plan.numeric]
    for c in draw.sample(wide, min(len(wide), draw.randint(1, 2))):
        for r in range(1, plan.rows):
            if draw.random() < 0.6 and plan.texts[r, c]:
                plan.texts[r, c] = [_phrase(draw, 5, 12)]


def _add_sections(plan: _Plan, draw: random.Random) -> None:
    for r in range(2, plan.rows, draw.randint(3, 5)):
        plan.spans[r, 0] = (1, plan.columns)
        plan.texts[r, 0] = [_phrase(draw, 9, 12) if draw.random() < 0.6 else _phrase(draw, 1, 2)]


def _add_row_spans(plan: _Plan, draw: random.Random) -> None:
    r = 1
    while r < plan.rows - 1:
        down = draw.randint(2, min(3, plan.rows - r))
        plan.spans[r, 0] = (down, 1)
        for row in range(r, r + down):
            for c in range(1, plan.columns):
                plan.texts[row, c] = plan.texts[row, c] or [_number(draw, 1)]
        r += down


def _fit_section_names(plan: _Plan, width: Width, *, spans_show: bool) -> None:
    """Let the name of a section end in the first column or go far over it; in the first, only a grid shows its span."""
    first = max(
        width(line, r)
        for (r, c), lines in plan.owned().items()
        if c == 0 and (r, 0) not in plan.spans
        for line in lines
    )
    for r, _ in list(plan.spans):
        name = plan.texts[r, 0][0]
        if len(name.split()) < 5:
            plan.texts[r, 0] = [name if width(name, r) <= first else "Sum"]
            if not spans_show:
                del plan.spans[r, 0]
                plan.texts.update({(r, c): [] for c in range(1, plan.columns)})


def _broken(text: str, wrap_at: float, width: Width) -> list[str]:
    lines = [""]
    for word in text.split(" "):
        trial = f"{lines[-1]} {word}".strip()
        if lines[-1] and width(trial, 1) > wrap_at:
            lines.append(word)
        else:
            lines[-1] = trial
    return lines


def _geometry(plan: _Plan, draw: random.Random, kind: str, size: float, width: Width) -> _Geometry:
    gutter = size * (draw.uniform(0.6, 0.8) if kind == "narrow" else draw.uniform(1.0, 3.0))
    leading = size * draw.uniform(1.1, 1.25)
    gap = size * (draw.uniform(0.35, 0.8) if kind in ("wrapped", "ruled") else draw.uniform(0.05, 0.6))
    widths = [size * 3] * plan.columns
    heights = [leading + gap] * plan.rows
    for (r, c), lines in plan.owned().items():
        down, across = plan.spans.get((r, c), (1, 1))
        need = max((width(line, r) for line in lines), default=0) - gutter * (across - 1)
        widths[c + across - 1] += max(0, need - sum(widths[c : c + across]))
        if down == 1:
            heights[r] = max(heights[r], len(lines) * leading + gap)
    lefts = [_MARGIN + sum(widths[:c]) + gutter * c for c in range(plan.columns)]
    tops = [_MARGIN + sum(heights[:r]) for r in range(plan.rows + 1)]
    return _Geometry(lefts, widths, gutter, tops, leading, gap)


def _placed(
    plan: _Plan, geometry: _Geometry, place: Place, align: str, width: Width, *, in_middle: bool
) -> list[tuple[float, float, str]]:
    """The lines of a cell with the start of their baselines."""
    r, c = place
    down, across = plan.spans.get(place, (1, 1))
    lines = plan.texts[place]
    x0, x1 = geometry.lefts[c], geometry.lefts[c + across - 1] + geometry.widths[c + across - 1]
    if across > 1:
        align = "centre" if r == 0 else "left"
    spare = geometry.tops[r + down] - geometry.tops[r] - geometry.gap - len(lines) * geometry.leading
    top = geometry.tops[r] + geometry.gap / 2 + (spare / 2 if in_middle or down > 1 else 0)
    found = []
    for n, line in enumerate(lines):
        free = x1 - x0 - width(line, r)
        x = x0 + {"left": 0, "right": free, "centre": free / 2}[align]
        found.append((x, top + (n + 0.8) * geometry.leading, line))
    return found


def _draw_rules(page: pymupdf.Page, plan: _Plan, geometry: _Geometry, style: str) -> None:
    if style == "booktabs":
        _draw_booktabs(page, plan, geometry)
    xs, tops = geometry.borders, geometry.tops
    for r in range(plan.rows + 1) if style in ("lines", "grid") else ():
        for c in range(plan.columns):
            if r in (0, plan.rows) or plan.owner(r - 1, c) != plan.owner(r, c):
                page.draw_line((xs[c], tops[r]), (xs[c + 1], tops[r]), width=0.5)
    for c in range(plan.columns + 1) if style == "grid" else ():
        for r in range(plan.rows):
            if c in (0, plan.columns) or plan.owner(r, c - 1) != plan.owner(r, c):
                page.draw_line((xs[c], tops[r]), (xs[c], tops[r + 1]), width=0.5)


def _draw_booktabs(page: pymupdf.Page, plan: _Plan, geometry: _Geometry) -> None:
    xs, tops = geometry.borders, geometry.tops
    for row, thick in ((0, 1.0), (plan.header_rows, 0.6), (plan.rows, 1.0)):
        page.draw_line((xs[0], tops[row]), (xs[-1], tops[row]), width=thick)
    for (r, c), (_, across) in plan.spans.items():
        if r == 0:
            end = geometry.lefts[c + across - 1] + geometry.widths[c + across - 1]
            page.draw_line((geometry.lefts[c], tops[1]), (end, tops[1]), width=0.4)
