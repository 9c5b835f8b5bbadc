"""Characters of a page that no reader sees, although its text layer has them.

A character is hidden if each of its drawings is:

    render_mode   drawn with text render mode 3
    opacity       drawn with opacity 0, its own or that of its group
    background    in the colour of what lies under it
    covered       under an area or picture that is drawn later and lets nothing through
    outside       outside the page's crop box, or outside the clip path
    tiny          smaller than 1 pt
    watermark     marked as one (watermarks.py): it is seen, but is no part of the text

Text of layers that are switched off is not in MuPDF's text, nor is a letter that it finds twice in a row (fake bold).
Lines drawn twice are in it twice: the later drawing of a letter is dropped here if it lies nearly on the first.

Invisible text is also what makes a scan searchable. If something is seen where it lies, a picture or outlines and no
visible letter, then it says what that shows, and is not hidden; so a scan's whole layer stays what it is, whoever takes
it (routing.py). The same holds under a picture that covers half of the page or more.

What is in doubt is visible: text on a picture, a shading or a pattern, unless it is light and no edge is seen in its
box; text under what is painted with opacity, a blend mode or a soft mask (highlights), or with another shape than an
upright rectangle; text drawn through as a clip path; text under the icon of a note. Nothing drawn after the first
20,000 things can cover or carry text, which bounds a page of maps or plots at half a second.
"""

import math
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import pymupdf

from ocrmill.pipeline.pages.drawing_log import EVERYWHERE, Area, DrawingLog, before_rotation, read_drawing_log
from ocrmill.pipeline.pages.inspection import INK_CONTRAST
from ocrmill.pipeline.text.contents.repeated_letters import Floats, Mask, repeated_letters
from ocrmill.pipeline.text.visible.plainly_seen import FAINTEST, LIGHT, SMALLEST, finite_rows, is_plainly_seen
from ocrmill.pipeline.text.visible.watermarks import may_have_watermarks, watermark_runs

_IGNORED = 3  # a run's type in the trace
_CLIPPED = 64  # a span's flag: it is a clip path, perhaps beside being filled
_LAST_BLANK = 0x3000  # to ask all codes would take 0.1 s at the start of each rendering process
_BLANKS = tuple(code for code in range(_LAST_BLANK + 1) if chr(code).isspace())
_SAME_COLOUR = 0.02  # of full strength, in each of red, green and blue: five of 256 levels
_EDGE = 0.2  # of a letter's box, on each side: what covers the rest hides it
_PAGE_PICTURE = 0.5  # of the page's area
_POINT = 0.05  # points, by which places are the same
_CELL = 10.0  # to a point: how finely places are distinguished
_MOST_PIXELS = 4_000_000
_SHARPEST = 2.0  # pixels to a point

_Place = tuple[int, int]


class Reason(StrEnum):
    """Reasons why a character is not seen."""

    RENDER_MODE = "render_mode"
    OPACITY = "opacity"
    BACKGROUND = "background"
    COVERED = "covered"
    OUTSIDE = "outside"
    TINY = "tiny"
    WATERMARK = "watermark"


_REASONS = tuple(Reason)
_CERTAIN = [_REASONS.index(reason) for reason in Reason if reason not in (Reason.OUTSIDE, Reason.TINY)]  # of any glyph
_SEEN = -1


@dataclass(frozen=True, slots=True)
class HiddenText:
    """The characters of a page that are not to be read, by letter and origin, as `get_text("rawdict")` has them."""

    reasons: frozenset[Reason]  # of all that is hidden, in MuPDF's text or not
    hidden: Mapping[_Place, str]  # letters that stand there unseen
    repeated: Mapping[_Place, str]  # ... or for the second time
    seen: Mapping[_Place, str]
    replaced: Mapping[int, Sequence[tuple[float, float]]] = field(default_factory=dict)
    """Baselines and ends of unseen glyphs for which the layer may have other letters, and more of them (ActualText)."""

    @property
    def finds_something(self) -> bool:
        """Tell if there is anything not to be read."""
        return bool(self.hidden or self.repeated)

    def hides(self, x: float, y: float, letter: str) -> bool:
        """Tell if a letter is nowhere drawn at this origin so that a reader sees it."""
        place = _place(x, y)
        if any(x0 - _POINT <= x <= x1 + _POINT for x0, x1 in self.replaced.get(place[1], ())):
            return place not in self.seen
        return letter in self.hidden.get(place, "") and letter not in self.seen.get(place, "")

    def repeats(self, x: float, y: float, letter: str) -> bool:
        """Tell if a letter was drawn before, nearly at this origin."""
        place = _place(x, y)
        return letter in self.repeated.get(place, "") and letter not in self.seen.get(place, "")

    def remove_from(self, layout: Mapping[str, Any]) -> bool:
        """Remove what is hidden or repeated from a `rawdict`, and every second letter at the origin of the same letter.

        Returns if hidden text was removed, for the flag `hidden_text`. Lines and spans may be left without characters.
        """
        lines = [line for block in layout["blocks"] for line in block.get("lines", ())]
        spans = [span for line in lines for span in line["spans"]]
        if not self.finds_something and not any(span.get("char_flags", 0) & _CLIPPED for span in spans):
            return False
        has_removed = False
        met: set[tuple[float, float, str]] = set()
        for span in spans:
            kept = []
            for character in span["chars"]:
                (x, y), letter = character["origin"], character["c"]
                if self.hides(x, y, letter):
                    has_removed = has_removed or not letter.isspace()
                elif not self.repeats(x, y, letter) and (x, y, letter) not in met:
                    kept.append(character)
                    if not letter.isspace():
                        met.add((x, y, letter))
            span["chars"] = kept
        return has_removed


NOTHING_HIDDEN = HiddenText(frozenset(), {}, {}, {})


def find_hidden_text(page: pymupdf.Page, layout: Mapping[str, Any], log: DrawingLog | None = None) -> HiddenText:
    """Find what no reader sees, in some 20 microseconds for each thing drawn.

    `layout` is the page's `rawdict`, `log` `read_drawing_log` of it. Raises what MuPDF raises on a damaged page.
    """
    log = read_drawing_log(page) if log is None else log
    shown = tuple((page.rect * before_rotation(page)).normalize())
    if is_plainly_seen(layout, log, shown) and not may_have_watermarks(page, log.layers):
        return NOTHING_HIDDEN
    trace = page.get_texttrace()
    if not any(run["chars"] for run in trace):
        return NOTHING_HIDDEN
    letters = _Letters.of(trace, log)
    reasons = _judge(page, letters, log.areas)
    reasons[np.isin(letters.run, watermark_runs(page, trace))] = _REASONS.index(Reason.WATERMARK)
    _give_to_blanks(letters, reasons)
    unseen = reasons != _SEEN
    visible = ~unseen & ~letters.blank
    repeated = repeated_letters(letters.text, letters.origins, letters.sizes, letters.advances, visible)
    if not (unseen.any() or repeated.any()):
        return NOTHING_HIDDEN
    found = HiddenText(
        frozenset(),
        letters.by_place(unseen, with_ligatures=True),
        letters.by_place(repeated, with_ligatures=True),
        letters.by_place(~unseen & ~repeated, with_ligatures=False),
        letters.by_baseline(unseen & np.isin(reasons, _CERTAIN)) if log.replaces_text else {},
    )
    hidden = np.flatnonzero(unseen & ~letters.blank).tolist()
    kinds = {int(reasons[n]) for n in hidden if found.hides(*letters.origin(n), letters.text[n])}
    return replace(found, reasons=frozenset(_REASONS[kind] for kind in kinds))


@dataclass(frozen=True, slots=True)
class _Letters:
    """All characters that are drawn, in the order of their drawing. Arrays have an entry, or a row, for each."""

    text: str  # one character for each
    blank: Mask  # white space, and further letters of one glyph: their fate is that of the letter before them
    origins: Floats  # x, y
    boxes: Floats  # of the type, as high in all letters of a font
    run: npt.NDArray[np.int64]  # place in the trace
    order: npt.NDArray[np.int64]
    colours: Floats
    sizes: Floats
    advances: Floats
    directions: Floats
    of_runs: Floats  # clip path of each run
    fates: npt.NDArray[np.int64]  # of each run, what hides all of it
    own_colours: Mask  # of each run

    @classmethod
    def of(cls, trace: list[dict[str, Any]], log: DrawingLog) -> "_Letters":
        codes, glyphs, origins, corners = zip(*chain.from_iterable(run["chars"] for run in trace), strict=True)
        boxes = finite_rows(corners, 4)
        run = np.repeat(np.arange(len(trace)), [len(run["chars"]) for run in trace])
        directions = np.array([run["dir"] for run in trace], np.float64)[run]
        clips = [known.clip for known in log.runs[: len(trace)]]
        missing = len(trace) - len(clips)
        own = [known.own_colours for known in log.runs[: len(trace)]]
        return cls(
            text="".join(chr(code) if 0 < code <= sys.maxunicode else "\ufffd" for code in codes),
            blank=np.isin(codes, _BLANKS) | (np.array(glyphs) < 0),
            origins=finite_rows(origins, 2),
            boxes=boxes,
            run=run,
            order=np.array([run["seqno"] for run in trace])[run],
            colours=np.array([run["color"] for run in trace], np.float64).reshape(-1, 3)[run],
            sizes=np.array([run["size"] for run in trace], np.float64)[run],
            advances=np.abs(directions[:, 0]) * (boxes[:, 2] - boxes[:, 0])
            + np.abs(directions[:, 1]) * (boxes[:, 3] - boxes[:, 1]),
            directions=directions,
            of_runs=np.array(clips + [EVERYWHERE] * missing, np.float64).reshape(-1, 4),
            fates=np.array([_fate(run, log, number) for number, run in enumerate(trace)], np.int64),
            own_colours=np.array(own + [True] * missing, bool),
        )

    def origin(self, number: int) -> tuple[float, float]:
        """The origin of one letter."""
        return float(self.origins[number, 0]), float(self.origins[number, 1])

    def cores(self) -> Floats:
        """Boxes without their edges, which hold most of each letter."""
        margin = _EDGE * (self.boxes[:, 2:] - self.boxes[:, :2])
        return np.concatenate([self.boxes[:, :2] + margin, self.boxes[:, 2:] - margin], axis=1)

    def by_baseline(self, which: Mask) -> dict[int, list[tuple[float, float]]]:
        """Return where letters of level lines begin and end, by the height of their origins."""
        found: dict[int, list[tuple[float, float]]] = {}
        for (x, y), advance in zip(self.origins[which].tolist(), self.advances[which].tolist(), strict=True):
            found.setdefault(_place(x, y)[1], []).append((x, x + advance))
        return found

    def by_place(self, which: Mask, *, with_ligatures: bool) -> dict[_Place, str]:
        """Letters by their origin. MuPDF puts the further letters of a ligature where the glyph ends."""
        places: dict[_Place, str] = {}
        for index in np.flatnonzero(which).tolist():
            letter, (x, y) = self.text[index], self.origin(index)
            parts = "" if letter.isascii() or not with_ligatures else unicodedata.normalize("NFKC", letter)
            places[_place(x, y)] = places.get(_place(x, y), "") + letter + parts
            if len(parts) > 1:
                end = self.origins[index] + self.directions[index] * self.advances[index]
                places[_place(*end)] = places.get(_place(*end), "") + parts
        return places


def _fate(run: Mapping[str, Any], log: DrawingLog, number: int) -> int:
    """The reason that hides a whole run of text, or `_SEEN`."""
    known = log.runs[number] if number < len(log.runs) else None
    if run["type"] == _IGNORED:
        return _REASONS.index(Reason.RENDER_MODE)
    if run["opacity"] < FAINTEST or (known is not None and not known.shown):
        return _REASONS.index(Reason.OPACITY)
    if known is not None and known.height < SMALLEST and not known.own_colours:
        return _REASONS.index(Reason.TINY)
    return _SEEN


def _place(x: float, y: float) -> _Place:
    return round(x * _CELL), round(y * _CELL)


def _judge(page: pymupdf.Page, letters: _Letters, areas: Sequence[Area]) -> npt.NDArray[np.int64]:
    """The reason that hides each letter, or `_SEEN`."""
    reasons = letters.fates[letters.run].copy()
    cores = letters.cores()
    shown = page.rect * before_rotation(page)
    window = _intersection(letters.of_runs[letters.run], np.array([tuple(shown.normalize())]))
    outside = ~_overlap(cores, window)
    reasons[outside] = _REASONS.index(Reason.OUTSIDE)
    grounds = _Grounds.of(letters, cores, areas, _PAGE_PICTURE * abs(shown.width * shown.height))
    reasons[(reasons == _SEEN) & grounds.covered] = _REASONS.index(Reason.COVERED)

    invisible = np.isin(reasons, [_REASONS.index(Reason.RENDER_MODE), _REASONS.index(Reason.OPACITY)])
    doubtful = (invisible | ((reasons == _SEEN) & grounds.under_picture)) & ~letters.blank
    hueless = (reasons == _SEEN) & ~grounds.under_picture & ~letters.own_colours[letters.run] & ~letters.blank
    same = hueless & grounds.known & (np.abs(letters.colours - grounds.colours) <= _SAME_COLOUR).all(axis=1)
    light = hueless & ~grounds.known & (letters.colours >= LIGHT).all(axis=1)
    reasons[(reasons == _SEEN) & grounds.under_picture] = _REASONS.index(Reason.COVERED)
    if (doubtful | same | light).any():
        picture = _Picture(page, letters.boxes[doubtful | same | light])
        _keep_what_pictures_show(letters, cores, reasons, doubtful, picture)
        for boxes, which in ((cores, same), (letters.boxes, light)):
            unseen = [index for index in np.flatnonzero(which).tolist() if not picture.has_edge(boxes[index])]
            reasons[unseen] = _REASONS.index(Reason.BACKGROUND)
    return reasons


def _keep_what_pictures_show(
    letters: _Letters, cores: Floats, reasons: npt.NDArray[np.int64], doubtful: Mask, picture: "_Picture"
) -> None:
    """Take invisible runs for seen if something is seen in their box that is no letter."""
    seen = cores[(reasons == _SEEN) & ~letters.blank]
    for run in np.unique(letters.run[doubtful]).tolist():
        inside = (letters.run == run) & doubtful
        box = np.concatenate([cores[inside, :2].min(axis=0), cores[inside, 2:].max(axis=0)])
        if not _overlap(seen, box[np.newaxis]).any() and picture.has_edge(box):
            reasons[letters.run == run] = _SEEN


@dataclass(frozen=True, slots=True)
class _Grounds:
    """Areas that lie under and over each letter."""

    covered: Mask
    under_picture: Mask  # one that covers much of the page, as a scan does
    colours: Floats  # of what lies under it
    known: Mask

    @classmethod
    def of(cls, letters: _Letters, cores: Floats, areas: Sequence[Area], large: float) -> "_Grounds":
        count = len(cores)
        covered, under_picture, known = np.zeros(count, bool), np.zeros(count, bool), np.ones(count, bool)
        colours = np.ones((count, 3))
        by_top = np.argsort(cores[:, 1])
        tops = cores[by_top, 1]
        tallest = float((cores[:, 3] - cores[:, 1]).max(initial=0.0))
        heights = np.array([(area.box[1] - tallest, area.box[3]) for area in areas]).reshape(-1, 2)
        spans = np.searchsorted(tops, heights)
        for number in np.flatnonzero(spans[:, 0] < spans[:, 1]).tolist():
            area = areas[number]
            x0, y0, x1, y1 = area.box
            near = by_top[slice(*spans[number])]
            left, top, right, bottom = cores[near].T
            touched = (left <= x1) & (right >= x0) & (top <= y1) & (bottom >= y0)
            if not touched.any():
                continue
            held = ((left >= x0) & (right <= x1) & (top >= y0) & (bottom <= y1))[touched]
            near = near[touched]
            after = letters.order[near] > area.order
            known[near[after]] = False
            if not (area.opaque and area.solid):
                continue
            is_large = area.image and (x1 - x0) * (y1 - y0) >= large
            (under_picture if is_large else covered)[near[held & ~after]] = True
            if area.colour is not None:
                colours[near[held & after]] = area.colour
                known[near[held & after]] = True
        return cls(covered, under_picture, colours, known)


class _Picture:
    """The part of a page that holds some boxes, as it is seen."""

    def __init__(self, page: pymupdf.Page, boxes: Floats) -> None:
        self._turn = ~before_rotation(page)
        part = pymupdf.Rect(*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0)) * self._turn
        part = part & page.rect
        area = max(part.width * part.height, 1.0)
        self._scale = min(_SHARPEST, (_MOST_PIXELS / area) ** 0.5)
        self._pixels = np.zeros((0, 0, 3), np.int16)
        self._left = self._top = 0
        if part.is_empty:
            return
        matrix = pymupdf.Matrix(self._scale, self._scale)
        pixmap = page.get_pixmap(matrix=matrix, clip=part, colorspace=pymupdf.csRGB, alpha=False)
        shape = (pixmap.height, pixmap.width, 3)
        self._pixels = np.frombuffer(pixmap.samples_mv, np.uint8).reshape(shape).astype(np.int16)
        self._left, self._top = pixmap.x, pixmap.y

    def has_edge(self, box: Floats) -> bool:
        """Tell if neighbouring pixels differ in a box: a letter, a rule, a picture; not a flat or shaded ground."""
        x0, y0, x1, y1 = pymupdf.Rect(*box.tolist()) * self._turn * self._scale
        left, top = max(math.floor(x0) - self._left, 0), max(math.floor(y0) - self._top, 0)
        inside = self._pixels[top : max(math.ceil(y1) - self._top, 0), left : max(math.ceil(x1) - self._left, 0)]
        return any(bool((np.abs(np.diff(inside, axis=axis)) > INK_CONTRAST).any()) for axis in (0, 1))


def _give_to_blanks(letters: _Letters, reasons: npt.NDArray[np.int64]) -> None:
    """Give white space the fate of the letter before it in its run, or else of the one after it.

    What is a run of its own, as OCR may draw each blank, follows letters that are drawn as it is.
    """
    numbers = np.arange(len(reasons))
    before = np.maximum.accumulate(np.where(letters.blank, -1, numbers))
    after = np.minimum.accumulate(np.where(letters.blank, len(reasons), numbers)[::-1])[::-1]
    alone = ~np.isin(letters.run, letters.run[~letters.blank])
    fates = letters.fates[letters.run]
    for nearest in (np.minimum(after, len(reasons) - 1), np.maximum(before, 0)):  # the last one counts
        beside = (letters.run[nearest] == letters.run) | (alone & (fates[nearest] == fates))
        known = letters.blank & ~letters.blank[nearest] & beside
        reasons[known] = reasons[nearest[known]]


def _intersection(boxes: Floats, others: Floats) -> Floats:
    low, high = np.maximum(boxes[:, :2], others[:, :2]), np.minimum(boxes[:, 2:], others[:, 2:])
    return np.concatenate([low, high], axis=1)


def _overlap(boxes: Floats, others: Floats) -> Mask:
    """Tell which boxes share a point with another, row by row, or with the only one of `others`."""
    common = _intersection(boxes, others)
    return np.asarray((common[:, :2] <= common[:, 2:]).all(axis=1))
