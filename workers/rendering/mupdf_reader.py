"""Reads pages with MuPDF, inside a rendering process: look, decide, then take the text or render."""

import ctypes
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from ocrmill.pipeline.document_types import XFA_PLACEHOLDER
from ocrmill.pipeline.errors import PageError
from ocrmill.pipeline.measures import LayerLine
from ocrmill.pipeline.pages import mupdf as rasterize
from ocrmill.pipeline.pages.glyphs.confirmed_letters import confirms_letters
from ocrmill.pipeline.pages.glyphs.glyph_names import is_private
from ocrmill.pipeline.pages.glyphs.ligatures import LETTERS_BY_SHAPE, UNMAPPED, Told, map_unmapped_glyphs
from ocrmill.pipeline.pages.glyphs.tex_bitmaps import map_tex_bitmaps
from ocrmill.pipeline.pages.inspection import Layer, inspect_page, read_layer
from ocrmill.pipeline.pages.mapped_file import MappedFile
from ocrmill.pipeline.pages.portfolio import PORTFOLIO_COVER, Portfolio, open_portfolio
from ocrmill.pipeline.pages.raster_size import shrink_to_thumbnail, with_raster
from ocrmill.pipeline.pages.routing import CODES, decide, is_right_to_left, may_be_codes
from ocrmill.pipeline.pages.scripts import unwritable_share
from ocrmill.pipeline.quality.agreement.layer_lines import lines_of
from ocrmill.pipeline.quality.faithful_text import read_faithfully
from ocrmill.pipeline.records import (
    RGB,
    BlankPage,
    FailedPage,
    Failure,
    PageFeatures,
    PageGeometry,
    PageResult,
    PageText,
    Reason,
    RenderedPage,
    Route,
    RouteDecision,
    TextLayerPage,
)
from ocrmill.pipeline.text.figures import cut_figures, has_pictures
from ocrmill.pipeline.text.layer.document_words import DocumentWords
from ocrmill.pipeline.text.layer.page_words import clean_text
from ocrmill.pipeline.text.text_layer import ENGINE_REASONS
from ocrmill.pipeline.text.visible.visible_words import read_visible_layout, visible_words
from ocrmill.workers.rendering.page_reading import PageReading, awaiting_ocr, failed_page
from ocrmill.workers.rendering.protocol import ChildSettings, OpenedDocument, OpenReply, RenderedImage

if TYPE_CHECKING:  # mupdf.py imports it, without its layout model
    import pymupdf

WARNING_CHARACTERS = 2_000  # one real file gives 90,819 lines of warnings
_OUT_OF_MEMORY = ("malloc", "calloc", "realloc", "out of memory")


class MupdfReader:
    """Holds one document open."""

    def __init__(
        self, settings: ChildSettings, while_reading_others: Callable[[], AbstractContextManager[None]] = nullcontext
    ) -> None:
        """Other pages than the one that is asked for are read within what `while_reading_others` gives."""
        rasterize.quiet()
        self._settings, self._while_reading_others = settings, while_reading_others
        self._words: DocumentWords | None = None
        self._warnings = ""  # of the page in work, before others were read
        self._portfolio: Portfolio | None = None

    def open(self, file: MappedFile, passwords: Sequence[str]) -> OpenReply:
        """Open a document and describe it, or return the reason why no page of it can be read."""
        self.close()
        try:
            opened = rasterize.open_document(file, passwords)
            portfolio = open_portfolio(opened.document, rasterize.count_pages(opened.document))
        except PageError as error:
            return Failure(error.reason, _capped(error.detail) or "")
        self._portfolio = portfolio
        metadata = opened.document.metadata or {}
        return OpenedDocument(
            page_count=portfolio.page_count,
            password=opened.password,
            title=_capped(metadata.get("title")),
            producer=_capped(metadata.get("producer")),
            detail=_capped("; ".join(filter(None, (portfolio.detail, opened.warnings)))),
        )

    def read(self, page_number: int) -> tuple[PageResult, RenderedImage | None]:
        """Read one page: inspect it, decide on its route, then take its text or render it.

        One that cannot be read is a `FailedPage`.
        """
        with PageReading(page_number, "mupdf", _failed) as reading:
            page, layer, mended = self._load_page(page_number)
            geometry = rasterize.displayed_geometry(page)
            image = None
            if layer.text.strip() and self._settings.routing.mode != "ocr":  # a small picture will do for text
                thumbnail = rasterize.render_thumbnail(page, geometry)
            else:
                image = rasterize.render(page, self._scale(page, geometry))
                thumbnail = shrink_to_thumbnail(image)
            features = inspect_page(page, thumbnail, layer)
            unwritable = unwritable_share(layer.text, self._settings.scripts)
            decision = self._decide(page, features, geometry, unwritable)
            text = None
            if decision.route is Route.TEXT_LAYER:
                text = self._read_text(page_number, features, layer, mended=mended)
                decision = self._reconsider(decision, text)
            if decision.route is Route.BLANK:
                _refuse_blank_with_warnings()
                reading.page = BlankPage(page_number, geometry, decision, features)
            elif text is not None and decision.route is Route.TEXT_LAYER:
                seen = TextLayerPage(page_number, geometry, decision, features, text=text)
                reading.page, reading.image = self._with_image(page, seen)
            else:
                image = rasterize.render(page, self._scale(page, geometry)) if image is None else image
                awaiting = awaiting_ocr(
                    page_number,
                    geometry,
                    image,
                    decision,
                    features=features,
                    layer=layer.text,
                    find_lines=partial(_visible_lines, page, layer),
                    unwritable=unwritable,
                    settings=self._settings,
                )
                reading.page, reading.image = self._with_kept(awaiting, text, image), image
        warnings = "\n".join(filter(None, (reading.page.detail, self._warnings, rasterize.take_warnings())))
        self._warnings = ""
        result, pixels = reading.result()
        return replace(result, detail=_capped(warnings)), pixels

    def close(self) -> None:
        """Put the document away, if one is open."""
        if self._portfolio is None:
            return
        self._portfolio.close()
        self._portfolio = self._words = None
        rasterize.release_memory()
        ctypes.CDLL(None).malloc_trim(0)

    def _load_page(self, page_number: int) -> tuple["pymupdf.Page", Layer, bool]:
        """Load a page and its layer, and map its unmapped glyphs; tell if the shape of any told its letters."""
        assert self._portfolio is not None
        document, number = self._portfolio.at(page_number)
        map_tex_bitmaps(document, number - 1)
        page = _load(document, number)
        layer = read_layer(page)
        lost = layer.text.count(UNMAPPED)  # with many it goes to OCR, unless their names tell
        if not lost and not any(map(is_private, set(layer.text))):
            return page, layer, False
        few = lost < self._settings.routing.max_unmapped * len(layer.text)
        told = map_unmapped_glyphs(document, number - 1, by_shape=few)
        if told:
            page = _load(document, number)
            layer = read_layer(page)
        return page, layer, told is Told.SHAPES

    def _decide(
        self, page: "pymupdf.Page", features: PageFeatures, geometry: PageGeometry, unwritable: float
    ) -> RouteDecision:
        decision = decide(features, self._settings.routing, geometry, unwritable)
        if may_be_codes(decision, features, self._settings.routing) and confirms_letters(page):
            return CODES
        return decision

    def _reconsider(self, decision: RouteDecision, text: PageText) -> RouteDecision:
        """Send a page to an engine that writes markup if its text cannot hold what is on it."""
        reason = next((ENGINE_REASONS[flag] for flag in text.notes if flag in ENGINE_REASONS), None)
        return decision if reason is None or not self._settings.writes_markup else RouteDecision(Route.OCR, reason)

    def _read_text(self, page_number: int, features: PageFeatures, layer: Layer, *, mended: bool) -> PageText:
        """Read a page's text layer, and add the reader's own flags to its notes."""
        assert self._portfolio is not None
        document, number = self._portfolio.at(page_number)
        is_fast = self._settings.routing.mode == "fast"
        text = read_faithfully(
            document,
            number - 1,
            right_to_left=is_right_to_left(features),
            fast=is_fast,
            document_words=None if is_fast or self._settings.page_alone else self._words_of(document),
            layer=layer,
        )
        raised = {LETTERS_BY_SHAPE: mended, PORTFOLIO_COVER: self._portfolio.is_cover(page_number)}
        return replace(text, notes=(*text.notes, *(flag for flag, is_raised in raised.items() if is_raised)))

    def _words_of(self, document: "pymupdf.Document") -> DocumentWords:
        if self._words is None or self._words.document is not document:
            self._words = DocumentWords(document, self._reading_others)
        return self._words

    @contextmanager
    def _reading_others(self) -> Iterator[None]:
        """Keep what MuPDF says of other pages apart from what it has said of the page in work."""
        self._warnings = rasterize.take_warnings()
        with self._while_reading_others():
            yield
        rasterize.take_warnings()

    def _with_image(self, page: "pymupdf.Page", result: TextLayerPage) -> tuple[TextLayerPage, RGB | None]:
        """Render a page that was read from its text layer, if pictures are to be cut from it; its text stands."""
        if not self._settings.figures or not has_pictures(result.text.blocks):
            return result, None
        try:
            image = rasterize.render(page, self._scale(page, result.geometry))
        except Exception as error:  # noqa: BLE001 - MuPDF's errors are not one family
            return replace(result, detail=f"its pictures cannot be rendered: {error}"), None
        return replace(result, geometry=with_raster(result.geometry, image)), image

    def _with_kept(self, page: RenderedPage, text: PageText | None, image: RGB) -> RenderedPage:
        """Add the text to keep if the engine does worse, and the flag of a portfolio's cover."""
        assert self._portfolio is not None
        flags = (PORTFOLIO_COVER,) if self._portfolio.is_cover(page.page_number) else ()
        figures = cut_figures(image, text.blocks, page.geometry) if text and self._settings.figures else None
        return replace(page, kept=text, kept_figures=figures, flags=flags)

    def _scale(self, page: "pymupdf.Page", geometry: PageGeometry) -> float:
        raster = self._settings.raster
        return rasterize.page_scale(page, geometry, raster.dpi, raster.max_side_px)


def _visible_lines(page: "pymupdf.Page", layer: Layer) -> tuple[LayerLine, ...]:
    """Return the lines of the layer that a reader sees; none if they cannot be told."""
    try:
        return tuple(lines_of(visible_words(page, read_visible_layout(page, layer).hidden)))
    except Exception:  # noqa: BLE001 - MuPDF's errors are not one family; the page can be read without a check
        return ()


def _failed(number: int, error: Exception) -> FailedPage:
    """Make the record of a page that cannot be read."""
    if (failed := failed_page(number, error)) is not None:
        return failed
    if isinstance(error, MemoryError):
        reason, detail = Reason.RENDER_MEMORY, "the page needs more memory than raster.memory_mb allows"
    else:
        reason = Reason.RENDER_MEMORY if _is_out_of_memory(str(error)) else Reason.RENDER_ERROR
        detail = f"MuPDF cannot render the page: {error}"
    return FailedPage(number, reason, detail)


def _load(document: "pymupdf.Document", number: int) -> "pymupdf.Page":
    try:
        page = document[number - 1]
    except Exception as error:  # MuPDF's errors are not one family
        raise PageError(Reason.PAGE_DAMAGED, f"MuPDF cannot load the page: {error}") from error
    if rasterize.is_xfa_placeholder(document):
        raise PageError(Reason.XFA_FORM, XFA_PLACEHOLDER)
    return page


def _refuse_blank_with_warnings() -> None:
    # MuPDF drops content that it cannot decode, or has no memory for, and says so only in its warnings.
    warnings = rasterize.take_warnings()
    if warnings:
        reason = Reason.RENDER_MEMORY if _is_out_of_memory(warnings) else Reason.UNDECODABLE
        raise PageError(reason, f"the page came out blank, but MuPDF warned: {warnings}")


def _is_out_of_memory(message: str) -> bool:
    return any(word in message.lower() for word in _OUT_OF_MEMORY)


def _capped(message: str | None) -> str | None:
    return clean_text(message)[:WARNING_CHARACTERS] or None if message else None
