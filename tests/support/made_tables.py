"""Draws seeded tables of known cells: ruled, ruled across only, without rules, with spans, wrapped cells, numbers."""

import random
from dataclasses import dataclass, field

import pymupdf

KINDS = ("ruled", "booktabs", "borderless", "spans", "wrapped", "decimal", "narrow", "sections", "row_spans")
_WORDS = (
    "harbour vessel cargo office north pier annual report balance revenue total assets interest deposit service method "
    "result sample temperature pressure velocity engine coolant capacity station region county parish school hospital "
    "licence permit grant budget income expense transfer account measure quality sediment river basin coast island"
).split()
_MARGIN = 60.0


@dataclass
class MadeTable:
    """A page with one table, and its cells as (row, column, row span, column span, text)."""

    kind: str
    page: pymupdf.Page
    document: pymupdf.Document
    cells: set[tuple[int, int, int, int, str]] = field(default_factory=set)


@dataclass
class _Plan:
    """Texts by place, and spans by place."""

    rows: int
    columns: int
    texts: dict[tuple[int, int], list[str]]
    spans: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    numeric: set[int] = field(default_factory=set)
    header_rows: int = 1


def made_table(seed: int) -> MadeTable:
    """Draw the table of a seed."""
    draw = random.Random(seed)
    kind = KINDS[seed % len(KINDS)]
    document = pymupdf.open()
    page = document.new_page(width=612, height=792)
    table = MadeTable(kind, page, document)
    size = draw.choice([7, 8, 9, 10, 11])
    _draw(table, _plan(draw, kind, size), draw, size)
    return table


def _phrase(draw: random.Random, least: int, most: int) -> str:
    text = " ".join(draw.choice(_WORDS) for _ in range(draw.randint(least, most)))
    return text.capitalize() if draw.random() < 0.8 else text


def _number(draw: random.Random, style: int) -> str:
    value = draw.uniform(0, 10 ** draw.randint(1, 7))
    text = [f"{value:,.0f}", f"{value:.2f}", f"{value:,.1f}", f"{value / 1e7:.3f}", f"{value / 1e5:.1f}%"][style]
    return draw.choice(["-", "", "", "", "", ""]) + text


def _plan(draw: random.Random, kind: str, size: int) -> _Plan:
    columns = draw.randint(2, 6)
    rows = draw.randint(3, 14)
    plan = _Plan(rows, columns, {})
    plan.numeric = {c for c in range(1, columns) if draw.random() < 0.65}
    styles = [draw.randrange(5) for _ in range(columns)]
    for c in range(columns):
        plan.texts[0, c] = [_phrase(draw, 1, 2)]
        for r in range(1, rows):
            if c in plan.numeric:
                text = _number(draw, styles[c]) if draw.random() < 0.92 else draw.choice(["", "-", "n/a"])
            else:
                text = _phrase(draw, 1, 3) if c == 0 or draw.random() < 0.9 else ""
            plan.texts[r, c] = [text] if text else []
    if kind == "spans" and columns >= 3:
        _add_spanning_header(plan, draw)
    elif kind == "wrapped":
        _wrap(plan, draw)
    elif kind == "sections":
        for r in range(2, rows, draw.randint(3, 5)):
            plan.spans[r, 0] = (1, columns)
            plan.texts[r, 0] = [_phrase(draw, 7, 9) if draw.random() < 0.6 else _phrase(draw, 2, 3)]
            for c in range(1, columns):
                plan.texts[r, c] = []
    elif kind == "row_spans" and rows >= 4:
        r = 1
        while r < rows - 1:
            height = draw.randint(2, min(3, rows - r))
            plan.spans[r, 0] = (height, 1)
            for below in range(r + 1, r + height):
                plan.texts[below, 0] = []
            for below in range(r, r + height):
                for c in range(1, columns):
                    plan.texts[below, c] = plan.texts[below, c] or [_number(draw, styles[c])]
            r += height
    return plan


def _add_spanning_header(plan: _Plan, draw: random.Random) -> None:
    shifted = {(r + 1, c): text for (r, c), text in plan.texts.items()}
    plan.rows += 1
    plan.header_rows = 2
    width = draw.randint(2, plan.columns - 1)
    start = draw.randint(1, plan.columns - width)
    for c in range(plan.columns):
        shifted[0, c] = []
    shifted[0, start] = [_phrase(draw, 1, 2)]
    plan.spans[0, start] = (1, width)
    plan.texts = shifted


def _wrap(plan: _Plan, draw: random.Random) -> None:
    """Wrap cells of a column of text, set to a width; rows without number columns get one so that rows can be told."""
    wide = [c for c in range(plan.columns) if c not in plan.numeric] or [0]
    for c in draw.sample(wide, min(len(wide), draw.randint(1, 2))):
        for r in range(1, plan.rows):
            if draw.random() < 0.6 and plan.texts[r, c]:
                plan.texts[r, c] = _phrase(draw, 5, 12).split(" ")  # broken into lines when the width is known


def _draw(table: MadeTable, plan: _Plan, draw: random.Random, size: int) -> None:
    font = draw.choice(["helv", "tiro"])
    bold = {"helv": "hebo", "tiro": "tibo"}[font]
    head = bold if draw.random() < 0.6 else font
    gutter = size * (draw.uniform(0.6, 0.8) if table.kind == "narrow" else draw.uniform(1.0, 3.0))
    wrap_at = size * draw.uniform(9, 14)

    def width(text: str, r: int) -> float:
        return pymupdf.get_text_length(text, head if r < plan.header_rows else font, size)

    if table.kind == "wrapped":
        for place, words in plan.texts.items():
            plan.texts[place] = _broken(" ".join(words), wrap_at, lambda text: width(text, 1)) if words else []
    widths = [
        max([width(line, r) for (r, c), lines in plan.texts.items() if c == column and (r, c) not in plan.spans for line in lines] or [size * 3])
        for column in range(plan.columns)
    ]
    for (r, c), (_, across) in plan.spans.items():
        need = max(width(line, r) for line in plan.texts[r, c]) - sum(widths[c : c + across]) - gutter * (across - 1)
        if need > 0 and across > 1:
            widths[c + across - 1] += need
        elif across == 1:
            widths[c] = max(widths[c], need + widths[c])
    for place, (_, across) in plan.spans.items():  # a section's name ends in the first column, or goes far over it
        while table.kind == "sections" and across > 1 and len(plan.texts[place][0].split()) < 5 and width(plan.texts[place][0], 1) > widths[0]:
            plan.texts[place] = [plan.texts[place][0].rpartition(" ")[0] or "Sum"]
    total = sum(widths) + gutter * (plan.columns - 1)
    squeeze = min(1.0, (612 - 20) / total)
    lefts = [_MARGIN / 2 + sum(widths[:c]) + gutter * (c + 0.5) for c in range(plan.columns)]
    if squeeze < 1:
        table.page.set_mediabox(pymupdf.Rect(0, 0, total + 100, 1400))
    else:
        table.page.set_mediabox(pymupdf.Rect(0, 0, 700, 1400))
    leading = size * draw.uniform(1.1, 1.25)
    gap = size * (draw.uniform(0.35, 0.8) if table.kind in ("wrapped", "ruled") else draw.uniform(0.05, 0.6))
    heights = [
        max([len(lines) for (r, c), lines in plan.texts.items() if r == row and plan.spans.get((r, c), (1, 1))[0] == 1] + [1]) * leading + gap
        for row in range(plan.rows)
    ]
    tops = [_MARGIN + sum(heights[:r]) for r in range(plan.rows + 1)]
    aligns = ["right" if c in plan.numeric else draw.choice(["left", "left", "left", "centre"]) for c in range(plan.columns)]
    middle = draw.random() < 0.3
    for (r, c), lines in sorted(plan.texts.items()):
        down, across = plan.spans.get((r, c), (1, 1))
        x0, x1 = lefts[c], lefts[c + across - 1] + widths[c + across - 1]
        align = "centre" if across > 1 and r == 0 else "left" if across > 1 else aligns[c]
        spare = tops[r + down] - tops[r] - gap - len(lines) * leading
        top = tops[r] + gap / 2 + (spare / 2 if middle or down > 1 else 0)
        for n, line in enumerate(lines):
            x = {"left": x0, "right": x1 - width(line, r), "centre": (x0 + x1 - width(line, r)) / 2}[align]
            y = top + n * leading + 0.8 * leading
            table.page.insert_text((x, y), line, fontname=head if r < plan.header_rows else font, fontsize=size)
    hidden = {
        (r + i, c + j)
        for (r, c), (down, across) in plan.spans.items() for i in range(down) for j in range(across) if (i, j) != (0, 0)
    }
    style = {"ruled": "grid", "booktabs": "booktabs", "borderless": "none", "narrow": draw.choice(["none", "booktabs"])}.get(
        table.kind, draw.choice(["grid", "booktabs", "none", "lines"])
    )
    if table.kind in ("row_spans",) and style == "none":
        style = "lines"
    for place, (_, across) in list(plan.spans.items()):
        label = table.kind == "sections" and style != "grid" and width(plan.texts[place][0], 1) <= widths[0]
        if label:  # nothing shows that it spans
            del plan.spans[place]
            hidden -= {(place[0], place[1] + n) for n in range(across)}
    for (r, c), lines in plan.texts.items():
        if (r, c) not in hidden:
            table.cells.add((r, c, *plan.spans.get((r, c), (1, 1)), " ".join(lines)))
    _draw_rules(table, plan, style, lefts, widths, gutter, tops)


def _broken(text: str, wrap_at: float, width) -> list[str]:
    lines = [""]
    for word in text.split(" "):
        trial = f"{lines[-1]} {word}".strip()
        if lines[-1] and width(trial) > wrap_at:
            lines.append(word)
        else:
            lines[-1] = trial
    return lines


def _draw_rules(table, plan, style, lefts, widths, gutter, tops) -> None:
    page = table.page
    xs = [left - gutter / 2 for left in lefts] + [lefts[-1] + widths[-1] + gutter / 2]
    covered = {(r, c): (r0, c0) for (r0, c0), (down, across) in plan.spans.items() for r in range(r0, r0 + down) for c in range(c0, c0 + across)}

    def owner(r: int, c: int) -> tuple[int, int]:
        return covered.get((r, c), (r, c))

    def across(y: float, width: float = 0.6) -> None:
        page.draw_line((xs[0], y), (xs[-1], y), width=width)

    if style == "booktabs":
        across(tops[0], 1.0)
        across(tops[plan.header_rows])
        across(tops[-1], 1.0)
        for (r, c), (_, wide) in plan.spans.items():
            if r == 0:
                page.draw_line((lefts[c], tops[1]), (lefts[c + wide - 1] + widths[c + wide - 1], tops[1]), width=0.4)
    if style in ("lines", "grid"):
        for r in range(plan.rows + 1):
            for c in range(plan.columns):
                if r in (0, plan.rows) or owner(r - 1, c) != owner(r, c):
                    page.draw_line((xs[c], tops[r]), (xs[c + 1], tops[r]), width=0.5)
    if style == "grid":
        for c in range(plan.columns + 1):
            for r in range(plan.rows):
                if c in (0, plan.columns) or owner(r, c - 1) != owner(r, c):
                    page.draw_line((xs[c], tops[r]), (xs[c], tops[r + 1]), width=0.5)
