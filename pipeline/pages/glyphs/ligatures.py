"""Give glyphs without a Unicode value the letters that they stand for, by their name or their shape.

A subset of a font may have ligatures (`ti`, `tt`) that its map to Unicode lacks: the layer then has U+FFFD in the
middle of words. Sums, integrals and tall brackets of TeX's fonts have U+FFFD or a private code. Their names tell
(glyph_names.py), or their shapes, compared with those of the same font's letters set beside each other; those of
boxes and dots tell themselves (signs.py). What is found is added to the font's map in the open document, so that all
that reads its text sees it; the file is not changed. Not covered: Type 3 fonts but those of TeX (tex_bitmaps.py), fonts
with codes of several lengths, and two fonts of one name.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from enum import IntEnum
from itertools import groupby

import numpy as np
import pymupdf
from pymupdf import mupdf

from ocrmill.pipeline.pages.glyphs.code_map import add_to_map
from ocrmill.pipeline.pages.glyphs.glyph_log import (
    Glyph,
    GlyphLog,
    Shape,
    advance,
    glyph_number,
    read_glyph_log,
    shape_of,
)
from ocrmill.pipeline.pages.glyphs.glyph_names import is_private, text_of_name
from ocrmill.pipeline.pages.glyphs.signs import BOX, sign_of_shape

LETTERS_BY_SHAPE = "letters_by_shape"  # the flag of a page with letters that the shapes of glyphs told
UNMAPPED = "\N{REPLACEMENT CHARACTER}"
_LIGATURES = (
    *("ff", "fi", "fl", "ffi", "ffl", "fj", "ffj", "ft", "fft", "tt", "ti", "tti", "tf", "ty"),
    *("ct", "st", "sp", "ch", "ck", "Th", "Qu", "gi", "ij", "IJ"),
)
_EM = 64  # pixels
_LIKE = 0.85  # of a glyph's shape and that of its letters, from 0 to 1
_CLEARER = 0.01  # the likeness of a glyph's letters is above that of all others by this, at least
_WIDER = 0.2  # share of the letters' width by which a ligature's may differ
_MOST_GLYPHS = 50  # whose shapes are looked at
_LONGEST_NAME = 31  # characters that MuPDF keeps of the name of a font
_KANA, _PRIVATE_USE = "\u3000", "\ue000"  # kana, Han and hangul lie between


class Told(IntEnum):
    """Source of the letters of glyphs: none, their names alone, or the shape of one at least."""

    NOTHING = 0
    NAMES = 1
    SHAPES = 2


def map_unmapped_glyphs(document: pymupdf.Document, page_index: int, *, by_shape: bool = True) -> Told:
    """Add the letters of unmapped glyphs to the maps of a page's fonts; tell what told them.

    Names are asked first. `by_shape` asks shapes, too, which takes 10 ms a glyph. Pages that were loaded before do not
    show the letters. Raises MuPDF's errors.
    """
    page = document[page_index]
    log = read_glyph_log(page)
    fonts = _fonts_by_name(page, log)
    told = Told.NOTHING
    lost = sorted(
        (glyph for glyph, _ in Counter(log.counts).most_common() if glyph.font in fonts and _is_lost(glyph)),
        key=lambda glyph: glyph.font,
    )
    looked_at = _MOST_GLYPHS if by_shape else 0
    for name, group in groupby(lost, key=lambda glyph: glyph.font):
        font, letters, glyphs = log.fonts[name], _numbers(log.counts, name), list(group)
        texts = {glyph.code: text for glyph in glyphs if (text := text_of_name(_name(font, glyph.number)))}
        nameless = [glyph for glyph in glyphs if glyph.code not in texts and glyph.letter == UNMAPPED][:looked_at]
        shapes = {glyph.code: text for glyph in nameless if (text := _text_of_shape(font, glyph.number, letters))}
        looked_at -= len(nameless)
        xref, code_bytes = fonts[name]
        if (texts or shapes) and add_to_map(document, xref, texts | shapes, code_bytes):
            told = max(told, Told.SHAPES if shapes else Told.NAMES)
    if told:
        pymupdf.TOOLS.store_shrink(100)  # fonts are kept there as they were
    return told


def _is_lost(glyph: Glyph) -> bool:
    return glyph.letter == UNMAPPED or is_private(glyph.letter)


def _text_of_shape(font: mupdf.FzFont, number: int, letters: Mapping[str, int]) -> str | None:
    """Return the sign or the letters that a glyph looks like; boxes of a font with kana may be letters."""
    sign = sign_of_shape(font, number)
    if sign == BOX and any(_KANA <= letter < _PRIVATE_USE for letter in letters):
        return None
    return sign or letters_by_shape(font, number, letters)


def _name(font: mupdf.FzFont, number: int) -> str:
    return str(mupdf.ll_fz_get_glyph_name2(font.m_internal, number))


def _fonts_by_name(page: pymupdf.Page, log: GlyphLog) -> dict[str, tuple[int, int]]:
    """Object and bytes of a code for each font that is the only one of its name.

    MuPDF logs the first 31 characters of a name. Some fonts are logged by the name in their program, another than the
    one in the page: one such pair is matched.
    """
    places = defaultdict(list)
    for xref, _, kind, name, _, encoding, _ in page.get_fonts(full=True):
        code_bytes = 1 if kind != "Type0" else 2 if encoding in {"Identity-H", "Identity-V"} else 0
        places[name[:_LONGEST_NAME]].append((xref, code_bytes if kind != "Type3" else 0))
    unmatched, unnamed = log.fonts.keys() - places.keys(), places.keys() - log.fonts.keys()
    if len(unmatched) == len(unnamed) == 1:
        places[unmatched.pop()] = places[unnamed.pop()]
    return {name: found[0] for name, found in places.items() if len(found) == 1 and found[0][1]}


def _numbers(glyphs: Iterable[Glyph], font: str) -> dict[str, int]:
    """Glyphs of a font by their letters, as the page has them."""
    return {glyph.letter: glyph.number for glyph in glyphs if glyph.font == font and glyph.letter != UNMAPPED}


def letters_by_shape(font: mupdf.FzFont, number: int, letters: Mapping[str, int]) -> str | None:
    """Return the ligature whose letters, set beside each other, look like a glyph and are about as wide.

    Of 300 Latin ligatures of 60 fonts of Debian it told 250 right, 42 not at all, and 8 wrong, `fl` for `fi` in italics
    with long serifs. Of 240 plain letters and digits it took none for a ligature.
    """
    shape, width = shape_of(font, [number], _EM), advance(font, [number])
    if shape is None or width <= 0:  # an accent stands over the letter before it
        return None
    likeness = {text: float(np.vdot(shape, other)) for text, other in _candidates(font, width, letters)}
    ranked = sorted(likeness, key=lambda text: -likeness[text])
    if not ranked or len(ranked[0]) == 1 or likeness[ranked[0]] < _LIKE:
        return None
    if len(ranked) > 1 and likeness[ranked[0]] - likeness[ranked[1]] < _CLEARER:
        return None
    return ranked[0]


def _candidates(font: mupdf.FzFont, width: float, letters: Mapping[str, int]) -> Iterator[tuple[str, Shape]]:
    """Ligatures, and the letters that the page has, in shapes of the font."""
    for text in (*_LIGATURES, *letters):
        numbers = [letters.get(letter) or glyph_number(font, letter) for letter in text]
        apart = advance(font, numbers) if all(numbers) else 0.0
        if abs(apart - width) <= _WIDER * width:
            shape = shape_of(font, numbers, _EM, closer=width / apart)
            if shape is not None:
                yield text, shape
