"""A page image as a server is sent it: resized as the profile says, encoded as PNG, JPEG or WebP.

Made in the rasterizers, so that the encoding is spread over the cores and the process that sends has bytes alone. A
page without colour is encoded as grey: a third of the pixels, and servers make RGB of it again. OpenCV writes PNG at
level 1 of zlib and without filters: choosing a filter for each line takes more than half of the time. Of 36 real pages
the files are 7 % smaller in sum than with filters and the strategy of run lengths, which is fast with them.
"""

import io
import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from ocrmill.configs.profiles.profile import ImageFormat
from ocrmill.pipeline.records import RGB

_WHITE = 255
_SAMPLED = 32  # one row of so many tells of most coloured pages that they are


@dataclass(frozen=True, slots=True)
class EncodedPage:
    """A page image as a file of the kind in `format`, and its size."""

    data: bytes
    format: str
    width_px: int
    height_px: int

    @property
    def nbytes(self) -> int:
        """Bytes of the file."""
        return len(self.data)

    def pixels(self) -> RGB:
        """Decode it."""
        with Image.open(io.BytesIO(self.data)) as image:
            return np.asarray(image.convert("RGB"))

    def turned(self, clockwise: int) -> "EncodedPage":
        """The page turned by a multiple of 90 degrees, encoded again."""
        return encode(np.rot90(self.pixels(), -clockwise // 90), ImageFormat(dpi=72, format=self.format))


def encode(page: RGB, image: ImageFormat) -> EncodedPage:
    """Encode a page of (height, width, 3) as a profile says."""
    pixels = _without_colour(_resized(_padded(page, image.max_ratio), image))
    height, width = pixels.shape[:2]
    return EncodedPage(_file_of(pixels, image), image.format, width, height)


def sent_size(width: int, height: int, image: ImageFormat) -> tuple[int, int]:
    """Return the size at which a page of so many pixels is sent: within the bounds, both sides multiples of `factor`.

    The arithmetic is that of `smart_resize` in Qwen2-VL's processor, which the models with bounds share.
    """
    factor = image.factor
    sides = [max(factor, round(side / factor) * factor) for side in (width, height)]
    area = width * height
    if image.max_pixels is not None and math.prod(sides) > image.max_pixels:
        shrink = math.sqrt(area / image.max_pixels)
        sides = [max(factor, math.floor(side / shrink / factor) * factor) for side in (width, height)]
    elif math.prod(sides) < image.min_pixels:
        grow = math.sqrt(image.min_pixels / area)
        sides = [math.ceil(side * grow / factor) * factor for side in (width, height)]
    return sides[0], sides[1]


def _padded(page: RGB, max_ratio: float) -> RGB:
    """Add white to the shorter side of a page that is longer than models take."""
    height, width = page.shape[:2]
    least = math.ceil(max(height, width) / max_ratio)
    if min(height, width) >= least:
        return page
    padded = np.full((max(height, least), max(width, least), 3), _WHITE, dtype=np.uint8)
    padded[:height, :width] = page
    return padded


def _resized(page: RGB, image: ImageFormat) -> RGB:
    height, width = page.shape[:2]
    size = sent_size(width, height, image)
    if size == (width, height):
        return page
    return np.asarray(Image.fromarray(np.ascontiguousarray(page)).resize(size, Image.Resampling.BICUBIC))


def _without_colour(page: RGB) -> RGB:
    """Return one channel of a page that has no colour."""
    if _is_grey(page[::_SAMPLED]) and _is_grey(page):
        return np.ascontiguousarray(page[..., 1])
    return page


def _is_grey(page: RGB) -> bool:
    green = page[..., 1]
    return np.array_equal(page[..., 0], green) and np.array_equal(green, page[..., 2])


def _file_of(pixels: RGB, image: ImageFormat) -> bytes:
    if image.format == "png":
        return _png(pixels)
    out = io.BytesIO()
    options = {"method": 0} if image.format == "webp" else {}
    Image.fromarray(np.ascontiguousarray(pixels)).save(out, image.format.upper(), quality=image.quality, **options)
    return out.getvalue()


def _png(pixels: RGB) -> bytes:
    import cv2

    options = [
        *(cv2.IMWRITE_PNG_COMPRESSION, 1),
        *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_DEFAULT),
        *(cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_NONE),
    ]
    bgr = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)  # noqa: PLR2004 - grey
    _, file = cv2.imencode(".png", bgr, options)
    return file.tobytes()
