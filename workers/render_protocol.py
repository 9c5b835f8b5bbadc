"""What a rasterizer and its rendering process say to each other: one JSON request, one JSON reply.

JSON, checked on arrival, because the rendering process handles hostile files: what it sends must not be able to do
anything. A document goes beside it as an open file, for the rendering process may not open files; pixels come back
through shared memory.
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
    """Open a document, or read one page of it where `page_number` is set.

    Where `brings_file` is set, an open file descriptor of the document follows; otherwise it is the last one's turn.
    """

    passwords: tuple[str, ...]  # to try on opening; the one that fits, for a page
    page_number: int | None = None
    suffix: str = ""  # of the file's name
    brings_file: bool = False


@dataclass(frozen=True, slots=True)
class OpenReply:
    """What opening a document told; `reason` is set where no page can be had."""

    page_count: int = 0
    password: str | None = None
    title: str | None = None
    producer: str | None = None
    reason: Reason | None = None
    detail: str | None = None


MAX_REPLY_BYTES = 64 << 20  # what a page's text and boxes may take; a dense page of a newspaper has 0.1 MB

SETTINGS = TypeAdapter(ChildSettings)
REQUEST = TypeAdapter(Request)
OPEN_REPLY = TypeAdapter(OpenReply)
PAGE_REPLY = TypeAdapter(RenderedPage)


def carries_image(page: RenderedPage) -> bool:
    """Whether a page image lies in shared memory for this reply."""
    return page.reason is None and page.decision is not None and page.text is None and page.decision.route == "ocr"
