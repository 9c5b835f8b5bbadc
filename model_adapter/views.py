"""A page to the views that the encoder sees, byte for byte as Pillow resizes them, but faster.

The models were trained on Pillow's bicubic resize of RGB pages: a squeezed and padded global view, stretched tiles.
Three facts make the same bytes cheaper:
- Channels do not mix in a resize. If the page is grey, one channel is resized and written three times.
- If the page is flat, so is the view.
- Few pages are all grey or flat, but most of their area is. So a view is made of pieces: first runs of rows, then,
  inside a run, runs of columns.

A piece is resized by the page's own filter weights. Pillow resizes along the rows first, then along the columns, each
inside a `box`; from the box it derives weights in float64 and rounds them to integers. So a piece begins only where
float32 holds the box exactly, and only if its integer weights are those of the whole page; otherwise the axis stays in
one piece (one page size in a hundred). Not covered: a Pillow whose bicubic filter has other weights than
`_filter_weights`; the tests would tell.
"""

import math
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image

from ocrmill.model_adapter.tiling import OCR2, Tiling, ViewLayout

UInt8s = npt.NDArray[np.uint8]

CHANNELS = 3
PADDING = 127  # int(0.5 * 255): the grey around the page in the global view, all but zero once normalised

# In view pixels: the shortest runs worth a call of their own (tried: 24 to 96 rows, 64 columns to all), and the rows
# from which a run takes no more, so that its buffers are reused by the allocator: all-colour pages then take a fifth
# less CPU time (tried: 64 to unlimited).
_SHORTEST_ROWS = 32
_SHORTEST_COLUMNS = 128
_LONGEST_ROWS = 256

_BICUBIC = Image.Resampling.BICUBIC
_BICUBIC_SUPPORT = 2.0  # source pixels on each side, where the page is enlarged
_WEIGHT_BITS = 22  # Pillow's PRECISION_BITS for 8-bit channels
_BOX_BITS = 10  # binary places that a box may need ...
_LONGEST_EXACT_SIDE = 1 << (24 - _BOX_BITS)  # ... so that float32 holds it, on pages up to this side
_ROWS_PER_STEP = 64  # compared at once, so that they stay in the cache


@dataclass(frozen=True, slots=True)
class PageViews:
    """The views of a page for the encoder, before normalisation."""

    global_view: UInt8s  # (1024, 1024, 3), or as large as its layout says
    tiles: UInt8s  # (N, 768, 768, 3), row by row from the top left; N is 0 or at least 2
    columns: int = 1  # of tiles

    @property
    def nbytes(self) -> int:
        """Bytes of pixels."""
        return self.global_view.nbytes + self.tiles.nbytes


class _Kind(IntEnum):
    FLAT = 0
    GREY = 1
    COLOUR = 2


@dataclass(frozen=True, slots=True)
class _Profile:
    """The content of the lines (rows or columns) of a part of the page; each array has one entry per line."""

    is_coloured: npt.NDArray[np.bool_]
    lowest: UInt8s
    highest: UInt8s

    def kind(self, lines: slice) -> _Kind:
        """Return the weights that resize these lines."""
        if self.is_coloured[lines].any():
            return _Kind.COLOUR
        return _Kind.FLAT if self.lowest[lines].min() == self.highest[lines].max() else _Kind.GREY


@dataclass(frozen=True, slots=True)
class _Span:
    """Lines of a view, the lines of the page that they are made from, and the box within those."""

    start: int
    stop: int
    source: slice
    box: tuple[float, float]

    @property
    def length(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class _Page:
    pixels: UInt8s  # (height, width, 3)
    grey: UInt8s  # (height, width): the green channel, which says all where the page is grey


def cut_views(page: UInt8s, layout: ViewLayout = OCR2) -> PageViews:
    """Global view and tiles of a page of (height, width, 3) uint8.

    The global view is `ImageOps.pad(page, (side, side), color=(127, 127, 127))`, or the page stretched to that size;
    the tiles are cut row by row from the page stretched to the tile grid. All bicubic, in the bytes of the installed
    Pillow.
    """
    height, width = page.shape[:2]
    pixels = np.ascontiguousarray(page)
    whole = _Page(pixels, np.ascontiguousarray(pixels[..., 1]))
    profile = _row_profile(whole)
    tiling = layout.plan(width, height)
    return PageViews(
        _global_view(whole, profile, layout), _tiles(whole, profile, tiling, layout.tile_px), tiling.columns
    )


def page_of(views: PageViews, width_px: int, height_px: int, layout: ViewLayout = OCR2) -> UInt8s:
    """The page as its views show it: stretched to the grid of its tiles, or what the global view holds of it.

    The other arguments are those of `cut_views`: the page's size, and the layout.
    """
    tiling, side = layout.plan(width_px, height_px), layout.tile_px
    if tiling.num_tiles:
        grid = views.tiles.reshape(tiling.rows, tiling.columns, side, side, 3)
        return grid.swapaxes(1, 2).reshape(tiling.rows * side, tiling.columns * side, 3)
    box = layout.content_box(width_px, height_px)
    return views.global_view[box.top : box.top + box.height, box.left : box.left + box.width]


def views_bytes(num_tiles: int, layout: ViewLayout) -> int:
    """Bytes of the pixels of so many tiles and the global view."""
    return CHANNELS * (layout.global_px**2 + num_tiles * layout.tile_px**2)


def views_in(memory: UInt8s, width_px: int, height_px: int, layout: ViewLayout) -> PageViews:
    """A copy of the views of a page of this size that memory of one axis begins with: the global view, then tiles."""
    tiling = layout.plan(width_px, height_px)
    values = memory[: views_bytes(tiling.num_tiles, layout)].copy()
    at = views_bytes(0, layout)
    tiles = values[at:].reshape(tiling.num_tiles, layout.tile_px, layout.tile_px, CHANNELS)
    return PageViews(values[:at].reshape(layout.global_px, layout.global_px, CHANNELS), tiles, tiling.columns)


def _global_view(page: _Page, profile: _Profile, layout: ViewLayout) -> UInt8s:
    height, width = page.grey.shape
    box = layout.content_box(width, height)
    view = np.full((layout.global_px, layout.global_px, 3), PADDING, dtype=np.uint8)
    if box.width and box.height:
        content = view[box.top : box.top + box.height, box.left : box.left + box.width]
        _resize(page, profile, content[np.newaxis, :, np.newaxis])
    return view


def _tiles(page: _Page, profile: _Profile, tiling: Tiling, side: int) -> UInt8s:
    tiles = np.empty((tiling.num_tiles, side, side, 3), dtype=np.uint8)
    if tiling.num_tiles:
        grid = tiles.reshape(tiling.rows, tiling.columns, side, side, 3)
        _resize(page, profile, grid.swapaxes(1, 2))
    return tiles


def _row_profile(page: _Page) -> _Profile:
    height = page.grey.shape[0]
    steps = (slice(top, top + _ROWS_PER_STEP) for top in range(0, height, _ROWS_PER_STEP))
    is_coloured = np.concatenate([_channels_differ(page.pixels[step]).any(axis=1) for step in steps])
    return _Profile(is_coloured, page.grey.min(axis=1), page.grey.max(axis=1))


def _column_profile(page: _Page, rows: slice, kind: _Kind) -> _Profile:
    width = page.grey.shape[1]
    is_coloured = np.zeros(width, dtype=np.bool_)
    if kind == _Kind.COLOUR:
        differs = np.logical_or.reduce(_channels_differ(page.pixels[rows]), axis=0)
        is_coloured = differs[0::3] | differs[1::3]
    return _Profile(is_coloured, page.grey[rows].min(axis=0), page.grey[rows].max(axis=0))


def _channels_differ(pixels: UInt8s) -> npt.NDArray[np.bool_]:
    """(height, 3 * width - 1): red against green and green against blue of each pixel; every third entry is False.

    Neighbours in memory compare several times faster than channels do, so blue is compared with the next pixel's red,
    and that is dropped again.
    """
    height, width = pixels.shape[:2]
    values = pixels.reshape(height, 3 * width)
    differs: npt.NDArray[np.bool_] = values[:, 1:] != values[:, :-1]
    differs &= np.tile(np.array([True, True, False]), width)[:-1]
    return differs


def _resize(page: _Page, profile: _Profile, target: UInt8s) -> None:
    """Stretch a page over a grid of cells: (rows, cell height, columns, cell width, 3)."""
    grid_rows, cell_height, grid_columns, cell_width, _ = target.shape
    height, width = page.grey.shape
    view_width, view_height = grid_columns * cell_width, grid_rows * cell_height
    if not _rows_come_first((width, height), (view_width, view_height)):
        mode = "RGB" if profile.is_coloured.any() else "L"
        image = Image.fromarray(page.pixels if mode == "RGB" else page.grey)
        stretched = np.asarray(image.resize((view_width, view_height), _BICUBIC).convert("RGB"))
        target[...] = stretched.reshape(target.shape)
        return
    for kind, rows in _runs(profile, height, view_height, _SHORTEST_ROWS, _LONGEST_ROWS):
        strip = _strip(page, kind, rows, view_width).reshape(rows.length, grid_columns, cell_width, 3)
        for line in range(rows.start // cell_height, -(-rows.stop // cell_height)):
            top, bottom = max(rows.start, line * cell_height), min(rows.stop, (line + 1) * cell_height)
            cells = target[line, top - line * cell_height : bottom - line * cell_height]
            cells[...] = strip[top - rows.start : bottom - rows.start]


def _strip(page: _Page, kind: _Kind, rows: _Span, view_width: int) -> UInt8s:
    """Some rows of a view: (rows, view width, 3)."""
    width = page.grey.shape[1]
    strip = np.empty((rows.length, view_width, 3), dtype=np.uint8)
    if kind == _Kind.FLAT:
        strip[...] = page.grey[rows.source.start, 0]
        return strip
    profile = _column_profile(page, rows.source, kind)
    for piece_kind, columns in _runs(profile, width, view_width, _SHORTEST_COLUMNS, view_width):
        piece = strip[:, columns.start : columns.stop]
        if piece_kind == _Kind.FLAT:
            piece[...] = page.grey[rows.source.start, columns.source.start]
        elif piece_kind == _Kind.GREY:
            grey = _resized(page.grey, rows, columns)
            for channel in range(3):  # an order of magnitude faster than broadcasting over the last axis
                piece[..., channel] = grey
        else:
            piece[...] = _resized(page.pixels, rows, columns)
    return strip


def _resized(pixels: UInt8s, rows: _Span, columns: _Span) -> UInt8s:
    image = Image.fromarray(pixels[rows.source, columns.source])
    row_box = (columns.box[0], 0.0, columns.box[1], float(image.height))
    stretched = image.resize((columns.length, image.height), _BICUBIC, box=row_box)
    column_box = (0.0, rows.box[0], float(columns.length), rows.box[1])
    return np.asarray(stretched.resize((columns.length, rows.length), _BICUBIC, box=column_box))


def _rows_come_first(source: tuple[int, int], size: tuple[int, int]) -> bool:
    """Tell if every Pillow resizes this page along its rows before its columns.

    Pillow 13 turns the order around where the height shrinks by more than twice the pixels that the width does; the
    intermediate rounding is then another one.
    """
    lost_columns, lost_rows = source[0] - size[0], source[1] - size[1]
    return lost_rows <= 0 or lost_rows <= 2 * lost_columns


def _runs(profile: _Profile, size: int, view_size: int, shortest: int, longest: int) -> list[tuple[_Kind, _Span]]:
    """Cut an axis of a view into runs of one kind, which take no more bands from `longest` lines on."""
    runs: list[tuple[_Kind, int, int]] = []
    for band in _bands(size, view_size, shortest):
        kind, start = profile.kind(band.source), band.start
        if runs and runs[-1][0] == kind and start - runs[-1][1] < longest:
            _, start, _ = runs.pop()
        runs.append((kind, start, band.stop))
    if all(_has_page_weights(size, view_size, start, stop) for _, start, stop in runs):
        return [(kind, _span(start, stop, size, view_size)) for kind, start, stop in runs]
    return [(profile.kind(slice(None)), _span(0, view_size, size, view_size))]


@lru_cache(maxsize=512)
def _bands(size: int, view_size: int, shortest: int) -> tuple[_Span, ...]:
    """The shortest runs into which an axis may be cut."""
    cuts = [0]
    if size <= _LONGEST_EXACT_SIDE:
        exact = (line for line in range(view_size) if (line * size << _BOX_BITS) % view_size == 0)
        for line in exact:
            if line - cuts[-1] >= shortest:
                cuts.append(line)
    return tuple(_span(start, stop, size, view_size) for start, stop in zip(cuts, [*cuts[1:], view_size], strict=True))


@lru_cache(maxsize=4096)
def _span(start: int, stop: int, size: int, view_size: int) -> _Span:
    margin = math.ceil(_BICUBIC_SUPPORT * max(size / view_size, 1.0)) + 1
    first = max(start * size // view_size - margin, 0)
    last = min(-(-stop * size // view_size) + margin, size)
    box = (start * size / view_size - first, stop * size / view_size - first)
    return _Span(start, stop, slice(first, last), box)


@lru_cache(maxsize=4096)
def _has_page_weights(size: int, view_size: int, start: int, stop: int) -> bool:
    """Tell if these lines of a view, resized as a piece, get the integer weights that they have in the whole page."""
    span = _span(start, stop, size, view_size)
    page_first, page_weights = _page_weights(size, view_size)
    first, weights = _filter_weights(span.source.stop - span.source.start, span.box, span.length)
    same_first = np.array_equal(first + span.source.start, page_first[start:stop])
    return same_first and np.array_equal(weights, page_weights[start:stop])


@lru_cache(maxsize=64)
def _page_weights(size: int, view_size: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    return _filter_weights(size, (0.0, float(size)), view_size)


def _filter_weights(
    size: int, box: tuple[float, float], view_size: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """First source line (N,) and integer weights (N, taps) of each line of a view.

    Pillow's `precompute_coeffs` and `normalize_coeffs_8bpc` (src/libImaging/Resample.c) with its bicubic filter of
    a = -0.5, operation by operation.
    """
    scale = (box[1] - box[0]) / view_size
    support = _BICUBIC_SUPPORT * max(scale, 1.0)
    centre = box[0] + (np.arange(view_size) + 0.5) * scale
    first = np.maximum((centre - support + 0.5).astype(np.int64), 0)
    last = np.minimum((centre + support + 0.5).astype(np.int64), size)
    source = first[:, np.newaxis] + np.arange(math.ceil(support) * 2 + 1)
    x = np.abs((source - centre[:, np.newaxis] + 0.5) * (1.0 / max(scale, 1.0)))
    weights = np.where(x < 1.0, (1.5 * x - 2.5) * x * x + 1, (((x - 5) * x + 8) * x - 4) * -0.5)
    weights[(x >= _BICUBIC_SUPPORT) | (source >= last[:, np.newaxis])] = 0.0
    weights /= np.cumsum(weights, axis=1)[:, -1:]  # adds from left to right, as Pillow does; sum may not
    return first, (weights * (1 << _WEIGHT_BITS) + np.copysign(0.5, weights)).astype(np.int64)
