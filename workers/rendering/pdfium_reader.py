"""Reads pages with PDFium, inside a rendering process: renders what MuPDF could not, for OCR."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Self

import pypdfium2

from ocrmill.pipeline.errors import PageError
from ocrmill.pipeline.pages import pdfium
from ocrmill.pipeline.pages.inspection import ink_share
from ocrmill.pipeline.pages.mapped_file import MappedFile
from ocrmill.pipeline.pages.raster_size import shrink_to_thumbnail, with_raster
from ocrmill.pipeline.records import (
    RGB,
    BlankPage,
    FailedPage,
    Failure,
    PageResult,
    Reason,
    RenderedPage,
    Route,
    RouteDecision,
)
from ocrmill.workers.rendering.protocol import ChildSettings, OpenedDocument, OpenReply


class PdfiumReader:
    """Holds one document open."""

    def __init__(self, settings: ChildSettings) -> None:
        self._settings = settings
        self._file: MappedFile | None = None
        self._document: pypdfium2.PdfDocument | None = None

    def open(self, file: MappedFile, passwords: Sequence[str]) -> tuple[OpenReply, Self]:
        """Open a document, or say why PDFium cannot either; its pages are read here."""
        self._close()
        try:
            self._document = pdfium.open_document(file, next(iter(passwords), None))
        except PageError as error:
            return Failure(error.reason, error.detail), self
        self._file = file
        return OpenedDocument(len(self._document)), self

    def read(self, page_number: int) -> tuple[PageResult, RGB | None]:
        """Render one page of the open document for OCR, or find it blank."""
        started = time.perf_counter()
        page: PageResult
        image = None
        try:
            page, image = self._read(page_number)
        except PageError as error:
            page = FailedPage(page_number, error.reason, error.detail)
        return replace(page, renderer="pdfium", render_ms=(time.perf_counter() - started) * 1000), image

    def _close(self) -> None:
        if self._document is not None:
            self._document.close()
        self._document = self._file = None

    def _read(self, page_number: int) -> tuple[BlankPage | RenderedPage, RGB | None]:
        assert self._document is not None
        raster = self._settings.raster
        geometry, image = pdfium.render_page(self._document, page_number, raster.dpi, raster.max_side_px)
        geometry = with_raster(geometry, image)
        if ink_share(shrink_to_thumbnail(image)) < self._settings.routing.blank_ink_share:
            if not pdfium.shows_what_it_holds(self._document, page_number):
                raise PageError(Reason.UNDECODABLE, "PDFium shows a blank page and may not have decoded what is on it")
            return BlankPage(page_number, geometry, RouteDecision(Route.BLANK, "blank")), None
        return RenderedPage(page_number, geometry, RouteDecision(Route.OCR, "no_text")), image
