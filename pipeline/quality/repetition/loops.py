"""Find text that says the same several times in a row, and compare the number of turns with what honest pages have.

A page of words and a page of markup loop in different ways, so they are looked at apart:

- Words and numbers, without tags, commands and punctuation, and without numbers that count on (counting.py): a unit of
  words that comes again at once, in exactly the same words (`copies`) or in three quarters of them (`near copies`).
- Everything else, with the ends of lines: cells, commands, signs, numbers and counting numbers without a word between.

Two kinds have no period and measures of their own: numbers that climb row by row (climbing_rows.py), and a few phrases
in any order (phrase_sets.py).

How many turns are too many depends on the unit: an honest page has a word sixty times in a row sooner than a sentence
five times. `loop_score` is the number of turns over that number; 1 or more is a loop.

Not covered: turns that alternate in more than one place at once, units longer than `LONGEST_UNIT` tokens, and what
stands more than `MOST_CHARS` characters before the end.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ocrmill.pipeline.quality.repetition.climbing_rows import most_climbing_rows
from ocrmill.pipeline.quality.repetition.counting import counting_spans
from ocrmill.pipeline.quality.repetition.phrase_sets import longest_phrase_set

MOST_CHARS = 200_000  # from the end; 8,192 tokens, the most a model writes, are 40,000
LONGEST_UNIT = 1500  # tokens, about 8,000 characters; a page of print has 600 words
SHORT_UNIT = 32  # tokens: every period up to this is tried, longer ones only where n-grams come again at that distance
SHARED_TOKENS = 4  # of two places whose distance may be a period
MOST_PERIODS = 8  # longer ones that are tried

# Turns of a unit of so many letters that are a loop, straight lines between (both scales logarithmic).
TURNS = ((1, 80), (2, 50), (4, 40), (8, 28), (16, 11.5), (40, 7.5), (60, 5), (250, 4))
TURNS_OF_ONE_WORD = 60  # `Reserved` stands 32 times below itself in the table of a register
TURNS_OF_ROWS = 40  # equal rows of a table, and of a form: lines with blanks to be filled in, or boxes
TURNS_OF_SHORT_ROWS = 100  # ... whose cells say hardly anything, as `n/a`: more rows than a page has lines
SHORT_CELL = 8  # letters
MOST_CELLS = 40  # of a row
TURNS_OF_SHORT_ITEMS = 155  # lines that begin with a number that counts on: 150 lots, 80 vacant addresses of a street
TURNS_OF_LONG_ITEMS = 46  # ... of `LONG_ITEM` letters; the first two numbers do not count on yet
LONG_ITEM = 40
TURNS_OF_COMMANDS = 60  # `\quad` and its like, pieces of a formula, breaks
TURNS_OF_MARKUP = 120  # cells in one row, numbers in one line, lines without a word
TURNS_OF_PICTURES = 95  # a sheet of eight by eleven
SIGNS = 250  # characters of a line of signs; a ruled line has at most 150
PICTOGRAPHS = 120  # a diagram of a hundred people
CHARS_IN_A_WORD = 200  # of turns without a blank between; a gene repeats three letters forty times
LONGEST_CODE = 32  # characters that come again in a word
NEAR_SHARE = 0.75  # of the tokens of a turn that are as in the turn before
NEAR_FACTOR = 6  # so many times as many turns if only that much is the same: minutes and letters are made by templates
TURNS_OF_NEAR_ROWS = 100  # ... of fewer than `ROW_LETTERS` letters: a page of a log has 90 lines
ROW_LETTERS = 60

_PICTURE = r"!\[(?P<alt>[^\[\]\n]{0,200})\]\([^()\s]{0,300}\)"
_MARKUP = re.compile(rf"{_PICTURE}|</?[A-Za-z][^<>]{{0,200}}>|\\(?:[A-Za-z]+|[^\w\s])|&[A-Za-z]{{2,8}};|&#\d{{1,6}};")
_DIGITS = re.compile(r"\d+")
_HAN, _SYLLABLES = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff", "\u3040-\u30ff\uac00-\ud7af"
_UNSPACED = f"{_HAN}{_SYLLABLES}\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
_WORDS = re.compile(rf"[{_UNSPACED}]|\d+|(?:(?![{_UNSPACED}])[^\W\d_])+")
_ROW_END = re.compile(r"</tr>|\n(?=[ \t]*\|)", re.IGNORECASE)
_LINE_END = re.compile(r"</tr>|\n", re.IGNORECASE)
# What stands before the number of an item, not of a year: `Lot 12`, `| 12 |`, `第12条`, `Voucher no. 80636`.
_ITEM = re.compile(
    r"^[^\w\n]*(?:[^\W\d]{1,9}[^\w\n]{0,3}){0,3}(?=\d{1,9}(?!\d))(?!(?:1[5-9]|20)\d\d(?!\d))", re.MULTILINE
)
_PIECES = re.compile(rf"{_MARKUP.pattern}|\n\s*|\d+|[^\W\d_]+|[^\w\s]|_")
_LETTERS_OF = (
    (re.compile(f"[{_HAN}]"), 3),
    (re.compile(f"[{_SYLLABLES}]"), 2),
)  # a Han character says as much as three

_ONE_CHARACTER = re.compile(r"(\S)\1{19,}")
_PICTOGRAPH = re.compile("[\u2600-\u260f\u2613-\u27bf\U0001f000-\U0001faff]")  # but the boxes of forms
_ONE_WORD = re.compile(rf"[\w+/=]{{{CHARS_IN_A_WORD},}}")
_BLANK = re.compile(r"([_.…·])\s?(?:\1\s?){4}|[□☐]|\[ \]")
_SIGNS_OF_TABLES = frozenset("|._\u2026\u00b7")  # bars, and the blanks of forms
_COUNTED = "#"  # stands for a number that counts on

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Loop:
    """A unit that comes again and again in one place of a text; all 0 where nothing does."""

    score: float = 0.0  # turns over those that are a loop
    turns: int = 0
    unit_chars: int = 0  # of one turn, on average
    start: int = 0  # of all turns, in the last `MOST_CHARS` characters
    end: int = 0


@dataclass(frozen=True, slots=True)
class _Run:
    """Tokens from `start` to before `end`: each is the one `period` before it, but for the first `period`."""

    start: int
    end: int
    period: int

    @property
    def turns(self) -> float:
        return (self.end - self.start) / self.period

    def is_within(self, other: "_Run") -> bool:
        """Tell if these are the turns of another run, several taken as one, but for one of them."""
        overlap = min(self.end, other.end) - max(self.start, other.start)
        return self.period % other.period == 0 and overlap >= self.end - self.start - self.period


def strongest_loop(text: str) -> Loop:
    """Find the loop with the highest score, in the last `MOST_CHARS` characters; linear in them but for a sort."""
    text = text[-MOST_CHARS:]
    plain = _MARKUP.sub(lambda found: f"  {found['alt'] or ''}".ljust(len(found[0])), text)
    counted = counting_spans(plain)
    found = [
        *_loops_of_words(text, plain, counted),
        *_loops_of_markup(text, counted),
        *_runs_of_one_character(text),
        *_loops_in_a_word(text),
        *_loops_without_period(plain),
    ]
    return max(found, key=lambda loop: loop.score, default=Loop())


def _loops_without_period(plain: str) -> Iterator[Loop]:
    for found in (most_climbing_rows(plain), longest_phrase_set(plain, *_LETTERS_OF[0])):
        if found is not None:
            unit_chars = round((found.end - found.start) / found.turns)
            yield Loop(found.score, found.turns, unit_chars, found.start, found.end)


def _loops_of_words(text: str, plain: str, counted: Sequence[tuple[int, int]]) -> Iterator[Loop]:
    left_out = {start for start, _ in counted}
    tokens = [token for token in _WORDS.finditer(plain) if token.start() not in left_out]
    words = [token[0] for token in tokens]
    letters_of = {word: _letters(word) for word in set(words)}
    letters = np.concatenate(([0], np.cumsum([letters_of[word] for word in words], dtype=np.int64)))
    lines = _Lines(text, left_out)
    for run, factor in _runs_of_words(_numbered(words)):
        unit_letters = float(letters[run.end] - letters[run.start]) / run.turns
        if unit_letters:  # numbers alone are of markup
            first, last = tokens[run.start].start(), tokens[run.end - 1].end()
            turns = _turns_of_words(unit_letters, set(words[run.start : run.start + run.period]))
            turns = max(turns, lines.turns(first, last, run.turns, unit_letters)) * factor
            if factor > 1 and unit_letters < ROW_LETTERS:
                turns = max(turns, TURNS_OF_NEAR_ROWS)
            yield _loop(run, turns, first, last)


def _runs_of_words(ids: Ids) -> Iterator[tuple[_Run, float]]:
    """Give every run of copies and of near copies, and the factor by which it has to be longer."""
    copies: list[_Run] = []
    near_copies: list[_Run] = []
    for period in _periods(ids):
        equal = ids[period:] == ids[:-period]
        for found, runs, factor in ((copies, _copies, 1.0), (near_copies, _near_copies, NEAR_FACTOR)):
            new = [run for run in runs(equal, period) if not any(map(run.is_within, found))]
            found.extend(new)
            yield from ((run, factor) for run in new)


class _Lines:
    """The rows, items and forms of a text: more equal ones in a row are honest there than in running text."""

    def __init__(self, text: str, counted: set[int]) -> None:
        self._text = text
        self._rows = [found.start() for found in _ROW_END.finditer(text)]
        self._lines = [found.start() for found in _LINE_END.finditer(text)]
        self._items = sorted(counted & {found.end() for found in _ITEM.finditer(text)})

    def turns(self, first: int, last: int, found: float, unit_letters: float) -> float:
        """Give the turns that are a loop by what stands between `first` and `last`; 0 in running text."""
        needed = 0.0
        is_short = unit_letters < SHORT_CELL
        rows = _between(self._lines if is_short else self._rows, first, last)
        if rows > 1 and rows >= found / MOST_CELLS:
            needed = (TURNS_OF_SHORT_ROWS if is_short else TURNS_OF_ROWS) * max(1.0, found / (rows + 1))
        if _between(self._items, first, last) >= found / 2:
            needed = max(needed, TURNS_OF_SHORT_ITEMS if unit_letters < LONG_ITEM else TURNS_OF_LONG_ITEMS)
        return max(needed, TURNS_OF_ROWS) if _BLANK.search(self._text, first, last) else needed


def _between(places: list[int], first: int, last: int) -> int:
    return bisect_right(places, last) - bisect_right(places, first)


def _turns_of_words(unit_letters: float, unit: set[str]) -> float:
    """Turns that make a unit of words a loop."""
    if len(unit) == 1 and len(next(iter(unit))) > 1:
        return TURNS_OF_ONE_WORD
    at, turns = zip(*TURNS, strict=True)
    return float(np.exp(np.interp(np.log(max(unit_letters, 1.0)), np.log(at), np.log(turns))))


def _loops_of_markup(text: str, counted: Sequence[tuple[int, int]]) -> Iterator[Loop]:
    counting = {start for start, _ in counted}
    tokens = [token for token in _PIECES.finditer(text) if not (token[0][0] == "\n" and token.start() == 0)]
    pieces = [_COUNTED if token.start() in counting else _piece(token[0]) for token in tokens]
    ids = _numbered(pieces)
    for period in range(1, min(SHORT_UNIT, len(ids) - 1) + 1):
        for run in _copies(ids[period:] == ids[:-period], period):
            turns = _turns_of_markup(pieces[run.start : run.start + period])
            if turns:
                yield _loop(run, turns, tokens[run.start].start(), tokens[run.end - 1].end())


def _runs_of_one_character(text: str) -> Iterator[Loop]:
    for found in _ONE_CHARACTER.finditer(text):
        most = PICTOGRAPHS if _PICTOGRAPH.match(found[0]) else SIGNS
        yield Loop(len(found[0]) / most, len(found[0]), 1, found.start(), found.end())


def _loops_in_a_word(text: str) -> Iterator[Loop]:
    """Give runs of a few letters, digits and signs without a blank, as of coded bytes."""
    for word in _ONE_WORD.finditer(text):
        ids = np.frombuffer(word[0].encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.int64)
        for period in range(2, LONGEST_CODE + 1):
            for run in _copies(ids[period:] == ids[:-period], period):
                if len(set(word[0][run.start : run.start + period])) > 1:  # one character has a limit of its own
                    start, end = word.start() + run.start, word.start() + run.end
                    yield Loop((end - start) / CHARS_IN_A_WORD, int(run.turns), period, start, end)


def _piece(token: str) -> str:
    """Leave out the numbers of a tag and of a picture's link: they change without being read."""
    return "\n" if token[0] == "\n" else _DIGITS.sub("", token) if token[0] in "<!" else token


def _turns_of_markup(unit: list[str]) -> float | None:
    """Turns that make a unit without words a loop; null for one with words, and for rows of a table with numbers."""
    kinds = {_kind(piece) for piece in unit}
    if "letter" in kinds and kinds & {"command", "script"}:
        kinds = kinds - {"letter"}  # of a formula
    if kinds & {"word", "letter"} or ("row" in kinds and not kinds <= {"row", "tag", "\n"}):
        return None
    is_formula = "command" in kinds and kinds <= {"command", "sign", "script", "\n", _COUNTED}
    is_empty = kinds <= {"row", "tag", "picture", "sign", "\n"} and not _SIGNS_OF_TABLES & set(unit)
    is_table = "|" in unit or "number" in kinds or len(unit) > 2 * unit.count("\n")
    if "\n" in kinds and is_table and not (is_formula or is_empty):
        return None  # tables of numbers, in Markdown or as plain lines
    if kinds == {"sign"}:
        return (PICTOGRAPHS if all(map(_PICTOGRAPH.match, unit)) else SIGNS) / len(unit)
    if "picture" in kinds:
        return TURNS_OF_PICTURES
    return TURNS_OF_COMMANDS if is_formula or kinds <= {"sign", "script"} else TURNS_OF_MARKUP


def _kind(piece: str) -> str:
    if piece in ("\n", _COUNTED):
        return piece
    if piece[0] == "!" and len(piece) > 1:
        return "picture"
    if piece[0] == "<" and len(piece) > 1:
        name = piece.strip("</>").lower()[:2]
        return {"tr": "row", "br": "command", "im": "picture", "fi": "picture"}.get(name, "tag")
    if piece[0] in "\\&" and len(piece) > 1:
        return "command"
    if piece[0].isalpha():
        return "letter" if len(piece) == 1 else "word"
    return "number" if piece[0].isdecimal() else "script" if piece in "^{}" else "sign"


def _loop(run: _Run, turns: float, start: int, end: int) -> Loop:
    return Loop(run.turns / turns, int(run.turns), round((end - start) / run.turns), start, end)


def _numbered(tokens: list[str]) -> Ids:
    """Give each different token a number."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(token, len(numbers)) for token in tokens], dtype=np.int64)


def _periods(ids: Ids) -> list[int]:
    """Give the distances, in tokens, at which a loop may come again: the short ones, and those of equal n-grams."""
    short = list(range(1, min(SHORT_UNIT, len(ids) - 1) + 1))
    if len(ids) <= SHORT_UNIT + SHARED_TOKENS:
        return short
    grams = np.zeros(len(ids) - SHARED_TOKENS + 1, dtype=np.uint64)
    for offset in range(SHARED_TOKENS):
        grams = grams * np.uint64(0x9E3779B97F4A7C15) + ids[offset : offset + len(grams)].astype(np.uint64)
        grams ^= grams >> np.uint64(29)
    order = np.argsort(grams, kind="stable")
    distances = np.diff(order)[np.diff(grams[order].astype(np.int64)) == 0]
    counts = np.bincount(distances[distances <= LONGEST_UNIT], minlength=SHORT_UNIT + 1)
    counts[: SHORT_UNIT + 1] = 0
    long = np.argsort(-counts, kind="stable")[:MOST_PERIODS]
    return short + [int(period) for period in long if counts[period] >= SHORT_UNIT]


def _copies(equal: npt.NDArray[np.bool_], period: int) -> Iterator[_Run]:
    """Give the longest stretches whose every token equals the one a period before, from three turns on."""
    if not equal[2 * period - 1 :: 2 * period].any():  # every stretch of two periods has one of these
        return
    breaks = np.concatenate(([-1], np.flatnonzero(~equal), [len(equal)]))
    for gap in np.flatnonzero(np.diff(breaks) > 2 * period):
        yield _Run(int(breaks[gap]) + 1, int(breaks[gap + 1]) + period, period)


def _near_copies(equal: npt.NDArray[np.bool_], period: int) -> Iterator[_Run]:
    """Give the stretches in which each turn is as the one before but for a quarter of its tokens."""
    if np.count_nonzero(equal) < 2 * NEAR_SHARE * period:  # of the two turns that a stretch has at least
        return
    sums = np.concatenate(([0], np.cumsum(equal, dtype=np.int64)))
    near = sums[period:] - sums[:-period] >= NEAR_SHARE * period
    for run in _copies(near, period):
        yield _Run(run.start, run.end + period - 1, period)


def _letters(word: str) -> int:
    if word[0].isdecimal():
        return 0
    return next((letters for script, letters in _LETTERS_OF if script.match(word)), len(word))
