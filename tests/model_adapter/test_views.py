"""Views hold the bytes that Pillow gives."""

import random

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageOps

from ocrmill.model_adapter import views
from ocrmill.model_adapter.tiling import FIRST_MODES, GLOBAL_SIZE, LAYOUTS, OCR2, TILE_SIZE, ViewLayout
from ocrmill.model_adapter.views import PADDING, PageViews, cut_views, page_of

Pixels = npt.NDArray[np.uint8]

SIZES = [
    (1224, 1584),  # Letter at 144 dpi
    (1191, 1684),  # A4
    (1684, 1191),
    (1440, 1440),
    (2000, 3000),
    (1536, 2304),  # the tile grid itself
    (1024, 1024),  # the global view itself
    (600, 700),  # no tiles
    (768, 768),
    (769, 500),
    (3000, 1000),
    (300, 2600),  # so tall that Pillow 13 resizes along the columns first
    (1000, 15444),
    (582, 667),  # pieces of it would have other weights
    (1, 5000),  # nothing is left of it in the global view
    (5000, 1),
    (1, 1),
]
PAINTS = ("noise", "grey noise", "flat", "text", "figure", "patches")


def by_pillow(page: Pixels, layout: ViewLayout = OCR2) -> PageViews:
    """The views as the official scripts cut them."""
    image = Image.fromarray(page)
    square, side = (layout.global_px, layout.global_px), layout.tile_px
    whole = image.resize(square) if layout.stretches else ImageOps.pad(image, square, color=(127, 127, 127))
    tiling = layout.plan(*image.size)
    if not tiling.num_tiles:
        return PageViews(np.asarray(whole), np.empty((0, side, side, 3), np.uint8))
    stretched = image.resize((tiling.columns * side, tiling.rows * side))
    corners = [(column * side, row * side) for row in range(tiling.rows) for column in range(tiling.columns)]
    tiles = [stretched.crop((left, top, left + side, top + side)) for left, top in corners]
    return PageViews(np.asarray(whole), np.stack([np.asarray(tile) for tile in tiles]), tiling.columns)


def paint(size: tuple[int, int], kind: str, draw: random.Random) -> Pixels:
    """A page of a kind: noise shows every rounding, the others mix flat, grey and coloured parts."""
    width, height = size
    noise = np.random.default_rng(draw.randrange(1 << 30))
    page = np.full((height, width, 3), 255, np.uint8)
    if kind == "noise":
        page[:] = noise.integers(0, 256, page.shape)
    elif kind == "grey noise":
        page[:] = noise.integers(0, 256, (height, width, 1))
    elif kind == "flat":
        page[:] = draw.randrange(256)
    elif kind == "text":
        lines = page[height // 8 : -height // 8 or None, width // 8 : -width // 8 or None]
        lines[:] = noise.integers(0, 2, (*lines.shape[:2], 1)) * 255
        lines[(np.arange(len(lines)) // 40) % 2 == 1] = 255
        lines[: len(lines) // 9, :, 2] = 200
    elif kind == "figure":
        figure = page[height // 2 : height // 2 + height // 4, width // 3 : width // 2]
        figure[:] = noise.integers(0, 256, figure.shape)
        page[: height // 5] = noise.integers(0, 256, (height // 5, width, 1))
    else:
        for _ in range(draw.randrange(1, 9)):
            paint_patch(page, draw, noise)
    return page


def paint_patch(page: Pixels, draw: random.Random, noise: np.random.Generator) -> None:
    top, bottom = sorted(draw.randrange(page.shape[0] + 1) for _ in range(2))
    left, right = sorted(draw.randrange(page.shape[1] + 1) for _ in range(2))
    patch = page[top:bottom, left:right]
    channels = draw.choice((1, 3))
    depth = draw.choice((2, 256))
    patch[:] = noise.integers(0, depth, (*patch.shape[:2], channels)) * (255 // (depth - 1))


def assert_equal(views: PageViews, expected: PageViews) -> None:
    assert views.global_view.dtype == views.tiles.dtype == np.uint8
    assert views.tiles.shape == expected.tiles.shape
    assert np.array_equal(views.global_view, expected.global_view)
    assert np.array_equal(views.tiles, expected.tiles)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_known_sizes_in_the_bytes_of_pillow(size: tuple[int, int]) -> None:
    """Noise, which shows every difference of rounding, and a page of mixed parts come out as Pillow resizes them."""
    draw = random.Random(0)
    for kind in ("noise", "text"):
        page = paint(size, kind, draw)
        assert_equal(cut_views(page), by_pillow(page))


@pytest.mark.parametrize("seed", range(16))
def test_any_page_in_the_bytes_of_pillow(seed: int) -> None:
    """Pages of any size, with flat, grey and coloured parts anywhere, come out as Pillow resizes them."""
    draw = random.Random(seed)
    page = paint((draw.randrange(1, 2600), draw.randrange(1, 2600)), draw.choice(PAINTS), draw)

    assert_equal(cut_views(page), by_pillow(page))


@pytest.mark.parametrize("max_tiles", [0, 1, 2, 9, 15])
def test_the_number_of_tiles_is_a_choice(max_tiles: int) -> None:
    """With fewer or more tiles than six the views are still Pillow's, on grids with odd divisors too."""
    page = paint((1100, 1750), "figure", random.Random(max_tiles))

    layout = OCR2.with_max_tiles(max_tiles)
    assert_equal(cut_views(page, layout), by_pillow(page, layout))


@pytest.mark.parametrize("mode", FIRST_MODES)
def test_the_modes_of_the_first_model_are_cut_as_pillow_cuts(mode: str) -> None:
    """Stretched in the two small modes, padded in the others, with the tiles of two; the page comes back from it."""
    page = paint((1100, 1750), "figure", random.Random(mode))
    views, layout = cut_views(page, LAYOUTS[mode]), LAYOUTS[mode]

    assert_equal(views, by_pillow(page, layout))
    assert page_of(views, 1100, 1750, layout).shape[:2] == {
        "tiny": (512, 512),
        "small": (640, 640),
        "base": (1024, 644),
        "large": (1280, 805),
        "gundam": (1920, 1280),
        "gundam-master": (3072, 2048),
    }.get(mode)


def test_views_cost_what_tiling_says() -> None:
    """144 embeddings for every tile and 257 for the rest are the tokens that tiling counts, whatever the size."""
    draw = random.Random(0)
    sizes = [(draw.randrange(1, 2000), draw.randrange(1, 2000)) for _ in range(12)]
    for width, height in [*sizes, (1280, 1024), (1600, 1280), (1400, 800), (1500, 600), (450, 2000)]:
        tiles = cut_views(np.full((height, width, 3), 255, np.uint8)).tiles

        assert 144 * len(tiles) + 257 == OCR2.num_visual_tokens(OCR2.plan(width, height))


def test_pages_in_other_memory_orders() -> None:
    """A page that is a slice or a mirrored view of an array gives the same views as its copy."""
    page = paint((900, 1300), "patches", random.Random(3))

    assert_equal(cut_views(page[::-1, 20:-30, ::-1]), by_pillow(page[::-1, 20:-30, ::-1].copy()))


def test_the_page_is_left_alone() -> None:
    """Cutting views neither changes the page nor shares its memory, and a page that cannot be written to will do."""
    page = paint((1024, 1024), "figure", random.Random(0))
    before = page.copy()
    page.setflags(write=False)
    result = cut_views(page)

    assert np.array_equal(page, before)
    assert not np.shares_memory(result.global_view, page)


def test_padding_is_the_grey_that_normalises_to_zero() -> None:
    """Around the page the global view is 127, which (x / 255 - 0.5) / 0.5 takes to -0.0039."""
    view = cut_views(np.full((1000, 500, 3), 255, np.uint8)).global_view

    assert set(view[:, :256].ravel()) == {PADDING} == {127}
    assert round((PADDING / 255 - 0.5) / 0.5, 4) == -0.0039


def test_a_mixed_page_is_cut_into_its_kinds() -> None:
    """On an A4 page with a margin, text and a coloured figure, runs of each kind are found; that is what saves time."""
    page = paint((1191, 1684), "figure", random.Random(0))
    whole = views._Page(page, page[..., 1].copy())
    rows = views._runs(views._row_profile(whole), 1684, 2304, views._SHORTEST_ROWS, views._LONGEST_ROWS)
    kinds = [kind for kind, _ in rows]
    figure = rows[kinds.index(views._Kind.COLOUR)][1].source
    profile = views._column_profile(whole, figure, views._Kind.COLOUR)
    columns = views._runs(profile, 1191, 1536, views._SHORTEST_COLUMNS, 1536)

    assert set(kinds) == set(views._Kind)
    assert kinds[0] == views._Kind.GREY
    assert kinds[-1] == views._Kind.FLAT
    assert [kind for kind, _ in columns] == [views._Kind.FLAT, views._Kind.COLOUR, views._Kind.FLAT]


@pytest.mark.parametrize(("size", "view_size"), [(1684, 2304), (1584, 1024), (667, 1536), (3508, 1024), (97, 1009)])
def test_filter_weights_are_pillows(size: int, view_size: int) -> None:
    """Convolved with our integer weights in integers, noise gives the bytes of Pillow's resize along one axis."""
    noise = np.random.default_rng(0).integers(0, 256, (size, 200), dtype=np.uint8)
    first, weights = views._filter_weights(size, (0.0, float(size)), view_size)
    sums = np.full((view_size, 200), 1 << (views._WEIGHT_BITS - 1), np.int64)
    for tap in range(weights.shape[1]):
        sums += weights[:, tap : tap + 1] * noise[np.minimum(first + tap, size - 1)]
    ours = np.clip(sums >> views._WEIGHT_BITS, 0, 255).astype(np.uint8)

    assert np.array_equal(ours, np.asarray(Image.fromarray(noise).resize((200, view_size), Image.Resampling.BICUBIC)))


def test_pieces_with_other_weights_are_found() -> None:
    """If float64 gives a piece other weights than the whole page has, that is noticed, and no cut is made."""
    bands = views._bands(582, 894, views._SHORTEST_ROWS)
    is_same = [views._has_page_weights(582, 894, band.start, band.stop) for band in bands]
    page = paint((667, 582), "figure", random.Random(0))
    profile = views._row_profile(views._Page(page, page[..., 1].copy()))

    assert len(bands) == 6
    assert is_same == [True, False, True, False, True, False]
    assert [(span.start, span.stop) for _, span in views._runs(profile, 582, 894, views._SHORTEST_ROWS, 256)] == [
        (0, 894)
    ]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("max_tiles", [0, 6])
def test_a_page_comes_back_from_its_views(size: tuple[int, int], max_tiles: int) -> None:
    """Stretched over its tiles, or as large as the global view shows it, in the same bytes."""
    width, height = size
    page = np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8)

    layout = OCR2.with_max_tiles(max_tiles)
    shown = page_of(cut_views(page, layout), width, height, layout)

    tiling = layout.plan(width, height)
    if tiling.num_tiles:
        target = (tiling.columns * TILE_SIZE, tiling.rows * TILE_SIZE)
        assert np.array_equal(shown, np.asarray(Image.fromarray(page).resize(target, Image.Resampling.BICUBIC)))
    elif min(shown.shape):
        contained = ImageOps.contain(Image.fromarray(page), (GLOBAL_SIZE, GLOBAL_SIZE), Image.Resampling.BICUBIC)
        assert np.array_equal(shown, np.asarray(contained))
    else:
        assert max(size) > 2048 * min(size)
