"""Plan how DeepSeek-OCR 2 cuts a page into views, and count the visual tokens that they cost. Integers only.

A page is seen once as a whole (the global view), and, unless both its sides fit into one tile, also stretched to a
grid of tiles. Grids are chosen with the float64 operations of the official scripts: some ties are decided by rounding.
"""

from dataclasses import dataclass
from functools import lru_cache

TILE_SIZE = 768  # px
GLOBAL_SIZE = 1024  # px
PATCH_SIZE = 16  # px, the side of one token of SAM's patch embedding
DOWNSAMPLING = 4  # of each side: two convolutions of stride 2 after SAM

TILE_TOKENS = (TILE_SIZE // PATCH_SIZE // DOWNSAMPLING) ** 2  # 144
GLOBAL_TOKENS = (GLOBAL_SIZE // PATCH_SIZE // DOWNSAMPLING) ** 2  # 256
SEPARATOR_TOKENS = 1  # one learned embedding after the global view

MIN_TILES = 2  # a single tile would show less than the global view
MAX_TILES = 6  # as in training


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

    @property
    def num_visual_tokens(self) -> int:
        """Embeddings that the page contributes to the prompt."""
        return self.num_tiles * TILE_TOKENS + GLOBAL_TOKENS + SEPARATOR_TOKENS


@dataclass(frozen=True, slots=True)
class ContentBox:
    """The box of a page in the square global view, in pixels; the rest is padding."""

    left: int
    top: int
    width: int
    height: int


def graph_tokens(max_tiles: int) -> list[int]:
    """Return the tokens for which CUDA graphs are made: those of 2, 3, ... 6 tiles, and of the most of a page.

    So a page of as many tiles as any in training fills its graph. Without tiles there is one for the global view.
    """
    numbers = {*range(MIN_TILES, min(max_tiles, MAX_TILES) + 1), max_tiles}
    return sorted(TILE_TOKENS * number for number in numbers) if max_tiles >= MIN_TILES else [GLOBAL_TOKENS]


def plan_tiling(width_px: int, height_px: int, max_tiles: int = MAX_TILES) -> Tiling:
    """Plan the grid of a page of this size; no tiles if both sides fit into one, or if `max_tiles` is below two."""
    return Tiling(*choose_grid(width_px, height_px, max_tiles))


def num_visual_tokens(width_px: int, height_px: int, max_tiles: int = MAX_TILES) -> int:
    """Count the visual tokens of a page: 144 per tile, 256 for the global view, 1 separator."""
    return plan_tiling(width_px, height_px, max_tiles).num_visual_tokens


def choose_grid(width_px: int, height_px: int, max_tiles: int = MAX_TILES) -> tuple[int, int]:
    """Choose columns and rows of the grid whose aspect ratio is nearest to the page's.

    On an equal distance a later (larger) grid wins if the page has more than half of that grid's pixels.

    Raises:
        ValueError: a side is below 1 px.
    """
    if min(width_px, height_px) < 1:
        raise ValueError(f"a page of {width_px} x {height_px} px has no views")
    best = (1, 1)
    if max(width_px, height_px) <= TILE_SIZE:
        return best
    aspect_ratio = width_px / height_px
    smallest_distance = float("inf")
    for columns, rows in _candidate_grids(max_tiles):
        distance = abs(aspect_ratio - columns / rows)
        has_pixels = width_px * height_px > 0.5 * TILE_SIZE * TILE_SIZE * columns * rows
        if distance < smallest_distance or (distance == smallest_distance and has_pixels):
            best, smallest_distance = (columns, rows), distance
    return best


def content_box(width_px: int, height_px: int, side: int = GLOBAL_SIZE) -> ContentBox:
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
