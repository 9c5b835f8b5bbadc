"""Decides which lines of a table begin a row: by rules, by borders of the layout model, by spacing and content."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ocrmill.pipeline.text.contents.item_marks import BULLET, DASHES, mark_of
from ocrmill.pipeline.text.inline.numbers import is_broken_number
from ocrmill.pipeline.text.tables.chunks import Borders, Chunk
from ocrmill.pipeline.text.tables.columns import Columns
from ocrmill.pipeline.text.tables.rules import Rules, covered
from ocrmill.pipeline.text.words import Word

FULL_RULE = 0.6  # of the table's width
_PITCH = 0.8  # of the type: baselines of rows are no closer
PARTIAL_RULE = 0.12  # of the table's width: a rule so long parts rows
_BAND_SHARE = 0.3  # of the lines: so many bands between rules are rows
_BOX_SHARE = 0.2  # ... if there are vertical rules too
_CLEAR_JUMP = 0.3  # ... and so much if they are set apart clearly
_ROW_IN_BAND = 2.0  # the score of a line that begins a row though no rule parts it from the one above
_ROWS_IN_BANDS = 1.0  # the usual score of lines between rules, if those part groups of rows
_EVEN_STEPS = 0.2  # of the type: a text set in the middle of two rows stands as far from both
_TOUCHING = 0.05  # of the type: lines with less white space between them stand beside each other
_JUMP = 0.12  # of the type: so much more white space is between rows than between lines of a cell
NUMBER = re.compile(
    r"^[-+\u2212\u2013(<>~\u00b1$\u20ac\u00a3\u2190-\u21ff]*\d[\d.,'\u2019\s]*\d*(?:[%)\u00b0*\u2020\u2021a-z]{0,3})$",
    re.IGNORECASE,
)
_TIME = re.compile(r"\d{1,2}[:.]\d{2}[a-z]{0,2}$|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}$|\d{1,2}/\d{1,2}$")  # or a date
_BETWEEN_NUMBERS = frozenset("\u00b1\u2212\u2013\u00d7+-/~x")  # in a cell, as between a mean and its deviation
_COUNT = re.compile(r"[0-9]{1,3}")
_HINTED = 1.5  # the score of a border that a layout model sees; where it sees none, so much less
_SPANNING = 2  # columns of a line whose text stands in the middle of several rows
_TIE = 0.01  # scores so close to 0 are even: a row begins
_BROKEN = -4.0  # the score of a number that goes on: no row begins there
_ITEM = -9.0  # the score of an item of a list in a cell, whatever white space is above it
_FEW_LETTERS = 2  # of a cell, which breaks no line after so few; Han and kana may
_HAD_ROOM = 0.8  # the score of a text that did not need to break
_CLOSE_SCRIPTS = "\u2e80"  # and what follows: scripts that break within words
_OPEN_END = re.compile(r"(?:[-,(/&\u2010]|\b(?:and|or|of|the|to|for|in|with|a))$")


@dataclass(frozen=True, slots=True)
class Line:
    """The chunks of a table on one baseline, with the columns that each stands in."""

    chunks: tuple[Chunk, ...]
    spans: tuple[tuple[int, int], ...]

    @property
    def baseline(self) -> float:
        """Y of the line."""
        return self.chunks[0].baseline

    @property
    def top(self) -> float:
        """The height at which its ink begins."""
        return min(chunk.top for chunk in self.chunks)

    @property
    def bottom(self) -> float:
        """The height at which its ink ends."""
        return max(chunk.bottom for chunk in self.chunks)

    @property
    def size(self) -> float:
        """Return its largest type."""
        return max(chunk.size for chunk in self.chunks)

    @property
    def columns(self) -> set[int]:
        """Return the columns that have text in it."""
        return {column for first, last in self.spans for column in range(first, last + 1)}

    def in_column(self, column: int) -> Chunk | None:
        """Return the chunk that stands in this column alone."""
        return next((chunk for chunk, span in zip(self.chunks, self.spans, strict=True) if span == (column,) * 2), None)


def lines_of(chunks: Sequence[Chunk], columns: Columns) -> list[Line]:
    """Return chunks line by line."""
    by_line: dict[int, list[Chunk]] = {}
    for chunk in chunks:
        by_line.setdefault(chunk.line, []).append(chunk)
    return [
        Line(tuple(found), tuple(columns.span(chunk) for chunk in found))
        for _, found in sorted(by_line.items(), key=lambda item: item[0])
    ]


def leading_lines(lines: Sequence[Line], rules: Rules) -> list[int]:
    """Choose lines that are no closer than lines of one text, those with most columns first.

    Others float between them: cells set in the middle of their rows.
    """
    chosen: list[int] = []
    able = [n for n, line in enumerate(lines) if not _stands_between_rules(line, rules)] or range(len(lines))
    for n in sorted(able, key=lambda n: (-len(lines[n].columns), n)):
        line = lines[n]
        if all(abs(line.baseline - lines[m].baseline) >= _PITCH * min(line.size, lines[m].size) for m in chosen):
            chosen.append(n)
    chosen.sort()
    between = {
        n
        for above, n, below in zip(chosen, chosen[1:], chosen[2:], strict=False)
        if _stands_between(lines[above], lines[n], lines[below])
    }
    return [n for n in chosen if n not in between] or chosen


def _stands_between(above: Line, line: Line, below: Line) -> bool:
    """Tell if a line has no column of its neighbours, which share one, and is closer to both than lines of one text."""
    steps = (line.baseline - above.baseline, below.baseline - line.baseline)
    near = max(steps) < line.size and abs(steps[0] - steps[1]) < _EVEN_STEPS * line.size
    return near and not line.columns & (above.columns | below.columns) and bool(above.columns & below.columns)


def _stands_between_rules(line: Line, rules: Rules) -> bool:
    """Tell if a rule beside the text lies at its height: it parts rows that the text spans.

    Beside a text of three columns it is the line on which a value is written.
    """
    if len(line.columns) > _SPANNING:
        return False
    low, high = line.baseline - 0.6 * line.size, line.baseline + 0.1 * line.size
    return any(
        low < rule.y0 < high and all(rule.x0 >= chunk.x1 - 1 or rule.x1 <= chunk.x0 + 1 for chunk in line.chunks)
        for rule in rules.horizontal
    )


def row_starts(
    lines: Sequence[Line], floating: Sequence[Line], columns: Columns, rules: Rules, hinted: Borders
) -> list[bool]:
    """Tell for each line after the first if it begins a new row. `floating`: lines between them."""
    coverages = [_rule_coverage(upper, lower, columns, rules) for upper, lower in pairwise(lines)]
    has_boxes = any(columns.ruled)
    bands = 1 + sum(coverage >= (PARTIAL_RULE if has_boxes else FULL_RULE) for coverage in coverages)
    is_grid = bands >= (max(3, _BOX_SHARE * len(lines)) if has_boxes else max(4, _BAND_SHARE * len(lines)))
    contents = [_content_score(upper, lower, columns) for upper, lower in pairwise(lines)]
    spacing = _spacing_scores(lines, floating, coverages, contents)
    usual = max(-0.4, min(0.7, sum(contents) / max(1, len(contents))))
    inside = [score for score, coverage in zip(contents, coverages, strict=True) if coverage < PARTIAL_RULE]
    is_grid = is_grid and sum(inside) <= _ROWS_IN_BANDS * len(inside)
    is_plain = not (any(spacing) or floating or any(coverage >= PARTIAL_RULE for coverage in coverages[1:]))
    begun = _full_below_partial(lines, columns) if is_plain else set()
    counted = _counted_lines(lines)
    seen: set[int] | None = None
    starts = []
    for n in range(len(lines) - 1):
        if coverages[n] >= PARTIAL_RULE or n in begun or n + 1 in counted:
            starts.append(True)
            continue
        if is_grid:
            # In boxes a line with more cells than the one above has those that are set in the middle of their rows.
            is_as_wide = not has_boxes or lines[n].columns >= lines[n + 1].columns
            starts.append(contents[n] >= _ROW_IN_BAND and is_as_wide)
            continue
        score = contents[n] + spacing[n] + usual
        if abs(score) < _HINTED + _TIE and (ys := hinted()):
            seen = _seen_borders(lines, contents, ys) if seen is None else seen
            score += _HINTED if n in seen else -_HINTED
        starts.append(score > -_TIE)
    return starts


def _counted_lines(lines: Sequence[Line]) -> set[int]:
    """Return the lines with the next number after one further up in the same column, before a text: items of a form."""
    found = set()
    last: dict[int, int] = {}
    for n, line in enumerate(lines):
        for chunk, after, (column, _) in zip(line.chunks, line.chunks[1:], line.spans, strict=False):
            text = chunk.words[0].text
            if len(chunk.words) == 1 and _COUNT.fullmatch(text) and after.words[0].text[0].isalpha():
                if int(text) - 1 == last.get(column):
                    found.add(n)
                last[column] = int(text)
    return found


def _seen_borders(lines: Sequence[Line], contents: Sequence[float], ys: Sequence[float]) -> set[int]:
    """Return the lines below which a layout model sees a border, and those where it sees one between most others alike.

    A model misses the border below one name of a section among ten.
    """
    alike: dict[tuple[object, ...], list[int]] = {}
    seen = set()
    for n, (upper, lower) in enumerate(pairwise(lines)):
        step = round((lower.baseline - upper.baseline) / upper.size, 1)
        alike.setdefault((contents[n], step, *map(frozenset, (upper.columns, lower.columns))), []).append(n)
        if any(upper.baseline - 0.3 * upper.size < y < lower.baseline for y in ys):
            seen.add(n)
    for group in alike.values():
        if 2 * len(seen.intersection(group)) > len(group):
            seen.update(group)
    return seen


def _full_below_partial(lines: Sequence[Line], columns: Columns) -> set[int]:
    """Return the lines before those that begin rows where no space lies between rows, and cells begin at one height.

    Such a line has text in all columns, and the one above it, the rest of a cell, lacks the first. Cells set in the
    middle of their rows look alike, but where the first two lines are full.
    """
    is_full = [len(line.columns) == len(columns.columns) for line in lines]
    if not all(is_full[:2]):
        return set()
    return {
        n for n, (upper, full) in enumerate(zip(lines, is_full[1:], strict=False)) if full and 0 not in upper.columns
    }


def _rule_coverage(upper: Line, lower: Line, columns: Columns, rules: Rules) -> float:
    """Return the share of the table's width that horizontal rules between two lines take."""
    low, high = upper.baseline - 0.1 * upper.size, lower.baseline - 0.4 * lower.size
    spans = [(rule.x0, rule.x1) for rule in rules.horizontal if low <= rule.y0 <= high]
    return covered(spans, columns.columns[0].x0, columns.columns[-1].x1)


def _spacing_scores(
    lines: Sequence[Line], floating: Sequence[Line], coverages: Sequence[float], contents: Sequence[float]
) -> list[float]:
    """Score wide steps for a new row and narrow ones against it, if the table has both and its content agrees."""
    steps = [_white_space(upper, lower, floating) for upper, lower in pairwise(lines)]
    free = sorted(
        step for step, coverage in zip(steps, coverages, strict=True) if coverage < PARTIAL_RULE and step > _TOUCHING
    )
    jumps = [(wide - narrow, (wide + narrow) / 2) for narrow, wide in pairwise(free)]
    if not jumps or max(jumps)[0] < _JUMP:
        return [0.0] * len(steps)
    jump, limit = max(jumps)
    weight = 2.5 if jump >= _CLEAR_JUMP else 1.5
    narrow = [
        score
        for step, score, coverage in zip(steps, contents, coverages, strict=True)
        if step < limit and coverage < PARTIAL_RULE
    ]
    if sum(narrow) > 0.5 * len(narrow):  # narrow steps part rows: the wide ones part groups
        return [1.0 if step > limit else 0.0 for step in steps]
    return [weight if step > limit else -weight for step in steps]


def _white_space(upper: Line, lower: Line, floating: Sequence[Line]) -> float:
    """Return the height of the widest strip between two lines that no line enters, in sizes of the type."""
    between = [line for line in floating if upper.baseline < line.baseline < lower.baseline]
    ordered = [upper, *between, lower]
    return max(0.0, *(after.top - before.bottom for before, after in pairwise(ordered))) / upper.size


def _content_score(upper: Line, lower: Line, columns: Columns) -> float:
    """Score what the two lines hold: above 0 if the lower one looks like a new row."""
    above, below = upper.columns, lower.columns
    if _is_item(lower):
        return _ITEM
    score = _occupancy_score(above, below)
    for column in sorted(above & below):
        one, other = upper.in_column(column), lower.in_column(column)
        if one is not None and other is not None:
            score += _continuity_score(one, other, columns.columns[column].x1 - columns.columns[column].x0)
    if _spans_over(upper, lower) or _spans_over(lower, upper):
        score += 2.0
    if _is_bold(upper) and not any(word.bold for chunk in lower.chunks for word in chunk.words):
        score += 1.5
    return score


def _is_item(line: Line) -> bool:
    """Tell if a line is an item in a cell: alone on its row, not in the first column, with a bullet or dash."""
    words = [word for chunk in line.chunks for word in chunk.words]
    if len(line.columns) > 1 or 0 in line.columns:
        return False
    mark = mark_of(words) or words[0].text
    return bool(BULLET.match(mark)) or (mark in DASHES and len(words) > 1 and words[1].text[0].isalpha())


def _occupancy_score(above: set[int], below: set[int]) -> float:
    if above == below and len(above) == 1:
        return 0.3 if 0 in above else -0.8
    if below >= above:
        return 1.0 if len(above) > 1 else 0.3 if 0 in above else -0.3
    if below < above:
        return -0.5 if 0 in below else -1.2
    return -0.5 if not above & below else 0.5


def _continuity_score(one: Chunk, other: Chunk, width: float) -> float:
    """Score two chunks below each other: can the lower one continue the upper one, and was there need to break?"""
    before = " ".join(word.text for word in one.words)
    after = " ".join(word.text for word in other.words)
    if is_broken_number(before, after):
        return _BROKEN
    numbers = sum(bool(NUMBER.match(text) or _TIME.match(text)) for text in (before, after))
    if not numbers and len(one.words) == len(other.words):
        numbers = 2 * _are_numbers((*one.words, *other.words))
    if numbers == 2:  # noqa: PLR2004
        return 2.0
    score = 0.7 * numbers
    if max(len(before), len(after)) <= _FEW_LETTERS and max(before + after) < _CLOSE_SCRIPTS:
        return score + _HAD_ROOM
    first = other.words[0]
    blank = 0.25 * one.size
    if (one.x1 - one.x0) + blank + (first.box.x1 - first.box.x0) <= 0.97 * width:
        score += _HAD_ROOM
    else:
        score -= 0.4
    if _OPEN_END.search(before):
        score -= 0.8
    elif after[:1].isupper():
        score += 0.3
    if after[:1].islower():
        score -= 0.5
    return score


def _are_numbers(words: Sequence[Word]) -> bool:
    """Tell if words are numbers, and signs between them: `0.11 (0.02)` below `1.3 \u00b1 0.2`."""
    return all(NUMBER.match(word.text) or word.text in _BETWEEN_NUMBERS for word in words)


def _is_bold(line: Line) -> bool:
    return all(word.bold for chunk in line.chunks for word in chunk.words)


def _spans_over(one: Line, other: Line) -> bool:
    """Tell if a chunk of one line stands across columns in which the other has several chunks."""
    return any(
        last > first and sum(first <= start and end <= last for start, end in other.spans) > 1
        for first, last in one.spans
    )
