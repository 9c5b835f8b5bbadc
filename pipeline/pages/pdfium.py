"""One page to pixels, with PDFium: for pages that MuPDF cannot render. Runs in a process of its own, as MuPDF does."""

import ctypes

import numpy as np
import pypdfium2
import pypdfium2.raw as pdfium_c

from ocrmill.pipeline.document_types import says_please_wait
from ocrmill.pipeline.errors import PageError
from ocrmill.pipeline.pages.mapped_file import MappedFile
from ocrmill.pipeline.pages.raster_size import render_scale
from ocrmill.pipeline.records import RGB, PageGeometry, Reason

_MIN_PAGE_BYTES = 8  # of a page object in a compressed file, with its entry in the cross-reference table


def open_document(file: MappedFile, password: str | None) -> "pypdfium2.PdfDocument":
    """Open a PDF, ready to show its form fields. `file` must outlive the document: PDFium holds no reference to it.

    Raises:
        PageError: `damaged`, if PDFium cannot open it either; `password_required`, if it has another password.
    """
    address = np.frombuffer(file.data, dtype=np.uint8).ctypes.data
    try:
        document = pypdfium2.PdfDocument((ctypes.c_char * len(file.data)).from_address(address), password=password)
    except pypdfium2.PdfiumError as error:
        is_locked = error.err_code == pdfium_c.FPDF_ERR_PASSWORD
        reason = Reason.PASSWORD_REQUIRED if is_locked else Reason.DAMAGED
        raise PageError(reason, f"PDFium cannot open it: {error}") from error
    pages = len(document)
    if not pages:
        raise PageError(Reason.ZERO_PAGES, "PDFium finds no page in it")
    if pages * _MIN_PAGE_BYTES > len(file.data):  # MuPDF refuses such files itself
        document.close()
        raise PageError(Reason.DAMAGED, f"it claims {pages} pages, more than its {len(file.data)} bytes can hold")
    document.init_forms()
    return document


def render_page(
    document: "pypdfium2.PdfDocument", number: int, dpi: float, max_side_px: int
) -> tuple[PageGeometry, RGB]:
    """Render page `number` (from 1) on white with annotations and form fields: (height, width, 3) uint8.

    Raises:
        PageError: `page_damaged` or `render_error`.
    """
    try:
        page = document[number - 1]
    except pypdfium2.PdfiumError as error:
        raise PageError(Reason.PAGE_DAMAGED, f"PDFium cannot load the page: {error}") from error
    try:
        width_pt, height_pt = page.get_size()
        geometry = PageGeometry(width_pt, height_pt, page.get_rotation())
        bitmap = page.render(scale=render_scale(geometry, dpi, max_side_px), rev_byteorder=True, draw_annots=True)
        return geometry, bitmap.to_numpy()[:, :, :3].copy()
    except (pypdfium2.PdfiumError, ValueError, MemoryError) as error:
        raise PageError(Reason.RENDER_ERROR, f"PDFium cannot render the page: {error}") from error
    finally:
        page.close()


def is_xfa_placeholder(document: "pypdfium2.PdfDocument", text: str) -> bool:
    """True if `text` is that of the only page of a PDF, which stands in for a form in XML (XFA)."""
    has_xfa = document.get_formtype() in (pdfium_c.FORMTYPE_XFA_FULL, pdfium_c.FORMTYPE_XFA_FOREGROUND)
    return has_xfa and len(document) == 1 and says_please_wait(text)


def shows_what_it_holds(document: "pypdfium2.PdfDocument", number: int) -> bool:
    """Tell if page `number` (from 1), which looks blank, has something on it, and PDFium decoded all of its images.

    PDFium gives no warnings: a page whose content it cannot decode has no objects, as one has that is empty.
    """
    page = document[number - 1]
    try:
        objects = list(page.get_objects())
        return bool(objects) and all(_is_decodable(each) for each in objects if isinstance(each, pypdfium2.PdfImage))
    except pypdfium2.PdfiumError:
        return False
    finally:
        page.close()


def _is_decodable(image: "pypdfium2.PdfImage") -> bool:
    try:
        image.get_bitmap().close()
    except (pypdfium2.PdfiumError, ValueError):
        return False
    return True
