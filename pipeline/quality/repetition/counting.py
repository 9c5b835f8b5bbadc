"""Numbers that count on: the part that a loop changes from row to row.

The place of a number is the two words before it, in which all numbers are equal. A number counts on if its step from
the last number in the same place equals the step before, and is not 0.
The numbers of a ledger do not; those of `1. Small 2. Small 3. Small` all do, from the third on, and so do those of an
honest numbered list: quality/flags.py judges their number and how little else there is.

Not covered: counters that take turns in one place, as in `1 1 2 2 3 3`.
"""

import re
from itertools import compress

_TOKEN = re.compile(r"\d+|[^\W\d_]+")
_NUMBER = "0"  # any number, where it is what stands before another one
_MOST_DIGITS = (
    9  # of a number that is looked at: a page's largest counter is shorter, and Python refuses very long ones
)

_Place = tuple[str, str]


def without_counting(content: str) -> tuple[str, int]:
    """Remove the numbers that count on, and return their number, too. Linear in the length."""
    kept: list[str] = []
    end = 0  # of what has been kept or left out
    spans = counting_spans(content)
    for start, after in spans:
        kept.append(content[end:start])
        end = after
    kept.append(content[end:])
    return " ".join("".join(kept).split()), len(spans)


def counting_spans(content: str) -> list[tuple[int, int]]:
    """Return start and end of each number that counts on, in the order of the text."""
    last: dict[_Place, tuple[int, int | None]] = {}  # the last number in a place, and the step that led to it
    spans: list[tuple[int, int]] = []
    tokens = list(_TOKEN.finditer(content))
    words = [token[0] for token in tokens]
    is_number = [word[0].isdecimal() and len(word) <= _MOST_DIGITS for word in words]
    before_them = ["", "", *(_NUMBER if number else word for number, word in zip(is_number, words, strict=True))]
    for at in compress(range(len(words)), is_number):
        place, value = (before_them[at], before_them[at + 1]), int(words[at])
        before, step = last.get(place, (None, None))
        if before is not None and step and value - before == step:
            spans.append(tokens[at].span())
        last[place] = (value, None if before is None else value - before)
    return spans
