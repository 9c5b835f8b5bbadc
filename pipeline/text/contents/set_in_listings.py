"""Program text that the layout model takes for part of a paragraph: its lines are set in, between lines of prose."""

import re
from collections.abc import Sequence
from itertools import groupby

from ocrmill.pipeline.text.contents.item_marks import mark_of
from ocrmill.pipeline.text.contents.part import WordLine, is_listing, lines_by_row

_INDENT = 0.9  # of a line's height; first lines of paragraphs are set in by as much or more, and are no program text
_SHORT = 3.0  # heights of a line, by which a line ends before its text does: the next one begins something else
_CLOSED = re.compile(r"[.!?:;,)][\"')\]\u201d\u2019\u00bb]*$")  # the end of a line after which a listing may stand
_ADDRESS = re.compile(r"://|^www\.|\S@\S")  # the second line of many an entry


def parted_at_listings(lines: Sequence[WordLine]) -> list[tuple[list[WordLine], bool]]:
    """Cut the lines of a region where program text begins and ends, and tell which of the pieces is such.

    Its lines are wholly in type of fixed width, and begin further in than the prose above and below. A word of code
    that fills a line of its sentence does not, and no program text stands in the second line of an entry.
    """
    rows = lines_by_row(lines)
    if not any(map(_is_typed, rows)):
        return [(list(lines), False)]
    right = max(line.box.x1 for line in lines)
    pieces: list[tuple[list[WordLine], bool]] = []
    start = 0
    for typed, group in groupby(rows, key=_is_typed):
        run = list(group)
        end = start + len(run)
        is_cut = typed and _stands_apart(rows[:start], run, rows[end : end + 1], right)
        found = [line for row in run for line in row]
        if pieces and not is_cut and not pieces[-1][1]:
            pieces[-1] = (pieces[-1][0] + found, False)
        else:
            pieces.append((found, is_cut))
        start = end
    return pieces


def _is_typed(row: Sequence[WordLine]) -> bool:
    words = [word for line in row for word in line.words]
    return is_listing(row) and all(word.mono for word in words) and mark_of(words) is None


def _stands_apart(
    above: Sequence[list[WordLine]], run: Sequence[list[WordLine]], below: Sequence[list[WordLine]], right: float
) -> bool:
    """Tell if lines of code are set in from the rows around them, and do not go on what stands above.

    Where nothing does, they are no first line of a paragraph, which reaches the right end.
    """
    if not (above or below) or any(_ADDRESS.search(line.text) for row in run for line in row):
        return False
    start, height = min(row[0].box.x0 for row in run), run[0][0].box.height
    last = (above[-1] if above else run[-1])[-1]
    ends = right - last.box.x1 > _SHORT * height or (above and _CLOSED.search(last.text.rstrip()))
    return bool(ends) and all(start - _text_start(row) >= _INDENT * height for row in (*above[-1:], *below))


def _text_start(row: Sequence[WordLine]) -> float:
    """Return where the text of a row begins: of an item, behind its mark."""
    words = [word for line in row for word in line.words]
    return words[1 if mark_of(words) is not None and len(words) > 1 else 0].box.x0
