"""What a rasterizer and its rendering process say to each other: one JSON request, one JSON reply.

JSON, checked on arrival, because the rendering process handles hostile files: what it sends must not be able to do
anything. Pixels go beside it through shared memory.
"""

from dataclasses import dataclass

from pydantic import TypeAdapter

from configs.settings import RasterSettings, RoutingSettings
from pipeline.records import Reason, RenderedPage


@dataclass(frozen=True, slots=True)
class ChildSettings:
    """What the rendering process needs to know from the start."""

    raster: RasterSettings
    routing: RoutingSettings


@dataclass(frozen=True, slots=True)
class Request:
    """Open a document, or read one page of it where `page_number` is set."""

    path: str
    passwords: tuple[str, ...]  # to try on opening; the one that fits, for a page
    page_number: int | None = None


@dataclass(frozen=True, slots=True)
class OpenReply:
    """What opening a document told; `reason` is set where no page can be had."""

    page_count: int = 0
    password: str | None = None
    title: str | None = None
    producer: str | None = None
    reason: Reason | None = None
    detail: str | None = None


SETTINGS = TypeAdapter(ChildSettings)
REQUEST = TypeAdapter(Request)
OPEN_REPLY = TypeAdapter(OpenReply)
PAGE_REPLY = TypeAdapter(RenderedPage)


def carries_image(page: RenderedPage) -> bool:
    """Whether a page image lies in shared memory for this reply."""
    return page.reason is None and page.decision is not None and page.text is None and page.decision.route == "ocr"
