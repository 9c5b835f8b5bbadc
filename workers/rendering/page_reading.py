"""The parts that all page readers share: timing, the record of a failed page, the record of a page that awaits OCR."""

import time
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Self

from ocrmill.pipeline.errors import PageError
from ocrmill.pipeline.measures import LayerLine
from ocrmill.pipeline.pages.raster_size import with_raster
from ocrmill.pipeline.pages.routing import layer_can_check
from ocrmill.pipeline.records import (
    RGB,
    FailedPage,
    PageFeatures,
    PageGeometry,
    PageResult,
    RenderedPage,
    RouteDecision,
)
from ocrmill.pipeline.text.layer.page_words import clean_text
from ocrmill.workers.rendering.protocol import ChildSettings, RenderedImage


def failed_page(page_number: int, error: Exception) -> FailedPage | None:
    """Make the record of a page that cannot be read; None for an error that is not of a page."""
    return FailedPage(page_number, error.reason, error.detail) if isinstance(error, PageError) else None


class PageReading:
    """The reading of one page: its block sets `page` and `image`, and an error in it becomes a `FailedPage`.

    A block adds no function to the main path, as a wrapper would.
    """

    page: PageResult

    def __init__(
        self,
        page_number: int,
        renderer: str,
        make_failed: Callable[[int, Exception], FailedPage | None] = failed_page,
    ) -> None:
        self.image: RenderedImage | None = None
        self._number = page_number
        self._renderer = renderer
        self._make_failed = make_failed
        self._started = time.perf_counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        failed = self._make_failed(self._number, error) if isinstance(error, Exception) else None
        if failed is None:
            return False
        self.page, self.image = failed, None
        return True

    def result(self) -> tuple[PageResult, RenderedImage | None]:
        """Return the page with its renderer and the milliseconds that it took, and its image if there is one."""
        took_ms = (time.perf_counter() - self._started) * 1000
        return replace(self.page, renderer=self._renderer, render_ms=took_ms), self.image


def awaiting_ocr(
    page_number: int,
    geometry: PageGeometry,
    image: RGB,
    decision: RouteDecision,
    *,
    features: PageFeatures,
    layer: str,
    find_lines: Callable[[], tuple[LayerLine, ...]],
    unwritable: float,
    settings: ChildSettings,
) -> RenderedPage:
    """Make the record of a page that awaits OCR, with its layer and its lines if OCR can be checked against them."""
    can_check = layer_can_check(features, settings.routing)
    return RenderedPage(
        page_number,
        with_raster(geometry, image),
        decision,
        features,
        layer_text=clean_text(layer) if can_check else None,
        layer_lines=find_lines() if can_check else (),
        unwritable_share=unwritable,
    )
