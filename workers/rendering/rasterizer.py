"""Opens documents and reads their pages with MuPDF; a page that MuPDF cannot read is read once with PDFium.

A page that crashes its renderer, hangs it or swallows its memory costs that page alone: the process is replaced and the
next page read. Nothing here raises for a bad document or page; each comes out as a record with its reason.
"""

import time
from dataclasses import replace

from ocrmill.configs.errors import words_of
from ocrmill.configs.settings import RasterSettings, RouteMode, RunSettings
from ocrmill.configs.tries.rung_settings import settings_of_rung
from ocrmill.model_adapter.tiling import layout_of
from ocrmill.model_adapter.views import PageViews, cut_views, page_of
from ocrmill.pipeline.pages.raster_size import with_size
from ocrmill.pipeline.quality.page_row import finished_row
from ocrmill.pipeline.records import (
    BlankPage,
    Document,
    EngineDescription,
    FailedPage,
    Failure,
    Figure,
    PageRange,
    PageResult,
    Reason,
    RenderedPage,
    Source,
    TextLayerPage,
    UnreadableDocument,
    Work,
)
from ocrmill.pipeline.rows import PageRow
from ocrmill.pipeline.sources.fetch import check_unchanged, sha256_of
from ocrmill.pipeline.sources.file_cache import FileCache
from ocrmill.pipeline.text.figures import cut_figures
from ocrmill.workers.rendering.encoded_page import encode
from ocrmill.workers.rendering.other_image import remake
from ocrmill.workers.rendering.process import RenderProcess
from ocrmill.workers.rendering.protocol import ChildSettings, OpenedDocument, PageImage, RenderedImage
from ocrmill.workers.scratch import Scratch

_MUPDF_FAILED = frozenset(
    {
        Reason.DAMAGED,
        Reason.ZERO_PAGES,
        Reason.PAGE_DAMAGED,
        Reason.RENDER_ERROR,
        Reason.RENDER_TIMEOUT,
        Reason.RENDER_CRASH,
        Reason.RENDER_MEMORY,
        Reason.UNDECODABLE,
    }
)


class Rasterizer:
    """One worker: a MuPDF process, a PDFium process that starts when it is needed, and the files they read."""

    def __init__(
        self, settings: RunSettings, engine: EngineDescription | None = None, files: FileCache | None = None
    ) -> None:
        """Start nothing yet; `engine` is the one that will read the page images, if that is known.

        `files` is the cache of another rasterizer, which closes it.
        """
        self._settings, self._engine = settings, engine
        self._layout = None if settings.engine.views is None else layout_of(*settings.engine.views)
        self._image_format = settings.engine.image_format
        self._passwords = tuple(password.get_secret_value() for password in settings.input.passwords)
        child_settings = ChildSettings(_raster(settings), settings.routing, settings.output.figures, self._layout)
        if engine is not None:
            child_settings = replace(child_settings, scripts=engine.scripts, writes_markup=engine.writes_markup)
        self._mupdf = RenderProcess("mupdf", child_settings)
        self._pdfium = RenderProcess("pdfium", child_settings)
        self._scratch = Scratch()
        self._by_rung: tuple[int, Rasterizer] | None = None  # with the settings of a further attempt
        self._by_route: dict[RouteMode, Rasterizer] = {}  # of documents that ask for another route
        self._shares_files = files is not None
        self._files = files or FileCache(self._scratch.path, settings.input, settings.storage)

    def with_route(self, route: RouteMode) -> "Rasterizer":
        """Return a rasterizer that reads the same files by another route; close it before this one."""
        routing = self._settings.routing.model_copy(update={"mode": route})
        return Rasterizer(self._settings.model_copy(update={"routing": routing}), self._engine, self._files)

    def of_route(self, route: RouteMode | None) -> "Rasterizer":
        """Return the rasterizer of a route: this one, or one that is kept for it and reads the same files."""
        if route is None or route == self._settings.routing.mode:
            return self
        if route not in self._by_route:
            self._by_route[route] = self.with_route(route)
        return self._by_route[route]

    def open(self, source: Source) -> Document | UnreadableDocument:
        """Hash a document and open it, or say why no page of it can be read."""
        opened = self._hash_and_open(source)
        changed = self._check_unchanged(source)  # afterwards: what was opened, or is damaged, is what was found
        return opened if changed is None else _unreadable(opened.document_id, source, changed)

    def read_again(self, pages: PageRange) -> PageRow | tuple[RenderedPage, PageImage]:
        """Read the page of a range again with the settings of its rung; the result is that of `read`."""
        assert pages.rung is not None
        (number,) = pages.page_numbers
        return self._of_rung(pages.rung).read(pages.document, number, pages)

    def _of_rung(self, at: int) -> "Rasterizer":
        """Return a rasterizer with the settings of a rung: this one if they are its own, else one that is kept."""
        rung = self._settings.engine.tries.rungs[at]
        settings = settings_of_rung(self._settings, rung)
        if settings == self._settings and not rung.layer:
            return self
        if self._by_rung is None or self._by_rung[0] != at:
            if self._by_rung is not None:
                self._by_rung[1].close()  # one at a time: each has processes of its own
            engine = replace(self._engine, writes_markup=False) if self._engine and rung.layer else self._engine
            self._by_rung = at, Rasterizer(settings, engine, self._files)
        return self._by_rung[1]

    def read(
        self, document: Document, page_number: int, again: PageRange | None = None
    ) -> PageRow | tuple[RenderedPage, PageImage]:
        """Read a page; return its row, or the rendered page that awaits OCR, with its image or its views."""
        began = time.time()
        first = self._pdfium if document.renderer == "pdfium" else self._mupdf
        page: PageResult
        image: RenderedImage | None
        try:
            path = self._files.path(document.source)
            if isinstance(path, Failure):
                page, image = _failed(page_number, path)
            else:
                page, image = first.read(str(path), document.password, page_number)
                if first is self._mupdf and isinstance(page, FailedPage) and self._may_try_pdfium(page):
                    page, image = _second_try(page, *self._pdfium.read(str(path), document.password, page_number))
                changed = self._check_unchanged(document.source)  # afterwards: what was read is what was found
                if changed is not None:
                    page, image = _failed(page_number, changed)
                elif again is not None and isinstance(page, RenderedPage):
                    page, image = self._remake(page, image, again)
        except OSError as error:
            page, image = _failed(page_number, Failure(Reason.UNREADABLE, f"cannot be read: {words_of(error)}"))
        if not isinstance(page, RenderedPage):
            page = replace(page, work=Work.since(began))
            return finished_row(document, page, self._settings.quality, self._figures(page, image))
        assert image is not None
        wanted: PageImage = image
        if self._layout is not None and not isinstance(image, PageViews):
            wanted = cut_views(image, self._layout)
        elif self._image_format is not None and not isinstance(image, PageViews):
            wanted = encode(image, self._image_format)
            page = replace(page, geometry=with_size(page.geometry, wanted.width_px, wanted.height_px))
        return replace(page, image_bytes=wanted.nbytes, work=Work.since(began)), wanted

    def _remake(
        self, page: RenderedPage, image: RenderedImage | None, again: PageRange
    ) -> tuple[PageResult, RenderedImage | None]:
        """Turn or cut the image of a page that is rendered again; it fails if its lines would run down the page."""
        assert image is not None
        assert again.rung is not None
        rung = self._settings.engine.tries.rungs[again.rung]
        page = replace(page, rung=again.rung)
        if isinstance(image, PageViews):
            if not rung.turn and again.half is None:
                return page, image
            assert self._layout is not None
            image = page_of(image, page.geometry.width_px, page.geometry.height_px, self._layout)
        made = remake(page, image, rung, again.half)
        return _failed(page.page_number, made) if isinstance(made, Failure) else made

    def close(self) -> None:
        """End the rendering processes and remove the unpacked files."""
        for other in self._by_route.values():
            other.close()
        if self._by_rung is not None:
            self._by_rung[1].close()
        self._mupdf.close()
        self._pdfium.close()
        if not self._shares_files:
            self._files.close()
        self._scratch.close()

    def _figures(self, page: PageResult, image: RenderedImage | None) -> tuple[Figure, ...] | None:
        """The pictures of a page that was read from its text layer, if they are asked for."""
        if not self._settings.output.figures or not isinstance(page, TextLayerPage):
            return None
        if image is None or isinstance(image, PageViews):
            return ()
        return cut_figures(image, page.text.blocks, page.geometry)

    def _hash_and_open(self, source: Source) -> Document | UnreadableDocument:
        try:
            path = self._files.path(source)
            document_id = path if isinstance(path, Failure) else sha256_of(path)
            if isinstance(document_id, Failure):
                return _unreadable(None, source, document_id)
            return self._open(source, document_id, str(path))
        except OSError as error:
            return _unreadable(None, source, Failure(Reason.UNREADABLE, f"cannot be read: {error.strerror or error}"))

    def _open(self, source: Source, document_id: str, path: str) -> Document | UnreadableDocument:
        passwords = (*source.passwords, *self._passwords)
        mupdf = self._mupdf.open(path, passwords)
        if isinstance(mupdf, OpenedDocument):
            return _document(source, document_id, mupdf)
        if mupdf.reason in _MUPDF_FAILED and self._settings.raster.fallback == "pdfium":
            pdfium = self._pdfium.open(path, passwords)
            if isinstance(pdfium, Failure) and pdfium.reason is Reason.PASSWORD_REQUIRED:
                detail = f"{mupdf.detail}; {pdfium.detail}; give its password in input.passwords"
                return _unreadable(document_id, source, replace(pdfium, detail=detail))
            if isinstance(pdfium, OpenedDocument):
                detail = f"{mupdf.detail}; read with PDFium instead"
                found = replace(pdfium, detail=detail)
                return replace(_document(source, document_id, found), renderer="pdfium", reason=mupdf.reason)
        return _unreadable(document_id, source, mupdf)

    def _may_try_pdfium(self, page: FailedPage) -> bool:
        is_image = page.renderer == "pillow"  # which PDFium does not know
        return page.reason in _MUPDF_FAILED and not is_image and self._settings.raster.fallback == "pdfium"

    def _check_unchanged(self, source: Source) -> Failure | None:
        return check_unchanged(source, self._settings.input, self._settings.storage)


def _raster(settings: RunSettings) -> RasterSettings:
    """Return the settings of the renderers: a profile's size, if the engine has one, in place of their own."""
    image = settings.engine.image_format
    if image is None:
        return settings.raster
    longest = image.longest_side or settings.raster.max_side_px
    return settings.raster.model_copy(update={"dpi": image.render_dpi, "max_side_px": longest})


def _second_try(
    first: FailedPage, second: PageResult, image: RenderedImage | None
) -> tuple[PageResult, RenderedImage | None]:
    """Choose between MuPDF's failure and PDFium's result.

    A page that failed in MuPDF and is blank in PDFium has not been seen: it failed.
    """
    render_ms = first.render_ms + second.render_ms
    if isinstance(second, TextLayerPage | RenderedPage):
        done = "read" if isinstance(second, TextLayerPage) else "rendered"
        return replace(second, detail=f"{first.detail} ({done} with PDFium instead)", render_ms=render_ms), image
    outcome = "PDFium shows a blank page" if isinstance(second, BlankPage) else second.detail
    return replace(first, detail=f"{first.detail}; {outcome}", render_ms=render_ms), None


def _failed(page_number: int, failure: Failure) -> tuple[FailedPage, None]:
    """Make the record of a page that cannot be read; it has no image."""
    return FailedPage(page_number, failure.reason, failure.detail), None


def _unreadable(document_id: str | None, source: Source, failure: Failure) -> UnreadableDocument:
    return UnreadableDocument(document_id, source, failure.reason, failure.detail)


def _document(source: Source, document_id: str, reply: OpenedDocument) -> Document:
    return Document(
        document_id=document_id,
        source=source,
        page_count=reply.page_count,
        password=reply.password,
        title=reply.title,
        producer=reply.producer,
        detail=reply.detail,
    )
