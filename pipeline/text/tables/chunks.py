"""Words -> lines on one baseline -> chunks: words of a line with no more than a blank between them."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise, starmap
from statistics import median

from ocrmill.pipeline.text.tables.rules import Rules
from ocrmill.pipeline.text.words import Word

# In sizes of the type.
LEADER = re.compile(r"^(?:[.\u2026\u00b7_]{3,}|[.\u00b7])$")  # dots that lead from a text to what is behind them
_FIGURES_APART = 0.6
_SAME_BASELINE = 0.3  # baselines so close are one: cells of a row are set to a point, their fonts differ by little
_ASCENT, _DESCENT = 0.72, 0.22  # the ink of a line; boxes of fonts are often taller than their line
_SCRIPT = 0.8  # of its neighbour's type: smaller words beside others are indices and marks of notes
_SCRIPT_RISE = 0.6  # so far they stand from the baseline
_SCRIPT_GAP = 0.35
_MIN_LINK = 0.42  # blanks are 0.22 to 0.33
_LINK = 1.7  # times the usual blank; justified cells go to 1.5
_MIN_BLANK = 0.12  # narrower gaps are kerning
_STRETCHED, _EVEN, _EVEN_SHARE = 4, 0.03, 0.6  # gaps: most differ by so little in justified text
_NEXT, _AS_WIDE = 5, 2  # lines above and below; of them, those that reach as far
_WIDE_BLANK = 0.35  # narrower blanks need no care
_SAME_EDGE = 0.7  # points: cells that begin or end so close to each other are set in one column
_EDGES, _EDGE_SHARE = 2, 0.25  # cells, and of the lines, that show where cells of a column begin or end
_BORDER_LINES, _BORDER_SHARE = 4, 0.5  # lines, and of all, that show a border no wider than a blank
_WIDER = 1.25  # times the usual blank: at a border, columns are so far apart
_MAX_BLANK = 0.75  # what is wider is no blank (0.6 in type of fixed width)
_CURRENCY = re.compile(r"(?:US|CA|AU|NZ|HK|A|C|R)?[$\u00a2-\u00a5\u20a0-\u20c0]|\([$\u00a3\u20ac]")  # `$`, `US$`, `($`
_AMOUNT = re.compile(r"[(+\u2212\u2012-\u2014-]?[\d.,]*\d|[\u2012-\u2014-]$|[([][\d.,]*\d")
_CLOSING = re.compile(r"[)\]]%?")  # after a negative number
_FIGURE = re.compile(r"[(+\u2212-]?\d[\d.,]*[)%]?")  # a word that is a number
# A number with blanks, `(1 234,5)`, begins and goes on so.
_FIRST_DIGITS, _NEXT_DIGITS = re.compile(r"[(+\u2212-]?\d{1,3}"), re.compile(r"\d{3}(?:[.,]\d+)?[)%]?")

Borders = Callable[[], Sequence[float]]
"""Asks a layout model for borders of rows or columns; `tuple` where there is no model."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Words of one line that stand together."""

    words: tuple[Word, ...]
    line: int
    x0: float
    x1: float
    baseline: float
    size: float

    @property
    def top(self) -> float:
        """The height at which the ink of capitals begins."""
        return self.baseline - _ASCENT * self.size

    @property
    def bottom(self) -> float:
        """The height at which the ink of descenders ends."""
        return self.baseline + _DESCENT * self.size

    @property
    def middle(self) -> float:
        """Its horizontal centre."""
        return (self.x0 + self.x1) / 2


def text_lines(words: Sequence[Word]) -> list[list[Word]]:
    """Words on one baseline from left to right, the lines from top to bottom. Indices stay with what they index."""
    lines: list[list[Word]] = []
    for word in sorted(words, key=lambda word: (word.baseline, word.box.x0)):
        if lines and word.baseline - lines[-1][0].baseline <= _SAME_BASELINE * min(word.size, lines[-1][0].size):
            lines[-1].append(word)
        else:
            lines.append([word])
    lines = [sorted(line, key=lambda word: word.box.x0) for line in lines]
    _move_scripts(lines)
    return [sorted(line, key=lambda word: word.box.x0) for line in lines if line]


def _move_scripts(lines: list[list[Word]]) -> None:
    """Move small words that stand beside larger ones of a line above or below into that line."""
    usual = median(word.size for line in lines for word in line)
    for n, line in enumerate(lines):
        for word in [word for word in line if word.size <= _SCRIPT * usual]:
            for other in (n - 1, n + 1):
                if 0 <= other < len(lines) and any(_is_script_of(word, host) for host in lines[other]):
                    line.remove(word)
                    lines[other].append(word)
                    break


def _is_script_of(word: Word, host: Word) -> bool:
    near = max(word.box.x0 - host.box.x1, host.box.x0 - word.box.x1) <= _SCRIPT_GAP * host.size
    return near and word.size <= _SCRIPT * host.size and abs(word.baseline - host.baseline) <= _SCRIPT_RISE * host.size


def usual_blank(lines: Sequence[Sequence[Word]], size: float) -> float:
    """Return the width of a blank: among the narrower gaps, as columns may stand no farther apart than a wide blank.

    What stands between two numbers is none.
    """
    gaps = sorted(
        gap
        for line in lines
        for before, after in pairwise(line)
        if _MIN_BLANK * size <= (gap := after.box.x0 - before.box.x1) <= _MAX_BLANK * size
        and not _are_two_numbers(before, after)
    )
    return gaps[len(gaps) // 4] if gaps else _MIN_LINK / _LINK * size


def chunks_of(lines: Sequence[Sequence[Word]], rules: Rules, hinted: Borders = tuple) -> list[Chunk]:
    """Cut lines where more than a blank lies between words, or a vertical rule does.

    `hinted` gives xs where a layout model sees a border; a narrower gap is enough there.
    """
    size = median(word.size for line in lines for word in line)
    blank = usual_blank(lines, size)
    link = max(_MIN_LINK * size, _LINK * blank)
    gaps = _Gaps(lines, link)
    found: list[Chunk] = []
    for n, line in enumerate(lines):
        held: list[Word] = []
        has_figures = _leads_to_figures(line)
        for word in line:
            if held and (
                _is_ruled(held[-1], word, rules)
                or (
                    not (has_figures and _lead_on(held, word))
                    and (gaps.part(held[-1], word) or _is_hinted(held[-1], word, link, blank, hinted))
                )
            ):
                found.append(_chunk(held, n))
                held = []
            held.append(word)
        found.append(_chunk(held, n))
    return _with_signs(found, rules)


def _leads_to_figures(line: Sequence[Word]) -> bool:
    """Tell if dots of a line lead to several figures, as in statistics and accounts."""
    leaders = [n for n, word in enumerate(line) if LEADER.match(word.text)]
    return bool(leaders) and are_figures(line[leaders[-1] + 1 :])


def are_figures(words: Sequence[Word]) -> bool:
    """Tell if several numbers stand apart, as cells do, before the next text: pages of one entry are closer."""
    count = 0
    for n, word in enumerate(words):
        if word.text[0].isalpha():
            break
        if any(map(str.isdigit, word.text)):
            count += not count or word.box.x0 - words[n - 1].box.x1 >= _FIGURES_APART * word.size
    return count > 1


def _lead_on(held: Sequence[Word], word: Word) -> bool:
    """Tell if a word is of the dots that lead from a text to its figures: they are part of its cell."""
    return LEADER.match(word.text) is not None and any(before.text[0].isalpha() for before in held)


def _with_signs(chunks: Sequence[Chunk], rules: Rules) -> list[Chunk]:
    """Put signs of currency and closing brackets to their numbers: accounts set them in columns of their own."""
    out: list[Chunk] = []
    for chunk in chunks:
        before = out[-1] if out and out[-1].line == chunk.line else None
        if before and not _is_ruled(before.words[-1], chunk.words[0], rules) and _are_one_amount(before, chunk):
            out[-1] = _chunk([*before.words, *chunk.words], chunk.line)
        else:
            out.append(chunk)
    return out


def _are_one_amount(one: Chunk, other: Chunk) -> bool:
    first, second = (" ".join(word.text for word in chunk.words) for chunk in (one, other))
    is_open = first.count("(") + first.count("[") > first.count(")") + first.count("]")
    return bool(
        (_CURRENCY.fullmatch(first) and _AMOUNT.match(second))
        or (_CLOSING.fullmatch(second) and is_open and first[-1].isdecimal())
    )


class _Gaps:
    """The gaps of a region, to tell blanks from borders of cells."""

    def __init__(self, lines: Sequence[Sequence[Word]], link: float) -> None:
        self._link = link
        self._justified = dict(_stretched_words(lines))
        wide = [
            (before, after)
            for line in lines
            for before, after in pairwise(line)
            if not self._justified.get(id(after), False) and self._may_part(before, after)
        ]
        self._needed = max(_EDGES, _EDGE_SHARE * len(lines))
        self._starts = sorted(after.box.x0 for _, after in wide)
        self._ends = sorted(before.box.x1 for before, _ in wide)
        self._at_borders = set(_at_borders(lines))

    def part(self, before: Word, after: Word) -> bool:
        """Tell if two words of a line are of different cells.

        A blank parts them if the layer has them in different lines, and one ends where other cells do.
        """
        if id(after) in self._justified:
            return not self._justified[id(after)] and after.box.x0 - before.box.x1 >= _MIN_BLANK * after.size
        if id(after) in self._at_borders:
            return True
        if not self._may_part(before, after):
            return False
        return after.box.x0 - before.box.x1 > self._link or (
            max(_count_near(self._starts, after.box.x0), _count_near(self._ends, before.box.x1)) >= self._needed
        )

    def _may_part(self, before: Word, after: Word) -> bool:
        gap = after.box.x0 - before.box.x1
        return gap > self._link or (gap >= _MIN_BLANK * after.size and before.line != after.line)


def _at_borders(lines: Sequence[Sequence[Word]]) -> Iterator[int]:
    """Give the ids of words that begin a column a blank's width beside a column of numbers.

    Numbers of several lengths end there, in half of the lines or more, and words that differ begin at one x: those of a
    text would not, and a unit is the same in most lines.
    """
    pairs = [
        (before, after)
        for line in lines
        for before, after in pairwise(line)
        if _FIGURE.fullmatch(before.text) and after.box.x0 - before.box.x1 >= _MIN_BLANK * after.size
    ]
    needed = max(_BORDER_LINES, _BORDER_SHARE * len(lines))
    if len(pairs) < needed:
        return
    columns: list[list[tuple[Word, Word]]] = []
    for before, after in sorted(pairs, key=lambda pair: pair[1].box.x0):
        if columns and after.box.x0 - columns[-1][-1][1].box.x0 <= _SAME_EDGE:
            columns[-1].append((before, after))
        else:
            columns.append([(before, after)])
    for column in columns:
        end = median(before.box.x1 for before, _ in column)
        kept = [(before, after) for before, after in column if abs(before.box.x1 - end) <= _SAME_EDGE]
        widths = [before.box.width for before, _ in kept]
        others = {after.text for _, after in kept}
        if len(kept) >= needed and max(widths) - min(widths) >= _SAME_EDGE and len(others) >= _BORDER_SHARE * len(kept):
            yield from (id(after) for _, after in kept)


def _justified_words(line: Sequence[Word]) -> Iterator[tuple[Word, bool]]:
    """Give words of justified text: most gaps of a line in the layer are equally wide.

    With each comes if the gap before it is such a blank; where it is not, another cell begins.
    """
    for _, group in groupby(line, key=lambda word: word.line):
        words = list(group)
        gaps = [after.box.x0 - before.box.x1 for before, after in pairwise(words)]
        if len(gaps) < _STRETCHED:
            continue
        usual, even = median(gaps), _EVEN * words[0].size
        blanks = [abs(gap - usual) <= even for gap in gaps]
        if sum(starmap(_are_two_numbers, pairwise(words))) >= _EVEN_SHARE * len(gaps):
            continue
        if usual > _WIDE_BLANK * words[0].size and sum(blanks) >= _EVEN_SHARE * len(gaps):
            yield from zip(words[1:], blanks, strict=True)


def _stretched_words(lines: Sequence[Sequence[Word]]) -> Iterator[tuple[int, bool]]:
    """Give the ids of words of stretched lines, and if the gap before each is a blank."""
    for n, line in enumerate(lines):
        words = list(_justified_words(line))
        names_columns = bool(words) and _stands_above_columns(n, lines)
        yield from ((id(word), is_blank and not names_columns) for word, is_blank in words)


def _stands_above_columns(n: int, lines: Sequence[Sequence[Word]]) -> bool:
    """Tell if all gaps of a line are free in the lines next to it: those of text lie elsewhere in each line.

    Names of columns may stand as evenly as stretched text.
    """
    gaps = [(before.box.x1 + after.box.x0) / 2 for before, after in pairwise(lines[n])]
    near = [line for m, line in enumerate(lines[max(0, n - _NEXT) : n + _NEXT + 1], max(0, n - _NEXT)) if m != n]
    wide = [line for line in near if line[0].box.x0 < gaps[0] and gaps[-1] < line[-1].box.x1]
    return len(wide) >= _AS_WIDE and not any(
        word.box.x0 < gap < word.box.x1 for line in wide for word in line for gap in gaps
    )


def _are_two_numbers(one: Word, other: Word) -> bool:
    """Tell if both words are numbers, and not groups of digits of one."""
    if not (_FIGURE.fullmatch(one.text) and _FIGURE.fullmatch(other.text)):
        return False
    return not (_FIRST_DIGITS.fullmatch(one.text) and _NEXT_DIGITS.fullmatch(other.text))


def _count_near(ascending: Sequence[float], x: float) -> int:
    return bisect_right(ascending, x + _SAME_EDGE) - bisect_left(ascending, x - _SAME_EDGE)


def parted(chunk: Chunk, gutters: Sequence[tuple[float, float]], blank: float) -> list[Chunk]:
    """Cut a chunk at every gutter that it crosses, if a gap wider than a blank lies in each; else leave it whole.

    `blank` is the usual blank of the table, in sizes of the type: those of a heading in larger type are wider.
    """
    parts: list[list[Word]] = [[]]
    crossed = sum(chunk.x0 < low and high < chunk.x1 for low, high in gutters)
    for word in chunk.words:
        if parts[-1]:
            end = parts[-1][-1].box.x1
            in_gutter = any(end - 1 <= high and word.box.x0 + 1 >= low for low, high in gutters)
            if in_gutter and word.box.x0 - end > _WIDER * blank * chunk.size:
                parts.append([])
        parts[-1].append(word)
    return [_chunk(part, chunk.line) for part in parts] if len(parts) > crossed else [chunk]


def _is_hinted(before: Word, after: Word, link: float, blank: float, hinted: Borders) -> bool:
    low, high = before.box.x1 - 0.5, after.box.x0 + 0.5
    may_part = high - low > 0.75 * link and not _are_of_one_text(before, after, blank)
    return may_part and any(low <= x <= high for x in hinted())


def _are_of_one_text(before: Word, after: Word, blank: float) -> bool:
    """Tell if the layer has two words in one line, with no more than a blank between them: a cell over a border."""
    return before.line == after.line and after.box.x0 - before.box.x1 <= _WIDER * blank


def _is_ruled(before: Word, after: Word, rules: Rules) -> bool:
    low, high = sorted((min(before.box.x1 - 0.5, _centre(before) + 1), after.box.x0 + 0.5))
    y = after.baseline - 0.3 * after.size
    return any(
        low <= rule.x0 <= high and rule.y0 <= y <= rule.y1 and _centre(before) < rule.x0 < _centre(after)
        for rule in rules.vertical
    )


def _centre(word: Word) -> float:
    return (word.box.x0 + word.box.x1) / 2


def _chunk(words: Sequence[Word], line: int) -> Chunk:
    largest = max(words, key=lambda word: word.size)
    return Chunk(
        tuple(words),
        line,
        min(word.box.x0 for word in words),
        max(word.box.x1 for word in words),
        largest.baseline,
        largest.size,
    )
