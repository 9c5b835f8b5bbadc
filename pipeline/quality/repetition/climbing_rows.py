"""Find rows in which numbers climb by steps of their own: `(1,2),(1,3),(1,4)`, a list of days, the minutes of a day.

A row has `period` tokens: numbers, words, and names of months and weekdays, which count as numbers. A number is
regular if its step from the row before is that of the row before or of the one before that; a word, if it stands in
the row before, too. So a row that begins a new month has one or two tokens that are not, and the next row is regular
again. Rows in which three quarters of the tokens are regular, and two are numbers, go on together; too many of them
are a loop. Two kinds may be longer, for they have an end that a page reaches: equations, and the days of one year.

Not covered: rows of more than `LONGEST_ROW` tokens, abbreviated names in other languages than English, rows whose
other words change, and one number alone that counts on, which loops.py judges.
"""

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

LONGEST_ROW = 7  # tokens: `Mon, 5 January 2024 10:30` has 6
MOST_CLIMBING_ROWS = 148.0  # a page has 100 lines
MOST_ROWS_WITH_END = 400.0  # a table of products of twenty by twenty; a year has 366 days
FEWEST_NUMBERS = 2  # of a row, in digits: planners have `Mon 1 Tue 2` for 365 days
COST = 3  # regular tokens for each one that is not
CLIMBING_SHARE = 0.5  # of the rows, in one and the same place
SAME_SHARE = 0.8  # of the tokens of two stretches
EQUATION_SHARE = 0.8  # of the rows, with a sign of equality
COUNTING_SHARE = 0.5  # of the numbers, each by the same step from the one before: a chart of numbers

_TOKEN = re.compile(r"\d+|[^\W\d_]+")
_MOST_DIGITS = 9  # of a number that is looked at, as in counting.py
_WEEK, _MONTHS = 7, 12
_LAST_DAY = 31  # of December
_CYCLES = {
    _WEEK: (
        "mon tue wed thu fri sat sun",
        "monday tuesday wednesday thursday friday saturday sunday",
        "montag dienstag mittwoch donnerstag freitag samstag sonntag",
        "lundi mardi mercredi jeudi vendredi samedi dimanche",
        "lunes martes miércoles jueves viernes sábado domingo",
    ),
    _MONTHS: (
        "jan feb mar apr may jun jul aug sep oct nov dec",
        "january february march april may june july august september october november december",
        "januar februar märz april mai juni juli august september oktober november dezember",
        "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
        "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    ),
}
_NAMES = {
    name: (at, cycle) for cycle, lists in _CYCLES.items() for names in lists for at, name in enumerate(names.split())
}

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ClimbingRows:
    """Rows that go on together, and their place in a text, in characters."""

    turns: int
    start: int
    end: int
    most: float  # rows that are a loop

    @property
    def score(self) -> float:
        """Rows over those that are a loop."""
        return self.turns / self.most


@dataclass(frozen=True, slots=True)
class _Tokens:
    values: Ints
    cycles: Ints  # 7 and 12 for names; 0 for numbers, and -1 for words
    found: list[re.Match[str]]

    def steps(self, period: int) -> tuple[Ints, Bools]:
        """Return the step to each token from the one a period before, and where both are of one kind."""
        before, after, cycle = self.values[:-period], self.values[period:], self.cycles[period:]
        step = after - before
        step = np.where(cycle > 0, step % np.maximum(cycle, 1), step)
        alike = (cycle == self.cycles[:-period]) & ((cycle >= 0) | (step == 0))
        return step, alike


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Tokens from `first` to before `last`, so many of them regular, in rows with so many numbers in digits."""

    first: int
    last: int
    regular: int
    numbers: int

    def is_of(self, other: "_Stretch") -> bool:
        """Tell if these are the rows of another stretch, several taken as one."""
        return min(self.last, other.last) - max(self.first, other.first) >= SAME_SHARE * (self.last - self.first)


def most_climbing_rows(text: str) -> ClimbingRows | None:
    """Find the most rows that climb, of every length up to `LONGEST_ROW`; linear in the text.

    Args:
        text: Without markup.
    """
    tokens = _tokens(text)
    step, alike = tokens.steps(1) if len(tokens.values) > 1 else (tokens.values, np.zeros(0, np.bool_))
    counts = np.zeros(len(tokens.values), np.bool_)
    counts[2:] = (step[1:] == step[:-1]) & (step[1:] != 0) & alike[1:] & (tokens.cycles[2:] == 0)
    found: dict[int, _Stretch] = {}
    for period in range(2, LONGEST_ROW + 1):
        stretch = _climbing_stretch(tokens, period, counts)
        if stretch is not None and not any(period % other == 0 and stretch.is_of(found[other]) for other in found):
            found[period] = stretch
    rows = []
    for period, each in found.items():
        if each.numbers >= FEWEST_NUMBERS:
            turns, first, last = each.regular // period, tokens.found[each.first], tokens.found[each.last - 1]
            start, end = first.start(), last.end()
            has_end = text.count("=", start, end) >= EQUATION_SHARE * turns or _is_year(tokens, each, period)
            rows.append(ClimbingRows(turns, start, end, MOST_ROWS_WITH_END if has_end else MOST_CLIMBING_ROWS))
    return max(rows, key=lambda each: each.score, default=None)


def _is_year(tokens: _Tokens, stretch: _Stretch, period: int) -> bool:
    """Tell if dates begin with 1 January and end with 31 December, as those of a whole year do in any order."""
    start = max(0, stretch.first - 2 * period)
    values, cycles = tokens.values[start : stretch.last + period], tokens.cycles[start : stretch.last + period]
    numbers = np.where(cycles == _MONTHS, values + 1, np.where(cycles == 0, values, 0))  # January is 1
    first, last = numbers[: 3 * period], numbers[-3 * period :]
    return bool(np.count_nonzero(first == 1) >= FEWEST_NUMBERS and _LAST_DAY in last and _MONTHS in last)


def _tokens(text: str) -> _Tokens:
    found = list(_TOKEN.finditer(text))
    words = [token[0] for token in found]
    numbers: dict[str, int] = {}
    pairs = {word: _value_and_cycle(word.lower(), numbers) for word in dict.fromkeys(words)}
    values, cycles = np.array([pairs[word] for word in words], np.int64).reshape(-1, 2).T
    return _Tokens(values, cycles, found)


def _value_and_cycle(word: str, numbers: dict[str, int]) -> tuple[int, int]:
    """Look a token up; a word that is no name gets the next of `numbers`, or the one that it has."""
    if word[0].isdecimal() and len(word) <= _MOST_DIGITS:
        return int(word), 0
    return _NAMES.get(word) or (numbers.setdefault(word, len(numbers)), -1)


def _climbing_stretch(tokens: _Tokens, period: int, counts: Bools) -> _Stretch | None:
    """Find the stretch with the most regular tokens for its others, if numbers climb in its rows."""
    if len(tokens.values) <= 3 * period:
        return None
    step, alike = tokens.steps(period)
    before = np.concatenate((step[:period], step[: -2 * period]))
    is_regular = alike.copy()
    is_regular[:period] = False
    is_regular[period:] &= (step[period:] == step[:-period]) | (step[period:] == before)
    first, last = best_stretch(np.where(is_regular, 1, -COST))
    regular = int(np.count_nonzero(is_regular[first:last]))
    climbing = is_regular & (step != 0)
    most = max(int(np.count_nonzero(climbing[first + at : last : period])) for at in range(period))
    first, last = first + period, last + period  # of steps -> of tokens
    is_chart = np.count_nonzero(counts[first:last]) >= COUNTING_SHARE * (last - first)
    if regular < period or most < CLIMBING_SHARE * (regular // period) or is_chart:
        return None
    middle = min((first + last) // 2, len(tokens.values) - period)
    numbers = int(np.count_nonzero(tokens.cycles[middle : middle + period] == 0))
    return _Stretch(first, last, regular, numbers)


def best_stretch(gains: Ints) -> tuple[int, int]:
    """Return start and end of the stretch with the highest sum; both are the same if none has a sum above 0.

    Linear in the gains (Kadane's algorithm).
    """
    sums = np.concatenate(([0], np.cumsum(gains)))
    last = int(np.argmax(sums - np.minimum.accumulate(sums)))
    return int(np.argmin(sums[: last + 1])), last
