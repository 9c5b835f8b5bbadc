"""Entries whose first lines stand out to the left of the others: references, dictionaries, speeches of a play, options.

Paragraphs with their first lines indented look alike where they have two lines each. What tells is that an entry's
first line begins a sentence, or with the next word of a dictionary, and that the line above it ends one; or that a tag
stands in the margin, and the text beside it begins where the lines below do.
"""

import re
from collections.abc import Sequence
from itertools import pairwise

from ocrmill.pipeline.text.contents.part import Part, WordLine, lines_by_row
from ocrmill.pipeline.text.inline.index_entries import PAGES, are_sorted
from ocrmill.pipeline.text.reading_order import enclosing
from ocrmill.pipeline.text.words import Word

_ENTRIES, _INDENTED = 3, 2  # lines, at least
_SAME_EDGE = 0.2  # of the type
_INDENT = (0.7, 6.0)  # of the type
_SHARE = 0.8  # of first lines that begin a sentence, and of last ones that end one
_NAMES = 1  # first lines that may begin with a small letter: with a name such as `de Vries`
_HEADWORDS = 4  # different ones, that stand in the order of the alphabet
_TAGGED = 2  # entries, at least
_TAG_GAP = 0.5  # of the type: between a tag and its text, wider than a blank
_BLANK = 0.3  # of the type
_END = re.compile(r"(?:[.!?)\]\u3002\uff0e]|\d)[\"'\u2019\u201d\u00bb]*$")
_OPTION = re.compile(r"--?[A-Za-z?][\w-]*(?:[=,\[].*)?")
_MAY_BE_TAG = frozenset({"text", "list", "heading", "title"})
_CLOSE = 1.0  # of a line's height


def with_tags(parts: Sequence[Part]) -> list[Part]:
    """Join options of a manual that stand on a line of their own with the text that is set in below them."""
    out: list[Part] = []
    for part in parts:
        if out and part.label == "text" and _is_tag_of(out[-1], part):
            lines = out[-1].lines + part.lines
            out[-1] = Part("text", lines, enclosing([line.box for line in lines]), region=part.region)
        else:
            out.append(part)
    return out


def _is_tag_of(tag: Part, text: Part) -> bool:
    """Tell if a part is one line that begins with an option, and another one stands close below, set in."""
    if tag.label not in _MAY_BE_TAG or tag.table or len(lines_by_row(tag.lines)) != 1:
        return False
    line, first = tag.lines[0], text.lines[0]
    return (
        _OPTION.fullmatch(line.words[0].text) is not None
        and first.box.x0 - line.box.x0 > _INDENT[0] * line.size
        and all(abs(other.box.x0 - first.box.x0) <= _SAME_EDGE * line.size for other in text.lines)
        and -line.box.height / 2 < first.box.y0 - line.box.y1 < _CLOSE * line.box.height
    )


def hanging_entries(lines: Sequence[WordLine]) -> list[list[WordLine]]:
    """Part lines of one column at each that stands out to the left; all as one if they are no such entries."""
    if tagged := _tagged_entries(lines):
        return tagged
    left, size = min(line.box.x0 for line in lines), max(line.size for line in lines)
    out = [line.box.x0 - left <= _SAME_EDGE * size for line in lines]
    indents = [line.box.x0 - left for line, is_out in zip(lines, out, strict=True) if not is_out]
    starts = [n for n, is_out in enumerate(out) if is_out]
    if _are_of_an_index(lines, starts) and indents and max(indents) - min(indents) <= _SAME_EDGE * size:
        return [list(lines[a:b]) for a, b in zip(starts, [*starts[1:], len(lines)], strict=True)]
    return _entries_of_rows(lines_by_row(lines)) or [list(lines)]


def _entries_of_rows(rows: Sequence[Sequence[WordLine]]) -> list[list[WordLine]]:
    """Return the lines of each entry; none if its rows are no such entries."""
    firsts, lasts = ([edge(row, key=lambda line: line.box.x0) for row in rows] for edge in (min, max))
    left, size = min(line.box.x0 for line in firsts), max(line.size for line in firsts)
    out = [line.box.x0 - left <= _SAME_EDGE * size for line in firsts]
    indents = [line.box.x0 - left for line, is_out in zip(firsts, out, strict=True) if not is_out]
    starts = [n for n, is_out in enumerate(out) if is_out]
    if not out[0] or len(starts) < _ENTRIES or len(indents) < _INDENTED:
        return []
    even = max(indents) - min(indents) <= _SAME_EDGE * size and _INDENT[0] * size <= indents[0] <= _INDENT[1] * size
    below = all(lower.box.y0 > upper.box.middle for upper, lower in pairwise(firsts))
    begin = sum(not firsts[n].text.lstrip("\"'\u2018\u201c(")[:1].islower() for n in starts)
    begins = begin + _NAMES >= _SHARE * len(starts) or _are_in_order([firsts[n].words[0].text for n in starts])
    end = sum(_END.search(lasts[n - 1].text.rstrip()) is not None for n in starts[1:])
    if not (even and below and begins and end >= _SHARE * (len(starts) - 1)):
        return []
    return [[line for row in rows[a:b] for line in row] for a, b in pairwise([*starts, len(rows)])]


def _are_in_order(heads: Sequence[str]) -> bool:
    """Tell if the words that entries begin with are those of a dictionary."""
    keys = ["".join(filter(str.isalpha, head)).casefold() for head in heads]
    return len(set(keys)) >= _HEADWORDS and all(one <= other for one, other in pairwise(keys))


def _are_of_an_index(lines: Sequence[WordLine], starts: Sequence[int]) -> bool:
    """Tell if few entries are sorted, and the lines above all but the first end with pages and have room."""
    right = max(line.box.x1 for line in lines)
    return (
        1 < len(starts) < _ENTRIES
        and starts[0] == 0
        and are_sorted([lines[n].words for n in starts])
        and all(
            PAGES.search(lines[n - 1].text) and _has_room(lines[n - 1], lines[n].words[0], right) for n in starts[1:]
        )
    )


def _has_room(line: WordLine, word: Word, right: float) -> bool:
    return line.box.x1 + _BLANK * word.size + word.box.width <= right


def _tagged_entries(lines: Sequence[WordLine]) -> list[list[WordLine]]:
    """Return the entries of a list whose tags stand left of all text, as options of a manual do; none if it is not one.

    The text beside each tag begins where the lines below it do, and above a tag a sentence ends, or had room to go on.
    """
    rows = lines_by_row(lines)
    lefts = [min(line.box.x0 for line in row) for row in rows]
    near = _SAME_EDGE * max(line.size for line in lines)
    starts = [n for n, x in enumerate(lefts) if x - min(lefts) <= near]
    indents = [x for x in lefts if x - min(lefts) > near]
    if starts[0] or len(starts) < _TAGGED or not indents or max(indents) - min(indents) > near:
        return []
    right = max(line.box.x1 for line in lines)
    heads = [_word_after_tag(rows[n], min(indents), near) for n in starts]
    ended = sum(
        head is not None and _ends_above(rows[n - 1], head, right)
        for n, head in zip(starts[1:], heads[1:], strict=True)
    )
    if None in heads or ended < _SHARE * (len(starts) - 1):
        return []
    bounds = pairwise([*starts, len(rows)])
    return [[line for row in rows[a:b] for line in row] for a, b in bounds]


def _word_after_tag(row: Sequence[WordLine], text: float, near: float) -> Word | None:
    """Return the word of a row that begins where the text does, with white space before it."""
    words = sorted((word for line in row for word in line.words), key=lambda word: word.box.x0)
    return next(
        (
            after
            for before, after in pairwise(words)
            if abs(after.box.x0 - text) <= near and after.box.x0 - before.box.x1 >= _TAG_GAP * after.size
        ),
        None,
    )


def _ends_above(row: Sequence[WordLine], head: Word, right: float) -> bool:
    """Tell if a row ends with a sentence, or has room for the first word of the text below it."""
    end = max(line.box.x1 for line in row)
    return _END.search(row[-1].text.rstrip()) is not None or end + _BLANK * head.size + head.box.width <= right
