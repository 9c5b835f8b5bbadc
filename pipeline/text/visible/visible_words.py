"""The part of a page's text layer that a viewer shows: its characters, and words that Markdown is measured against."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from ocrmill.pipeline.pages.drawing_log import DrawingLog, read_drawing_log
from ocrmill.pipeline.pages.inspection import Layer
from ocrmill.pipeline.text.inline.drawn_underscores import put_drawn_underscores
from ocrmill.pipeline.text.layer.page_words import COMBINING, DOTLESS, read_layout, read_planes
from ocrmill.pipeline.text.layer.symbol_fonts import is_sign_font, plain_symbol
from ocrmill.pipeline.text.reading_order import Box, turned
from ocrmill.pipeline.text.visible.hidden_text import HiddenText, find_hidden_text

if TYPE_CHECKING:
    import pymupdf

_UNACCENTED = str.maketrans({**DOTLESS, **dict.fromkeys(COMBINING, "")})


@dataclass(frozen=True, slots=True)
class VisibleLayout:
    """A page's `rawdict` without what no reader sees, and what else was learned from its program."""

    layout: Mapping[str, Any]
    hidden: HiddenText
    lacks_text: bool  # hidden text was left out, for the flag `hidden_text`
    log: DrawingLog


def read_visible_layout(page: "pymupdf.Page", layer: Layer | None = None) -> VisibleLayout:
    """Read a page's characters, and leave out those that are hidden. Raises what MuPDF raises.

    `layer` is that of the page, if it was read before.
    """
    layout, log = read_layout(page, layer), read_drawing_log(page)
    hidden = find_hidden_text(page, layout, log)
    lacks_text = hidden.remove_from(layout)
    put_drawn_underscores(layout, log.drawn)
    return VisibleLayout(layout, hidden, lacks_text, log)


def visible_words(page: "pymupdf.Page", hidden: HiddenText) -> list[tuple[str, Box]]:
    """Words in the order of the layer, form fields and annotations included, in points of the page as displayed.

    Words outside the crop box and hidden letters, those of `find_hidden_text`, are not among them.
    """
    shown = page.rect
    shown_width, shown_height, rotation = shown.width, shown.height, page.rotation  # each takes as long as a word
    width, height = (shown_height, shown_width) if rotation in (90, 270) else (shown_width, shown_height)
    words = []
    for x0, y0, x1, y1, text in _words(page, hidden):
        box = turned(Box(x0, y0, x1, y1), rotation, width, height)
        if box.x1 > 0 and box.y1 > 0 and box.x0 < shown_width and box.y0 < shown_height:
            words.append((text, box))
    return words


def mended_words(
    page: "pymupdf.Page", layout: Mapping[str, Any], words: Iterable[tuple[str, Box]]
) -> list[tuple[str, Box]]:
    """Return words as they are read: with blanks that MuPDF takes for none, lines from right to left in order.

    None of them if that would lose a letter or a digit. There may be more of them: MuPDF leaves those without width out
    of its words. `layout` is the visible one of the page, `words` are its `visible_words`.
    """
    shown = page.rect
    mended = []
    for plane in read_planes(page, layout):
        size = (shown.height, shown.width) if plane.turn in (90, 270) else (shown.width, shown.height)
        mended += [(word.text, turned(word.box, -plane.turn, *size)) for word in plane.words]
    mended = [
        (text, box)
        for text, box in mended
        if box.x1 > 0 and box.y1 > 0 and box.x0 < shown.width and box.y0 < shown.height
    ]
    seen = _letters(text for text, _ in words) - _signs_as_letters(layout)
    return [] if seen - _letters(text for text, _ in mended) else mended


def _signs_as_letters(layout: Mapping[str, Any]) -> Counter[str]:
    """Count letters and digits for which a font shows signs: the tick of a check box is the code of a 4."""
    spans = (span for block in layout["blocks"] for line in block["lines"] for span in line["spans"])
    return _letters(
        character["c"]
        for span in spans
        if is_sign_font(span["font"])
        for character in span["chars"]
        if not plain_symbol(character["c"], span["font"]).isalnum()
    )


def _letters(texts: Iterable[str]) -> Counter[str]:
    """Count letters and digits without their accents, vowel signs and forms."""
    return Counter(filter(str.isalnum, unicodedata.normalize("NFKD", "".join(texts).translate(_UNACCENTED))))


def _words(page: "pymupdf.Page", hidden: HiddenText) -> Iterator[tuple[float, float, float, float, str]]:
    """Box and text of each word: MuPDF's own where nothing is hidden, else its letters between white space."""
    import pymupdf

    flags = pymupdf.TEXTFLAGS_WORDS & ~pymupdf.TEXT_CID_FOR_UNKNOWN_UNICODE  # an unmapped glyph is U+FFFD, not a letter
    if not hidden.finds_something:
        yield from (word[:5] for word in page.get_text("words", flags=flags))
        return
    layout = page.get_text("rawdict", flags=flags)
    hidden.remove_from(layout)
    for line in (line for block in layout["blocks"] for line in block["lines"]):
        letters = [character for span in line["spans"] for character in span["chars"]]
        for is_blank, run in groupby(letters, lambda letter: letter["c"].isspace()):
            if not is_blank:
                word = list(run)
                left, top, right, bottom = zip(*(letter["bbox"] for letter in word), strict=True)
                yield min(left), min(top), max(right), max(bottom), "".join(letter["c"] for letter in word)
