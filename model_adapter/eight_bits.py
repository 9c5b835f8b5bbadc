"""Convert any Pillow image to 8 bits a channel, grey or RGB on white, as a person sees it.

Pillow's own `convert("RGB")` clips 16-bit greys at 255, so that a scan becomes pure white, and shows the hidden
colours of transparent pixels.
"""

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

_WHITE = (255, 255, 255)
_WHITE_IS_ZERO = 0  # TIFF's PhotometricInterpretation
_PHOTOMETRIC = 262
_SAMPLE_FORMAT, _UNSIGNED = 339, 1

# The largest values of greys of 8, 12, 16, 31 and 32 bits. Scanners and microscopes write 12 bits in 16.
_RANGES = (255.0, 4095.0, 65535.0, 2147483647.0, 4294967295.0)


def to_eight_bits(image: Image.Image) -> Image.Image:
    """Return the image in mode `L` or `RGB`; transparent parts are white.

    Greys of more than 8 bits, integers or floats, are scaled by the smallest range that holds all of them: 0 to 1 (of
    floats only), 8, 12, 16, 31 or 32 bits. If one is negative, or no range holds them, they go from the least to
    the greatest.
    """
    if image.mode.startswith("I") or image.mode == "F":
        return _scaled_grey(image)
    if image.mode == "La":
        image = image.convert("LA")
    if image.has_transparency_data:
        shown = image.convert("RGBA")
        paper = Image.new("RGB", image.size, _WHITE)
        paper.paste(shown, mask=shown.getchannel("A"))
        return paper
    if image.mode == "LAB":
        return _from_lab(image)
    if image.mode in {"1", "L"}:
        return image.convert("L")
    return image.convert("RGB")


def _scaled_grey(image: Image.Image) -> Image.Image:
    tags = getattr(image, "tag_v2", {})
    values = np.asarray(image)
    if image.mode == "I" and tags and tags.get(_SAMPLE_FORMAT, (_UNSIGNED,))[0] == _UNSIGNED:
        values = values.view(np.uint32)  # Pillow has no mode for it
    is_float = values.dtype.kind == "f"
    if is_float:
        values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = min(float(values.min(initial=0)), 0.0), float(values.max(initial=0))
    ranges = [top for top in ((1.0, *_RANGES) if is_float else _RANGES) if low == 0 and high <= top]
    grey = _scale(values, low, ranges[0] if ranges else high - low)
    # Pillow inverts this for 8 bits, but not for 16.
    if image.mode.startswith("I;16") and tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        grey = 255 - grey
    return Image.fromarray(grey)


def _scale(values: npt.NDArray[np.generic], low: float, top: float) -> npt.NDArray[np.uint8]:
    """Scale `low` to `low + top` to 0 to 255, a row at a time: float64 for 100 megapixels needs too much memory."""
    grey = np.empty(values.shape, np.uint8)
    for row, target in zip(values, grey, strict=True):
        target[:] = np.rint((row.astype(np.float64) - low) * (255.0 / top))
    return grey


def _from_lab(image: Image.Image) -> Image.Image:
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
    assert converted is not None, "it is not changed in place"
    return converted
