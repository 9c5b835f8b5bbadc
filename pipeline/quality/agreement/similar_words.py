"""Pair the words that two readings of a page do not share: joined or parted, or with other letters.

Counters say how many of each word are left on a side; what is paired is taken out of both. Linear in the words, but for
the comparisons of words alike. They end after `_MOST_STEPS`: two texts with that many words left are different anyway.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise

_LONG = 8  # letters of a word whose pieces may be misread, too
_MOST_PIECES = 12  # of a word without blanks
_ALIKE = 0.5  # Dice coefficient of the pairs of letters of two words; one wrong letter of four leaves 0.6
_ALIKE_JOINED = 0.75
_MOST_STEPS = 200_000


def pieces_of(order: Sequence[str], parted: Counter[str], whole: Counter[str]) -> int:
    """Take out words of one side that follow each other on the other in pieces, and count the pieces misread.

    Args:
        order: All words of the side that has the pieces, in their order.
        parted: Of these, those that are left.
        whole: The words that are left on the other side.
    """
    _take_exact(order, parted, whole)
    return _take_alike(order, parted, whole)


def paired(missing: Counter[str], extra: Counter[str]) -> int:
    """Take out words that are left on both sides and differ in few letters, and count their pairs."""
    by_pair: dict[str, list[str]] = defaultdict(list)
    for word in extra:
        for pair in set(_pairs(word)):
            by_pair[pair].append(word)
    found, steps = 0, 0
    for word in sorted(missing):
        mine = set(_pairs(word))
        shared = Counter(other for pair in mine for other in by_pair.get(pair, ()))
        steps += shared.total() + len(mine)
        if steps > _MOST_STEPS:
            break
        for other, count in shared.most_common():
            if missing[word] <= 0:
                break
            alike = 2 * count / (len(mine) + len(set(_pairs(other)))) >= _ALIKE or _differ_in_one(word, other)
            if alike and extra[other] > 0:
                found += _take(word, other, missing, extra)
    return found + _take_characters(missing, extra)


def _take(word: str, other: str, missing: Counter[str], extra: Counter[str]) -> int:
    common = min(missing[word], extra[other])
    for counts, key in ((missing, word), (extra, other)):
        counts[key] -= common
        if not counts[key]:
            del counts[key]
    return common


def _take_characters(missing: Counter[str], extra: Counter[str]) -> int:
    """Pair the characters that are words of their own, in scripts without blanks."""
    gone = sorted(word for word in missing.elements() if _is_character(word))
    come = sorted(word for word in extra.elements() if _is_character(word))
    pairs = list(zip(gone, come, strict=False))
    for one, other in pairs:
        _take(one, other, missing, extra)
    return len(pairs)


def _is_character(word: str) -> bool:
    return len(word) == 1 and not word.isascii()


def _pairs(word: str) -> list[str]:
    return ["".join(pair) for pair in pairwise(f"^{word}$")]


def _differ_in_one(word: str, other: str) -> bool:
    """Tell if two words of one length, of two letters or more, differ in one letter."""
    return len(word) == len(other) > 1 and sum(a != b for a, b in zip(word, other, strict=True)) == 1


def _take_exact(order: Sequence[str], parted: Counter[str], whole: Counter[str]) -> None:
    by_start: dict[str, list[str]] = defaultdict(list)
    for word in sorted(whole, key=len, reverse=True):
        by_start[word[0]].append(word)
    at = steps = 0
    while at < len(order) and steps < _MOST_STEPS:
        end = at
        if parted.get(order[at], 0) > 0:
            candidates = by_start.get(order[at][0], ())
            steps += len(candidates)
            for candidate in candidates:
                end = _spelled(candidate, order, at) if whole.get(candidate, 0) > 0 else at
                if end > at + 1 and Counter(order[at:end]) <= parted:
                    _take_run(order[at:end], candidate, parted, whole)
                    break
                end = at
        at = max(end, at + 1)


def _spelled(word: str, order: Sequence[str], at: int) -> int:
    """Return the end of the words from `at` on that spell a word; `at` if they do not."""
    length, end = 0, at
    while end < len(order) and length < len(word) and word.startswith(order[end], length):
        length += len(order[end])
        end += 1
    return end if length == len(word) else at


def _take_run(run: Sequence[str], word: str, parted: Counter[str], whole: Counter[str]) -> None:
    for counts, words in ((parted, run), (whole, [word])):
        counts.subtract(words)
        for each in set(words):
            if counts[each] <= 0:
                del counts[each]


def _take_alike(order: Sequence[str], parted: Counter[str], whole: Counter[str]) -> int:
    """Take out words whose pieces differ from them in few letters."""
    candidates = [word for word in sorted(whole) if len(word) >= _LONG]
    starts = [at for at, word in enumerate(order) if parted.get(word, 0) > 0]
    if not candidates or len(candidates) * len(starts) > _MOST_STEPS:
        return 0
    misread = 0
    for word in candidates:
        mine = Counter(_pairs(word))
        for at in starts:
            end = _as_long(word, order, at)
            run = order[at:end]
            if end <= at + 1 or not Counter(run) <= parted:
                continue
            theirs = Counter(_pairs("".join(run)))
            if 2 * (mine & theirs).total() >= _ALIKE_JOINED * (mine.total() + theirs.total()):
                _take_run(run, word, parted, whole)
                misread += len(run)
                break
    return misread


def _as_long(word: str, order: Sequence[str], at: int) -> int:
    """Return the end of the words from `at` on that are together as long as a word, give or take a letter."""
    length, end = 0, at
    while end < min(len(order), at + _MOST_PIECES) and length < len(word) - 1:
        length += len(order[end])
        end += 1
    return end if length <= len(word) + 1 else at
