"""Find text made of a few phrases that come again in any order, so that nothing has a period.

A letter is old if it lies in a window of `WINDOW_LETTERS` letters that stood `EARLIER_COPIES` times before. A text of a
few phrases is old throughout once each was there so often; honest pages say something new in between, and if only the
number of a row. So old letters add to a stretch, new ones take away, and new digits take more: they are what a log or a
ledger says. A long stretch is a loop.

Not covered: phrases of fewer letters than a window, as cells of rosters and tables of subjects have them.
"""

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ocrmill.pipeline.quality.repetition.climbing_rows import best_stretch

WINDOW_LETTERS = 20  # four cells of a roster with four words are hardly ever the same five times
EARLIER_COPIES = 4
MOST_LETTERS = 950.0  # of a stretch; 60 lines drawn from eight short sentences have 760
NEW_LETTER = -8
NEW_DIGIT = -60

Codes = npt.NDArray[np.uint64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class PhraseSet:
    """A stretch in which a few phrases come again, and its place in a text, in characters."""

    letters: int
    turns: int  # how often its commonest window stands there
    start: int
    end: int

    @property
    def score(self) -> float:
        """Old letters over those that are a loop."""
        return self.letters / MOST_LETTERS


def longest_phrase_set(text: str, many: re.Pattern[str], weight: int) -> PhraseSet | None:
    """Find the longest stretch; linear in the text but for a sort.

    Args:
        text: Without markup.
        many: A character that says as much as `weight` letters, as those of Han do.
        weight: So many letters.
    """
    places = np.flatnonzero(np.fromiter(map(str.isalnum, text), np.bool_, len(text)))
    weights = np.ones(len(text), np.int64)
    weights[[found.start() for found in many.finditer(text)]] = weight
    places = np.repeat(places, weights[places])
    if len(places) <= WINDOW_LETTERS:
        return None
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")[places]
    windows = _window_hashes(codes.astype(np.uint64))
    is_old = _covered(_copied(windows), len(places))
    is_digit = np.fromiter(map(str.isdecimal, text), np.bool_, len(text))[places]
    gains = np.where(is_old, np.where(is_digit, 0, 1), np.where(is_digit, NEW_DIGIT, NEW_LETTER))
    first, last = best_stretch(gains)
    if first == last:
        return None
    turns = int(np.unique(windows[first:last], return_counts=True)[1].max(initial=1))
    return PhraseSet(int(gains[first:last].sum()), turns, int(places[first]), int(places[last - 1]) + 1)


def _window_hashes(codes: Codes) -> Codes:
    """Hash each window of `WINDOW_LETTERS` codes to 64 bits, by the multiplier of the golden ratio."""
    length = len(codes) - WINDOW_LETTERS + 1
    hashes = np.zeros(length, np.uint64)
    for offset in range(WINDOW_LETTERS):
        hashes = hashes * np.uint64(0x9E3779B97F4A7C15) + codes[offset : offset + length]
        hashes ^= hashes >> np.uint64(29)
    return hashes


def _copied(windows: Codes) -> Bools:
    """Select the windows that stood `EARLIER_COPIES` times before."""
    order = np.argsort(windows, kind="stable")
    in_order = windows[order]
    copied = np.zeros(len(windows), np.bool_)
    copied[order[EARLIER_COPIES:]] = in_order[EARLIER_COPIES:] == in_order[:-EARLIER_COPIES]
    return copied


def _covered(selected: Bools, length: int) -> Bools:
    """Select what lies in one of the windows."""
    steps = np.zeros(length + 1, np.int64)
    steps[: len(selected)] += selected
    steps[WINDOW_LETTERS:] -= selected
    return np.asarray(np.cumsum(steps)[:length] > 0)
