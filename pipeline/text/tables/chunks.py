"""Words -> lines on one baseline -> chunks: words of a line with no more than a blank between them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from ocrmill.pipeline.text.tables.rules import Rules
from ocrmill.pipeline.text.words import Word

# In sizes of the type.
_SAME_BASELINE = 0.3  # baselines so close are one: cells of a row are set to a point, their fonts differ by little
_ASCENT, _DESCENT = 0.72, 0.22  # the ink of a line; boxes of fonts are often taller than their line
_SCRIPT = 0.8  # of its neighbour's type: smaller words beside others are indices and marks of notes
_SCRIPT_RISE = 0.6  # so far they stand from the baseline
_SCRIPT_GAP = 0.35
_MIN_LINK = 0.42  # blanks are 0.22 to 0.33
_LINK = 1.7  # times the usual blank; justified cells go to 1.5
_WIDER = 1.2  # times the usual blank: at a border, columns are so far apart
_MAX_BLANK = 0.75  # what is wider is no blank (0.6 in type of fixed width)


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
        """Where the ink of capitals begins."""
        return self.baseline - _ASCENT * self.size

    @property
    def bottom(self) -> float:
        """Where the ink of descenders ends."""
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
    """Return the width of a blank: the median of the gaps that can be one."""
    gaps = [
        after.box.x0 - before.box.x1
        for line in lines
        for before, after in pairwise(line)
        if 0 < after.box.x0 - before.box.x1 <= _MAX_BLANK * size
    ]
    return median(gaps) if gaps else _MIN_LINK / _LINK * size


def chunks_of(lines: Sequence[Sequence[Word]], rules: Rules, hinted: Sequence[float] = ()) -> list[Chunk]:
    """Cut lines where more than a blank lies between words, or a vertical rule does.

    `hinted`: xs where a layout model sees a border; a narrower gap is enough there.
    """
    size = median(word.size for line in lines for word in line)
    blank = min(usual_blank(lines, size), _MAX_BLANK * size)
    link = max(_MIN_LINK * size, _LINK * blank)
    found: list[Chunk] = []
    for n, line in enumerate(lines):
        held: list[Word] = []
        for word in line:
            if held and _is_cut(held[-1], word, link, rules, hinted):
                found.append(_chunk(held, n))
                held = []
            held.append(word)
        found.append(_chunk(held, n))
    return found


def parted(chunk: Chunk, gutters: Sequence[tuple[float, float]], blank: float) -> list[Chunk]:
    """Cut a chunk where a gap that is wider than a blank lies in a gutter between columns."""
    parts: list[list[Word]] = [[]]
    for word in chunk.words:
        if parts[-1]:
            end = parts[-1][-1].box.x1
            in_gutter = any(end - 1 <= high and word.box.x0 + 1 >= low for low, high in gutters)
            if in_gutter and word.box.x0 - end > _WIDER * blank:
                parts.append([])
        parts[-1].append(word)
    return [_chunk(part, chunk.line) for part in parts]


def _is_cut(before: Word, after: Word, link: float, rules: Rules, hinted: Sequence[float]) -> bool:
    gap = after.box.x0 - before.box.x1
    if gap > link:
        return True
    low, high = before.box.x1 - 0.5, after.box.x0 + 0.5
    if gap > 0.75 * link and any(low <= x <= high for x in hinted):
        return True
    low, high = min(low, high, _centre(before) + 1), max(low, high)
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
