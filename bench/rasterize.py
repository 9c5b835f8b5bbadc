"""Pages per second and core from PDF page to model views: ours against the official chain, on the same pages.

    python bench/rasterize.py [PDF_OR_FOLDER ...] [--pages N] [--repeats R] [--skip NAME ...] [--json]

ours: MuPDF at 144 dpi -> raw pixels -> uint8 views (pipeline/pages/mupdf.py, model_adapter/views.py).
official: what the model's own scripts do:
MuPDF at 144 dpi -> PNG -> Pillow -> RGB -> tiles and padded global view -> float32, channels
first, (x - 0.5) / 0.5, stacked; in numpy, without the second copy that torchvision makes. Both run page by page in
turn, who is first changes with every page and repeat. Each has the document opened for itself and MuPDF's caches
emptied at the start of a repeat, so that it finds the fonts of earlier pages there, and nothing of the other chain's.
The views of the two are compared for equality on every page. Times are CPU times of the one thread that does the work.
"""

import argparse
import io
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from ocrmill.model_adapter.tiling import GLOBAL_SIZE, OCR2, TILE_SIZE
from ocrmill.model_adapter.views import PADDING, PageViews, cut_views
from ocrmill.pipeline.errors import PageError
from ocrmill.pipeline.pages.mapped_file import map_path
from ocrmill.pipeline.pages.mupdf import count_pages, open_document, quiet, release_memory, render
from ocrmill.pipeline.records import RGB

SAMPLES = Path(__file__).parents[1] / "samples"
SCALE = 144 / 72  # pixels per point
LARGEST_SIDE_PT = 3000  # larger pages are left out: they are no pages, and cost seconds
SCAN_COVER = 0.5  # share of a page that images cover, from which it counts as a scan
VECTOR_PATHS = 1000  # drawn paths, from which it counts as vector graphics

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class FloatViews:
    """Views as the official chain hands them to the model."""

    global_view: Floats  # (1, 3, 1024, 1024)
    tiles: Floats  # (N, 3, 768, 768)


@dataclass(frozen=True, slots=True)
class Seconds:
    """The time that one run of a chain over one page took."""

    cpu: float
    wall: float


@dataclass(frozen=True, slots=True)
class PageTimes:
    """Both chains on one page, one entry per repeat."""

    name: str
    content: str  # text, vector, scan or blank
    tint: str  # grey; some colour; coloured: a colour in at least half of its rows
    ours: list[Seconds] = field(default_factory=list)
    official: list[Seconds] = field(default_factory=list)
    rendering: list[Seconds] = field(default_factory=list)  # MuPDF's part of ours, timed apart


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both chains on a group of pages: medians over the repeats, and how far the ratio spreads."""

    group: str
    pages: int
    rendering_ms: float  # per page
    ours_ms: float
    official_ms: float
    ours_pages_per_second: float
    official_pages_per_second: float
    ratio: float
    ratio_lowest: float
    ratio_highest: float
    wall_ratio: float


def main() -> None:
    """Time both chains and print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("input", nargs="*", type=Path, default=[SAMPLES], metavar="PDF_OR_FOLDER")
    parser.add_argument("--pages", type=int, default=3, help="at most this many of each document")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--skip", action="append", default=[], metavar="NAME", help="leave out this file")
    parser.add_argument("--password", action="append", default=[], help="try this one on encrypted files")
    parser.add_argument("--json", action="store_true", help="print JSON, with every page")
    arguments = parser.parse_args()
    quiet()
    pages: list[PageTimes] = []
    for path in find_pdfs(arguments.input, arguments.skip):
        pages.extend(time_document(path, arguments.password, arguments.pages, arguments.repeats))
    if not pages:
        parser.error("no page could be rendered")
    comparisons = [compare(group, members) for group, members in groups(pages)]
    if arguments.json:
        print(json.dumps({"groups": [asdict(item) for item in comparisons], "pages": [asdict(page) for page in pages]}))
    else:
        print_table(comparisons)


def find_pdfs(inputs: list[Path], skip: list[str]) -> list[Path]:
    """The PDFs named, and those in the folders named."""
    found = [path for item in inputs for path in (sorted(item.glob("*.pdf")) if item.is_dir() else [item])]
    return [path for path in found if path.name not in skip]


def time_document(path: Path, passwords: list[str], limit: int, repeats: int) -> list[PageTimes]:
    """Time the first pages of a document; says on stderr what is left out."""
    import pymupdf

    try:
        document = open_document(map_path(path), passwords).document
        pages = [inspected(document, path.name, index) for index in range(min(limit, count_pages(document)))]
    except (PageError, RuntimeError, pymupdf.mupdf.FzErrorBase) as error:
        print(f"left out: {path.name}: {error}", file=sys.stderr)
        return []
    chains: list[tuple[str, Callable[[Any], object]]] = [
        ("ours", lambda page: cut_views(render(page, SCALE))),
        ("official", official_views),
        ("rendering", lambda page: render(page, SCALE)),
    ]
    for repeat in range(repeats):
        release_memory()
        documents = {name: open_document(map_path(path), passwords).document for name, _ in chains}
        for index, page in enumerate(pages):
            turn = (repeat + index) % len(chains)
            for name, chain in chains[turn:] + chains[:turn]:
                getattr(page, name).append(timed(chain, documents[name][index]))
    return pages


def inspected(document: Any, name: str, index: int) -> PageTimes:
    """The kind of page that this is; nothing is timed yet.

    Raises:
        AssertionError: where the views of the two chains differ.
        RuntimeError: where the page is too large to be one.
    """
    page = document[index]
    if max(page.rect.width, page.rect.height) > LARGEST_SIDE_PT:
        raise RuntimeError(f"page {index + 1} is larger than {LARGEST_SIDE_PT} points")
    pixels = render(page, SCALE)
    times = PageTimes(f"{name} page {index + 1}", content_kind(page), tint(pixels))
    assert_equal(times.name, cut_views(pixels), official_views(page))
    return times


def timed(chain: Callable[[Any], object], page: Any) -> Seconds:
    """Run a chain once; what it returns is freed after the clock has stopped."""
    wall, cpu = time.perf_counter(), time.thread_time()
    views = chain(page)
    seconds = Seconds(time.thread_time() - cpu, time.perf_counter() - wall)
    del views
    return seconds


def official_views(page: Any) -> FloatViews:
    """Views by the official chain."""
    import pymupdf

    pixmap = page.get_pixmap(matrix=pymupdf.Matrix(SCALE, SCALE), alpha=False)
    image = Image.open(io.BytesIO(pixmap.tobytes("png"))).convert("RGB")
    padded = ImageOps.pad(image, (GLOBAL_SIZE, GLOBAL_SIZE), color=(PADDING,) * 3)
    tiles = [normalised(np.array(tile)) for tile in official_tiles(image)]
    stacked = np.stack(tiles) if tiles else np.empty((0, 3, TILE_SIZE, TILE_SIZE), np.float32)
    return FloatViews(np.stack([normalised(np.array(padded))]), stacked)


def official_tiles(image: Image.Image) -> list[Image.Image]:
    """The page stretched to its grid and cropped tile by tile."""
    tiling = OCR2.plan(*image.size)
    if not tiling.num_tiles:
        return []
    stretched = image.resize((tiling.columns * TILE_SIZE, tiling.rows * TILE_SIZE))
    return [
        stretched.crop((left, top, left + TILE_SIZE, top + TILE_SIZE))
        for top in range(0, stretched.height, TILE_SIZE)
        for left in range(0, stretched.width, TILE_SIZE)
    ]


def normalised(view: RGB) -> Floats:
    """Torchvision's ToTensor and Normalize with mean and deviation 0.5: (3, side, side) float32."""
    tensor = np.ascontiguousarray(view.transpose(2, 0, 1)).astype(np.float32)
    tensor /= np.float32(255)
    tensor -= np.float32(0.5)
    tensor /= np.float32(0.5)
    return tensor


def assert_equal(name: str, ours: PageViews, official: FloatViews) -> None:
    """Both chains must show the model the same page."""
    if not np.array_equal(normalised(ours.global_view)[np.newaxis], official.global_view):
        raise AssertionError(f"{name}: the global views differ")
    if len(ours.tiles) != len(official.tiles):
        raise AssertionError(f"{name}: {len(ours.tiles)} tiles against {len(official.tiles)}")
    for index, (tile, theirs) in enumerate(zip(ours.tiles, official.tiles, strict=True)):
        if not np.array_equal(normalised(tile), theirs):
            raise AssertionError(f"{name}: tile {index} differs")


def content_kind(page: Any) -> str:
    """The kind of content that fills most of the page."""
    page_area = abs(page.rect)
    drawn = page.get_bboxlog()
    if not drawn:
        return "blank"
    image_area = sum((x1 - x0) * (y1 - y0) for kind, (x0, y0, x1, y1) in drawn if "image" in kind)
    if image_area >= SCAN_COVER * page_area:
        return "scan"
    paths = sum("path" in kind for kind, _ in drawn)
    return "vector" if paths >= VECTOR_PATHS else "text"


def tint(pixels: RGB) -> str:
    """The extent of colour on a page: it decides what resizing costs."""
    share = (pixels != pixels[..., :1]).any(axis=(1, 2)).mean()
    return "grey" if share == 0 else "some colour" if share < 0.5 else "coloured"


def groups(pages: list[PageTimes]) -> Iterator[tuple[str, list[PageTimes]]]:
    """All pages, then by content, by tint, and by both."""
    yield "all", pages
    keys: tuple[Callable[[PageTimes], str], ...] = (
        lambda page: page.content,
        lambda page: page.tint,
        lambda page: f"{page.content}, {page.tint}",
    )
    for key in keys:
        for name in sorted({key(page) for page in pages}):
            yield name, [page for page in pages if key(page) == name]


def compare(group: str, pages: list[PageTimes]) -> Comparison:
    """Sum up a group of pages, repeat by repeat."""
    ours, official, rendering = (
        [sum(seconds.cpu for seconds in repeat) for repeat in zip(*runs, strict=True)]
        for runs in ([p.ours for p in pages], [p.official for p in pages], [p.rendering for p in pages])
    )
    walls = [
        sum(page.official[repeat].wall for page in pages) / sum(page.ours[repeat].wall for page in pages)
        for repeat in range(len(ours))
    ]
    ratios = [theirs / mine for mine, theirs in zip(ours, official, strict=True)]
    ours_s, official_s, rendering_s = (statistics.median(runs) / len(pages) for runs in (ours, official, rendering))
    return Comparison(
        group=group,
        pages=len(pages),
        rendering_ms=1e3 * rendering_s,
        ours_ms=1e3 * ours_s,
        official_ms=1e3 * official_s,
        ours_pages_per_second=1 / ours_s,
        official_pages_per_second=1 / official_s,
        ratio=statistics.median(ratios),
        ratio_lowest=min(ratios),
        ratio_highest=max(ratios),
        wall_ratio=statistics.median(walls),
    )


def print_table(comparisons: list[Comparison]) -> None:
    """One line per group; CPU times, per page."""
    print(
        f"{'pages of':24}{'n':>4}{'render ms':>11}{'ours ms':>9}{'official ms':>13}{'pages/s/core':>16}"
        f"{'ratio (lowest-highest)':>26}{'of wall':>9}"
    )
    for item in comparisons:
        rates = f"{item.ours_pages_per_second:.1f} / {item.official_pages_per_second:.1f}"
        spread = f"{item.ratio:.2f} ({item.ratio_lowest:.2f}-{item.ratio_highest:.2f})"
        print(
            f"{item.group:24}{item.pages:4}{item.rendering_ms:11.1f}{item.ours_ms:9.1f}{item.official_ms:13.1f}"
            f"{rates:>16}{spread:>26}{item.wall_ratio:9.2f}"
        )


if __name__ == "__main__":
    main()
