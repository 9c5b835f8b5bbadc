"""Inspect a page before it is read: its text layer and how far to trust it, images, ink.

Two views are compared: what MuPDF finds in the page's program (words, and a log of what is drawn where), and a small
grey picture of it. Both show annotations and the values of form fields, so that those are not lost and no surprise.
MuPDF's boxes are in the page's own space, before its rotation; they are turned and scaled onto the picture.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ocrmill.pipeline.pages.text_statistics import measure_text
from ocrmill.pipeline.records import PageFeatures

if TYPE_CHECKING:
    import pymupdf

Grey = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Boxes = npt.NDArray[np.float64]
"""(n, 4): x0, y0, x1, y1"""
Lengths = npt.NDArray[np.int64]

INK_CONTRAST = 16  # grey levels from the background; fainter than a 6 % tint is paper or JPEG noise
EDGE_CONTRAST = 48  # grey levels between neighbours, of clear writing; shading and soft photographs have less
_RUN_STEPS_PX = (1, 2, 4, 8)  # add up to straight runs of 16 px, 20 pt on a Letter page: longer than letters have
_MARGIN_PX = 1  # antialiasing reaches over a box
_FAR_PT, _POINT_PT = 1e6, 1e-3  # MuPDF's infinite boxes, and pages of no size, made finite

_SEEN, _UNSEEN = 1, 2  # states of the text drawn at a pixel


@dataclass(frozen=True, slots=True)
class _Layout:
    """The places of letters and images on a page. Boxes are in thumbnail pixels, cut to it."""

    words: Boxes
    word_lengths: Lengths
    kinds: tuple[str, ...]  # of the drawings, in their order: fill-text, ignore-text, fill-image, stroke-path ...
    drawn: Boxes
    opaque: npt.NDArray[np.bool_]  # which of it is an image that hides text drawn before it


@dataclass(frozen=True, slots=True)
class Layer:
    """The text layer of a page: what is inside its crop box, in the order of its program, unmapped glyphs as U+FFFD."""

    found: "pymupdf.TextPage"  # MuPDF's lines and characters, which all who ask for them share
    text: str


def read_layer(page: "pymupdf.Page") -> Layer:
    """Have MuPDF run a page for its text, in some 2 ms. Raises what PyMuPDF raises."""
    found = page.get_textpage(flags=text_flags())
    return Layer(found, found.extractText())


def text_flags() -> int:
    """Return MuPDF's flags for plain text, Latin ligatures taken apart, glyphs without a Unicode value as U+FFFD."""
    import pymupdf

    # With TEXT_CID_FOR_UNKNOWN_UNICODE an unmapped glyph would be a wrong letter.
    unwanted = pymupdf.TEXT_PRESERVE_LIGATURES | pymupdf.TEXT_CID_FOR_UNKNOWN_UNICODE
    return int(pymupdf.TEXTFLAGS_TEXT & ~unwanted)


def text_of(page: "pymupdf.Page") -> str:
    """Return the text of a page's layer."""
    return read_layer(page).text


def ink_share(thumbnail: Grey) -> float:
    """Share of the pixels that differ from the commonest grey by more than `INK_CONTRAST` levels.

    0 on a page of one colour, whichever it is.
    """
    if not thumbnail.size:
        return 0.0
    levels = np.bincount(thumbnail.ravel(), minlength=256)
    background = int(levels.argmax())
    paper = levels[max(background - INK_CONTRAST, 0) : background + INK_CONTRAST + 1]
    return float((thumbnail.size - paper.sum()) / thumbnail.size)


def inspect_page(page: "pymupdf.Page", thumbnail: Grey, layer: Layer | None = None) -> PageFeatures:
    """Measure a page. `thumbnail` is the page as displayed, (height, width) grey, 600 px on its longer side or so.

    `layer` is that of the page, if it was read before. Costs about 6 ms of CPU with it; raises MuPDF's errors on a
    damaged page.
    """
    layer = read_layer(page) if layer is None else layer
    layout = _lay_out(page, layer.found.extractWORDS(), thumbnail.shape)
    images = layout.drawn[[kind.startswith("fill-image") for kind in layout.kinds]]
    invisible = _invisible_share(layout, thumbnail.shape)
    return measure_page(layer.text, layout.words, layout.word_lengths, images, thumbnail, invisible)


def measure_page(
    text: str, words: Boxes, word_lengths: Lengths, images: Boxes, thumbnail: Grey, invisible_share: float
) -> PageFeatures:
    """Measure a page from its layer's text and the places of its words and images, in pixels of the thumbnail."""
    beside, below = _steps(thumbnail)
    return PageFeatures(
        **asdict(measure_text(text)),
        invisible_share=invisible_share,
        image_cover=float(_painted(images, thumbnail.shape).mean()),
        ink_share=ink_share(thumbnail),
        uncovered_ink_share=_uncovered_share(words, beside > EDGE_CONTRAST, below > EDGE_CONTRAST),
        inkless_text_share=_inkless_share(words, word_lengths, np.maximum(beside, below) > INK_CONTRAST),
    )


def inspect_picture(thumbnail: Grey) -> PageFeatures:
    """Measure a page that is a picture, without any text, from its thumbnail as `inspect_page` wants it."""
    return PageFeatures(
        **asdict(measure_text("")),
        invisible_share=0.0,
        image_cover=1.0,
        ink_share=ink_share(thumbnail),
        uncovered_ink_share=float(np.maximum(*_steps(thumbnail)).max(initial=0) > EDGE_CONTRAST),
        inkless_text_share=0.0,
    )


def _lay_out(page: "pymupdf.Page", words: Sequence[Any], shape: tuple[int, ...]) -> _Layout:
    log = page.get_bboxlog()
    kinds = tuple(kind for kind, _ in log)
    drawn = _corners([box for _, box in log])
    return _Layout(
        words=_on_thumbnail(_corners([word[:4] for word in words]), page, shape),
        word_lengths=np.array([len(word[4]) for word in words], np.int64),
        kinds=kinds,
        drawn=_on_thumbnail(drawn, page, shape),
        opaque=_opaque_images(page, kinds, drawn),
    )


def _corners(boxes: Sequence[Any]) -> Boxes:
    return np.nan_to_num(np.asarray(boxes, np.float64).reshape(-1, 4), posinf=_FAR_PT, neginf=-_FAR_PT)


def _on_thumbnail(boxes: Boxes, page: "pymupdf.Page", shape: tuple[int, ...]) -> Boxes:
    """Turn boxes as the page is turned, scale them to pixels, cut them; those outside come out empty."""
    from ocrmill.pipeline.pages.drawing_log import before_rotation  # loads MuPDF, which PDFium's process lacks

    a, b, c, d, e, f = ~before_rotation(page)
    shown, (height, width) = page.rect, shape
    xs = (boxes[:, 0::2] * a + boxes[:, 1::2] * c + e) * (width / max(shown.width, _POINT_PT))
    ys = (boxes[:, 0::2] * b + boxes[:, 1::2] * d + f) * (height / max(shown.height, _POINT_PT))
    xs, ys = np.clip(np.sort(xs, axis=1), 0, width), np.clip(np.sort(ys, axis=1), 0, height)
    return np.stack([xs[:, 0], ys[:, 0], xs[:, 1], ys[:, 1]], axis=1)


def _opaque_images(page: "pymupdf.Page", kinds: Sequence[str], drawn: Boxes) -> npt.NDArray[np.bool_]:
    """Return the images without a mask. Call it only if one is drawn after text: it costs as much as all the rest."""
    opaque = np.zeros(len(kinds), bool)
    first_text = next((index for index, kind in enumerate(kinds) if kind.endswith("-text")), len(kinds))
    late = [index for index in range(first_text, len(kinds)) if kinds[index] == "fill-image"]
    if late:
        unmasked = {tuple(np.round(image["bbox"])) for image in page.get_image_info() if not image["has-mask"]}
        opaque[late] = [tuple(np.round(drawn[index])) in unmasked for index in late]
    return opaque


def _steps(thumbnail: Grey) -> tuple[Grey, Grey]:
    """Grey levels by which each pixel differs from its right, and from its lower neighbour; 0 at the edges."""
    beside, below = np.zeros_like(thumbnail), np.zeros_like(thumbnail)
    for steps, one, other in (
        (beside[:, :-1], thumbnail[:, :-1], thumbnail[:, 1:]),
        (below[:-1], thumbnail[:-1], thumbnail[1:]),
    ):
        np.subtract(np.maximum(one, other), np.minimum(one, other), out=steps)  # in bytes: half the time of 16 bits
    return beside, below


def _straight(level: Mask) -> Mask:
    """Pixels in straight level runs, too long for letters: rules, frames, table cells, bars."""
    runs = level
    for step in _RUN_STEPS_PX:
        runs = runs[:, :-step] & runs[:, step:]
    for step in _RUN_STEPS_PX:
        shorter, runs = runs, np.zeros((runs.shape[0], runs.shape[1] + step), bool)
        runs[:, :-step] = shorter
        runs[:, step:] |= shorter
    return runs[:, : level.shape[1]] & level


def _pixels(boxes: Boxes, margin: int = 0) -> list[list[int]]:
    """Boxes as whole pixels, (left, top, right, bottom), the last two exclusive; touched pixels are in it."""
    low = np.maximum(np.floor(boxes[:, :2]) - margin, 0)
    high = np.ceil(boxes[:, 2:]) + margin
    pixels: list[list[int]] = np.concatenate([low, high], axis=1).astype(int).tolist()
    return pixels


def _painted(boxes: Boxes, shape: tuple[int, ...], margin: int = 0) -> Mask:
    mask = np.zeros(shape, bool)
    for x0, y0, x1, y1 in _pixels(boxes, margin):
        mask[y0:y1, x0:x1] = True
    return mask


def _uncovered_share(words: Boxes, upright: Mask, level: Mask) -> float:
    """Of the edge pixels that are not straight, those in no word's box: other writing, or a picture."""
    edges = (upright & ~_straight(upright.T).T) | (level & ~_straight(level))
    total = int(edges.sum())
    return float((edges & ~_painted(words, edges.shape, _MARGIN_PX)).sum() / total) if total else 0.0


def _inkless_share(words: Boxes, word_lengths: Lengths, edges: Mask) -> float:
    """Of the characters, those in whose word's box no edge lies: white on white, or under a black bar."""
    if not len(words):
        return 0.0
    # Word by word: an integral image of the page takes longer, as its words cover little of it.
    inkless = [not np.count_nonzero(edges[y0:y1, x0:x1]) for x0, y0, x1, y1 in _pixels(words)]
    return float(word_lengths[inkless].sum() / word_lengths.sum())


def _invisible_share(layout: _Layout, shape: tuple[int, ...]) -> float:
    """Of the characters, those drawn without paint, or painted over by an opaque image, judged at a word's middle."""
    if not len(layout.words) or not ("ignore-text" in layout.kinds or layout.opaque.any()):
        return 0.0
    seen = np.zeros(shape, np.uint8)
    for kind, opaque, (x0, y0, x1, y1) in zip(layout.kinds, layout.opaque, _pixels(layout.drawn), strict=True):
        here = seen[y0:y1, x0:x1]
        if kind == "ignore-text":
            here[here == 0] = _UNSEEN
        elif kind.endswith("-text"):
            here[:] = _SEEN
        elif opaque:
            here[here == _SEEN] = _UNSEEN
    middles = (layout.words[:, :2] + layout.words[:, 2:]) / 2
    column, row = np.minimum(middles.astype(int), [shape[1] - 1, shape[0] - 1]).T
    return float(layout.word_lengths[seen[row, column] == _UNSEEN].sum() / layout.word_lengths.sum())
