"""Reads the characters of a page with PDFium, and what is drawn over them, for pages that MuPDF cannot read.

Places are points of the page as displayed, its rotation and crop box applied, y down: those of PDFium's own rendering.
"""

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass

import pypdfium2
import pypdfium2.raw as pdfium_c

Rect = tuple[float, float, float, float]
"""x0, y0, x1, y1"""
Colour = tuple[int, int, int]
"""Red, green, blue, each 0 to 255."""

MOST_CHARACTERS = 50_000  # on a page, 0.7 s; a dense page of a newspaper has 15,000
_MOST_OBJECTS = 20_000  # nothing drawn later can cover text: as with MuPDF (hidden_text.py)
_FINE = 1000  # pixels to a point; PDFium maps to whole ones
_LARGEST = (1 << 31) - 1
_CORNERS = 5  # segments of a path that is a rectangle
_NAME_BYTES = 128  # of a font's name
_REPLACEMENT = "\ufffd"
_TRANSPARENT = "transparent"
_UNPAINTED = frozenset({pdfium_c.FPDF_TEXTRENDERMODE_INVISIBLE, pdfium_c.FPDF_TEXTRENDERMODE_CLIP})
_STROKED = frozenset({pdfium_c.FPDF_TEXTRENDERMODE_STROKE, pdfium_c.FPDF_TEXTRENDERMODE_STROKE_CLIP})
_ASIDE = frozenset({pdfium_c.FPDF_ANNOT_LINK, pdfium_c.FPDF_ANNOT_POPUP})  # annotations that bear no text


@dataclass(frozen=True, slots=True)
class Font:
    """A font at the size at which it is shown; `flags` are those of its descriptor."""

    name: str
    size: float  # points
    weight: int
    flags: int


@dataclass(frozen=True, slots=True)
class Glyph:
    """A character as PDFium has it; one that it made up (blanks, ends of lines) has no font."""

    text: str
    box: Rect  # as wide as the advance, as high as all of its font
    tight: Rect  # around the ink
    origin: tuple[float, float]
    direction: tuple[float, float]  # of its text
    font: Font | None
    painted: bool  # neither drawn in an invisible mode nor with opacity 0
    colour: Colour | None  # that it is filled with; None if not known
    order: int  # of its object in all that is drawn


@dataclass(frozen=True, slots=True)
class Cover:
    """A drawing that hides, or may hide, earlier ones within its box."""

    box: Rect
    order: int
    image: bool
    rectangle: bool  # it fills its box, or a quadrangle in it


@dataclass(frozen=True, slots=True)
class PageText:
    """The characters of a page in PDFium's order, which puts right-to-left text into logical order."""

    glyphs: tuple[Glyph, ...]
    covers: tuple[Cover, ...]
    silent: tuple[tuple[int, Rect], ...]  # order and box of text without a character from PDFium: blanks


def read_page_text(document: "pypdfium2.PdfDocument", number: int) -> PageText | None:
    """Read the text of page `number` (from 1), annotations and form fields included, as they look.

    None if not all of it can be read. Annotations become part of the page, in memory: render it before.
    """
    try:
        if not _flatten(document, number):
            return None
        page = document[number - 1]
        try:
            return _read(page)
        finally:
            page.close()
    except pypdfium2.PdfiumError:
        return None


def _flatten(document: "pypdfium2.PdfDocument", number: int) -> bool:
    """Make annotations part of the page, for PDFium's text has none of them; False if that fails."""
    page = document[number - 1]
    try:
        kinds = []
        for index in range(pdfium_c.FPDFPage_GetAnnotCount(page)):
            annotation = pdfium_c.FPDFPage_GetAnnot(page, index)
            kinds.append(pdfium_c.FPDFAnnot_GetSubtype(annotation))
            pdfium_c.FPDFPage_CloseAnnot(annotation)
        if not set(kinds) - _ASIDE:
            return True
        return bool(pdfium_c.FPDFPage_Flatten(page, pdfium_c.FLAT_NORMALDISPLAY) != pdfium_c.FLATTEN_FAIL)
    finally:
        page.close()


def _read(page: "pypdfium2.PdfPage") -> PageText | None:
    text = page.get_textpage()
    try:
        count = text.count_chars()
        if count > MOST_CHARACTERS:
            return None
        place = _Placing(page)
        orders, written, covers = _objects(page, place)
        fonts: dict[tuple[bytes, float, int, int], Font] = {}
        glyphs = tuple(_glyph(text.raw, index, place, orders, fonts) for index in range(count))
        spoken = {glyph.order for glyph in glyphs}
        silent = [(order, box) for order, box in written.items() if order not in spoken]
        return PageText(glyphs, tuple(covers), tuple(silent))
    finally:
        text.close()


class _Placing:
    """Maps places of a page's program to points of the page as displayed."""

    def __init__(self, page: "pypdfium2.PdfPage") -> None:
        width, height = page.get_size()
        size = [min(max(int(side * _FINE), 1), _LARGEST) for side in (width, height)]
        scale = [points / pixels for points, pixels in zip((width, height), size, strict=True)]

        def mapped(x: float, y: float) -> tuple[float, float]:
            at_x, at_y = ctypes.c_int(), ctypes.c_int()
            if not pdfium_c.FPDF_PageToDevice(page, 0, 0, *size, 0, x, y, at_x, at_y):
                raise pypdfium2.PdfiumError("the page has no place on a screen")
            return at_x.value * scale[0], at_y.value * scale[1]

        self._e, self._f = mapped(0, 0)
        (ax, ay), (bx, by) = mapped(100, 0), mapped(0, 100)
        self._a, self._b = (ax - self._e) / 100, (ay - self._f) / 100
        self._c, self._d = (bx - self._e) / 100, (by - self._f) / 100

    def point(self, x: float, y: float) -> tuple[float, float]:
        """Map a point."""
        return self._a * x + self._c * y + self._e, self._b * x + self._d * y + self._f

    def direction(self, x: float, y: float) -> tuple[float, float]:
        """Map a direction."""
        return self._a * x + self._c * y, self._b * x + self._d * y

    def box(self, left: float, bottom: float, right: float, top: float) -> Rect:
        """Map a rectangle."""
        (x0, y0), (x1, y1) = self.point(left, bottom), self.point(right, top)
        return min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)


def _objects(page: "pypdfium2.PdfPage", place: _Placing) -> tuple[dict[int, int], dict[int, Rect], list[Cover]]:
    """Number what the page draws, by its address; the places of text, and what covers."""
    orders: dict[int, int] = {}
    written: dict[int, Rect] = {}
    covers: list[Cover] = []
    for order, (drawn, outer) in enumerate(_drawn(page)):
        if order >= _MOST_OBJECTS:
            break
        orders[_address(drawn.raw)] = order
        is_text, is_path = (drawn.type == kind for kind in (pdfium_c.FPDF_PAGEOBJ_TEXT, pdfium_c.FPDF_PAGEOBJ_PATH))
        if not (is_text or _hides(drawn)):
            continue
        left, bottom, right, top = drawn.get_bounds()
        corners = [outer.on_point(x, y) for x in (left, right) for y in (bottom, top)]
        xs, ys = zip(*corners, strict=True)
        box = place.box(min(xs), min(ys), max(xs), max(ys))
        if is_text:
            written[order] = box
            continue
        is_rectangle = is_path and pdfium_c.FPDFPath_CountSegments(drawn) <= _CORNERS
        covers.append(Cover(box, order, drawn.type == pdfium_c.FPDF_PAGEOBJ_IMAGE, is_rectangle))
    return orders, written, covers


def _drawn(page: "pypdfium2.PdfPage") -> "Iterator[tuple[pypdfium2.PdfObject, pypdfium2.PdfMatrix]]":
    """Everything that is drawn, in its order, and the matrix of the forms that hold it."""
    outer = [pypdfium2.PdfMatrix()]
    for drawn in page.get_objects():
        del outer[drawn.level + 1 :]
        yield drawn, outer[-1]
        if drawn.type == pdfium_c.FPDF_PAGEOBJ_FORM:
            outer.append(drawn.get_matrix().multiply(outer[-1]))


def _hides(drawn: "pypdfium2.PdfObject") -> bool:
    """Tell if an object may cover others: images, shadings, filled paths."""
    if drawn.type == pdfium_c.FPDF_PAGEOBJ_PATH:
        fill, stroke = ctypes.c_int(), ctypes.c_int()
        read = pdfium_c.FPDFPath_GetDrawMode(drawn, fill, stroke)
        return not read or (fill.value != pdfium_c.FPDF_FILLMODE_NONE and _fill(drawn.raw) != _TRANSPARENT)
    return drawn.type in (pdfium_c.FPDF_PAGEOBJ_IMAGE, pdfium_c.FPDF_PAGEOBJ_SHADING)


def _fill(drawn: "pdfium_c.FPDF_PAGEOBJECT") -> Colour | str | None:
    """Colour that an object is filled with; None for a pattern, `_TRANSPARENT` if its opacity is 0."""
    red, green, blue, alpha = (ctypes.c_uint() for _ in range(4))
    if not pdfium_c.FPDFPageObj_GetFillColor(drawn, red, green, blue, alpha):
        return None
    return (red.value, green.value, blue.value) if alpha.value else _TRANSPARENT


def _address(drawn: "pdfium_c.FPDF_PAGEOBJECT") -> int:
    return ctypes.cast(drawn, ctypes.c_void_p).value or 0


def _glyph(
    text: "pdfium_c.FPDF_TEXTPAGE",
    index: int,
    place: _Placing,
    orders: dict[int, int],
    fonts: dict[tuple[bytes, float, int, int], Font],
) -> Glyph:
    loose, matrix = pdfium_c.FS_RECTF(), pdfium_c.FS_MATRIX(1, 0, 0, 1, 0, 0)
    pdfium_c.FPDFText_GetLooseCharBox(text, index, loose)
    left, right, bottom, top, x, y = (ctypes.c_double() for _ in range(6))
    pdfium_c.FPDFText_GetCharBox(text, index, left, right, bottom, top)
    pdfium_c.FPDFText_GetCharOrigin(text, index, x, y)
    drawn = None if pdfium_c.FPDFText_IsGenerated(text, index) == 1 else pdfium_c.FPDFText_GetTextObject(text, index)
    fill, mode = None, pdfium_c.FPDF_TEXTRENDERMODE_INVISIBLE
    if drawn:
        pdfium_c.FPDFText_GetMatrix(text, index, matrix)
        fill, mode = _fill(drawn), pdfium_c.FPDFTextObj_GetTextRenderMode(drawn)
    is_stroked = mode in _STROKED
    return Glyph(
        text=_character(text, index),
        box=place.box(loose.left, loose.bottom, loose.right, loose.top),
        tight=place.box(left.value, bottom.value, right.value, top.value),
        origin=place.point(x.value, y.value),
        direction=place.direction(matrix.a, matrix.b),
        font=_font(text, index, matrix, fonts) if drawn else None,
        painted=mode not in _UNPAINTED and (is_stroked or fill != _TRANSPARENT),
        colour=fill if isinstance(fill, tuple) and not is_stroked else None,
        order=orders.get(_address(drawn), -1) if drawn else -1,
    )


def _character(text: "pdfium_c.FPDF_TEXTPAGE", index: int) -> str:
    """The character, U+FFFD if its font does not say which; a hyphen if PDFium takes it away at a line's end."""
    if pdfium_c.FPDFText_IsHyphen(text, index) == 1:
        return "-"
    code = pdfium_c.FPDFText_GetUnicode(text, index)
    if code == 0 or pdfium_c.FPDFText_HasUnicodeMapError(text, index) == 1:
        return _REPLACEMENT
    return chr(code)


def _font(
    text: "pdfium_c.FPDF_TEXTPAGE",
    index: int,
    matrix: "pdfium_c.FS_MATRIX",
    fonts: dict[tuple[bytes, float, int, int], Font],
) -> Font:
    name, flags = ctypes.create_string_buffer(_NAME_BYTES), ctypes.c_int()
    pdfium_c.FPDFText_GetFontInfo(text, index, name, _NAME_BYTES, flags)
    height: float = (matrix.c**2 + matrix.d**2) ** 0.5
    size = round(pdfium_c.FPDFText_GetFontSize(text, index) * height, 2)
    key = (name.value, size, pdfium_c.FPDFText_GetFontWeight(text, index), flags.value)
    if key not in fonts:
        fonts[key] = Font(name.value.decode(errors="replace"), size, key[2], flags.value)
    return fonts[key]
