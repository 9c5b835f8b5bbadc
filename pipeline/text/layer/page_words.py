"""Reads the words of a page from MuPDF's characters, with their places and type.

MuPDF's words are kept, but for blanks that no glyph draws and letters that are set apart (blanks.py). What is mended is
inside a word, where a font or a typesetter writes one letter as two: presentation forms, right-to-left ligatures,
accents that stand over their letter, soft hyphens, bullets of symbol fonts; and the order of words in lines that run
from right to left.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from ocrmill.pipeline.pages.inspection import Layer, read_layer, text_flags
from ocrmill.pipeline.text.contents.item_marks import with_turned_marks
from ocrmill.pipeline.text.contents.raised_glyphs import with_raised_glyphs
from ocrmill.pipeline.text.inline.hyphens import KnownWords, is_own_hyphen
from ocrmill.pipeline.text.layer.blanks import (
    BOLD,
    ITALIC,
    RIGHT_TO_LEFT,
    RISE,
    Character,
    is_mono,
    with_blanks,
    without_letterspacing,
    without_narrow_blanks,
)
from ocrmill.pipeline.text.layer.invisible_type import with_even_type
from ocrmill.pipeline.text.layer.leaning_letters import with_upright_letters
from ocrmill.pipeline.text.layer.plain_lines import plain_line_words
from ocrmill.pipeline.text.layer.symbol_fonts import is_sign_font, plain_symbol
from ocrmill.pipeline.text.layer.torn_words import (
    begins_in_blank,
    joined_lines,
    unfinished_lines,
    with_leaders_apart,
    with_percent_signs,
)
from ocrmill.pipeline.text.order.line_order import (
    in_logical_order,
    runs_to_left,
    with_digits_in_order,
    with_signs_in_order,
)
from ocrmill.pipeline.text.order.narrow_letters import NarrowLetters
from ocrmill.pipeline.text.reading_order import Box, enclosing, turned
from ocrmill.pipeline.text.words import SOFT_HYPHEN, Piece, Rise, Word

if TYPE_CHECKING:
    import pymupdf

_SURROGATES = re.compile("[\ud800-\udfff]")
_TURNS = {(1, 0): 0, (0, -1): 90, (-1, 0): 180, (0, 1): 270}  # by the way text runs: what makes it upright, clockwise
_PRESENTATION_FORMS = re.compile("[\ufb00-\ufb06\ufb1d-\ufd3d\ufd50-\ufdff\ufe70-\ufefc]")  # letters as drawn
_VOWEL_SIGN = re.compile("[\u093e-\u094c\u09be-\u09cc\u0a3e-\u0a4c\u0abe-\u0acc]")  # no two follow each other
_SMALLER = 0.9  # of a line's type: what is not smaller is no sub- or superscript,
_LITTLE_SMALLER, _FAR_RISE = 0.97, 0.2  # unless it is raised so far; WeasyPrint's superscripts have 0.9
_FALL = 0.06  # of a line's type: a subscript's baseline is so far below the line's; a superscript's `RISE` above
COMBINING = {  # accents that stand alone, and those that are part of a letter
    "\u00b4": "\u0301", "\u0060": "\u0300", "\u00a8": "\u0308", "\u02c6": "\u0302", "\u02dc": "\u0303",
    "\u00b8": "\u0327", "\u02c7": "\u030c", "\u02dd": "\u030b", "\u02da": "\u030a", "\u00af": "\u0304",
    "\u02d8": "\u0306", "\u02d9": "\u0307", "\u02db": "\u0328",
}  # fmt: skip
DOTLESS = {"\u0131": "i", "\u0237": "j"}  # letters under an accent
_NO_WORDS = KnownWords()
_LEAST_HYPHEN = 0.1  # of the type: drawn ones have 0.25 and more, others none
_OVER = 0.5  # of an accent's width that lies over its letter
_STACKED = 10  # ideographs alone on their lines, one below the other, from which a page is set vertically
_SLANT = 0.966  # cosine of 15 degrees; scans that lie askew have text at 5 at most
_IN_COLUMN = 0.4  # of the narrower width, that a character shares with its column
_IDEOGRAPHS = "\u3000"  # and what follows: kana, Han, hangul, full-width forms
_STACKED_SHARE = 0.8  # of a page's characters

_Place = Callable[[tuple[float, ...]], Box]  # from the page before its rotation to the reading plane


@dataclass(frozen=True, slots=True)
class TextPlane:
    """The words of a page that run in one direction, in the layer's order."""

    words: tuple[Word, ...]
    turn: int  # degrees clockwise that make the text upright
    vertical: bool  # written from top to bottom; its words are columns, which the turn makes rows

    @property
    def letters(self) -> int:
        """Count its letters and digits."""
        return sum(map(str.isalnum, "".join([word.text for word in self.words])))


def clean_text(text: str) -> str:
    """Text that UTF-8 and Arrow can hold, and C strings too: without NUL, lone surrogates as U+FFFD."""
    return _SURROGATES.sub("\ufffd", text.replace("\0", ""))


def read_layout(page: "pymupdf.Page", layer: Layer | None = None) -> dict[str, Any]:
    """Return MuPDF's lines, spans and characters of a page, of its layer if that was read before.

    Raises what PyMuPDF raises.
    """
    layer = read_layer(page) if layer is None else layer
    return dict(layer.found.extractRAWDICT(cb=page.cropbox))


def read_planes(page: "pymupdf.Page", layout: Mapping[str, Any] | None = None) -> list[TextPlane]:
    """Read the words of a page, one plane for each direction of text, the one with most letters first.

    What slants, a stamp or a watermark across the page, is a plane of its own and comes between no other words.

    Boxes of words are in the reading plane of their direction. `layout`: what is to be read of `read_layout`, if not
    all. Raises what PyMuPDF raises.
    """
    layout = with_raised_glyphs(page, read_layout(page) if layout is None else layout, text_flags())
    return planes_of(layout, page.rect.width, page.rect.height, int(page.rotation))


def planes_of(layout: Mapping[str, Any], width: float, height: float, rotation: int = 0) -> list[TextPlane]:
    """Make the planes of a layout; size and rotation are those of the page as displayed."""
    lines = [line for block in layout["blocks"] for line in block["lines"]]
    shown = [with_upright_letters(line) for line in lines if any(_has_letter(span["chars"]) for span in line["spans"])]
    columns = _stacked_columns(shown)
    places = _Places(width, height, rotation)
    narrow = NarrowLetters(shown)
    found: dict[tuple[int, bool, bool], list[Word]] = {}
    if columns is not None:
        for number, column in enumerate(columns):
            turn = places.turn_of((0.0, 1.0))
            words = list(_words(column, places.place(turn), number, {}))
            found.setdefault((turn, True, False), []).extend(in_logical_order(words))
        shown = []
    shown = joined_lines(with_even_type(shown))
    unfinished = unfinished_lines(shown)
    number = 0
    for n, line in enumerate(shown):
        number = number if n and begins_in_blank(shown[n - 1], line) else n
        turn = places.turn_of(line["dir"])
        place = places.place(turn)
        words = plain_line_words(line, place, number) or in_logical_order(
            list(_words(narrow.in_order(_characters(line)), place, number))
        )
        if n in unfinished:
            words[-1] = words[-1]._replace(goes_on=True)
        found.setdefault((turn, line["wmode"] == 1, _is_slanted(line["dir"])), []).extend(words)
    planes = [
        TextPlane(tuple(with_turned_marks(with_leaders_apart(with_percent_signs(words)))), turn, vertical)
        for (turn, vertical, _), words in found.items()
        if words
    ]
    return sorted(planes, key=lambda plane: -plane.letters)


def _has_letter(characters: Sequence[Mapping[str, Any]]) -> bool:
    return any(not character["c"].isspace() for character in characters)


class _Places:
    """Turns boxes of a page before its rotation into the reading plane of a direction."""

    def __init__(self, width: float, height: float, rotation: int) -> None:
        self._rotation = rotation
        self._width, self._height = width, height

    def turn_of(self, direction: tuple[float, float]) -> int:
        """Return what makes text upright that runs in a direction, in degrees clockwise on the page as displayed."""
        return (_turn_of(direction) - self._rotation) % 360

    def place(self, turn: int) -> _Place:
        """Return the function that puts a box into the plane of a turn."""
        rotation, width, height = self._rotation, self._width, self._height
        if rotation == turn == 0:
            return Box._make
        unrotated = (height, width) if rotation in (90, 270) else (width, height)
        return lambda box: turned(turned(Box(*box), rotation, *unrotated), turn, width, height)


def _characters(line: Mapping[str, Any]) -> list[Character]:
    return [
        Character(character["c"], character["bbox"], character["origin"], span, character.get("synthetic", False))
        for span in line["spans"]
        for character in span["chars"]
    ]


def _stacked_columns(shown: Sequence[Mapping[str, Any]]) -> list[list[Character]] | None:
    """Columns, from right to left, of a page whose ideographs are drawn one by one below each other; None if not."""
    if sum(sum(len(span["chars"]) for span in line["spans"]) == 1 for line in shown) < _STACKED:
        return None
    lines = [_characters(line) for line in shown]
    total = sum(len(line) for line in lines)
    alone = [line[0] for line in lines if len(line) == 1 and line[0].text[0] >= _IDEOGRAPHS]
    if len(alone) < _STACKED or len(alone) < _STACKED_SHARE * total:
        return None
    columns: list[list[Character]] = []
    every = [character for line in lines for character in line]
    for character in sorted(every, key=lambda c: (c.text[0] < _IDEOGRAPHS, -c.box[0], c.box[1])):  # digits last
        own = next((column for column in reversed(columns) if _is_in_column(character, column)), None)
        if own is None:
            columns.append([character])
        else:
            own.append(character)
    columns.sort(key=lambda column: -min(each.box[0] for each in column))
    if len(alone) < 2 * len(columns):  # rows of letters set wide, not columns
        return None
    return [sorted(column, key=lambda each: (round(each.origin[1]), each.box[0])) for column in columns]


def _is_in_column(character: Character, column: Sequence[Character]) -> bool:
    """Tell if a character is as far left as a column; numbers of two digits stand upright side by side in one."""
    left, right = min(each.box[0] for each in column), max(each.box[2] for each in column)
    shared = min(right, character.box[2]) - max(left, character.box[0])
    return shared >= _IN_COLUMN * min(right - left, character.box[2] - character.box[0])


def _words(
    characters: Sequence[Character], place: _Place, line: int, rises: dict[int, Rise] | None = None
) -> Iterator[Word]:
    """Cut a line at its white space. `rises`: those of `_rises`, if they are not to be told by it."""
    rises = _rises(characters, place) if rises is None else rises

    def left(character: Character) -> float:
        return place(character.box).x0

    characters = with_digits_in_order(_with_accents(characters), left)
    characters = list(with_blanks(without_narrow_blanks(without_letterspacing(characters))))
    last = max(n for n, character in enumerate(characters) if not character.text.isspace())
    kinds = {unicodedata.bidirectional(character.text[0]) for character in characters}
    to_left = bool(kinds & RIGHT_TO_LEFT) and runs_to_left(characters)
    waiting: list[Character] = []
    for n, character in enumerate(characters):
        if not character.text.isspace():
            waiting.append(character)
        if waiting and (n == last or character.text.isspace()):
            whole = with_signs_in_order(waiting, left, is_arabic="AL" in kinds) if to_left else waiting
            yield from _word(whole, place, rises, line, ends_line=n == last)
            waiting = []


def _word(
    characters: list[Character], place: _Place, rises: dict[int, Rise], line: int, *, ends_line: bool
) -> Iterator[Word]:
    pieces: list[Piece] = []
    run: list[Character] = []
    for n, character in enumerate(characters):
        run.append(character)
        if n + 1 == len(characters) or characters[n + 1].span is not character.span:
            piece = _piece(run, place, rises, ends_line=ends_line and n + 1 == len(characters))
            run = []
            if piece.text:
                pieces.append(piece)
    if not pieces:
        return
    yield Word(tuple(pieces), enclosing([piece.box for piece in pieces]), _baseline(characters[0], place), line)


def _piece(run: Sequence[Character], place: _Place, rises: dict[int, Rise], *, ends_line: bool) -> Piece:
    span = run[0].span
    text = clean_text(_mended(_with_plain_hyphens(run, ends_line=ends_line), span["font"]))
    lefts, tops, rights, bottoms = zip(*[character.box for character in run], strict=True)
    flags = span["flags"]
    return Piece(
        text,
        place((min(lefts), min(tops), max(rights), max(bottoms))),
        span["size"],
        bold=bool(flags & BOLD),
        italic=bool(flags & ITALIC),
        mono=is_mono(span),
        rise=rises.get(id(span), Rise.NONE),
    )


def _with_plain_hyphens(run: Sequence[Character], *, ends_line: bool) -> Sequence[Character]:
    """Write soft hyphens within a line as hyphens if they are drawn, and leave them out if not.

    Fonts name their only hyphen so. Several in one word part its syllables: those go, although they are drawn. What
    ends a line may be a typesetter's, and stays as it is.
    """
    places = [n for n, one in enumerate(run[:-1] if ends_line else run) if one.text == SOFT_HYPHEN]
    if not places:
        return run
    text = "".join("-" if n in places else one.text for n, one in enumerate(run))
    shown = {n for n in places if _is_drawn(run[n])}
    if len(shown) > 1:
        shown = {n for n in shown if is_own_hyphen(text[: n + 1], text[n + 1 :], _NO_WORDS)}
    plain = [one._replace(text="-") if n in shown else one for n, one in enumerate(run)]
    return [one for n, one in enumerate(plain) if n in shown or n not in places]


def _is_drawn(hyphen: Character) -> bool:
    left, top, right, bottom = hyphen.box
    return min(right - left, bottom - top) > _LEAST_HYPHEN * float(hyphen.span["size"])


def _mended(run: Sequence[Character], font: str) -> str:
    """Return the text of a run, with plain letters for presentation forms."""
    text = "".join(character.text for character in run)
    if text.isascii() and not is_sign_font(font):
        return text
    mended: list[str] = []
    for character in run:
        if mended and mended[-1] == character.text and _VOWEL_SIGN.fullmatch(character.text):
            continue  # Chromium says it with the letter before it too, without width
        mended.append(plain_symbol(character.text, font))
    text = "".join(mended)
    return _PRESENTATION_FORMS.sub(lambda form: unicodedata.normalize("NFKC", form[0]), text)


def _with_accents(characters: Sequence[Character]) -> list[Character]:
    """Put accents that are drawn over a letter of their own onto it.

    MuPDF finds a blank between an accent and the next letter where the accent's letter is wider; it goes.
    """
    if not any(character.text in COMBINING for character in characters):
        return list(characters)
    out: list[Character] = []
    waiting: Character | None = None
    composed: Character | None = None
    for character in characters:
        if composed and out[-1] is composed and character.text.isspace() and _covers(composed, character):
            continue
        if waiting is not None:
            composed = _composed(character, waiting)
            out += [composed] if composed else [waiting]
            waiting = None
            if composed:
                continue
        if character.text in COMBINING:
            composed = _composed(out[-1], character) if out else None
            if composed:
                out[-1] = composed
            else:
                waiting = character
        else:
            out.append(character)
    return [*out, waiting] if waiting is not None else out


def _covers(letter: Character, blank: Character) -> bool:
    """Tell if the middle of a blank lies within a letter."""
    x, y = (blank.box[0] + blank.box[2]) / 2, (blank.box[1] + blank.box[3]) / 2
    return letter.box[0] < x < letter.box[2] and letter.box[1] < y < letter.box[3]


def _composed(letter: Character, accent: Character) -> Character | None:
    """The letter with the accent that lies over it; None if it does not, or there is no such letter."""
    x0, x1 = max(letter.box[0], accent.box[0]), min(letter.box[2], accent.box[2])
    if not letter.text.isalpha() or x1 - x0 < _OVER * (accent.box[2] - accent.box[0]):
        return None
    text = unicodedata.normalize("NFC", DOTLESS.get(letter.text, letter.text) + COMBINING[accent.text])
    return letter._replace(text=text) if len(text) == 1 else None


def _rises(characters: Sequence[Character], place: _Place) -> dict[int, Rise]:
    """Tell by the id of a span if it stands above or below the baseline of its line, in smaller type.

    Sizes and baselines of an invisible layer, which OCR found for each letter, say nothing.
    """
    if (
        characters[0].span.get("alpha", 255) == 0
        or len({round(size, 1) for size in {character.span["size"] for character in characters}}) <= 1
    ):
        return {}
    sizes: Counter[float] = Counter()
    for character in characters:
        sizes[round(character.span["size"], 1)] += not character.text.isspace()
    most = max(sizes.values())
    size = max(other for other, count in sizes.items() if count >= most / 2)
    baseline = median(_baseline(c, place) for c in characters if round(c.span["size"], 1) == size)
    rises = {}
    for character in characters:
        if character.span["size"] < _LITTLE_SMALLER * size and id(character.span) not in rises:
            above = baseline - _baseline(character, place)
            up, down = (RISE, _FALL) if character.span["size"] < _SMALLER * size else (_FAR_RISE, _FAR_RISE)
            rises[id(character.span)] = (
                Rise.SUPERSCRIPT if above > up * size else Rise.SUBSCRIPT if above < -down * size else Rise.NONE
            )
    return rises


def _baseline(character: Character, place: _Place) -> float:
    x, y = character.origin
    return place((x, y, x, y)).y0


def _is_slanted(direction: tuple[float, float]) -> bool:
    """Tell if a line runs along neither side of the page."""
    return max(map(abs, direction)) < _SLANT


def _turn_of(direction: tuple[float, float]) -> int:
    nearest = max(_TURNS, key=lambda axis: axis[0] * direction[0] + axis[1] * direction[1])
    return _TURNS[nearest]
