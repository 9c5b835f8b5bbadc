"""Stop a page that loops while it is being decoded, from its token ids alone.

A token is a copy if the n-gram that it ends occurred before. The output loops if copies fill each quarter of its last
`STRETCH` tokens to `COPIED_SHARE`, third or later copies the newest quarter, and the last token is one. That holds for
loops of any period; n-grams do not care where a copy stands, so it also holds for loops that the no-repeat-n-gram rule
(`ngram_ban.py`) forces into another word now and then. A number that is one more than the last one in its place counts
as the same, so counting (`1. 2. 3.`) is a loop too. After its first round, a loop of p tokens runs for 250 more, or
p + 46 where that is longer; one that the ban breaks, for fewer than 300.

Rows of a table may be alike on an honest page. Where rows end, the stretch is a hundred rows or 3,200 tokens, whichever
comes first: more rows than a page has lines, or a hundred rows of ten cells `<td>0</td>`. Cells without the end of a
row are held to the short stretch.

Why not vLLM's `repetition_detection`: it wants one number of rounds for all periods. Three rounds stop a leader of
three dots; twenty let a period of 200 waste 3,800 tokens, and 80 equal rows of ten cells break both. One changed word
hides a loop from it, and with patterns up to 200 tokens it takes about 0.1 ms per token, 25 ms per step of 256 pages.
Not covered: counting by other steps than one, and numbers of more than three digits where the tokens change (1000).
"""

from collections.abc import Iterable, Mapping
from itertools import pairwise

ROW_END = 128824  # </tr>

NGRAM = 6  # tokens. The shorter, the less a changed token hides; six are some five words
STRETCH = 272  # tokens, about 1,000 characters: what `QualitySettings.repeated_chars` allows
QUARTERS = 4
# A word forced by the ban (n of 20 or more) unmakes NGRAM copies of at least 20: 0.7 are left.
COPIED_SHARE = 0.6
LONGEST_RUN = 200  # equal tokens in a row; a line of print is shorter
LEADER_GAP = 4  # other tokens before a leader at least: a title; a dot loop that the ban breaks has one or two
THIRD = 3  # a second copy alone is an honest one: a receipt printed twice
MOST_ROWS = 100  # lines of 6-point print on a page; pages with 80 equal rows exist
MOST_ROW_TOKENS = 3200  # MOST_ROWS rows of ten cells of one token, with their marks

_ONE_MORE = -1  # stands for a number that counts on
_NUMBER = -2  # stands for any number, where what is before it tells the place of another


def number_values(vocabulary: Mapping[str, int]) -> dict[int, int]:
    """Value of each token id that is a number, from the tokenizer's vocabulary."""
    return {token: int(text) for text, token in vocabulary.items() if text.isascii() and text.isdecimal()}


class LoopDetector:
    """Reads one page's token ids as they come. Takes about 3 microseconds and 200 bytes per token."""

    def __init__(self, values: Mapping[int, int], row_end: int = ROW_END) -> None:
        self._values = values
        self._row_end = row_end
        self._newest = -1
        self._run = 0  # equal tokens at the end
        self._gap = 0  # tokens from the end of the last run to the start of this one
        self._symbols: tuple[int, ...] = (0,) * NGRAM  # the last ones
        self._place = (0, 0)
        self._last_values: dict[tuple[int, int], int] = {}
        self._seen: dict[int, int] = {}  # occurrences of each n-gram, by its hash
        self._copies = [0]  # before each token, and the third or later ones among them
        self._third_copies = [0]
        self._row_ends: list[int] = []

    def push(self, token_ids: Iterable[int]) -> bool:
        """Append tokens; return True if the output now ends in a loop."""
        for token in token_ids:
            self._append(token)
        return self.loops()

    def loops(self) -> bool:
        """Tell if the output ends in a loop."""
        if self._run > LONGEST_RUN:
            return True
        length = self._stretch()
        end = len(self._copies) - 1
        if length > end or self._third_copies[end] == self._third_copies[end - 1]:
            return False
        quarter = length // QUARTERS
        needed = COPIED_SHARE * quarter
        if self._third_copies[end] - self._third_copies[end - quarter] < needed:
            return False
        bounds = [self._copies[end - part * quarter] for part in range(QUARTERS + 1)]
        return all(newer - older >= needed for newer, older in pairwise(bounds))

    def _stretch(self) -> int:
        """Return the number of last tokens that are judged."""
        end = len(self._copies) - 1
        if not self._row_ends or self._row_ends[-1] < end - STRETCH:
            return STRETCH
        if len(self._row_ends) < MOST_ROWS:
            return MOST_ROW_TOKENS
        return min(max(end - self._row_ends[-MOST_ROWS], STRETCH), MOST_ROW_TOKENS)

    def _append(self, token: int) -> None:
        if self._continues_leader(token):
            return
        if token == self._row_end:
            self._row_ends.append(len(self._copies) - 1)
        self._symbols = (*self._symbols[1:], self._symbol(token))
        ngram = hash(self._symbols)
        occurrence = self._seen[ngram] = self._seen.get(ngram, 0) + 1
        self._copies.append(self._copies[-1] + (occurrence > 1))
        self._third_copies.append(self._third_copies[-1] + (occurrence >= THIRD))

    def _continues_leader(self, token: int) -> bool:
        """Tell if the token says nothing: one more of equal ones that follow other text."""
        if token == self._newest:
            self._run += 1
            return self._gap > LEADER_GAP
        if self._run > 1:
            self._gap = 0
        self._newest = token
        self._run = 1
        self._gap += 1
        return False

    def _symbol(self, token: int) -> int:
        """The token, or one sign for all numbers that count on from the last one in their place."""
        value = self._values.get(token)
        place = self._place
        self._place = (place[1], token if value is None else _NUMBER)
        if value is None:
            return token
        last = self._last_values.get(place)
        self._last_values[place] = value
        return _ONE_MORE if last is not None and value == last + 1 else token
