"""Find where the texts of two overlapping parts of a page meet, so that no line is doubled and none is lost.

The words of both texts in the overlap are aligned, and the longest run of equal ones is the seam: the first text goes
on to its end, the second one from there. What either text has beyond its side of the seam is in the other one.
"""

import math
import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

_WORD = re.compile(r"\w+")
_MORE = 1.6  # times the overlap's share of the words: lines are not spread evenly
_SPARE = 15  # words
_LEAST = 3  # equal words in a row; with fewer the whole overlap has to agree
_ALIKE = 0.6  # of the words beyond the seam, those that the other text has
_FEW = 2  # words, which a line that is cut through may leave


class Seam(NamedTuple):
    """The end of the first text, and the beginning of the second one, in characters."""

    first_ends: int
    second_starts: int


def find_seam(first: str, second: str, shares: tuple[float, float]) -> Seam | None:
    """Find the seam of two texts, whose overlap is such a share of each; None if they do not agree there.

    Not covered: parts in several columns, whose overlap is not at the end of the first text; they do not agree.
    """
    left, right = list(_WORD.finditer(first)), list(_WORD.finditer(second))
    left = left[len(left) - _window(left, shares[0]) :]
    right = right[: _window(right, shares[1])]
    tail, head = [word[0].casefold() for word in left], [word[0].casefold() for word in right]
    found = SequenceMatcher(None, tail, head, autojunk=False).find_longest_match()
    if found.size < min(_LEAST, len(tail), len(head)) or not found.size:
        return None
    end, start = found.a + found.size, found.b + found.size
    after, before = tail[end:], head[: found.b]
    if not _is_in(after, head[start:]) or not _is_in(before[::-1], tail[: found.a][::-1]):
        return None
    return Seam(left[end - 1].end(), right[start - 1].end())


def _window(words: Sequence[object], share: float) -> int:
    return min(len(words), math.ceil(_MORE * share * len(words)) + _SPARE)


def _is_in(words: Sequence[str], others: Sequence[str]) -> bool:
    """Tell if the other text goes on with these words."""
    same = SequenceMatcher(None, words, others[: len(words) + _FEW], autojunk=False).get_matching_blocks()
    return sum(block.size for block in same) >= _ALIKE * len(words) - _FEW
