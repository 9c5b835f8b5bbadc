"""Blanks of a line: those that no glyph draws, and those between letters that are set apart.

MuPDF puts a blank where a gap is wider than gaps in one font usually are. It knows neither that programs for Korean and
Hindi leave narrower ones between words, nor that a heading's letters stand apart.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import groupby, pairwise
from math import inf
from statistics import median
from typing import Any, NamedTuple

from ocrmill.pipeline.text.words import HANGUL

ITALIC, MONO, BOLD = 2, 8, 16  # MuPDF's flags of a span
_MONO_NAME = re.compile(r"mono|courier|consol|typewriter|cmtt|menlo|fixed", re.IGNORECASE)
RIGHT_TO_LEFT = frozenset({"R", "AL"})  # bidirectional classes of letters
RISE = 0.12  # of the type: characters that differ by less stand on one baseline
_BLANK = 0.2  # of the larger type: a narrower gap between two fonts is kerning; blanks have 0.22 to 0.33
_BLANK_IN_FONT = 0.13  # of the type, above the usual gap of a line; letters of a word are kerned by less
LEAST_BLANK = _BLANK_IN_HANGUL = 0.09  # whose letters fill their squares
_MARKS = frozenset("\u0e33\u0eb3")  # vowels over the letter before, some without width; to Unicode they are letters
SPACED_LETTERS = 5  # set apart, one after the other: fewer are initials, or a row of a table
_AWAY = 1.0  # of the type: what stands so far off is no part of a word, in whatever order MuPDF gives it
_FAR_APART = 0.7  # of the type: letters that stand in columns of a table
_PUNCTUATION = frozenset(".,:;!?'-&")
PRE_BASE = frozenset(  # vowel signs that are drawn before the letter that they follow
    "\u093f\u09bf\u09c7\u09c8\u0a3f\u0abf\u0b47\u0bc6\u0bc7\u0bc8\u0d46\u0d47\u0d48\u1031"
)
_FEW_GAPS = 8  # of a line: a quarter of fewer may be blanks
_WORD_GAP = 1.5  # times the gap between the letters of a word
_SET_APART = 0.08  # of the type: letters with less between them are kerned
_NO_GAP = (-0.25, 0.01)  # of the type: letters that touch or overlap, by no more than kerning; words are not so close
_POINTS, _POINT = frozenset(".,"), 0.35  # of the type: they are no wider
_COLUMN = 0.35  # of the type: blanks in type of fixed width are wider, 0.5 at least
FIRST_MARKED = "\u0590"  # scripts from here on have marks over letters, or run to the left
_AS_WIDE = 0.95  # of the narrowest blank that MuPDF finds in the line: letters so far apart are of two words
_SAME_GAP = 1.25  # times the gap between the letters of the line: what stands so close is of one word


class Character(NamedTuple):
    """A character of a page as MuPDF has it."""

    text: str
    box: tuple[float, float, float, float]  # before the page's rotation, as is the baseline
    origin: tuple[float, float]
    span: dict[str, Any]
    is_found: bool = False  # a blank that no glyph draws: MuPDF finds white space


def with_blanks(characters: Sequence[Character]) -> Iterator[Character]:
    """Put a blank where white space is left that MuPDF takes for none: between fonts, and in scripts set close."""
    pairs = [
        (before, after, _gap(before, after) if _is_level(before, after) else None)
        for before, after in pairwise(characters)
    ]
    gaps = [
        gap / (before.span["size"] or 1.0)
        for before, after, gap in pairs
        if gap is not None and (after.text not in _PUNCTUATION or before.text in _PUNCTUATION)
    ]
    usual = max(sorted(gaps)[len(gaps) // 4 if len(gaps) >= _FEW_GAPS else 0], 0.0) if gaps else 0.0
    found = _narrowest_found(characters)
    close = not any(map(str.isspace, "".join([character.text for character in characters]).strip()))
    for before, after, gap in pairs:
        yield before
        size = max(before.span["size"], after.span["size"])
        if gap is None or gap <= (usual + LEAST_BLANK) * size:
            continue
        least = _least_blank(before, after, close=close)
        if least is None:
            continue
        is_alike = _are_letters(before.text, after.text) and gap > _AS_WIDE * found * size
        if is_alike or gap > (usual + least) * size:
            yield before._replace(text=" ")
    yield characters[-1]


def _narrowest_found(characters: Sequence[Character]) -> float:
    """Width, as a share of the type size, of the narrowest blank that MuPDF finds between two letters of one font.

    Steps back are none. Infinite if there is no such blank.
    """
    gaps = (
        _gap(_at_its_start(blank), after) / (after.span["size"] or 1.0)
        for before, blank, after in zip(characters, characters[1:], characters[2:], strict=False)
        if blank.is_found and before.span is after.span and _are_letters(before.text, after.text)
    )
    return min((gap for gap in gaps if gap > _BLANK_IN_FONT), default=inf)


def _least_blank(before: Character, after: Character, *, close: bool) -> float | None:
    """Give the gap, as a share of the type size, from which a blank is between two level characters; None if none can.

    It is at least `LEAST_BLANK`. `close`: the line has no blank, so that its program writes none, or MuPDF takes them
    for kerning.
    """
    first, second = before.text[-1], after.text[0]
    if first in PRE_BASE or {first, second} & _MARKS or unicodedata.category(second)[0] == "M":
        return None
    if _is_point_without_width(before):
        return _POINT
    if before.span is not after.span:
        return _COLUMN if is_mono(before.span) and is_mono(after.span) else _BLANK
    if HANGUL.match(first) or HANGUL.match(second):
        return _BLANK_IN_HANGUL
    if close:
        return None if is_mono(before.span) else _BLANK_IN_FONT
    turns = {unicodedata.bidirectional(one) in RIGHT_TO_LEFT for one in (first, second)} == {True, False}
    return _BLANK_IN_FONT if turns else _AWAY


def is_mono(span: dict[str, Any]) -> bool:
    """Tell if the font of a span has one width for all characters."""
    return bool(span["flags"] & MONO) or _is_mono_name(span["font"])


@lru_cache(maxsize=4096)
def _is_mono_name(font: str) -> bool:
    return _MONO_NAME.search(font) is not None


def _is_level(before: Character, after: Character) -> bool:
    """Tell if two visible characters stand on one baseline."""
    if before.text.isspace() or after.text.isspace():
        return False
    across: float = before.span["size"] * RISE
    return min(abs(before.origin[0] - after.origin[0]), abs(before.origin[1] - after.origin[1])) < across


def _gap(before: Character, after: Character) -> float:
    """White space between two characters of a line, in points, whichever way it runs; negative if they overlap."""
    left, top, right, bottom = before.box
    x0, y0, x1, y1 = after.box
    across = (x0 if x0 > left else left) - (x1 if x1 < right else right)  # noqa: FURB136 - half the time of max
    along = (y0 if y0 > top else top) - (y1 if y1 < bottom else bottom)  # noqa: FURB136
    return along if along > across else across  # noqa: FURB136


def without_letterspacing(characters: list[Character]) -> list[Character]:
    """Take the blanks out of words whose letters are set apart: `C O N T E N T S`."""
    if not any(len(word) == 1 for word in "".join([character.text for character in characters]).split()):
        return characters
    out: list[Character] = []
    for spaced, start, end in _spaced_runs(characters):
        run = [character for character in characters[start:end] if not character.text.isspace()]
        gaps = [_gap(before, after) for before, after in pairwise(run)]
        is_apart = spaced and len(run) >= SPACED_LETTERS and min(gaps) <= _FAR_APART * run[0].span["size"]
        if not is_apart or _are_typed_letters(run):
            out += characters[start:end]
            continue
        most = _WORD_GAP * median(sorted(gaps)[: len(gaps) // 2 + 1])
        out.append(run[0])
        for gap, after in zip(gaps, run[1:], strict=True):
            if gap > most:
                out.append(out[-1]._replace(text=" "))
            out.append(after)
        if end < len(characters):
            out.append(out[-1]._replace(text=" "))
    return out


def _are_typed_letters(run: Sequence[Character]) -> bool:
    """Tell if letters in type of fixed width are words of one letter, as notes or variables are: a blank is one there.

    Typists set headings apart by blanks, in capitals.
    """
    return all(is_mono(letter.span) for letter in run) and not "".join(letter.text for letter in run).isupper()


def is_kerning(gap: float, size: float) -> bool:
    """Tell if a gap between two letters, in points, has no room for the blank that is there: groff kerns by such."""
    return _NO_GAP[0] * size < gap <= _NO_GAP[1] * size


def _without_kerning(characters: list[Character]) -> list[Character]:
    is_listing = all(is_mono(character.span) for character in characters if not character.text.isspace())
    return [
        character
        for n, character in enumerate(characters)
        if not (
            character.text == " "
            and 0 < n < len(characters) - 1
            and _is_none(characters[n - 1], character, characters[n + 1], is_listing=is_listing)
        )
    ]


def _is_none(before: Character, blank: Character, after: Character, *, is_listing: bool) -> bool:
    """Tell if there is no room between two characters for the blank that is there.

    `is_listing`: the line is in type of fixed width; code within a line of prose is stretched and shrunk as prose is.
    What OCR found, invisible below its picture, is never so: it has words as close as a scan, and no kerning.
    """
    if not _is_level(before, after) or before.span.get("alpha", 255) == 0:
        return False
    gap, size = _gap(before, after), blank.span["size"]
    if blank.is_found and _is_point_without_width(before):
        if gap <= _POINT * size:
            return True  # what the sign takes on the page
    elif blank.is_found:
        gap = max(gap, _gap(_at_its_start(blank), after))
    if is_listing and _are_in_columns(before, blank, after) and is_narrower_than_a_column(gap, size):
        return True
    was_drawn = blank.box == before.box  # and PDFium lacks it
    return not was_drawn and _are_letters(before.text, after.text) and is_kerning(gap, size)


def _at_its_start(blank: Character) -> Character:
    """Return a blank as the point where it begins: the letter before may be the end of a ligature.

    Such a one has no width on the page, and PyMuPDF gives it that of the letter alone.
    """
    x, y = blank.origin
    return blank._replace(box=(x, y, x, y))


def _is_point_without_width(character: Character) -> bool:
    """Tell if a font gives a point or a comma no width; letters without any are the ends of ligatures."""
    left, top, right, bottom = character.box
    return character.text in _POINTS and (left == right or top == bottom)


def _are_in_columns(before: Character, blank: Character, after: Character) -> bool:
    """Tell if a blank is white space of a listing beside a sign, where columns are wider than letters.

    Between two words it is a blank: no listing sets them without one.
    """
    return blank.is_found and not (before.text.isalnum() and after.text.isalnum())


def is_narrower_than_a_column(gap: float, size: float) -> bool:
    """Tell if a gap in type of fixed width, in points, is no blank: LaTeX's listings spread letters over columns."""
    return 0 < gap < _COLUMN * size


def _are_letters(before: str, after: str) -> bool:
    return before.isalpha() and (after.isalpha() or after in _PUNCTUATION) and max(before, after) < FIRST_MARKED


def without_narrow_blanks(characters: list[Character]) -> list[Character]:
    """Take out blanks between letters that touch, and those as narrow as the gaps in a line of letters set apart.

    MuPDF takes such gaps for blanks within numbers, beside dashes, and in words too short for `without_letterspacing`.
    """
    if not any(character.text.isspace() for character in characters[1:-1]):
        return characters
    characters = _without_kerning(characters)
    gaps = [
        _gap(before, after)
        for before, after in pairwise(characters)
        if before.text.isalpha() and after.text.isalpha() and _is_level(before, after)
    ]
    if len(gaps) + 1 < SPACED_LETTERS or median(gaps) < _SET_APART * characters[0].span["size"]:
        return characters
    most = _SAME_GAP * median(gaps)
    return [
        character
        for n, character in enumerate(characters)
        if not (
            0 < n < len(characters) - 1
            and character.text.isspace()
            and _is_level(characters[n - 1], characters[n + 1])
            and _gap(characters[n - 1], characters[n + 1]) <= most
        )
    ]


def _spaced_runs(characters: Sequence[Character]) -> Iterator[tuple[bool, int, int]]:
    """Cut a line into runs of words that are one letter each, and others. A point may follow the last letter."""
    words: list[tuple[int, int]] = []
    start = 0
    for n, (before, after) in enumerate(pairwise(characters)):
        if before.text.isspace() and not after.text.isspace():
            words.append((start, n + 1))
            start = n + 1
    words.append((start, len(characters)))

    def text_of(word: tuple[int, int]) -> str:
        return "".join(character.text for character in characters[word[0] : word[1]]).strip()

    def is_letter(word: tuple[int, int]) -> bool:
        text = text_of(word)
        return len(text) == 1 and (text.isalpha() or text in _PUNCTUATION)

    def is_last(word: tuple[int, int]) -> bool:
        text = text_of(word)
        return text[:1].islower() and len(text) > 1 and all(sign in _PUNCTUATION for sign in text[1:])

    kinds = [is_letter(word) for word in words]
    for n in range(1, len(words)):
        kinds[n] = kinds[n] or (kinds[n - 1] and is_last(words[n]))
    for spaced, group in groupby(zip(kinds, words, strict=True), key=lambda item: item[0]):
        found = [word for _, word in group]
        yield spaced, found[0][0], found[-1][1]
