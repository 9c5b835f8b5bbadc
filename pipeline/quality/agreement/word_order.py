"""Measure how many of a Markdown's words stand where its text layer has them: in the same order, in the right block.

In order: of the words that occur once on both sides, those in the longest run that both have in the same order. The
reference is the layer's own order, the same with tables line by line or cell by cell, with numbers of lines at the end
or large initials before their line, or the order of reading by geometry: whichever the Markdown agrees with best. Text
that runs up or down the page is turned first. Running headers and footers are left out: a layer may draw them at any
time.

In place: of the Markdown's words that the layer has, those that the layer has inside the box of their block. So a
missing word that is appended at the end lowers both measures, and a block that moves lowers the first.

Not covered: equal words that change places within a block.
"""

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ocrmill.pipeline.quality.agreement.plain_words import PlainWord
from ocrmill.pipeline.quality.agreement.table_order import inside_any, tables_by_cells, tables_by_lines
from ocrmill.pipeline.records import Block
from ocrmill.pipeline.text.reading_order import Box, reading_order, turned

_IN_ORDER = 0.999  # from this share on the other order is not tried
_MOST_LINES = 1500  # for the order by geometry, which takes longer than the rest together
_LONG_WORD = 4  # letters; wider than tall if it is upright
_LINE_NUMBERS = 5
LARGE_INITIAL = 1.3  # times the height of the words beside it
_LONGEST_INITIAL = 3  # characters: a letter with its quotation mark, or the number of a chapter
_FURNITURE = frozenset({"header", "footer"})
_TOUCHING = 0.5  # of its height: so far away its first line may begin
_MOST_STEPS = 20_000_000  # comparisons of words with boxes: 0.2 s. Blocks beyond are not judged
_STEPS_OF_A_WORD = 20  # a step of Python takes so many of numpy's
_LINE_END = re.compile(r"\r\n?|\n")  # those of CommonMark

Span = tuple[int, int]


class LayerWord(NamedTuple):
    """A word of the layer, and the box of the piece of text that it is in."""

    text: str
    box: Box


def share_in_order(ours: Sequence[PlainWord], layer: Sequence[LayerWord], blocks: Sequence[Block] | None) -> float:
    """Of the words that occur once on both sides, the share in the longest run in the order of the layer.

    Those of running headers and footers are left out.
    """
    places = _places_of_unique([word.text for word in ours])
    theirs = _places_of_unique([word.text for word in layer])
    furniture = _in_furniture(layer, blocks or ())
    common = {text for text, n in theirs.items() if text in places and n not in furniture}
    if not common:
        return 1.0

    def share(order: Iterable[int]) -> float:
        words = [layer[n].text for n in order]
        return _longest_ascent([places[text] for text in words if text in common]) / len(common)

    best = share(range(len(layer)))
    tables = [Box(block.x0, block.y0, block.x1, block.y1) for block in blocks or () if block.label == "table"]
    if best < _IN_ORDER and (numbers := _numbers_of_lines(layer, blocks or ())):
        best = max(best, share([n for n in range(len(layer)) if n not in numbers] + sorted(numbers)))
    if best < _IN_ORDER:
        best = max(best, share(_initials_in_place(layer)))
    for turn in (90, 270) if _is_on_its_side(layer) else (0,):
        if best >= _IN_ORDER:
            break
        upright = [LayerWord(text, turned(box, turn, 0.0, 0.0)) for text, box in layer]
        if tables:
            boxes, turned_tables = [box for _, box in upright], [turned(table, turn, 0.0, 0.0) for table in tables]
            best = max(best, share(tables_by_lines(boxes, turned_tables)))
            best = max(best, share(tables_by_cells(boxes, turned_tables)))
        if len(lines := _lines(upright)) <= _MOST_LINES:
            around = [_around(upright, line) for line in lines]
            read = reading_order(around, right_to_left=_is_right_to_left(layer))
            best = max(best, share(n for line in read for n in lines[line]))
    return best


def share_in_place(
    ours: Sequence[PlainWord], layer: Sequence[LayerWord], markdown: str, blocks: Sequence[Block]
) -> float:
    """Of the Markdown's words that the layer has, the share that it has in the box of their block."""
    regions: dict[Span, list[Block]] = {}
    for block in blocks:
        if block.end > block.start:
            regions.setdefault((block.start, block.end), []).append(block)
    boxes = np.array([(box.x0, box.y0, box.x1, box.y1) for _, box in layer], dtype=np.float64).reshape(-1, 4)
    texts, judged = _by_block(ours, {word.text for word in layer}, markdown, sorted(regions))
    found, left = 0, _MOST_STEPS
    for span, wanted in texts.items():
        left -= len(layer) * len(regions[span])
        if left < 0:
            judged -= wanted.total()
            continue
        inside = np.flatnonzero(inside_any(boxes, regions[span])).tolist()
        left -= _STEPS_OF_A_WORD * len(inside)
        found += (Counter(layer[n].text for n in inside) & wanted).total()
    return found / judged if judged else 1.0


def _is_on_its_side(layer: Sequence[LayerWord]) -> bool:
    """Tell if long words are taller than wide: their lines run up or down the page."""
    boxes = [word.box for word in layer if len(word.text) >= _LONG_WORD]
    return sum(box.height for box in boxes) > sum(box.width for box in boxes)


def _numbers_of_lines(layer: Sequence[LayerWord], blocks: Sequence[Block]) -> set[int]:
    """Return the places of numbers that count lines in the margin, which are read after the text beside them."""
    found: set[int] = set()
    boxes = np.array([(box.x0, box.y0, box.x1, box.y1) for _, box in layer], dtype=np.float64).reshape(-1, 4)
    for block in blocks:
        inside = np.flatnonzero(inside_any(boxes, [block])).tolist() if block.label == "footer" else []
        if len(inside) >= _LINE_NUMBERS and all(layer[n].text.isdecimal() for n in inside):
            found.update(inside)
    return found


def _in_furniture(layer: Sequence[LayerWord], blocks: Sequence[Block]) -> set[int]:
    """Return the places of words in running headers and footers."""
    furniture = [block for block in blocks if block.label in _FURNITURE]
    if not furniture:
        return set()
    boxes = np.array([box for _, box in layer], dtype=np.float64).reshape(-1, 4)
    return set(np.flatnonzero(inside_any(boxes, furniture)).tolist())


def _initials_in_place(layer: Sequence[LayerWord]) -> list[int]:
    """The layer's order, but large initials, and numbers set like them, before the first line that they begin."""
    boxes = np.array([box for _, box in layer], dtype=np.float64).reshape(-1, 4)
    heights = boxes[:, 3] - boxes[:, 1]
    order = list(range(len(layer)))
    for n in np.flatnonzero(heights >= LARGE_INITIAL * np.median(heights)).tolist() if layer else ():
        text, box = layer[n]
        beside = (boxes[:, 0] >= (box.x0 + box.x1) / 2) & (boxes[:, 0] <= box.x1 + _TOUCHING * box.height)
        lines = (boxes[:, 1] < box.y1) & (boxes[:, 3] > box.y0) & (heights * LARGE_INITIAL <= box.height)
        begun = np.flatnonzero(beside & lines)
        if len(text) <= _LONGEST_INITIAL and len(begun):
            order.remove(n)
            order.insert(order.index(int(begun[np.argmin(boxes[begun, 1])])), n)
    return order


def _places_of_unique(texts: Sequence[str]) -> dict[str, int]:
    """The places of the words that occur once, in their order."""
    counts = Counter(texts)
    return {text: place for place, text in enumerate(texts) if counts[text] == 1}


def _longest_ascent(ranks: Sequence[int]) -> int:
    """Length of the longest ascending subsequence."""
    ends: list[int] = []
    for rank in ranks:
        at = bisect_left(ends, rank)
        ends[at : at + 1] = [rank]
    return len(ends)


def _lines(layer: Sequence[LayerWord]) -> list[range]:
    """Stretches of words that follow each other, to the right or to the left, on one line."""
    if not layer:
        return []
    starts = [0]
    for n, ((_, one), (_, other)) in enumerate(pairwise(layer), 1):
        apart = max(other.x0 - one.x1, one.x0 - other.x1)
        if apart > max(one.height, other.height) or not one.y0 < other.middle < one.y1:
            starts.append(n)
    return [range(start, end) for start, end in pairwise([*starts, len(layer)])]


def _around(layer: Sequence[LayerWord], line: range) -> Box:
    boxes = [layer[n].box for n in line]
    return Box(
        min(box.x0 for box in boxes),
        min(box.y0 for box in boxes),
        max(box.x1 for box in boxes),
        max(box.y1 for box in boxes),
    )


def _is_right_to_left(layer: Sequence[LayerWord]) -> bool:
    letters = [word.text[0] for word in layer if word.text[0].isalpha()]
    return 2 * sum(unicodedata.bidirectional(letter) in {"R", "AL"} for letter in letters) > len(letters)


def _by_block(
    ours: Sequence[PlainWord], known: set[str], markdown: str, spans: Sequence[Span]
) -> tuple[dict[Span, Counter[str]], int]:
    """The words of each span that the layer has, and how many there are in all, those outside of spans too."""
    starts = [start for start, _ in spans]
    lines = [0, *(end.end() for end in _LINE_END.finditer(markdown)), len(markdown) + 1]
    texts: dict[Span, Counter[str]] = {}
    count = 0
    for word in ours:
        if word.text not in known:
            continue
        count += 1
        line = min(word.line, len(lines) - 2)  # a character reference may stand for a line break that is none
        first, after = lines[line], lines[line + 1]
        at = bisect_right(starts, first) - 1
        if at < 0 or spans[at][1] <= first:  # no span goes on from the line before: one may begin within this one
            at += 1
        if at < len(spans) and spans[at][0] < after:
            texts.setdefault(spans[at], Counter())[word.text] += 1
    return texts, count
