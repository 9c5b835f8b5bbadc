"""Reads pages with PDFium, inside a rendering process: renders what MuPDF could not, for OCR."""

import time
from dataclasses import replace

import pypdfium2

from pipeline import pdfium
from pipeline.errors import PageError
from pipeline.inspection import ink_share
from pipeline.raster_size import shrink_to_thumbnail, with_raster
from pipeline.records import RGB, RenderedPage, Route, RouteDecision
from workers.render_protocol import ChildSettings, OpenReply, Request


class PdfiumReader:
    """Keeps the last document open, so that the pages of a range cost one opening."""

    def __init__(self, settings: ChildSettings) -> None:
        self._settings = settings
        self._path: str | None = None
        self._document: pypdfium2.PdfDocument | None = None

    def open(self, request: Request) -> OpenReply:
        """Open a document, or say why PDFium cannot either."""
        try:
            return OpenReply(page_count=len(self._opened(request)))
        except PageError as error:
            return OpenReply(reason=error.reason, detail=error.detail)

    def read(self, request: Request) -> tuple[RenderedPage, RGB | None]:
        """Render one page for OCR, or find it blank."""
        assert request.page_number is not None
        started = time.perf_counter()
        image = None
        try:
            page, image = self._read(request)
        except PageError as error:
            page = RenderedPage(request.page_number, reason=error.reason, detail=error.detail)
        return replace(page, renderer="pdfium", render_ms=(time.perf_counter() - started) * 1000), image

    def _opened(self, request: Request) -> "pypdfium2.PdfDocument":
        if request.path != self._path or self._document is None:
            self._close()
            self._document = pdfium.open_document(request.path, next(iter(request.passwords), None))
            self._path = request.path
        return self._document

    def _close(self) -> None:
        if self._document is not None:
            self._document.close()
        self._path = self._document = None

    def _read(self, request: Request) -> tuple[RenderedPage, RGB | None]:
        assert request.page_number is not None
        raster = self._settings.raster
        geometry, image = pdfium.render_page(self._opened(request), request.page_number, raster.dpi, raster.max_side_px)
        geometry = with_raster(geometry, image)
        if ink_share(shrink_to_thumbnail(image)) < self._settings.routing.blank_ink_share:
            return RenderedPage(request.page_number, geometry, RouteDecision(Route.BLANK, "blank")), None
        return RenderedPage(request.page_number, geometry, RouteDecision(Route.OCR, "no_text")), image
