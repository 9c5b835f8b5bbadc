"""Reads the pages that MuPDF could not read with PDFium, inside a rendering process.

They take the same routes as all pages. A text layer that holds anything in doubt (pdfium_layer.py) is not taken.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Self

import numpy as np
import pypdfium2

from ocrmill.pipeline.document_types import XFA_PLACEHOLDER
from ocrmill.pipeline.errors import PageError
from ocrmill.pipeline.pages import pdfium
from ocrmill.pipeline.pages.inspection import Boxes, Grey, measure_page
from ocrmill.pipeline.pages.mapped_file import MappedFile
from ocrmill.pipeline.pages.pdfium_text import read_page_text
from ocrmill.pipeline.pages.raster_size import shrink_to_thumbnail, with_raster
from ocrmill.pipeline.pages.routing import decide, is_right_to_left
from ocrmill.pipeline.pages.scripts import unwritable_share
from ocrmill.pipeline.quality.agreement.layer_fidelity import measure_fidelity
from ocrmill.pipeline.quality.agreement.layer_lines import lines_of
from ocrmill.pipeline.records import (
    RGB,
    BlankPage,
    Failure,
    PageFeatures,
    PageGeometry,
    PageResult,
    PageText,
    Reason,
    RenderedPage,
    Route,
    TextLayerPage,
)
from ocrmill.pipeline.text.figures import has_pictures
from ocrmill.pipeline.text.layer.pdfium_layer import EMPTY_LAYER, PdfiumLayer, read_layer
from ocrmill.pipeline.text.page_text import HIDDEN_TEXT, write_without_model
from ocrmill.pipeline.text.reading_order import Box
from ocrmill.workers.rendering.page_reading import PageReading, awaiting_ocr
from ocrmill.workers.rendering.protocol import ChildSettings, OpenedDocument, OpenReply, RenderedImage

_ANY = 1e-9  # share of doubtful letters from which a layer is not taken


class PdfiumReader:
    """Holds one document open."""

    def __init__(self, settings: ChildSettings) -> None:
        self._settings = settings
        self._file: MappedFile | None = None
        self._document: pypdfium2.PdfDocument | None = None

    def open(self, file: MappedFile, passwords: Sequence[str]) -> tuple[OpenReply, Self]:
        """Open a document, or say why PDFium cannot either; its pages are read here."""
        self._close()
        failure = Failure(Reason.DAMAGED, "PDFium was not asked")
        for password in (None, *passwords):
            try:
                self._document = pdfium.open_document(file, password)
            except PageError as error:
                failure = error.to_failure()
                if error.reason is Reason.PASSWORD_REQUIRED:
                    continue
                return failure, self
            self._file = file
            return OpenedDocument(len(self._document), password=password), self
        return failure, self

    def read(self, page_number: int) -> tuple[PageResult, RenderedImage | None]:
        """Read one page: take its text, find it blank, or render it for OCR."""
        with PageReading(page_number, "pdfium") as reading:
            reading.page, reading.image = self._read(page_number)
        return reading.result()

    def _close(self) -> None:
        if self._document is not None:
            self._document.close()
        self._document = self._file = None

    def _read(self, page_number: int) -> tuple[BlankPage | TextLayerPage | RenderedPage, RGB | None]:
        assert self._document is not None
        raster, routing = self._settings.raster, self._settings.routing
        geometry, image = pdfium.render_page(self._document, page_number, raster.dpi, raster.max_side_px)
        found = read_page_text(self._document, page_number)
        layer = EMPTY_LAYER if found is None else read_layer(found, geometry, image)
        if pdfium.is_xfa_placeholder(self._document, layer.text):
            raise PageError(Reason.XFA_FORM, XFA_PLACEHOLDER)
        features = _features(layer, geometry, shrink_to_thumbnail(image))
        unwritable = unwritable_share(layer.text, self._settings.scripts)
        strict = routing.model_copy(update={"max_invisible": min(routing.max_invisible, _ANY)})
        decision = decide(features, strict, geometry, unwritable)
        if decision.route is Route.BLANK:
            if not pdfium.shows_what_it_holds(self._document, page_number):
                raise PageError(Reason.UNDECODABLE, "PDFium shows a blank page and may not have decoded what is on it")
            return BlankPage(page_number, geometry, decision, features), None
        if decision.route is Route.TEXT_LAYER:
            text = _text(layer, geometry, features)
            is_cut = self._settings.figures and has_pictures(text.blocks)
            geometry = with_raster(geometry, image) if is_cut else geometry
            return TextLayerPage(page_number, geometry, decision, features, text=text), image if is_cut else None
        awaiting = awaiting_ocr(
            page_number,
            geometry,
            image,
            decision,
            features=features,
            layer=layer.text,
            find_lines=lambda: tuple(lines_of(layer.seen_words)),
            unwritable=unwritable,
            settings=self._settings,
        )
        return awaiting, image


def _features(layer: PdfiumLayer, geometry: PageGeometry, thumbnail: Grey) -> PageFeatures:
    height, width = thumbnail.shape
    scale = np.array([width / max(geometry.width_pt, 1e-3), height / max(geometry.height_pt, 1e-3)] * 2)

    def on_thumbnail(boxes: Sequence[Box]) -> Boxes:
        places = np.array([(box.x0, box.y0, box.x1, box.y1) for box in boxes], np.float64).reshape(-1, 4)
        found: Boxes = np.clip(places * scale, 0, [width, height] * 2)
        return found

    words = on_thumbnail([box for _, box in layer.words])
    lengths = np.array([len(text) for text, _ in layer.words], np.int64)
    return measure_page(layer.text, words, lengths, on_thumbnail(layer.images), thumbnail, layer.doubtful_share)


def _text(layer: PdfiumLayer, geometry: PageGeometry, features: PageFeatures) -> PageText:
    """Write the visible text in paragraphs: the layout model would need MuPDF, so no table has its rows."""
    notes = [HIDDEN_TEXT] if layer.has_hidden else []
    right_to_left = is_right_to_left(features)
    text = write_without_model(layer.layout, layer.images, geometry, right_to_left=right_to_left, notes=notes)
    return replace(text, fidelity=measure_fidelity(text.markdown, text.blocks, layer.seen_words))
