"""Opens documents in the first rendering process: images with Pillow, and PDFs and all other files with MuPDF."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

from ocrmill.pipeline.document_types import HEAD_BYTES, image_format
from ocrmill.pipeline.pages.mapped_file import MappedFile
from ocrmill.pipeline.records import FailedPage, Failure, PageResult, Reason
from ocrmill.workers.rendering.image_reader import ImageReader
from ocrmill.workers.rendering.mupdf_reader import MupdfReader
from ocrmill.workers.rendering.protocol import ChildSettings, OpenReply, PageReader, RenderedImage

_MUPDF_FORMATS = frozenset({"PNG", "JPEG", "TIFF", "BMP", "GIF", "JPEG2000"})
_WORTH_A_TRY = frozenset({Reason.DAMAGED, Reason.PAGE_DAMAGED})


class DocumentOpener:
    """Holds one document open."""

    def __init__(
        self, settings: ChildSettings, while_reading_others: Callable[[], AbstractContextManager[None]] = nullcontext
    ) -> None:
        self._mupdf = MupdfReader(settings, while_reading_others)
        self._images = ImageReader(settings)

    def open(self, file: MappedFile, passwords: Sequence[str]) -> tuple[OpenReply, PageReader]:
        """Open a document and describe it, or say why no page of it can be read; its pages are read by the reader."""
        self._mupdf.close()
        self._images.close()
        image = image_format(bytes(file.data[:HEAD_BYTES]))
        if image is None:
            return self._mupdf.open(file, passwords), self._mupdf
        reply = self._images.open(file)
        may_try_mupdf = image in _MUPDF_FORMATS
        if not isinstance(reply, Failure) or reply.reason not in _WORTH_A_TRY or not may_try_mupdf:
            return reply, _ImagePages(self._images, self._mupdf, file) if may_try_mupdf else self._images
        second = self._mupdf.open(file, passwords)
        if isinstance(second, Failure):
            return replace(reply, detail=f"{reply.detail}; {second.detail}"), self._images
        return replace(second, detail=f"{reply.detail}; read with MuPDF instead"), self._mupdf


class _ImagePages:
    """Reads an image file's pages with Pillow, and with MuPDF those that Pillow finds damaged."""

    def __init__(self, images: ImageReader, mupdf: MupdfReader, file: MappedFile) -> None:
        self._images = images
        self._mupdf = mupdf
        self._file = file

    def read(self, page_number: int) -> tuple[PageResult, RenderedImage | None]:
        """Read one page of the open document. One that cannot be read is a `FailedPage`."""
        page, image = self._images.read(page_number)
        if not isinstance(page, FailedPage) or page.reason not in _WORTH_A_TRY:
            return page, image
        opened = self._mupdf.open(self._file, ())
        if isinstance(opened, Failure) or opened.page_count < page_number:
            return page, None
        second, image = self._mupdf.read(page_number)
        self._mupdf.close()
        if isinstance(second, FailedPage):
            return replace(page, detail=f"{page.detail}; {second.detail}"), None
        notes = (page.detail, "read with MuPDF instead", second.detail)
        return replace(second, detail="; ".join(filter(None, notes))), image
