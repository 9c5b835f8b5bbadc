"""One page to pixels, with PyMuPDF. Runs in a process that may crash, hang or be killed (workers/rendering/child.py).

Opening a document follows an order that matters: reading `needs_pass` or calling `authenticate` after a successful
`authenticate` destroys the key, and every page then comes out blank without an error. So `needs_pass` is read once,
passwords are tried on copies that are closed again, and the copy that is kept sees exactly one `authenticate`.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# On import PyMuPDF loads its larger layout model: 0.6 s and 95 MB for nothing (layout_model.py has another).
if "pymupdf" not in sys.modules:
    sys.modules["pymupdf.layout"] = None  # type: ignore[assignment]
    sys.modules["pymupdf4llm"] = None  # type: ignore[assignment]
import pymupdf

from ocrmill.pipeline.document_types import PDF_MARK, READABLE, image_format, says_please_wait
from ocrmill.pipeline.errors import PageError
from ocrmill.pipeline.pages.mapped_file import MappedFile
from ocrmill.pipeline.pages.raster_size import POINTS_PER_INCH, render_scale, thumbnail_scale
from ocrmill.pipeline.records import RGB, PageGeometry, Reason

_PUBLIC_KEY_MARKER = b"/Adobe.PubSec"
_HEADER_BYTES = 1024  # of a file; readers look for %PDF- in them
_ORDINARY_PT = 792  # the longer side of a Letter page
_COVERS = 0.5  # of a page: a picture that is most of it
_BUFFER_EDGES = 1 << 20  # bytes searched at each end of a file that does not open, for the marker


@dataclass(frozen=True, slots=True)
class OpenedDocument:
    """An open document, with the password and the warnings of its opening."""

    document: "pymupdf.Document"
    password: str | None
    warnings: str


def quiet() -> None:
    """Keep MuPDF's messages off stdout; they are collected by `take_warnings`."""
    pymupdf.TOOLS.mupdf_display_errors(False)
    pymupdf.TOOLS.mupdf_display_warnings(False)


def take_warnings() -> str:
    """Return MuPDF's complaints since the last call, and empty its store, which would grow without end."""
    return str(pymupdf.TOOLS.mupdf_warnings(reset=True))


def open_document(file: MappedFile, passwords: Sequence[str]) -> OpenedDocument:
    """Open a PDF or image.

    Raises:
        PageError: with the reason why no page of it can be read.
    """
    take_warnings()
    document = _open(file)
    password = None
    if document.needs_pass:
        document.close()
        password = _find_password(file, passwords)
        document = _open(file)
        document.authenticate(password)
    return OpenedDocument(document, password, take_warnings())


def count_pages(document: "pymupdf.Document") -> int:
    """Number of pages.

    Raises:
        PageError: the page tree cannot be read, or holds no page.
    """
    try:
        pages = int(document.page_count)
    except Exception as error:  # MuPDF's errors are not one family
        raise PageError(Reason.DAMAGED, f"MuPDF cannot read the page tree: {error}") from error
    if pages > 0:
        return pages
    if document.is_repaired:
        raise PageError(Reason.ZERO_PAGES, "the file is damaged (cut off?): no page was left after repair")
    raise PageError(Reason.ZERO_PAGES, "the file has no pages")


def is_xfa_placeholder(document: "pymupdf.Document") -> bool:
    """True if the only page of a PDF stands in for a form in XML (XFA), which only a viewer that builds it can show."""
    if not document.is_pdf or document.page_count != 1:
        return False
    try:
        catalog = document.pdf_catalog()
        if document.xref_get_key(catalog, "AcroForm/XFA")[0] == "null":
            return False
        must_be_built = document.xref_get_key(catalog, "NeedsRendering") == ("bool", "true")
        return must_be_built or says_please_wait(document[0].get_text())
    except Exception:  # noqa: BLE001 - MuPDF's errors are not one family; reading the page will tell
        return False


def displayed_geometry(page: "pymupdf.Page") -> PageGeometry:
    """Size of the page as displayed: its crop box, turned by its rotation."""
    return PageGeometry(width_pt=page.rect.width, height_pt=page.rect.height, rotation=int(page.rotation))


def page_scale(page: "pymupdf.Page", geometry: PageGeometry, dpi: float, max_side_px: int) -> float:
    """Pixels per point for the page image: a PDF page by `dpi`, an image file at its own pixels.

    A page smaller than Letter that holds a scan with more pixels is rendered at those, as large as a Letter page at
    most: a scan that claims to be a stamp is a page of text.
    """
    longer_pt = max(geometry.width_pt, geometry.height_pt)
    if page.parent.is_pdf:
        scale = render_scale(geometry, dpi, max_side_px)
        largest = min(_ORDINARY_PT * dpi / POINTS_PER_INCH, max_side_px) / max(longer_pt, 1e-3)
        return max(scale, min(_scan_scale(page), largest)) if largest > scale else scale
    native_px = max((max(image["width"], image["height"]) for image in page.get_image_info()), default=longer_pt)
    return min(native_px, max_side_px) / longer_pt


def _scan_scale(page: "pymupdf.Page") -> float:
    """Pixels per point of the finest picture that covers most of a page; 0 if there is none."""
    area = page.rect.width * page.rect.height
    scales = [0.0]
    for image in page.get_image_info():
        left, top, right, bottom = image["bbox"]
        width, height = right - left, bottom - top
        if min(width, height) > 0 and width * height >= _COVERS * area:
            scales.append(max(image["width"], image["height"]) / max(width, height))
    return max(scales)


def render(page: "pymupdf.Page", scale: float) -> RGB:
    """Render a page on white with annotations and form fields: (height, width, 3) uint8, each side at least 1 px."""
    pixmap = page.get_pixmap(matrix=pymupdf.Matrix(scale, scale), colorspace=pymupdf.csRGB, alpha=False, annots=True)
    return _pixels(pixmap).reshape(pixmap.height, pixmap.width, 3)


def render_thumbnail(page: "pymupdf.Page", geometry: PageGeometry) -> npt.NDArray[np.uint8]:
    """Render a small grey (height, width) picture."""
    scale = thumbnail_scale(geometry)
    pixmap = page.get_pixmap(matrix=pymupdf.Matrix(scale, scale), colorspace=pymupdf.csGRAY, alpha=False, annots=True)
    return _pixels(pixmap).reshape(pixmap.height, pixmap.width)


def release_memory() -> None:
    """Give MuPDF's caches back: with the C library's trim it keeps a worker flat over thousands of documents."""
    pymupdf.TOOLS.store_shrink(100)


def _open(file: MappedFile) -> "pymupdf.Document":
    beginning = bytes(file.data[:_HEADER_BYTES])
    try:
        where = {"filename": file.path} if file.path else {"stream": file.data}
        document = pymupdf.open(**where, filetype=file.suffix)
        if document.is_pdf or image_format(beginning):
            return document
    except pymupdf.EmptyFileError as error:
        raise PageError(Reason.EMPTY_FILE, "the file has no bytes") from error
    except Exception as error:  # MuPDF's errors are not one family
        if _PUBLIC_KEY_MARKER in file.edges(_BUFFER_EDGES):
            raise PageError(
                Reason.ENCRYPTION_UNSUPPORTED,
                "encrypted for holders of a certificate (public-key security); decrypt it with that certificate first",
            ) from error
        if PDF_MARK not in beginning and not image_format(beginning):
            raise _unsupported(beginning) from error
        said = take_warnings().replace("\n", "; ")
        raise PageError(Reason.DAMAGED, f"MuPDF cannot open it: {error}" + (f" ({said})" if said else "")) from error
    document.close()
    raise _unsupported(beginning)  # MuPDF reads web pages and books too, whatever they are named


def _unsupported(beginning: bytes) -> PageError:
    begins = beginning[:16]
    return PageError(Reason.UNSUPPORTED_TYPE, f"neither {READABLE}: it begins with {begins!r}")


def _find_password(file: MappedFile, passwords: Sequence[str]) -> str:
    for password in passwords:
        with _open(file) as candidate:
            if candidate.needs_pass and candidate.authenticate(password):
                return password
    tried = f"none of the {len(passwords)} passwords in input.passwords opens it" if passwords else "it is encrypted"
    raise PageError(
        Reason.PASSWORD_REQUIRED,
        f"{tried}; with its password in input.passwords `ocrmill retry OUT --reason password_required` reads it",
    )


def _pixels(pixmap: "pymupdf.Pixmap") -> npt.NDArray[np.uint8]:
    # samples_mv dies with the pixmap, so the array must own its bytes.
    return np.frombuffer(pixmap.samples_mv, dtype=np.uint8).copy()
