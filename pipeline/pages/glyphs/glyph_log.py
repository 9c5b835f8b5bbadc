"""The glyphs that a page draws, each once, with the letter that the layer has for it, and the shape of any of them.

Costs about 20 ms for a full page, and 0.3 ms for each shape: only for pages whose layer is in doubt.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pymupdf  # import pages/mupdf.py first: it keeps PyMuPDF from loading its layout model
from pymupdf import mupdf

Shape = npt.NDArray[np.float32]
"""(height, width): ink, blurred, in the middle, its baseline in the same place for all; a vector of length 1."""

_WIDTH, _HEIGHT, _BASELINE = 2.0, 1.5, 1.08  # ems; three letters of a ligature are no wider
_OPAQUE = 1.0


@dataclass(frozen=True, slots=True)
class Glyph:
    """A glyph of a font and what its code stands for."""

    font: str  # its name in the file, with the tag of a subset
    number: int  # in the font
    letter: str  # U+FFFD if the layer has none
    code: int  # of a font with codes of one byte, or the CID


@dataclass(slots=True)
class GlyphLog:
    """Counts of the glyphs that a page draws, and its fonts."""

    counts: dict[Glyph, int] = field(default_factory=dict)
    fonts: dict[str, mupdf.FzFont] = field(default_factory=dict)


def read_glyph_log(page: pymupdf.Page) -> GlyphLog:
    """Log the glyphs of a page, visible or not. Raises MuPDF's errors."""
    log = GlyphLog()
    device = _Device(log)
    mupdf.fz_run_page(page.this, device, mupdf.FzMatrix(), mupdf.FzCookie())
    mupdf.fz_close_device(device)
    return log


def glyph_number(font: mupdf.FzFont, letter: str) -> int:
    """Return the glyph that a font has for a letter; 0 if it has none."""
    return int(mupdf.fz_encode_character(font, ord(letter)))


def advance(font: mupdf.FzFont, numbers: Sequence[int]) -> float:
    """Return the width of some glyphs in a row, in ems."""
    return float(sum(mupdf.fz_advance_glyph(font, number, 0) for number in numbers))


def shape_of(font: mupdf.FzFont, numbers: Sequence[int], em: int, closer: float = 1.0) -> Shape | None:
    """Draw some glyphs in a row, `em` pixels high; None if they have no ink, or no outline.

    `closer`: the share of its width after which the next glyph begins.
    """
    width, height = round(_WIDTH * em), round(_HEIGHT * em)
    pixmap = mupdf.FzPixmap(mupdf.FzColorspace(), mupdf.FzIrect(0, 0, width, height), mupdf.FzSeparations(), 1)
    pixmap.fz_clear_pixmap()
    device = mupdf.fz_new_draw_device(mupdf.FzMatrix(), pixmap)
    left = (width - advance(font, numbers) * em * closer) / 2
    for number in numbers:
        path = mupdf.fz_outline_glyph(font, number, mupdf.FzMatrix(em, 0, 0, -em, left, _BASELINE * em))
        if path.m_internal:
            ink = (mupdf.FzColorspace(), None, _OPAQUE, mupdf.FzColorParams())
            mupdf.fz_fill_path(device, path, 0, mupdf.FzMatrix(), *ink)
        left += advance(font, [number]) * em * closer
    mupdf.fz_close_device(device)
    samples = np.frombuffer(bytes(mupdf.fz_pixmap_samples_memoryview(pixmap)), np.uint8)
    return _unit(samples.reshape(height, width).astype(np.float32))


def _unit(ink: npt.NDArray[np.float32]) -> Shape | None:
    """Blur a drawing, move it to the middle, and make its length 1."""
    columns = np.nonzero(ink.any(axis=0))[0]
    if not len(columns):
        return None
    height, width = ink.shape
    padded = np.pad(np.roll(ink, width // 2 - (columns[0] + columns[-1]) // 2, axis=1), 1)
    blurred = np.zeros_like(ink)
    for y, x in product(range(3), repeat=2):
        blurred += padded[y : y + height, x : x + width]
    shape: Shape = blurred / np.linalg.norm(blurred)
    return shape


class _Device(mupdf.FzDevice2):  # type: ignore[misc]
    """Calls of MuPDF's interpreter -> log. The first argument of each is MuPDF's context."""

    def __init__(self, log: GlyphLog) -> None:
        super().__init__()
        for name in vars(_Device):
            if not name.startswith("_"):
                getattr(self, f"use_virtual_{name}")()
        self._log = log

    def fill_text(self, *call: Any) -> None:
        self._count(call[1])

    def stroke_text(self, *call: Any) -> None:
        self._count(call[1])

    def clip_text(self, *call: Any) -> None:
        self._count(call[1])

    def ignore_text(self, *call: Any) -> None:
        self._count(call[1])

    def _count(self, text: Any) -> None:
        span = text.head
        while span:
            name = str(span.font.name)
            if name not in self._log.fonts:
                self._log.fonts[name] = mupdf.FzFont(mupdf.ll_fz_keep_font(span.font))
            items = mupdf.FzTextSpan(span)
            for index in range(span.len):
                item = items.items(index)
                if item.gid >= 0 and 0 < item.ucs <= 0x10FFFF:  # noqa: PLR2004 - the last code point
                    glyph = Glyph(name, int(item.gid), chr(item.ucs), int(item.cid))
                    self._log.counts[glyph] = self._log.counts.get(glyph, 0) + 1
            span = span.next
