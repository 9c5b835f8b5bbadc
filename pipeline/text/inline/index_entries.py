"""Entries of an index: lines that end with pages, in alphabetical order, some of them wrapped.

An entry ends with the line that ends with its pages. Its further lines, and those of the entries below it, are set in.
"""

import re
from collections.abc import Sequence
from itertools import pairwise

from ocrmill.pipeline.text.words import Word

PAGES = re.compile(
    r"(?:^|(?<=[^\W\d_]|[,\u2019)]) |(?<=\u2014))(?:\d{1,4}|[ivxlc]{1,7})(?:[\u2013-]\d{1,4})?(?:ff?\.?|n)?$"
)
_ENTRIES, _SHARE = 3, 0.4  # lines that end with pages, and of all lines
_SORTED = 0.8  # of the entries that stand at the left edge, which may be two columns of an index
_MOST_WORDS = 14  # in a line
_SAME_EDGE = 0.3  # of the type

Row = Sequence[Word]


def index_entries(rows: Sequence[Row]) -> list[list[Row]]:
    """Return the rows of each entry; none if the rows are no part of an index."""
    if sum(row[-1].text[-1].isdecimal() for row in rows) < max(_ENTRIES, _SHARE * len(rows)):
        return []
    texts = [" ".join(word.text for word in row) for row in rows]
    ended = [PAGES.search(text) is not None for text in texts]
    if sum(ended) < max(_ENTRIES, _SHARE * len(rows)) or max(map(len, rows)) > _MOST_WORDS:
        return []
    lefts = [row[0].box.x0 for row in rows]
    near = _SAME_EDGE * rows[0][0].size
    hangs = max(lefts) - min(lefts) > near
    entries = [[rows[0]]]
    for n in range(1, len(rows)):
        stands_out = hangs and (lefts[n] - min(lefts) <= near or lefts[n - 1] - lefts[n] > near)
        if ended[n - 1] or stands_out:
            entries.append([rows[n]])
        else:
            entries[-1].append(rows[n])
    heads = [entry[0] for entry in entries if entry[0][0].box.x0 - min(lefts) <= near]
    return entries if len(heads) >= _ENTRIES and are_sorted(heads) else []


def are_sorted(heads: Sequence[Row]) -> bool:
    """Tell if nearly all first lines of entries stand in alphabetical order."""
    keys = ["".join(filter(str.isalpha, " ".join(word.text for word in row))).casefold() for row in heads]
    ordered = sum(bool(one) and bool(other) and one[0] <= other[0] for one, other in pairwise(keys))
    return ordered >= _SORTED * (len(keys) - 1)
