"""The protocol between a rasterizer and its rendering process: one JSON request, one JSON reply.

JSON, checked on arrival, because the rendering process handles hostile files: nothing that it sends can
do anything. A document goes beside it as an open file, for the rendering process may not open files; pixels come back
through shared memory.
"""

import math
from dataclasses import dataclass, fields, is_dataclass
from typing import Annotated, Protocol, TypeVar

from pydantic import Field, TypeAdapter

from ocrmill.configs.settings import RasterSettings, RoutingSettings
from ocrmill.model_adapter.tiling import ViewLayout
from ocrmill.model_adapter.views import PageViews
from ocrmill.pipeline.records import RGB, Failure, PageGeometry, PageResult, RenderedPage, TextLayerPage
from ocrmill.workers.rendering.encoded_page import EncodedPage


@dataclass(frozen=True, slots=True)
class ChildSettings:
    """Settings that the rendering process gets when it starts."""

    raster: RasterSettings
    routing: RoutingSettings
    figures: bool = False  # whether pages with pictures are rendered for them, too
    layout: ViewLayout | None = None  # of the views, if the engine is given those of a page and not the page
    scripts: frozenset[str] | None = None  # that the engine can write; see EngineDescription
    writes_markup: bool = False  # as in EngineDescription
    page_alone: bool = False  # no other page of its document is read for words that tell hyphens


@dataclass(frozen=True, slots=True)
class Request:
    """Open a document, or read one page of it if `page_number` is set.

    If `brings_file` is set, an open file descriptor of the document follows; if not, the last document is meant.
    """

    passwords: tuple[str, ...]  # to try on opening; the one that fits, for a page
    page_number: int | None = None
    suffix: str = ""  # of the file's name
    brings_file: bool = False


@dataclass(frozen=True, slots=True)
class OpenedDocument:
    """A document with pages to read."""

    page_count: int
    password: str | None = None
    title: str | None = None
    producer: str | None = None
    detail: str | None = None


OpenReply = OpenedDocument | Failure
"""The result of opening a document; a failure if no page of it can be read."""


ROUNDED_UP_PX = 2  # that renderers may add to raster.max_side_px
RenderedImage = RGB | PageViews
"""The result of a rendering process: the pixels of a page, or views of one that is too large to be passed on."""
PageImage = RenderedImage | EncodedPage
"""The input of an engine: pixels, views if `EngineSettings.views` is set, a file if `image_format` is."""


class PageReader(Protocol):
    """Reads the pages of an open document."""

    def read(self, page_number: int) -> tuple[PageResult, RenderedImage | None]:
        """Read one page: with its image, or its views, if it awaits OCR."""


MAX_REPLY_BYTES = 64 << 20  # limit for a page's text and boxes; a dense page of a newspaper has 0.1 MB

_LARGEST = (1 << 31) - 1
Reply = TypeVar("Reply")

SETTINGS = TypeAdapter(ChildSettings)
REQUEST = TypeAdapter(Request)
OPEN_REPLY: TypeAdapter[OpenReply] = TypeAdapter(OpenReply)
PAGE_REPLY: TypeAdapter[PageResult] = TypeAdapter(Annotated[PageResult, Field(discriminator="kind")])


def checked(reply: Reply, request: Request) -> Reply:
    """Return the reply if it answers this request and its numbers fit into their columns.

    Raises:
        ValueError: it does not, or they do not.
    """
    if isinstance(reply, PageResult) and reply.page_number != request.page_number:
        raise ValueError(f"page {reply.page_number} instead of page {request.page_number}")
    _check_numbers(reply)
    return reply


def _check_numbers(value: object) -> None:
    match value:
        case int() if abs(value) > _LARGEST:
            raise ValueError("a number of more than 32 bits")
        case float() if not math.isfinite(value):
            raise ValueError("a number that is none")
        case tuple():
            for inner in value:
                _check_numbers(inner)
        case _ if is_dataclass(value):
            for field in fields(value):
                _check_numbers(getattr(value, field.name))


def is_cut_into_views(width_px: int, height_px: int, settings: ChildSettings) -> bool:
    """True if a page of this size comes back as its views.

    It is an image file that is larger than pages are rendered, and its engine wants views: cut from the file's own
    pixels, they are resampled once.
    """
    return settings.layout is not None and max(width_px, height_px) > settings.raster.max_side_px + ROUNDED_UP_PX


def geometry_of_image(page: PageResult) -> PageGeometry | None:
    """Return the size of the page image that lies in shared memory for this reply; None if there is none."""
    if isinstance(page, RenderedPage) or (isinstance(page, TextLayerPage) and page.geometry.width_px > 0):
        return page.geometry
    return None
