"""Measure how truly a page's Markdown says what its text layer says: words lost, words added, words moved.

It takes the Markdown, its blocks and the layer's visible words, and knows nothing of how the one was made from the
other. plain_words.py says what a word is, for both sides.

recall      share of the layer's words that are in the Markdown, as multisets
precision   share of the Markdown's words that are in the layer, as multisets
order       share of the words that stand in the order and in the block of the layer: word_order.py

Words that differ are equal where typesetting explains it: a word cut by a hyphen at the end of a line (`exam-`, `ple`
is `example`; `long-`, `term` is `long-term`; `and/`, `or` is `and/or`; `1990-`, `1995` is `1990-1995` with a hyphen or
en dash, and never `19901995`), a Korean word cut there without a hyphen, a number cut in a narrow cell (`4,157,65`,
`4`), letters set apart (`T I T L E`), an initial that is larger than its word, characters raised or lowered (which part
a word of the layer), an address of the Web in several lines, a footnote apart from its number, a minus apart from its
number, an accent beside its letter, and lam-alef in either order.
"""

import re
import unicodedata
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

from ocrmill.pipeline.measures import LayerFidelity
from ocrmill.pipeline.quality.agreement.plain_words import note_numbers, plain_words, words_of_markdown
from ocrmill.pipeline.quality.agreement.word_order import LARGE_INITIAL, LayerWord, share_in_order, share_in_place
from ocrmill.pipeline.records import Block
from ocrmill.pipeline.text.inline.numbers import is_broken_number, is_unfinished_number
from ocrmill.pipeline.text.reading_order import Box
from ocrmill.pipeline.text.words import HANGUL

_SPACED_LETTERS = 3  # so many single letters in a row are a word set apart
_CANDIDATES = 50  # words that begin alike and are tried as the whole of a cut one
_NUMBER = re.compile(r"(?:(?<![^\W_])[+\u2212\u2013-])?(?:(?<!\d)[.,])?\d(?:[\d.,:/'\u2019\u2013-]*\d)?%?")
_ADDRESS = re.compile(r"(?:[a-z]+://|www\.|doi[:.]|[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}/)\S", re.IGNORECASE)
_SIGNS = re.compile(r"[\W_]")
_MINUS = "\u2212"
_LAM_ALEF = re.compile("[\u0622\u0623\u0625\u0627\u0644]{2,}")
_MOST_PIECES = 6  # of a word, parted by what is raised or lowered, and of an address
_RAISED = 0.1  # of their height
_FAR = 0.7  # of their height: wider than blanks of a justified line
_CLOSE = 0.2  # of their height: what follows closer is no new word


def measure_fidelity(markdown: str, blocks: Sequence[Block] | None, words: Sequence[tuple[str, Box]]) -> LayerFidelity:
    """Measure a page's Markdown against the visible words of its layer.

    Args:
        markdown: Of the page.
        blocks: Of the Markdown; None where nothing is known of them, so that order is that of the words alone.
        words: In the order of the layer, with boxes in the unit of the blocks, on the page as displayed.
    """
    ours = words_of_markdown(markdown)
    layer = [LayerWord(word, box) for text, box in words for piece in text.split() for word in plain_words(piece)]
    have, wanted = Counter(word.text for word in ours), Counter(word.text for word in layer)
    missing, extra = wanted - have, have - wanted
    if missing and extra:
        for number in note_numbers(markdown):
            _take_note(number, missing, extra)
        missing, extra = _without_typesetting(missing, extra, layer)
    order = share_in_order(ours, layer, blocks)
    if blocks is not None:
        order = min(order, share_in_place(ours, layer, markdown, blocks))
    return LayerFidelity(
        recall=(len(layer) - missing.total()) / len(layer) if layer else 1.0,
        precision=(len(ours) - extra.total()) / len(ours) if ours else 1.0,
        order=order,
        changed_numbers=_changed_numbers(missing, extra),
    )


def _without_typesetting(
    missing: Counter[str], extra: Counter[str], layer: Sequence[LayerWord]
) -> tuple[Counter[str], Counter[str]]:
    """Take out what is the same word on both sides, typeset in two ways."""
    _take_accents(missing, extra)
    _take_signs(missing, extra)
    _take_signs(extra, missing)
    for run in _spaced_runs(layer):
        _close_up(run, missing, extra)
    _join_raised(missing, extra, layer)
    _join_pieces(missing, extra, layer)
    _join_addresses(missing, extra, layer)
    return +missing, +extra


def _take_accents(missing: Counter[str], extra: Counter[str]) -> None:
    """Take out words that differ by an accent beside its letter, or by the order within a ligature."""
    loose = {word: bare for word in missing if (bare := _loose(word)) is not None}
    if not loose:
        return
    found = {_bare(word): word for word in extra}
    for word, bare in loose.items():
        if bare in found:
            common = min(missing[word], extra[found[bare]])
            missing[word] -= common
            extra[found[bare]] -= common


def _take_signs(joined: Counter[str], parted: Counter[str]) -> None:
    """Take out numbers that stand close to their minus or `%` on one side, and apart from it on the other."""
    for word in [word for word in joined if word[0] == _MINUS and len(word) > 1] if parted[_MINUS] > 0 else ():
        common = min(joined[word], parted[_MINUS], parted[word[1:]])
        if common > 0:
            joined[word] -= common
            parted[_MINUS] -= common
            parted[word[1:]] -= common
    for word in [word for word in joined if word[-1] == "%" and len(word) > 1] if parted["%"] > 0 else ():
        common = min(joined[word], parted["%"], parted[word[:-1]])
        if common > 0:
            joined[word] -= common
            parted["%"] -= common
            parted[word[:-1]] -= common


def _take_note(number: str, missing: Counter[str], extra: Counter[str]) -> None:
    """Take out the first word of a footnote that the layer has together with its number: `1See` is 1 and `See`."""
    for word in [word for word in missing if word.startswith(number)] if extra[number] > 0 else ():
        rest = word[len(number) :]
        if extra[rest] > 0:
            missing[word] -= 1
            extra[number] -= 1
            extra[rest] -= 1
            return


def _loose(word: str) -> str | None:
    """Return what is left of a word with an accent of its own or an Arabic ligature; None for any other."""
    if word.isascii():
        return None
    accents = unicodedata.combining(word[0]) or any(
        unicodedata.combining(after) and unicodedata.name(letter, "").startswith("LATIN")
        for letter, after in pairwise(word)
    )
    return _bare(word) if accents or "\u0131" in word or _LAM_ALEF.search(word) else None


def _bare(word: str) -> str:
    """A word without accents, lam-alef in one order."""
    letters = unicodedata.normalize("NFD", word.replace("\u0131", "i"))  # alef with hamza becomes alef
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return _LAM_ALEF.sub(lambda run: "".join(sorted(run[0])), plain)


def _join_raised(missing: Counter[str], extra: Counter[str], layer: Sequence[LayerWord]) -> None:
    """Take out words that the layer parts where a character is raised or lowered, as in H2O."""
    at = 0
    while at < len(layer):
        end = at + 1
        while end < min(len(layer), at + _MOST_PIECES) and _is_raised_after(layer[end - 1].box, layer[end].box):
            end += 1
        while end > at + 1 and not _take_whole([word.text for word in layer[at:end]], missing, extra):
            end -= 1
        at = end


def _is_raised_after(one: Box, other: Box) -> bool:
    """Tell if a box touches the one before it, and is of another height or on another baseline."""
    height = max(one.height, other.height)
    touches = abs(other.x0 - one.x1) <= _CLOSE * height and min(one.y1, other.y1) > max(one.y0, other.y0)
    return touches and max(abs(one.y0 - other.y0), abs(one.y1 - other.y1)) > _RAISED * height


def _take_whole(pieces: Sequence[str], missing: Counter[str], extra: Counter[str], whole: str | None = None) -> bool:
    """Take out pieces and the word that they make, by default all of them in a row, if all are there."""
    whole = "".join(pieces) if whole is None else whole
    if extra[whole] <= 0 or not Counter(pieces) <= missing:
        return False
    extra[whole] -= 1
    missing.subtract(pieces)
    return True


def _join_pieces(missing: Counter[str], extra: Counter[str], layer: Sequence[LayerWord]) -> None:
    """Take out words that the Markdown has whole, and the layer in two pieces."""
    heights = {word.text: word.box.height for word in layer if word.text in missing}
    wholes = sorted(extra)
    for word, after in zip(layer, [*layer[1:], None], strict=True):
        if after is not None and _is_in_two_lines(word, after) and _take_whole([word.text, after.text], missing, extra):
            continue
        if missing[word.text] <= 0 or not _is_beginning(word, after):
            continue
        start = word.text.removesuffix("-")
        at = bisect_left(wholes, start)
        for whole in wholes[at : at + _CANDIDATES]:
            if not whole.startswith(start):
                break
            rest = whole[len(start) :]
            closed = rest.removeprefix("-")
            both_there = bool(closed) and extra[whole] > 0 and missing[closed] > 0
            if both_there and _fits(word, rest, closed, heights.get(closed, 0.0)):
                extra[whole] -= 1
                missing[word.text] -= 1
                missing[closed] -= 1
                break


def _join_addresses(missing: Counter[str], extra: Counter[str], layer: Sequence[LayerWord]) -> None:
    """Take out addresses of the Web that the layer has in several lines, without the signs at the ends of these."""
    for whole in [word for word in extra if _ADDRESS.match(word)]:
        wanted = _SIGNS.sub("", whole)
        for at, word in enumerate(layer):
            if extra[whole] <= 0:
                break
            if missing[word.text] <= 0 or not whole.startswith(word.text):
                continue
            pieces = [word.text]
            for after in layer[at + 1 : at + _MOST_PIECES]:
                pieces.append(after.text)
                if wanted == _SIGNS.sub("", "".join(pieces)) and _take_whole(pieces, missing, extra, whole):
                    break


def _is_in_two_lines(word: LayerWord, after: LayerWord) -> bool:
    """Tell if two words of the layer may be a Korean one that begins in one line and ends in the next."""
    hangul = HANGUL.match(word.text[-1]) and HANGUL.match(after.text[0])
    return hangul is not None and _ends_line(word, after)


def _is_beginning(word: LayerWord, after: LayerWord | None) -> bool:
    """Tell if a word may go on elsewhere: it ends its line with `-`, `/` or half a range or number, or is a letter."""
    if len(word.text) == 1:
        return word.text.isalpha()
    return (word.text[-1] in "-/\u2013" or is_unfinished_number(word.text)) and _ends_line(word, after)


def _ends_line(word: LayerWord, after: LayerWord | None) -> bool:
    """Tell if the word after another stands on another line, in the margin, or in the column beside it."""
    if after is None or not _goes_on(word.box, after.box):
        return True
    return after.box.x0 - word.box.x1 > _FAR * word.box.height


def _goes_on(one: Box, other: Box) -> bool:
    """Tell if a box stands to the right of another, on its line."""
    return other.x0 >= one.x0 and one.y0 < other.middle < one.y1


def _fits(word: LayerWord, rest: str, closed: str, height: float) -> bool:
    """Tell if `rest` may go on from a piece of a word; `closed` is the rest without the hyphen that it begins with."""
    if len(word.text) == 1:
        return rest == closed and word.box.height >= LARGE_INITIAL * height
    if rest != closed or word.text[-1] in "/\u2013":
        return True
    if word.text[-1].isdigit():
        return is_broken_number(word.text, rest)
    return word.text[-2].isalpha() and closed[0].isalpha() and not closed[0].isupper()


def _spaced_runs(layer: Sequence[LayerWord]) -> Iterator[list[str]]:
    """Runs of single letters in one line of the layer."""
    run: list[LayerWord] = []
    for word in layer:
        is_letter = len(word.text) == 1 and word.text.isalnum()
        if run and not (is_letter and _goes_on(run[-1].box, word.box)):
            if len(run) >= _SPACED_LETTERS:
                yield [letter.text for letter in run]
            run = []
        if is_letter:
            run.append(word)
    if len(run) >= _SPACED_LETTERS:
        yield [letter.text for letter in run]


def _close_up(letters: Sequence[str], missing: Counter[str], extra: Counter[str]) -> None:
    """Take out the words of the Markdown that letters set apart spell, the longest first."""
    at = 0
    while at < len(letters):
        for end in range(min(len(letters), at + _CANDIDATES), at + 1, -1):
            if _take_whole(letters[at:end], missing, extra):
                at = end
                break
        else:
            at += 1


def _changed_numbers(missing: Counter[str], extra: Counter[str]) -> int:
    """Count numbers on either side that the other lacks, with their separators, sign and `%`."""
    theirs, ours = _numbers(missing), _numbers(extra)
    return (theirs - ours).total() + (ours - theirs).total()


def _numbers(words: Counter[str]) -> Counter[str]:
    found: Counter[str] = Counter()
    for word, count in words.items():
        for number in _NUMBER.findall(word):
            found[number] += count
    return found
