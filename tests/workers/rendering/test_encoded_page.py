"""A page image as a server is sent it."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ocrmill.configs.profiles.find import load_profile
from ocrmill.configs.profiles.profile import Format, ImageFormat
from ocrmill.configs.settings import RunSettings
from ocrmill.pipeline.records import RGB, Document, RenderedPage
from ocrmill.pipeline.sources.discovery import Discovery
from ocrmill.workers.rendering.encoded_page import EncodedPage, encode, sent_size
from ocrmill.workers.rendering.rasterizer import Rasterizer

SCAN = Path(__file__).parents[3] / "samples" / "scan.pdf"


def drawn_page(*, colour: bool, height: int = 300, width: int = 200) -> RGB:
    page = np.full((height, width, 3), 255, dtype=np.uint8)
    page[20:60, 30:90] = (200, 30, 40) if colour else (40, 40, 40)
    return page


@pytest.mark.parametrize("colour", [True, False])
@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_a_page_comes_back_from_each_format(kind: Format, colour: bool) -> None:
    """PNG gives the same pixels, red first, JPEG and WebP near ones; a page without colour is sent as grey."""
    page = drawn_page(colour=colour)
    encoded = encode(page, ImageFormat(dpi=72, format=kind))
    difference = np.abs(encoded.pixels().astype(int) - page).mean()

    assert difference <= (0 if kind == "png" else 1)
    with Image.open(io.BytesIO(encoded.data)) as image:
        assert (image.format, image.size) == (kind.upper(), (200, 300))
        assert kind == "webp" or image.mode == ("RGB" if colour else "L")
    assert encoded.nbytes == len(encoded.data)


def test_sides_are_those_of_the_models_own_resize() -> None:
    """Multiples of the grid within the bounds of pixels, as Qwen2-VL's `smart_resize` gives them."""
    image = ImageFormat(dpi=200, min_pixels=3136, max_pixels=11_289_600, factor=28)

    assert sent_size(1654, 2339, image) == (1652, 2352)
    assert sent_size(4000, 4000, image) == (3360, 3360)
    assert sent_size(20, 30, image) == (56, 84)
    assert sent_size(777, 555, ImageFormat(dpi=72)) == (777, 555)


def test_a_strip_is_padded_with_white() -> None:
    """A page whose sides differ too much for a model gets white on its shorter side, and keeps its pixels."""
    strip = drawn_page(colour=False, height=100, width=8000)
    pixels = encode(strip, ImageFormat(dpi=72, max_ratio=50)).pixels()

    assert pixels.shape == (160, 8000, 3)
    assert np.array_equal(pixels[:100], strip)
    assert pixels[100:].min() == 255


def test_a_page_is_turned_clockwise() -> None:
    """A correction of 90 degrees turns the page clockwise: what was on the left is at the top."""
    page = np.full((40, 20, 3), 255, dtype=np.uint8)
    page[:, :4] = 0
    turned = encode(page, ImageFormat(dpi=72)).turned(90)

    assert (turned.width_px, turned.height_px) == (40, 20)
    assert turned.pixels()[:4].max() == 0


@pytest.mark.parametrize("name", ["lightonocr-2-1b", "dots-mocr"])
def test_rasterizers_send_pages_as_the_profile_says(name: str) -> None:
    """A page comes out of the rasterizer as a file of the profile's size; its row has that size in pixels."""
    wanted = load_profile(name).image
    settings = RunSettings.model_validate(
        {"engine": {"name": "endpoint", "endpoint": {"profile": name}}, "routing": {"mode": "ocr"}}
    )
    rasterizer = Rasterizer(settings)
    try:
        (source,) = Discovery([str(SCAN)], settings.input, settings.storage)
        document = rasterizer.open(source)
        assert isinstance(document, Document)
        read = rasterizer.read(document, 1)
    finally:
        rasterizer.close()

    assert isinstance(read, tuple)
    page, image = read
    assert isinstance(page, RenderedPage)
    assert isinstance(image, EncodedPage)
    geometry = page.geometry
    assert (geometry.width_px, geometry.height_px) == (image.width_px, image.height_px)
    assert page.image_bytes == len(image.data)
    longest = max(geometry.width_px, geometry.height_px)
    expected = wanted.longest_side or (wanted.dpi or 0) * max(geometry.width_pt, geometry.height_pt) / 72
    assert abs(longest - expected) <= wanted.factor
    assert longest % wanted.factor == 0
