"""The cutting of a page into tiles, and its cost in tokens."""

import random
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from ocrmill.model_adapter.tiling import (
    GLOBAL_SIZE,
    GLOBAL_TOKENS,
    LAYOUTS,
    OCR2,
    TILE_SIZE,
    TILE_TOKENS,
    ContentBox,
    Tiling,
    fitted_box,
)

Size = tuple[int, int]
Grid = tuple[int, int]
SIDES = st.integers(1, 20_000)

# Page size, grid and visual tokens, worked out by running the official scripts.
OFFICIAL = [
    ((1224, 1584), (2, 3), 1121),  # Letter at 144 dpi
    ((1191, 1684), (2, 3), 1121),  # A4 at 144 dpi
    ((600, 700), (1, 1), 257),
    ((3000, 1000), (3, 1), 689),
    ((2000, 2000), (2, 2), 833),
    ((768, 768), (1, 1), 257),
    ((769, 500), (3, 2), 1121),
    ((1920, 1080), (2, 1), 545),
    ((1584, 1224), (3, 2), 1121),
    ((1000, 15444), (1, 6), 1121),
    ((842, 1191), (2, 3), 1121),
    ((1275, 1650), (2, 3), 1121),
    ((1700, 2200), (2, 3), 1121),
    ((1654, 2339), (2, 3), 1121),
    ((2480, 3508), (2, 3), 1121),
    # ties of the distance, decided by the area
    ((1280, 1024), (2, 2), 833),
    ((1000, 800), (2, 2), 833),
    ((1600, 1280), (3, 2), 1121),
    ((1400, 800), (2, 1), 545),
    ((1500, 600), (3, 1), 689),
]

# Aspect ratios between which each grid is the nearest: the midpoints of neighbouring ratios.
NEAREST = [
    (Fraction(0), Fraction(11, 60), (1, 6)),
    (Fraction(11, 60), Fraction(9, 40), (1, 5)),
    (Fraction(9, 40), Fraction(7, 24), (1, 4)),
    (Fraction(7, 24), Fraction(5, 12), (1, 3)),
    (Fraction(5, 12), Fraction(7, 12), (1, 2)),
    (Fraction(7, 12), Fraction(5, 6), (2, 3)),
    (Fraction(5, 6), Fraction(5, 4), (2, 2)),
    (Fraction(5, 4), Fraction(7, 4), (3, 2)),
    (Fraction(7, 4), Fraction(5, 2), (2, 1)),
    (Fraction(5, 2), Fraction(7, 2), (3, 1)),
    (Fraction(7, 2), Fraction(9, 2), (4, 1)),
    (Fraction(9, 2), Fraction(11, 2), (5, 1)),
    (Fraction(11, 2), Fraction(10**9), (6, 1)),
]

# Ties that float64 keeps: ratio, the grid of a small page, the grid of a large one, the pixels that divide them.
TIES = [
    (Fraction(9, 40), (1, 4), (1, 5), 5 * TILE_SIZE**2 // 2),
    (Fraction(5, 4), (2, 2), (3, 2), 3 * TILE_SIZE**2),
    (Fraction(7, 4), (2, 1), (3, 2), 3 * TILE_SIZE**2),
    (Fraction(5, 2), (2, 1), (3, 1), 3 * TILE_SIZE**2 // 2),
    (Fraction(7, 2), (3, 1), (4, 1), 2 * TILE_SIZE**2),
    (Fraction(9, 2), (4, 1), (5, 1), 5 * TILE_SIZE**2 // 2),
    (Fraction(11, 2), (5, 1), (6, 1), 3 * TILE_SIZE**2),
]

# Mode of the first model, page size, grid and placeholders, worked out by running the official scripts, or by the
# table of modes: 64, 100, 256 and 400 tokens, with an end for each row and a separator.
OFFICIAL_MODES = [
    ("tiny", (1224, 1584), (1, 1), 73),
    ("small", (1224, 1584), (1, 1), 111),
    ("base", (1224, 1584), (1, 1), 273),
    ("large", (1224, 1584), (1, 1), 421),
    ("gundam", (640, 640), (1, 1), 273),
    ("gundam", (600, 700), (2, 2), 693),
    ("gundam", (1224, 1584), (2, 3), 903),
    ("gundam", (1191, 1684), (2, 3), 903),
    ("gundam", (3000, 1000), (3, 1), 583),
    ("gundam", (2000, 2000), (2, 2), 693),
    ("gundam", (769, 500), (3, 2), 893),
    ("gundam", (1920, 1080), (2, 1), 483),
    ("gundam", (1000, 15444), (1, 6), 933),
    ("gundam-master", (640, 640), (1, 1), 421),
    ("gundam-master", (1224, 1584), (2, 3), 6 * 256 + 48 + 421),
]


def choose_grid(width: int, height: int, max_tiles: int = 6) -> Grid:
    """Columns and rows of DeepSeek-OCR 2's tiles."""
    tiling = OCR2.with_max_tiles(max_tiles).plan(width, height)
    return tiling.columns, tiling.rows


@pytest.mark.parametrize(("size", "grid", "tokens"), OFFICIAL)
def test_grids_and_costs_are_the_official_ones(size: Size, grid: Size, tokens: int) -> None:
    """Grid and number of visual tokens are those of the official scripts."""
    assert choose_grid(*size) == grid
    assert OCR2.num_visual_tokens(OCR2.plan(*size)) == tokens


@pytest.mark.parametrize(("mode", "size", "grid", "tokens"), OFFICIAL_MODES)
def test_modes_cut_and_cost_what_the_first_models_authors_say(mode: str, size: Size, grid: Grid, tokens: int) -> None:
    """Grid and number of placeholders, row ends and separator included, in each of the six modes."""
    tiling = LAYOUTS[mode].plan(*size)

    assert tiling == Tiling(*grid)
    assert LAYOUTS[mode].num_visual_tokens(tiling) == tokens


def test_no_page_costs_more_than_is_planned_for() -> None:
    """`most_visual_tokens` is the cost of the dearest grid in every layout, and with other limits of tiles."""
    for layout in LAYOUTS.values():
        for limited in (layout, *(layout.with_max_tiles(number) for number in (0, 1, 2, 9))):
            sizes = [(width, height) for width in (500, 1000, 4000) for height in range(300, 9000, 300)]
            costs = [limited.num_visual_tokens(limited.plan(*size)) for size in sizes]
            assert max(costs) == limited.most_visual_tokens
            assert {limited.plan(*size).num_tiles for size in sizes} <= {0, *range(2, limited.max_tiles + 1)}


@given(SIDES, SIDES)
def test_the_nearest_ratio_wins(width: int, height: int) -> None:
    """Away from the ties, a page that needs tiles gets the grid whose aspect ratio is nearest to its own."""
    if max(width, height) <= TILE_SIZE:
        assert choose_grid(width, height) == (1, 1)
        return
    ratio = Fraction(width, height)
    grids = [grid for low, high, grid in NEAREST if low <= ratio <= high]

    assert choose_grid(width, height) in grids


@pytest.mark.parametrize(("ratio", "smaller", "larger", "limit"), TIES)
def test_exact_ties_go_by_area(ratio: Fraction, smaller: Size, larger: Size, limit: int) -> None:
    """At an exact tie the larger grid needs more than half its pixels; at the limit itself the smaller one stays."""
    for unit in range(1, 1500):
        width, height = unit * ratio.numerator, unit * ratio.denominator
        if max(width, height) > TILE_SIZE:
            expected = larger if width * height > limit else smaller
            assert choose_grid(width, height) == expected, (width, height)


@pytest.mark.parametrize(
    ("size", "max_tiles", "grid"),
    [
        ((2000, 2000), 9, (3, 3)),  # 4,000,000 px are more than half of nine tiles
        ((1000, 15444), 9, (1, 9)),
        ((3000, 4500), 24, (4, 6)),  # a newspaper page
        ((1224, 1584), 2, (1, 2)),
        ((1224, 1584), 1, (1, 1)),
        ((1224, 1584), 0, (1, 1)),
    ],
)
def test_max_tiles_bounds_the_grid(size: Size, max_tiles: int, grid: Size) -> None:
    """More tiles than six may be asked for, and fewer; below two there are none."""
    assert choose_grid(size[0], size[1], max_tiles=max_tiles) == grid


@given(SIDES, SIDES, st.integers(0, 40))
@example(500_000, 1, 40)
def test_the_cost_is_the_sum_of_the_views(width: int, height: int, max_tiles: int) -> None:
    """144 tokens per tile, 256 for the global view and one separator; never one tile, never more than allowed."""
    tiling = OCR2.with_max_tiles(max_tiles).plan(width, height)

    assert tiling.num_tiles in {0, *range(2, max_tiles + 1)}
    assert OCR2.num_visual_tokens(tiling) == TILE_TOKENS * tiling.num_tiles + GLOBAL_TOKENS + 1
    assert (OCR2.tile_tokens, OCR2.global_tokens) == (TILE_TOKENS, GLOBAL_TOKENS) == (144, 256)


@pytest.mark.parametrize("size", [(0, 100), (100, 0), (-5, 1000)])
def test_a_page_without_pixels_is_refused(size: Size) -> None:
    """A side below one pixel is an error."""
    with pytest.raises(ValueError, match="has no views"):
        choose_grid(*size)


@pytest.mark.parametrize(
    ("size", "box"),
    [
        ((1224, 1584), (116, 0, 791, 1024)),
        ((1191, 1684), (150, 0, 724, 1024)),
        ((600, 700), (73, 0, 878, 1024)),
        ((3000, 1000), (0, 342, 1024, 341)),
        ((2000, 2000), (0, 0, 1024, 1024)),
        ((1, 5000), (512, 0, 0, 1024)),
    ],
)
def test_content_boxes_of_known_pages(size: Size, box: tuple[int, int, int, int]) -> None:
    """The page lies where the official global view has it."""
    assert OCR2.content_box(*size) == ContentBox(*box)


def test_content_boxes_are_pillows() -> None:
    """For any page size the box is the one that `ImageOps.pad` fills."""
    sizes = random.Random(0)
    for _ in range(60):
        width, height = sizes.randint(1, 900), sizes.randint(1, 900)
        padded = ImageOps.pad(Image.new("L", (width, height), 255), (GLOBAL_SIZE, GLOBAL_SIZE), color=0)
        box = fitted_box(width, height, GLOBAL_SIZE)

        assert padded.getbbox() == (box.left, box.top, box.left + box.width, box.top + box.height)
