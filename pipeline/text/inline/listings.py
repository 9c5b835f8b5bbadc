"""Program text as a fenced block, each character in its column.

A column is as wide as a character, but in listings of LaTeX's package of that name: it sets words with more space
between their letters than the type has, so that all columns are 0.6 em wide.
"""

import cmath
import re
from collections.abc import Sequence
from itertools import pairwise
from math import tau
from statistics import median

from ocrmill.pipeline.text.contents.part import WordLine, rows_of
from ocrmill.pipeline.text.words import Word

_BLANK_ROW = 1.7  # of the usual distance of rows; more is an empty line
_STEPS, _STEP = 80, 0.005  # columns that are tried are up to 1.4 times as wide as a character
_FEWEST = 12  # words that tell the width of columns
_IN_COLUMNS, _BETTER = 0.9, 0.15  # of 1, where all words begin as far from a column's edge; more than by characters


def listing(lines: Sequence[WordLine]) -> str:
    """Return lines of a program, in a fence longer than any in them."""
    rows = rows_of(lines)
    pieces = [piece for row in rows for word in row for piece in word.pieces if len(piece.text) > 1]
    width = median(piece.box.width / len(piece.text) for piece in pieces) if pieces else rows[0][0].size / 2
    left = min(line.box.x0 for line in lines)
    column = _column_width(rows, width) if width else 0.0
    bottoms = [max(word.baseline for word in row) for row in rows]
    steps = [below - above for above, below in pairwise(bottoms) if below > above]
    usual = median(steps) if steps else 0.0
    texts: list[str] = []
    for n, row in enumerate(rows):
        if n and usual and bottoms[n] - bottoms[n - 1] > _BLANK_ROW * usual:
            texts.append("")
        text = ""
        for word in row:
            place = round((word.box.x0 - left) / column) if column else 0
            text += " " * max(place - len(text), 1 if text else 0) + word.text
        texts.append(text.rstrip("\u00ad"))
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", "\n".join(texts))), default=0))
    return "\n".join([fence, *texts, fence])


def _column_width(rows: Sequence[Sequence[Word]], width: float) -> float:
    """Return the width of columns at whose edges words begin: that of a character, if none is clearly better."""
    starts = [word.box.x0 for row in rows for word in row if word.mono]
    if len(starts) < _FEWEST:
        return width

    def agreement(column: float) -> float:
        return abs(sum(cmath.exp(1j * tau * start / column) for start in starts)) / len(starts)

    best = max((width * (1 + _STEP * n) for n in range(_STEPS + 1)), key=agreement)
    return best if agreement(best) >= max(_IN_COLUMNS, agreement(width) + _BETTER) else width
