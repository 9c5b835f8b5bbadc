"""Functions on single pages, for pipelines that are not ours: bytes of a document go in, a record comes out.

MuPDF runs in the calling process, without our sandbox and our limits of time and memory: a hostile document can crash
or hang it. Call these functions in worker processes that may die (multiprocessing, Ray Data), or let `run` read
documents that come from anywhere. MuPDF is not safe for threads: a lock lets one in at a time. Lengths are in PDF
points (1/72 inch) of the page as displayed, origin top left, y down; pages count from 1.

Image files may be PNG, JPEG, TIFF, BMP, GIF or JPEG 2000. Not covered, though `run` does it: WebP, AVIF and HEIF, EXIF
orientation, the oblong pixels of faxes, and PDFium if MuPDF fails.
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from ocrmill.configs.settings import QualitySettings, RasterSettings, RoutingSettings
from ocrmill.pipeline.errors import PageError, UsageError
from ocrmill.pipeline.pages import mupdf
from ocrmill.pipeline.pages.inspection import inspect_page as inspect_open_page
from ocrmill.pipeline.pages.inspection import text_of
from ocrmill.pipeline.pages.mapped_file import MappedFile
from ocrmill.pipeline.pages.raster_size import with_raster
from ocrmill.pipeline.pages.routing import decide, is_right_to_left
from ocrmill.pipeline.quality.faithful_text import read_faithfully
from ocrmill.pipeline.quality.flags import judge
from ocrmill.pipeline.quality.repetition.measures import measure_repetition
from ocrmill.pipeline.records import (
    RGB,
    PageFeatures,
    PageGeometry,
    PageText,
    Reason,
    RouteDecision,
)
from ocrmill.pipeline.text.layer.page_words import clean_text
from ocrmill.workers.engines.deepseek_ocr2.markdown import to_markdown

if TYPE_CHECKING:
    import pymupdf

__all__ = [
    "InspectedPage",
    "PageImage",
    "count_pages",
    "flag_text",
    "inspect_page",
    "measure_repetition",
    "parse_markdown",
    "read_text_layer",
    "render_page",
    "route_page",
]

# mupdf.py keeps PyMuPDF from loading its layout model; a program that embeds us may still import it.
for _name in ("pymupdf.layout", "pymupdf4llm"):
    if sys.modules.get(_name, ...) is None:
        del sys.modules[_name]

_LOCK = threading.RLock()


@dataclass(frozen=True, slots=True)
class PageImage:
    """A rendered page."""

    page_number: int  # from 1
    pixels: RGB  # (height, width, 3) uint8, red first, on white
    geometry: PageGeometry  # size in points and pixels, and the pixels per inch after clamping


@dataclass(frozen=True, slots=True)
class InspectedPage:
    """The measurements of a page before it is read."""

    page_number: int  # from 1
    page_count: int  # of its document
    geometry: PageGeometry  # in points; nothing is rendered but a thumbnail, so pixels are 0
    features: PageFeatures  # shares from 0 to 1; the basis of `route_page`
    layer_text: str  # the page's own text as it stands in the file, good or not


def count_pages(document: bytes, *, password: str | None = None) -> int:
    """Count the pages of a PDF or an image: 1 or more.

    Raises:
        PageError: It has none, cannot be opened, or asks for a password; `reason` says which.
    """
    with _open_document(document, password) as opened:
        return mupdf.count_pages(opened)


def render_page(
    document: bytes,
    page_number: int = 1,
    *,
    dpi: float = 144.0,
    max_side_px: int = 4096,
    password: str | None = None,
) -> PageImage:
    """Render one page on white, with annotations and form fields. A page of an image file keeps its own pixels.

    Args:
        document: The bytes of a PDF or an image.
        page_number: From 1.
        dpi: Pixels per inch, 36 to 600. DeepSeek-OCR 2 was trained at 144.
        max_side_px: Longest side in pixels, 256 to 16384; a larger page is rendered at fewer pixels per inch.
        password: Tried if the document asks for one.

    Raises:
        UsageError: An argument is out of range, or there is no such page.
        PageError: The document or the page cannot be read; `reason` says why in one word.
    """
    _check_range("dpi", dpi)
    _check_range("max_side_px", max_side_px)
    with _load_page(document, page_number, password) as page:
        geometry = mupdf.displayed_geometry(page)
        pixels = mupdf.render(page, mupdf.page_scale(page, geometry, dpi, max_side_px))
        return PageImage(page_number, pixels, with_raster(geometry, pixels))


def inspect_page(document: bytes, page_number: int = 1, *, password: str | None = None) -> InspectedPage:
    """Measure what one page holds: its text layer and how far to trust it, images, ink. About 25 ms of CPU.

    Raises:
        UsageError: There is no such page.
        PageError: The document or the page cannot be read; `reason` says why in one word.
    """
    with _load_page(document, page_number, password) as page:
        geometry = mupdf.displayed_geometry(page)
        features = inspect_open_page(page, mupdf.render_thumbnail(page, geometry))
        return InspectedPage(page_number, len(page.parent), geometry, features, clean_text(text_of(page)))


def route_page(inspected: InspectedPage, settings: RoutingSettings | None = None) -> RouteDecision:
    """Decide if a page is read from its text layer, by OCR, or is blank; `reason` says why in one word.

    Args:
        inspected: From `inspect_page`.
        settings: Thresholds, as `RunSettings().routing` has them by default.
    """
    return decide(inspected.features, settings or RoutingSettings(), inspected.geometry)


def read_text_layer(document: bytes, page_number: int = 1, *, password: str | None = None) -> PageText:
    """Return a page's own text as Markdown with blocks. Check with `route_page` first if it can be trusted.

    The first call loads PyMuPDF's layout model: 0.5 s and 50 MB.

    Raises:
        UsageError: There is no such page.
        PageError: The document or the page cannot be read; `reason` says why in one word.
    """
    with _load_page(document, page_number, password) as page:
        features = inspect_open_page(page, mupdf.render_thumbnail(page, mupdf.displayed_geometry(page)))
        return read_faithfully(page.parent, page_number - 1, right_to_left=is_right_to_left(features))


def flag_text(
    markdown: str, *, finish_reason: str | None = None, settings: QualitySettings | None = None
) -> tuple[str, ...]:
    """Flag a text that repeats itself or was cut off: the flags of a row that its text alone decides.

    Args:
        markdown: The text of one page; thresholds are those of pages.
        finish_reason: The engine's: "length" if it reached its limit, "repetition" if it was stopped in a loop.
        settings: Thresholds, as `RunSettings().quality` has them by default.

    Returns:
        "repetition" with the measures that raised it, and "truncated"; none for an honest text.
    """
    return judge(
        measure_repetition(markdown),
        text_chars=len(markdown),
        finish_reason=finish_reason,
        settings=settings or QualitySettings(),
    ).flags


def parse_markdown(raw: str, *, width_pt: float, height_pt: float, refs_are_text: bool = False) -> PageText:
    """Parse what DeepSeek-OCR writes: Markdown without its tags, and blocks with boxes on the page. Never fails.

    Args:
        raw: The model's output with its special tokens (vLLM: `skip_special_tokens=False`), cut off or not.
        width_pt: Width of the page that the model saw, in points; boxes are scaled to it.
        height_pt: Its height.
        refs_are_text: Set it if the prompt asked for lines or phrases: `<|ref|>` then holds text, not a label.
    """
    geometry = PageGeometry(width_pt, height_pt, rotation=0)
    markdown, blocks = to_markdown(raw, geometry, refs_are_text=refs_are_text)
    return PageText(markdown, raw=raw, blocks=blocks)


@cache
def _range_of(setting: str) -> tuple[float, float]:
    limits = RasterSettings.model_json_schema()["properties"][setting]
    return limits["minimum"], limits["maximum"]


def _check_range(name: str, value: float) -> None:
    """Refuse a value outside the range of the setting of this name."""
    low, high = _range_of(name)
    if not low <= value <= high:
        raise UsageError(f"{name}={value} is out of range: {low:g} to {high:g}")


@contextmanager
def _open_document(document: bytes, password: str | None) -> Iterator["pymupdf.Document"]:
    """Open a document under the lock and with MuPDF's messages off."""
    with _LOCK, _without_messages():
        opened = mupdf.open_document(MappedFile(memoryview(document), ""), [] if password is None else [password])
        try:
            yield opened.document
        finally:
            opened.document.close()


@contextmanager
def _load_page(document: bytes, number: int, password: str | None) -> Iterator["pymupdf.Page"]:
    """Load a page; an error of MuPDF while it is used becomes a PageError."""
    with _open_document(document, password) as opened:
        count = mupdf.count_pages(opened)
        if not 1 <= number <= count:
            raise UsageError(f"there is no page {number}: the document has {count}, the first is 1")
        try:
            page = opened[number - 1]
        except Exception as error:  # MuPDF's errors are not one family
            raise PageError(Reason.PAGE_DAMAGED, f"MuPDF cannot load page {number}: {error}") from error
        try:
            yield page
        except PageError:
            raise
        except Exception as error:  # MuPDF's errors are not one family
            raise PageError(Reason.RENDER_ERROR, f"MuPDF cannot read page {number}: {error}") from error


@contextmanager
def _without_messages() -> Iterator[None]:
    import pymupdf

    tools = pymupdf.TOOLS
    before = tools.mupdf_display_errors(), tools.mupdf_display_warnings()
    mupdf.quiet()
    try:
        yield
    finally:
        tools.mupdf_display_errors(before[0])
        tools.mupdf_display_warnings(before[1])
