"""Measure how repetitive a text is. The judgement is in quality/flags.py.

The measures use characters only, so they mean the same in every language, with or without spaces. The ratio and the
measures of content discount what may repeat on an honest page (markup, leaders, rules); the others count everything,
because a model loops on `<td></td>` and on zeros, too. This table shows which measure detects which loop:

| what repeats                              | ratio       | tail, if it lasts | compression | longest run | content |
|-------------------------------------------|-------------|-------------------|-------------|-------------|---------|
| words, lines, paragraphs, rows with words | yes         | yes               | yes         |             | yes     |
| the same, with a number that counts on    | see below   |                   | yes         |             | yes     |
| the same, in a few variants               |             |                   | yes         |             | yes     |
| only numbers                              |             | yes               | yes         |             | yes     |
| empty cells, rules, leaders               |             | yes               | yes         |             |         |
| one character                             | if a letter | yes               | yes         | yes         |         |
| bare counting (`1 2 3 4 ...`)             |             |                   |             |             | counted |

A loop that counts (row 1, row 2 ...) raises the ratio if the text between two numbers fills a window. Shorter rows are
alike in `content_ratio`, where numbers that count on are left out (counting.py); those of a ledger, whose amounts say
something new, are not.
"""

import re
import zlib

import numpy as np
import numpy.typing as npt

from ocrmill.pipeline.measures import RepetitionMeasures
from ocrmill.pipeline.quality.repetition.counting import without_counting
from ocrmill.pipeline.quality.repetition.loops import strongest_loop
from ocrmill.pipeline.text.inline.links import without_targets

# A power of two. About ten English words, the longest n-gram of Gopher's rules (arXiv 2112.11446, table A1); at 32, the
# longer texts of a ledger would count as copies though date and amount differ from row to row.
WINDOW = 64
# Honest pages repeat things (forms, copies of a receipt, table heads): of 791 real pages the most repetitive has
# 0.33 of its content in second or later copies, 0.17 in third or later ones.
COPIES = 3
MIN_LETTERS = WINDOW // 3  # a window with fewer is a row of numbers, and tables of zeros are honest
PROBE = 4  # characters; shorter periods are tried one by one
TAIL_WINDOW = 8192  # characters from the end in which a period is searched; a model writes at most 8,192 tokens

# Linear: a tag ends at the next bracket or after 200 characters, and a match never backtracks.
NO_CONTENT = re.compile(r"(?:</?[A-Za-z][^<>]{0,200}>|[\W_])+")

Codes = npt.NDArray[np.uint32]
Hashes = npt.NDArray[np.uint64]


def measure_repetition(text: str) -> RepetitionMeasures:
    """Measure any text, in time linear in its length but for one sort. The empty text measures 0 throughout.

    Targets of links are left out: entries of an index that lead to one page repeat its address, and no words.
    """
    text = without_targets(text)
    period, tail_chars = periodic_tail(text)
    content = content_of(text)
    new, counted = without_counting(content)
    loop = strongest_loop(text)
    return RepetitionMeasures(
        repetition_ratio=repetition_ratio(text),
        repetition_period=period,
        repeated_tail_chars=tail_chars,
        compression_ratio=compression_ratio(text),
        longest_run=longest_run(text),
        content_ratio=compression_ratio(new),
        content_chars=len(content),
        counted_numbers=counted,
        loop_score=loop.score,
        loop_turns=loop.turns,
        loop_unit_chars=loop.unit_chars,
    )


def content_of(text: str) -> str:
    """Make every stretch of HTML tags, white space, punctuation and symbols one space: words and numbers are left."""
    return NO_CONTENT.sub(" ", text).strip()


def repetition_ratio(text: str) -> float:
    """Share of the content that is a third or later copy, from 0 to 1.

    The content is the text with every stretch of HTML tags, white space, punctuation and symbols made one space:
    dot leaders, rules, `|---|` and empty cells vanish, whatever their length. A character counts if it lies in a
    window of `WINDOW` characters that occurred `COPIES - 1` times before, overlaps included, and has at least
    `MIN_LETTERS` letters. Content shorter than a window measures 0.
    """
    content = content_of(text)
    if len(content) < WINDOW:
        return 0.0
    copied = later_copies(window_hashes(code_points(content))) & has_letters(content)
    # +1 where a copied window starts, -1 where it ends: the running sum counts the copied windows over a character.
    steps = np.zeros(len(content) + 1, dtype=np.int32)
    steps[: len(copied)] += copied
    steps[WINDOW:] -= copied
    return float(np.count_nonzero(np.cumsum(steps))) / len(content)


def periodic_tail(text: str) -> tuple[int, int]:
    """Period and length, in characters, of the longest periodic end that holds `COPIES` whole periods, else (0, 0).

    White space after the end is left out. Nothing is discounted, and every character must agree with the one a
    period earlier. Periods up to `TAIL_WINDOW / COPIES` are found; the length is not limited.
    """
    text = text.rstrip()
    backwards = text[: -TAIL_WINDOW - 1 : -1]
    if not may_be_periodic(backwards):
        return 0, 0
    period, chars = 0, 0
    for candidate, agreeing in enumerate(prefix_matches(backwards)):
        if agreeing >= (COPIES - 1) * candidate and candidate + agreeing > chars:
            period, chars = candidate, candidate + agreeing
    if period and chars == TAIL_WINDOW:
        codes = code_points(text)
        breaks = np.flatnonzero(codes[period:] != codes[:-period])
        chars = len(text) - (int(breaks[-1]) + 1 if len(breaks) else 0)
    return period, chars


def compression_ratio(text: str) -> float:
    """Bytes of UTF-8 over bytes after zlib: Whisper's measure, by its formula.

    1.5 to 3 for ordinary pages, at most about 1,000. In short texts zlib's own 8 to 11 bytes tell: under some 50
    bytes the ratio is often below 1, and 0 for the empty text. Judge it on long texts only.
    """
    encoded = text.encode("utf-8", "surrogatepass")
    return len(encoded) / len(zlib.compress(encoded))


def longest_run(text: str) -> int:
    """Length of the longest run of one character other than white space; 0 if there is none."""
    codes = code_points("\n".join(text.split()))
    if not len(codes):
        return 0
    starts = np.flatnonzero(codes[1:] != codes[:-1]) + 1
    return int(np.diff(starts, prepend=0, append=len(codes)).max())


def code_points(text: str) -> Codes:
    """Return one number for each character, also for lone surrogates."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")


def window_hashes(codes: Codes) -> Hashes:
    """Hash each window of `WINDOW` characters to 64 bits: windows of 1 are joined to windows of 2, of 4, and so on.

    The multipliers are the golden ratio's and splitmix64's; a million windows collide with a chance of about 3e-8.
    """
    spread, mix, shift = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(29)
    hashes = (codes.astype(np.uint64) + np.uint64(1)) * spread
    width = 1
    while width < WINDOW:
        hashes = hashes[:-width] * spread + hashes[width:]
        hashes = (hashes ^ (hashes >> shift)) * mix
        width *= 2
    return hashes


def later_copies(hashes: Hashes) -> npt.NDArray[np.bool_]:
    """Select windows that occurred at least `COPIES - 1` times before, counting overlapping ones."""
    order = np.argsort(hashes, kind="stable")  # equal hashes stay in the order of the text
    in_order = hashes[order]
    copied = np.zeros(len(hashes), dtype=np.bool_)
    earlier = COPIES - 1
    copied[order[earlier:]] = in_order[earlier:] == in_order[:-earlier]
    return copied


def has_letters(content: str) -> npt.NDArray[np.bool_]:
    """Select windows with at least `MIN_LETTERS` letters, of any script."""
    letters = np.fromiter(map(str.isalpha, content), dtype=np.bool_, count=len(content))
    before = np.concatenate(([0], np.cumsum(letters)))
    return np.asarray(before[WINDOW:] - before[:-WINDOW] >= MIN_LETTERS)


def may_be_periodic(text: str) -> bool:
    """Tell if a text may begin with `COPIES` whole periods. One search rules out nearly every honest page.

    A period of `PROBE` or more makes the first `PROBE * (COPIES - 1)` characters come again; shorter ones are tried.
    """
    again = text.find(text[: PROBE * (COPIES - 1)], PROBE) >= 0
    return again or any(text[period : COPIES * period] == text[: (COPIES - 1) * period] for period in range(1, PROBE))


def prefix_matches(text: str) -> list[int]:
    """The Z-function: how many characters from each position on agree with the start of the text; 0 for the first."""
    matches = [0] * len(text)
    left = right = 0  # text[left:right] is the match found so far that reaches furthest
    for position in range(1, len(text)):
        length = min(right - position, matches[position - left]) if position < right else 0
        while position + length < len(text) and text[length] == text[position + length]:
            length += 1
        matches[position] = length
        if position + length > right:
            left, right = position, position + length
    return matches
