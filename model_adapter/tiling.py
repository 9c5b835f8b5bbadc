"""Plan how a page is cut into views, and count the visual tokens that they cost. Integers only.

A page is seen once as a whole (the global view), and, in some layouts, also stretched to a grid of tiles, unless both
its sides are small. Grids are chosen with the float64 operations of the official scripts: some ties are decided by
rounding. DeepSeek-OCR 2 was trained in one layout, the first DeepSeek-OCR in six, its modes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType

PATCH_SIZE = 16  # px, the side of one token of SAM's patch embedding
DOWNSAMPLING = 4  # of each side: two convolutions of stride 2 after SAM
SEPARATOR_TOKENS = 1  # one learned embedding after the global view

TILE_SIZE, GLOBAL_SIZE = 768, 1024  # px, of DeepSeek-OCR 2; SAM's tables of positions are for the second one
TILE_TOKENS, GLOBAL_TOKENS = 144, 256  # of such views

MIN_TILES = 2  # a single tile would show less than the global view
MAX_TILES = 6  # as in training


def side_tokens(size_px: int) -> int:
    """Return the tokens along a side of a view."""
    return size_px // PATCH_SIZE // DOWNSAMPLING


@dataclass(frozen=True, slots=True)
class Tiling:
    """The grid of a page; 1 x 1 stands for no tiles."""

    columns: int
    rows: int

    @property
    def num_tiles(self) -> int:
        """Tiles beside the global view: none or at least two."""
        tiles = self.columns * self.rows
        return tiles if tiles >= MIN_TILES else 0


@dataclass(frozen=True, slots=True)
class ContentBox:
    """The box of a page in the square global view, in pixels; the rest is padding."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class ViewLayout:
    """The sizes of a page's views."""

    global_px: int
    tile_px: int  # without tiles of no effect
    max_tiles: int  # that a page may be cut into; below two: none
    whole_px: int  # a page without a longer side has no tiles
    stretches: bool = False  # the page fills the global view; else it keeps its shape and is padded
    ends_rows: bool = False  # a learned embedding ends each row of tokens, tiles of a row being put side by side

    @property
    def global_tokens(self) -> int:
        """Tokens of a global view, without ends of rows."""
        return side_tokens(self.global_px) ** 2

    @property
    def tile_tokens(self) -> int:
        """Tokens of a tile, without ends of rows."""
        return side_tokens(self.tile_px) ** 2

    @property
    def sides(self) -> tuple[int, ...]:
        """The sizes of views that occur, in pixels."""
        return (self.tile_px, self.global_px) if self.max_tiles >= MIN_TILES else (self.global_px,)

    @property
    def most_tiles(self) -> int:
        """Tiles of the page with the most."""
        return self.max_tiles if self.max_tiles >= MIN_TILES else 0

    @property
    def most_visual_tokens(self) -> int:
        """Visual tokens of the page with the most: its tiles lie on top of each other, for most rows."""
        return self.num_visual_tokens(Tiling(1, max(1, self.most_tiles)))

    def with_max_tiles(self, max_tiles: int) -> "ViewLayout":
        """Return the layout with another limit, if it has tiles at all."""
        return replace(self, max_tiles=max_tiles) if self.max_tiles else self

    def num_visual_tokens(self, tiling: Tiling) -> int:
        """Count the embeddings that a page contributes to the prompt."""
        tokens = tiling.num_tiles * self.tile_tokens + self.global_tokens + SEPARATOR_TOKENS
        if self.ends_rows:
            tokens += side_tokens(self.global_px)
            tokens += side_tokens(self.tile_px) * tiling.rows if tiling.num_tiles else 0
        return tokens

    def plan(self, width_px: int, height_px: int) -> Tiling:
        """Plan the grid of a page of this size: that whose aspect ratio is nearest to the page's.

        On an equal distance a later (larger) grid wins if the page has more than half of that grid's pixels.

        Raises:
            ValueError: a side is below 1 px.
        """
        if min(width_px, height_px) < 1:
            raise ValueError(f"a page of {width_px} x {height_px} px has no views")
        best = (1, 1)
        if max(width_px, height_px) <= self.whole_px:
            return Tiling(*best)
        aspect_ratio = width_px / height_px
        smallest_distance = float("inf")
        for columns, rows in _candidate_grids(self.max_tiles):
            distance = abs(aspect_ratio - columns / rows)
            has_pixels = width_px * height_px > 0.5 * self.tile_px * self.tile_px * columns * rows
            if distance < smallest_distance or (distance == smallest_distance and has_pixels):
                best, smallest_distance = (columns, rows), distance
        return Tiling(*best)

    def content_box(self, width_px: int, height_px: int) -> ContentBox:
        """Return the box of a page in its global view."""
        if self.stretches:
            return ContentBox(0, 0, self.global_px, self.global_px)
        return fitted_box(width_px, height_px, self.global_px)

    def graph_tokens(self) -> list[int]:
        """Return the tokens for which CUDA graphs are made: those of 2, 3, ... 6 tiles, and of the most of a page.

        So a page of as many tiles as any in training fills its graph. None is smaller than one global view, and without
        tiles there is one for that.
        """
        numbers = {*range(MIN_TILES, min(self.max_tiles, MAX_TILES) + 1), self.most_tiles}
        return sorted({max(self.tile_tokens * number, self.global_tokens) for number in numbers})


SECOND_MODEL = "ocr2"  # its only layout, which has no name of its own
LAYOUTS: Mapping[str, ViewLayout] = MappingProxyType(
    {
        SECOND_MODEL: ViewLayout(GLOBAL_SIZE, TILE_SIZE, MAX_TILES, TILE_SIZE),
        "tiny": ViewLayout(512, 512, 0, 512, stretches=True, ends_rows=True),
        "small": ViewLayout(640, 640, 0, 640, stretches=True, ends_rows=True),
        "base": ViewLayout(1024, 1024, 0, 1024, ends_rows=True),
        "large": ViewLayout(1280, 1280, 0, 1280, ends_rows=True),
        "gundam": ViewLayout(1024, 640, MAX_TILES, 640, ends_rows=True),
        "gundam-master": ViewLayout(1280, 1024, MAX_TILES, 640, ends_rows=True),  # 640 is the official limit here, too
    }
)
OCR2 = LAYOUTS[SECOND_MODEL]
FIRST_MODES = tuple(name for name in LAYOUTS if name != SECOND_MODEL)
DEFAULT_MODE = "gundam"


def layout_of(name: str, max_tiles: int) -> ViewLayout:
    """Return a layout with this limit of tiles."""
    return LAYOUTS[name].with_max_tiles(max_tiles)


def fitted_box(width_px: int, height_px: int, side: int) -> ContentBox:
    """Return the box of a page that is fitted into a square and centred.

    Pillow's `ImageOps.pad`, operation by operation: Python's `round` takes halves to the even neighbour. A page more
    than 2,048 times as long as wide is left with a side of 0.
    """
    aspect_ratio = width_px / height_px
    width = height = side
    if aspect_ratio > 1:
        height = round(height_px / width_px * side)
    elif aspect_ratio < 1:
        width = round(width_px / height_px * side)
    return ContentBox(round((side - width) * 0.5), round((side - height) * 0.5), width, height)


@lru_cache(maxsize=16)
def _candidate_grids(max_tiles: int) -> tuple[tuple[int, int], ...]:
    # By tiles, as the official scripts sort them. The order within one number of tiles is theirs by accident of a set;
    # it decides nothing from max_tiles 4 on: between two such grids lies the ratio of a smaller one.
    sides = range(1, max_tiles + 1)
    grids = [(columns, rows) for columns in sides for rows in sides if MIN_TILES <= columns * rows <= max_tiles]
    return tuple(sorted(grids, key=lambda grid: (grid[0] * grid[1], grid[0])))
