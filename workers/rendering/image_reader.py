"""Reads image files with Pillow, inside a rendering process: each at its own pixels, upright, on white.

Pages of a TIFF or HEIF file are its pages; of an animation (GIF, WebP, PNG, AVIF) or a camera's JPEG with several
pictures the first one is read. Orientation comes from EXIF, in TIFF from tag 274, in AVIF and HEIF from the container.
If the two resolutions differ, as in fax (204 x 98 dpi), the coarser axis is enlarged, so that pixels are square and
none is lost. Colour profiles are not applied.
"""

import io
from collections.abc import Sequence

import numpy as np
from PIL import AvifImagePlugin, Image, ImageFile, ImageOps, features

from ocrmill.model_adapter.eight_bits import to_eight_bits
from ocrmill.model_adapter.views import cut_views
from ocrmill.pipeline.document_types import HEAD_BYTES, image_format
from ocrmill.pipeline.errors import PageError
from ocrmill.pipeline.pages.inspection import inspect_picture
from ocrmill.pipeline.pages.mapped_file import MappedFile
from ocrmill.pipeline.pages.raster_size import POINTS_PER_INCH, shrink_to_thumbnail, with_raster
from ocrmill.pipeline.pages.routing import decide
from ocrmill.pipeline.records import (
    RGB,
    BlankPage,
    PageGeometry,
    PageResult,
    Reason,
    RenderedPage,
    Route,
)
from ocrmill.workers.rendering.page_reading import PageReading
from ocrmill.workers.rendering.protocol import (
    ChildSettings,
    OpenedDocument,
    OpenReply,
    RenderedImage,
    is_cut_into_views,
)

_DPI = 96.0  # of a file that names no resolution, as MuPDF has it
_LOWEST_DPI, _HIGHEST_DPI = 10.0, 1200.0  # others are mistakes, or would make small pages of large pictures
_MOST_STRETCH = 5.0  # fax has 2.1; a larger ratio is not believed
_SQUARE = 0.01  # resolutions are rounded to whole numbers, per inch or per metre
_ORIENTATION, _FIRST_SIDEWAYS = 274, 5  # values 5 to 8 turn columns into rows
_MOST_PIXELS_PER_BYTE = 1000  # of a damaged file that is still read; a white page in fax or PNG comes near
_HAS_PAGES = ("TIFF", "HEIF")
_FEATURES = {"WEBP": "webp", "AVIF": "avif", "JPEG2000": "jpg_2000", "TIFF": "libtiff"}  # formats that Pillow may lack

Image.MAX_IMAGE_PIXELS = None  # memory and CPU time of this process are bounded; a scan of A0 has 560 megapixels
AvifImagePlugin.DEFAULT_MAX_THREADS = 1


class ImageReader:
    """Holds one image file open."""

    renderer = "pillow"

    def __init__(self, settings: ChildSettings) -> None:
        self._settings = settings
        self._file: MappedFile | None = None
        self._format = ""
        self._bytes = 0

    def open(self, file: MappedFile, passwords: Sequence[str] = ()) -> OpenReply:  # noqa: ARG002 - images have none
        """Open an image file and count its pages, or say why none can be read."""
        self.close()
        self._format = image_format(bytes(file.data[:HEAD_BYTES])) or ""
        self._file = file
        self._bytes = len(file.data)
        try:
            _check_support(self._format)
            pages, detail = self._count_pages()
        except PageError as error:
            self.close()
            return error.to_failure()
        return OpenedDocument(pages, detail=detail)

    def read(self, page_number: int) -> tuple[PageResult, RenderedImage | None]:
        """Read one page: its pixels, or the views that are cut from them if they are too many to be passed on."""
        with PageReading(page_number, self.renderer) as reading:
            reading.page, reading.image = self._read(page_number)
        return reading.result()

    def close(self) -> None:
        """Put the file away."""
        self._file = None

    def _count_pages(self) -> tuple[int, str | None]:
        try:
            with self._opened() as image:
                pages = int(getattr(image, "n_frames", 1))
        except MemoryError as error:
            raise _too_large() from error
        except Exception as error:  # Pillow's errors are not one family
            raise PageError(Reason.DAMAGED, f"Pillow cannot open the image: {error}") from error
        if self._format in _HAS_PAGES or pages == 1:
            return pages, None
        return 1, f"the first of its {pages} pictures is read"

    def _opened(self) -> Image.Image:
        assert self._file is not None
        return Image.open(io.BufferedReader(_Bytes(self._file.data)), formats=[self._format])

    def _read(self, number: int) -> tuple[BlankPage | RenderedPage, RenderedImage | None]:
        detail = None
        try:
            try:
                pixels, dpi = self._pixels(number)
            except (OSError, SyntaxError, ValueError) as error:  # cut off, or a wrong checksum: the rest is read
                pixels, dpi = self._what_is_left(number, error)
                detail = f"the image is damaged or cut off ({error}); what could be read of it is here"
            return self._looked_at(number, pixels, dpi, detail)
        except PageError:
            raise
        except MemoryError as error:
            raise _too_large() from error
        except Exception as error:  # Pillow's errors are not one family
            raise PageError(Reason.PAGE_DAMAGED, f"Pillow cannot read the image: {error}") from error

    def _looked_at(
        self, number: int, pixels: Image.Image, dpi: float, detail: str | None
    ) -> tuple[BlankPage | RenderedPage, RenderedImage | None]:
        scale = POINTS_PER_INCH / dpi
        geometry = PageGeometry(pixels.width * scale, pixels.height * scale, 0)
        layout = self._settings.layout
        if layout is None:
            pixels = _fitted(pixels, self._settings.raster.max_side_px)
        image: RGB = np.asarray(pixels.convert("RGB"))
        thumbnail = shrink_to_thumbnail(image)
        measured = inspect_picture(thumbnail)
        decision = decide(measured, self._settings.routing, geometry)
        if decision.route is Route.BLANK:
            if detail:
                raise PageError(Reason.UNDECODABLE, f"the page came out blank, for {detail}")
            return BlankPage(number, geometry, decision, measured), None
        seen = RenderedPage(number, with_raster(geometry, image), decision, measured, detail=detail)
        if layout is not None and is_cut_into_views(image.shape[1], image.shape[0], self._settings):
            return seen, cut_views(image, layout)
        return seen, image

    def _what_is_left(self, number: int, error: Exception) -> tuple[Image.Image, float]:
        with self._opened() as image:
            if image.width * image.height > _MOST_PIXELS_PER_BYTE * self._bytes:
                raise error  # the size is wrong, too: there would be nothing but grey
        return self._pixels(number, whatever_is_left=True)

    def _pixels(self, number: int, *, whatever_is_left: bool = False) -> tuple[Image.Image, float]:
        """One page in 8 bits, upright and with square pixels, and its resolution."""
        ImageFile.LOAD_TRUNCATED_IMAGES = whatever_is_left
        with self._opened() as image:
            if number > 1 or self._format in _HAS_PAGES:
                image.seek(number - 1)
            turned = image.getexif().get(_ORIENTATION, 1) >= _FIRST_SIDEWAYS
            image.load()
            across, down = _resolution(image)
            if turned:
                across, down = down, across
            upright = image
            if self._format != "TIFF":  # which Pillow turns itself, on loading
                exif_free = ImageOps.exif_transpose(image)
                upright = exif_free if exif_free is not None else image
            page = to_eight_bits(upright)
        dense = max(across, down)
        size = round(page.width * dense / across), round(page.height * dense / down)
        return page if size == page.size else page.resize(size, Image.Resampling.BICUBIC), dense


def _resolution(image: Image.Image) -> tuple[float, float]:
    """Pixels per inch across and down; equal unless they differ noticeably and believably."""
    info = image.info
    named = info.get("dpi") or info.get("resolution") or info.get("jfif_density") or (_DPI, _DPI)
    aspect = info.get("aspect")  # of PNG, in pixels of no unit
    across, down = (float(value) for value in named)
    if not (_LOWEST_DPI <= across <= _HIGHEST_DPI and _LOWEST_DPI <= down <= _HIGHEST_DPI):
        aspect = aspect or (across, down)
        across = down = _DPI
    if aspect and min(aspect) > 0:
        down = across * float(aspect[1]) / float(aspect[0])
    ratio = max(across, down) / min(across, down)
    if ratio > _MOST_STRETCH:
        return _DPI, _DPI
    return (across, across) if ratio < 1 + _SQUARE else (across, down)


def _fitted(image: Image.Image, max_side_px: int) -> Image.Image:
    longer = max(image.size)
    if longer <= max_side_px:
        return image
    scale = max_side_px / longer
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    return image.resize(size, Image.Resampling.BICUBIC)


def _check_support(name: str) -> None:
    """Make Pillow able to read the format, if this installation is.

    Raises:
        PageError: `unsupported_type`; the detail names the package to install.
    """
    if name == "HEIF":
        try:
            import pi_heif
        except ImportError as error:
            raise PageError(
                Reason.UNSUPPORTED_TYPE,
                "a HEIF image, which needs the package pi-heif: pip install --editable '.[heif]' in the clone, or "
                "convert it",
            ) from error
        pi_heif.options.DECODE_THREADS = 1
        pi_heif.register_heif_opener()
    elif name in _FEATURES and not features.check(_FEATURES[name]):
        detail = f"an image in {name}, which this installation's Pillow was built without; convert it"
        raise PageError(Reason.UNSUPPORTED_TYPE, detail)


def _too_large() -> PageError:
    return PageError(Reason.RENDER_MEMORY, "the image needs more memory than raster.memory_mb allows")


class _Bytes(io.RawIOBase):
    """A mapped file as Pillow wants it, without a copy."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: len(self._data)}[whence]
        self._at = max(0, start + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        part = self._data[self._at : self._at + len(buffer)]
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)
