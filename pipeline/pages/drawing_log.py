"""Log of what a page's program draws, in its order: areas that may hide or carry text, and the runs of text.

MuPDF's own logs (`get_bboxlog`, `get_drawings`, `get_image_info`) each lack something that decides if text is seen:
clip paths, the opacity of images, groups with a blend mode, soft masks. This one is a device like theirs and costs the
same, about 10 microseconds for each thing drawn. Coordinates are those of `get_text` and `get_texttrace`: points of the
page before its rotation, y down.
"""

import ctypes
import math
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

import pymupdf  # import pages/mupdf.py first: it keeps PyMuPDF from loading its layout model
from pymupdf import mupdf

Rect = tuple[float, float, float, float]
"""x0, y0, x1, y1"""
Colour = tuple[float, float, float]
"""Red, green, blue, each 0 to 1."""

EVERYWHERE: Rect = (-1e6, -1e6, 1e6, 1e6)
_MOST_DRAWN = 20_000  # things, which take some 0.4 s
_THINNEST = 0.5  # points; a thinner line or area hides no letter, and is not the ground of one
_PARAMS = mupdf.fz_color_params()
_RECT, _MATRIX = ctypes.c_float * 4, ctypes.c_float * 6  # the fields of MuPDF's `fz_rect` and `fz_matrix`
_NORMAL = 0  # MuPDF's number of the blend mode that paints over


class Area(NamedTuple):
    """Something painted that is no text, thick enough to hide a letter."""

    order: int  # place in all that is drawn
    box: Rect  # holds all of it; cut by the clip paths
    colour: Colour | None  # None: more than one
    opaque: bool  # nothing is seen through it
    solid: bool  # it fills its box
    image: bool
    path: Rect | None = None  # of a line: its box without what the pen adds, which is more than is drawn


class TextRun(NamedTuple):
    """One entry of `get_texttrace`, with the facts that it lacks."""

    order: int  # `seqno` there
    clip: Rect  # nothing is seen outside
    shown: bool  # False in a group of opacity 0
    own_colours: bool  # its glyphs are pictures (Type 3 fonts, emoji) or it is drawn in a mask
    height: float  # the smaller side of its type, in points
    box: Rect  # of the outlines of all runs that are drawn at once
    colour: Colour | None  # None: it is not painted
    opacity: float
    structure: tuple[int, ...] = ()  # its place in the structure of a tagged PDF: an index on each level


@dataclass(slots=True)
class DrawingLog:
    """Things drawn before `whole` turned False, or all of it."""

    areas: list[Area] = field(default_factory=list)
    runs: list[TextRun] = field(default_factory=list)  # one for each entry of `get_texttrace`
    drawn: list[tuple[str, Rect]] = field(default_factory=list)  # kind and box of paths and images, as `get_bboxlog`
    layers: set[str] = field(default_factory=set)  # names of the optional content that is on
    replaces_text: bool = False  # it says what glyphs stand for (ActualText)
    whole: bool = True


def read_drawing_log(page: pymupdf.Page, most: int = _MOST_DRAWN) -> DrawingLog:
    """Log the first `most` things that a page draws.

    Annotations and form fields come last, as on the page; the icons of notes are left out.
    """
    log = DrawingLog()
    cookie = mupdf.FzCookie()
    device = _Device(log, cookie, most)
    mupdf.fz_run_page(page.this, device, mupdf.FzMatrix(*before_rotation(page)), cookie)
    mupdf.fz_close_device(device)
    log.areas = _without_icons(page, log.areas)
    return log


def before_rotation(page: pymupdf.Page) -> pymupdf.Matrix:
    """From points of the page as displayed to those that `get_text` gives.

    `page.derotation_matrix` is wrong by what a crop box is larger than the page's media.
    """
    shown = page.rect
    turns = {
        90: (0, -1, 1, 0, 0, shown.width),
        180: (-1, 0, 0, -1, shown.width, shown.height),
        270: (0, 1, -1, 0, shown.height, 0),
    }
    return pymupdf.Matrix(*turns.get(page.rotation % 360, (1, 0, 0, 1, 0, 0)))


def _without_icons(page: pymupdf.Page, areas: list[Area]) -> list[Area]:
    """Leave out the icons of notes and attached files: a reader moves them aside, and they cover text by chance."""
    kinds = (pymupdf.PDF_ANNOT_TEXT, pymupdf.PDF_ANNOT_FILE_ATTACHMENT, pymupdf.PDF_ANNOT_SOUND)
    icons = [annotation.rect * before_rotation(page) for annotation in page.annots(types=kinds)]
    return [area for area in areas if not any(pymupdf.Rect(area.box) in icon for icon in icons)] if icons else areas


class _State(NamedTuple):
    """The effect of groups, masks and clip paths on everything that is drawn within them."""

    clip: Rect = EVERYWHERE
    square: bool = True  # the clip is all of its box
    plain: bool = True  # neither blended, nor seen through
    shown: bool = True
    real: bool = True  # False in the definition of a mask or of a pattern's tile


class _Device(mupdf.FzDevice2):  # type: ignore[misc]
    """Calls of MuPDF's interpreter -> log. The first argument of each is MuPDF's context."""

    def __init__(self, log: DrawingLog, cookie: mupdf.FzCookie, most: int) -> None:
        super().__init__()
        for name in vars(_Device):
            if not name.startswith("_"):
                getattr(self, f"use_virtual_{name}")()
        self._log, self._cookie, self._most = log, cookie, most
        self._order = -1
        self._states = [_State()]
        self._structure: list[int] = []
        self._colours = _Colours()

    def fill_path(self, *call: Any) -> None:
        _, path, _, ctm, space, colour, alpha, *_ = call
        order, box = self._next(), _rect(mupdf.ll_fz_bound_path(path, None, ctm))
        self._log.drawn.append(("fill-path", box))
        if _is_thick(box):
            solid = bool(mupdf.ll_fz_path_is_rect(path, ctm))
            self._paint(Area(order, box, self._colours.rgb(space, colour), alpha == 1, solid, image=False))

    def stroke_path(self, *call: Any) -> None:
        _, path, stroke, ctm, space, colour, alpha, *_ = call
        order, box = self._next(), _rect(mupdf.ll_fz_bound_path(path, stroke, ctm))
        self._log.drawn.append(("stroke-path", box))
        if stroke.linewidth * max(abs(ctm.a) + abs(ctm.b), abs(ctm.c) + abs(ctm.d)) >= _THINNEST:
            rgb, bare = self._colours.rgb(space, colour), _rect(mupdf.ll_fz_bound_path(path, None, ctm))
            self._paint(Area(order, box, rgb, alpha == 1, solid=False, image=False, path=bare))

    def fill_shade(self, *call: Any) -> None:
        _, shade, ctm, alpha, *_ = call
        box = _rect(mupdf.ll_fz_bound_shade(shade, ctm))
        self._paint(Area(self._next(), box, None, alpha == 1, solid=False, image=False))

    def fill_image(self, *call: Any) -> None:
        _, image, ctm, alpha, *_ = call
        opaque = alpha == 1 and not image.mask and not image.use_colorkey
        self._log.drawn.append(("fill-image", _unit(ctm)))
        self._paint(Area(self._next(), _unit(ctm), None, opaque, _is_upright(ctm), image=True))

    def fill_image_mask(self, *call: Any) -> None:
        self._log.drawn.append(("fill-imgmask", _unit(call[2])))
        self._paint(Area(self._next(), _unit(call[2]), None, opaque=False, solid=False, image=True))

    def fill_text(self, *call: Any) -> None:
        _, text, ctm, space, colour, opacity, *_ = call
        self._write(text, ctm, mupdf.ll_fz_bound_text(text, None, ctm), self._colours.rgb(space, colour), opacity)

    def stroke_text(self, *call: Any) -> None:
        _, text, stroke, ctm, space, colour, opacity, *_ = call
        self._write(text, ctm, mupdf.ll_fz_bound_text(text, stroke, ctm), self._colours.rgb(space, colour), opacity)

    def ignore_text(self, *call: Any) -> None:
        self._write(call[1], call[2], mupdf.ll_fz_bound_text(call[1], None, call[2]), None, 0.0)

    def begin_layer(self, *call: Any) -> None:
        self._log.layers.add(str(call[1]))

    def begin_metatext(self, *_: Any) -> None:
        self._log.replaces_text = True

    def begin_structure(self, *call: Any) -> None:
        self._structure.append(int(call[3]))

    def end_structure(self, *_: Any) -> None:
        if self._structure:
            self._structure.pop()

    def clip_path(self, *call: Any) -> None:
        _, path, _, ctm, *_ = call
        self._clip(mupdf.ll_fz_bound_path(path, None, ctm), square=bool(mupdf.ll_fz_path_is_rect(path, ctm)))

    def clip_stroke_path(self, *call: Any) -> None:
        _, path, stroke, ctm, *_ = call
        self._clip(mupdf.ll_fz_bound_path(path, stroke, ctm))

    def clip_text(self, *call: Any) -> None:
        self._clip(mupdf.ll_fz_bound_text(call[1], None, call[2]))

    def clip_stroke_text(self, *call: Any) -> None:
        self._clip(mupdf.ll_fz_bound_text(*call[1:4]))

    def clip_image_mask(self, *call: Any) -> None:
        self._clip(mupdf.ll_fz_transform_rect(mupdf.fz_unit_rect, call[2]))

    def pop_clip(self, *_: Any) -> None:
        self._pop()

    def begin_mask(self, *_: Any) -> None:
        self._states.append(self._states[-1]._replace(real=False))

    def end_mask(self, *_: Any) -> None:
        """Go on to the drawing through the mask; `pop_clip` ends it."""
        self._pop()
        self._states.append(self._states[-1]._replace(square=False, plain=False))

    def begin_group(self, *call: Any) -> None:
        *_, blend_mode, alpha = call
        state = self._states[-1]
        plain = state.plain and blend_mode == _NORMAL and alpha == 1
        self._states.append(state._replace(plain=plain, shown=state.shown and alpha > 0))

    def end_group(self, *_: Any) -> None:
        self._pop()

    def begin_tile(self, *call: Any) -> int:
        area, ctm = call[1], call[5]
        box = _rect(mupdf.ll_fz_transform_rect(area, ctm))
        self._add(Area(self._order, box, None, opaque=False, solid=False, image=False))
        self._states.append(self._states[-1]._replace(real=False))
        return 0

    def end_tile(self, *_: Any) -> None:
        self._pop()

    def _next(self) -> int:
        """Number the drawings as `get_texttrace` does; after the last one MuPDF stops."""
        self._order += 1
        if self._order >= self._most:
            self._log.whole = False
            self._cookie.m_internal.abort = 1
        return self._order

    def _pop(self) -> None:
        if len(self._states) > 1:  # a damaged page closes more than it opens
            self._states.pop()

    def _clip(self, bounds: Any, *, square: bool = False) -> None:
        state = self._states[-1]
        self._states.append(state._replace(clip=_common(state.clip, _rect(bounds)), square=state.square and square))

    def _paint(self, area: Area) -> None:
        state = self._states[-1]
        self._add(
            area._replace(
                box=_common(area.box, state.clip),
                opaque=area.opaque and state.plain,
                solid=area.solid and state.square,
            )
        )

    def _add(self, area: Area) -> None:
        if self._log.whole and self._states[-1].real and _is_thick(area.box):
            self._log.areas.append(area)

    def _write(self, text: Any, ctm: Any, bounds: Any, colour: Colour | None, opacity: float) -> None:
        order, state, span = self._next(), self._states[-1], text.head
        box, structure = _rect(bounds), tuple(self._structure)
        while span:
            a, b, c, d, *_ = _fields(mupdf.ll_fz_concat(span.trm, ctm), _MATRIX)
            own_colours = bool(span.font.t3procs) or not state.real
            height = min(math.hypot(a, b), math.hypot(c, d))
            self._log.runs.append(
                TextRun(order, state.clip, state.shown, own_colours, height, box, colour, opacity, structure)
            )
            span = span.next


def _rect(rect: Any) -> Rect:
    (x0, y0, x1, y1), (low, _, high, _) = _fields(rect, _RECT), EVERYWHERE
    return max(x0, low), max(y0, low), min(x1, high), min(y1, high)


def _fields(struct: Any, fields: type[ctypes.Array[ctypes.c_float]]) -> list[float]:
    """Read a structure of numbers from its memory: PyMuPDF takes a microsecond for each number."""
    numbers: list[float] = fields.from_address(int(struct.this))[:]
    return numbers


def _unit(ctm: Any) -> Rect:
    """The box of an image, which fills the unit square."""
    return _rect(mupdf.ll_fz_transform_rect(mupdf.fz_unit_rect, ctm))


def _is_upright(ctm: Any) -> bool:
    return bool((ctm.b == ctm.c == 0) or (ctm.a == ctm.d == 0))


def _is_thick(box: Rect) -> bool:
    return min(box[2] - box[0], box[3] - box[1]) >= _THINNEST


def _common(one: Rect, other: Rect) -> Rect:
    """The part that two boxes share; its sides may be negative if that is nothing."""
    return max(one[0], other[0]), max(one[1], other[1]), min(one[2], other[2]), min(one[3], other[3])


class _Colours:
    """Colours as `get_texttrace` gives them.

    Two spaces are known by their address, which is ten times as fast; of the others each colour is converted once,
    which saves most conversions: pages have few. A space that is met is kept, so that no other one gets its address.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[float, ...], Colour] = {}
        self._kept: dict[int, Any] = {}

    def rgb(self, space: Any, colour: Any) -> Colour:
        """Convert the components of a colour, which are as many as its space has."""
        place = int(space.this)
        gray, rgb = _device_spaces()
        if place == gray:
            return (level := mupdf.floats_getitem(colour, 0)), level, level
        if place == rgb:
            return mupdf.floats_getitem(colour, 0), mupdf.floats_getitem(colour, 1), mupdf.floats_getitem(colour, 2)
        if place not in self._kept:
            self._kept[place] = mupdf.FzColorspace(mupdf.ll_fz_keep_colorspace(space))
        key = (place, *(mupdf.floats_getitem(colour, n) for n in range(space.n)))
        if key not in self._known:
            red, green, blue, *_ = mupdf.ll_fz_convert_color(space, colour, mupdf.ll_fz_device_rgb(), None, _PARAMS)
            self._known[key] = red, green, blue
        return self._known[key]


@cache
def _device_spaces() -> tuple[int, int]:
    """The addresses of DeviceGray and DeviceRGB."""
    return int(mupdf.ll_fz_device_gray().this), int(mupdf.ll_fz_device_rgb().this)
