"""Image files become pages as people see them: upright, with square pixels, dark on white, whatever their format."""

import io
import struct
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from narrowed import instance, present
from PIL import Image
from rasterized import image_of, opened, rasterizer_with, read_pages, rendered_of, row_of

from ocrmill.configs.engine_settings import EngineSettings
from ocrmill.configs.settings import InputSettings, RasterSettings, RunSettings, StorageSettings
from ocrmill.model_adapter.views import PageViews, cut_views
from ocrmill.pipeline.document_types import DOCUMENT_ENDINGS, image_format
from ocrmill.pipeline.pages.mapped_file import map_path
from ocrmill.pipeline.records import RGB, Document, Failure, Reason, RenderedPage, Status, UnreadableDocument
from ocrmill.pipeline.rows import PageRow
from ocrmill.pipeline.sources.discovery import Discovery
from ocrmill.workers.rendering.document_opener import DocumentOpener
from ocrmill.workers.rendering.image_reader import ImageReader
from ocrmill.workers.rendering.protocol import ChildSettings
from ocrmill.workers.rendering.rasterizer import Rasterizer

HEIC = Path(__file__).parent / "images" / "two_pictures.heic"
SETTINGS = RunSettings()
CHILD = ChildSettings(SETTINGS.raster, SETTINGS.routing)

# Where the dark corner is to be seen under EXIF's orientations of a picture that is stored with it at the top left.
CORNERS = {1: "00", 2: "01", 3: "11", 4: "10", 5: "00", 6: "01", 7: "11", 8: "10"}


@pytest.fixture(scope="module")
def rasterizer() -> Iterator[Rasterizer]:
    """As in a run, its process without files and network."""
    with rasterizer_with(RunSettings(raster=RasterSettings(sandbox="auto"))) as made:
        yield made


def marked(width: int = 120, height: int = 60) -> Image.Image:
    """A white picture with a dark quarter at its top left and a dot, so that no two turns of it are alike."""
    pixels = np.full((height, width, 3), 255, np.uint8)
    pixels[: height // 2, : width // 2] = 20
    return Image.fromarray(pixels)


def dark_corner(image: RGB) -> str:
    """Row and column of the dark quarter, each 0 or 1."""
    height, width = image.shape[0] // 2, image.shape[1] // 2
    means = {
        f"{row}{column}": image[row * height : (row + 1) * height, column * width : (column + 1) * width].mean()
        for row in (0, 1)
        for column in (0, 1)
    }
    assert sorted(means.values())[1] > 200
    return min(means, key=lambda corner: means[corner])


@pytest.mark.parametrize("ending", ["tiff", "png", "jpg", "webp", "avif"])
def test_orientation_is_honoured_in_every_format(rasterizer: Rasterizer, tmp_path: Path, ending: str) -> None:
    """Each of EXIF's eight orientations is undone, mirrored ones too: tag 274, eXIf, APP1, or of the container."""
    for orientation, corner in CORNERS.items():
        exif = Image.Exif()
        exif[274] = orientation
        path = tmp_path / f"{orientation}.{ending}"
        marked().save(path, exif=exif)
        image = image_of(read_pages(rasterizer, path)[0])

        assert image.shape == ((60, 120, 3) if orientation < 5 else (120, 60, 3)), orientation
        assert dark_corner(image) == corner, orientation


def test_each_page_of_a_tiff_has_its_own_orientation(rasterizer: Rasterizer, tmp_path: Path) -> None:
    """A TIFF's pages are its pages, and each is turned by its own tag."""
    parts = []
    for orientation in (1, 3, 6):
        page = marked()
        page.encoderinfo = {"tiffinfo": {274: orientation}}
        parts.append(page)
    parts[0].save(tmp_path / "a.tif", save_all=True, append_images=parts[1:], tiffinfo={274: 1})

    images = [image_of(page) for page in read_pages(rasterizer, tmp_path / "a.tif")]

    assert [(dark_corner(image), image.shape[1]) for image in images] == [("00", 120), ("11", 120), ("01", 60)]


@pytest.mark.parametrize("ending", ["tif", "png", "jpg", "bmp"])
def test_fax_keeps_its_width_and_gets_square_pixels(rasterizer: Rasterizer, tmp_path: Path, ending: str) -> None:
    """204 x 98 dpi and 1,728 x 1,078 px become 1,728 x 2,244: the denser axis stays, in every format alike."""
    fax = Image.new("1", (1728, 1078), 1)
    fax.paste(0, (100, 100, 900, 500))
    compression = {"compression": "group4"} if ending == "tif" else {}
    (fax if ending == "tif" else fax.convert("L")).save(tmp_path / f"a.{ending}", dpi=(204, 98), **compression)
    (read,) = read_pages(rasterizer, tmp_path / f"a.{ending}")
    page, image = rendered_of(read), image_of(read)

    assert image.shape[:2] == (pytest.approx(2244, abs=2), 1728)
    assert page.geometry.dpi == pytest.approx(204, abs=0.1)
    assert page.geometry.width_pt == pytest.approx(1728 / 204 * 72, rel=0.001)
    assert image[300:1000, 120:880].max() < 30


def test_a_fax_stored_sideways_is_stretched_across(rasterizer: Rasterizer, tmp_path: Path) -> None:
    """The resolutions of a TIFF are those of its rows and columns as they are stored."""
    exif = Image.Exif()
    exif[274] = 6
    marked(200, 100).save(tmp_path / "a.tif", dpi=(200, 100), exif=exif)

    assert image_of(read_pages(rasterizer, tmp_path / "a.tif")[0]).shape == (200, 200, 3)


@pytest.mark.parametrize("dpi", [(300, 299.5), (1, 1), (72000, 72000), (1000, 20)])
def test_resolutions_that_are_no_sense_change_nothing(
    rasterizer: Rasterizer, tmp_path: Path, dpi: tuple[float, float]
) -> None:
    """Rounded, missing, extreme or absurdly unlike ones leave the pixels as they are."""
    marked().save(tmp_path / "a.tif", dpi=dpi)

    assert image_of(read_pages(rasterizer, tmp_path / "a.tif")[0]).shape == (60, 120, 3)


def grey_values(dtype: str, top: float) -> Image.Image:
    values = np.full((60, 120), top, dtype)
    values[:30, :60] = top / 10
    return Image.fromarray(values)


def palette_with_transparency() -> Image.Image:
    image = Image.new("P", (120, 60), 1)
    image.putpalette([20, 20, 20, 0, 0, 0])
    image.paste(0, (0, 0, 60, 30))
    image.info["transparency"] = 1  # black, not to be seen
    return image


def with_alpha(mode: str) -> Image.Image:
    """Dark where it is opaque; elsewhere transparent, of a black that must not be seen."""
    image = Image.new(mode, (120, 60))
    image.paste((20, 255) if mode == "LA" else (20, 20, 20, 255), (0, 0, 60, 30))
    return image


MODES = {
    "16-bit.png": lambda: grey_values("uint16", 65535),
    "16-bit.tif": lambda: grey_values("uint16", 65535),
    "16-bit.jp2": lambda: grey_values("uint16", 65535),
    "12-bit.tif": lambda: grey_values("uint16", 4095),
    "8-in-16.tif": lambda: grey_values("uint16", 255),
    "32-bit.tif": lambda: grey_values("int32", 2**31 - 1),
    "unit.tif": lambda: grey_values("float32", 1.0),
    "float.tif": lambda: grey_values("float32", 65000.0),
    "bit.tif": lambda: marked().convert("1"),
    "bit.png": lambda: marked().convert("1"),
    "cmyk.jpg": lambda: marked().convert("CMYK"),
    "cmyk.tif": lambda: marked().convert("CMYK"),
    "ycc.tif": lambda: marked().convert("YCbCr"),
    "lab.tif": lambda: Image.merge("LAB", (marked().convert("L"), *[Image.new("L", (120, 60), 128)] * 2)),
    "la.png": lambda: with_alpha("LA"),
    "rgba.png": lambda: with_alpha("RGBA"),
    "rgba.webp": lambda: with_alpha("RGBA"),
    "rgba.tif": lambda: with_alpha("RGBA"),
    "palette.png": palette_with_transparency,
    "palette.gif": palette_with_transparency,
}


@pytest.mark.parametrize("name", MODES)
def test_every_mode_is_dark_on_white(rasterizer: Rasterizer, tmp_path: Path, name: str) -> None:
    """No depth arrives white or black all over, CMYK is not inverted, and transparent parts show white paper."""
    MODES[name]().save(tmp_path / name)
    image = image_of(read_pages(rasterizer, tmp_path / name)[0])

    assert dark_corner(image) == "00"
    assert image[40:, 70:].mean() > 245
    assert image[5:25, 5:55].mean() < 40


@pytest.mark.parametrize("ending", [ending for ending in DOCUMENT_ENDINGS if ending not in {".pdf", ".heic", ".heif"}])
def test_every_ending_is_found_and_read(rasterizer: Rasterizer, tmp_path: Path, ending: str) -> None:
    """A folder's images of all formats are sources, and each is one page in the sandbox."""
    path = tmp_path / f"a{ending.upper()}"
    marked().save(path, {".jfif": "JPEG", ".jpf": "JPEG2000", ".jpx": "JPEG2000"}.get(ending))
    (source,) = Discovery([str(tmp_path)], InputSettings(), StorageSettings())
    document = rasterizer.open(source)

    assert isinstance(document, Document)
    assert document.page_count == 1
    read = rasterizer.read(document, 1)
    page, image = rendered_of(read), image_of(read)
    assert (page.renderer, page.decision.reason, dark_corner(image)) == ("pillow", "no_text", "00")


@pytest.mark.parametrize("ending", ["gif", "webp", "png", "avif"])
def test_of_an_animation_the_first_picture_is_read(rasterizer: Rasterizer, tmp_path: Path, ending: str) -> None:
    """One page, and its document says that there are more pictures."""
    others = [marked().rotate(180), marked().rotate(90)]
    marked().save(tmp_path / f"a.{ending}", save_all=True, append_images=others)
    document = opened(rasterizer, tmp_path / f"a.{ending}")

    assert isinstance(document, Document)
    assert (document.page_count, document.detail) == (1, "the first of its 3 pictures is read")
    assert dark_corner(image_of(read_pages(rasterizer, tmp_path / f"a.{ending}")[0])) == "00"


def test_heif_pages_are_read_where_the_decoder_is_installed(rasterizer: Rasterizer, tmp_path: Path) -> None:
    """Each picture of a HEIF file is a page."""
    pytest.importorskip("pi_heif")
    path = tmp_path / "a.heic"
    path.write_bytes(HEIC.read_bytes())
    first, second = (image_of(page) for page in read_pages(rasterizer, path))

    assert dark_corner(first) == "00"
    assert dark_corner(255 - second) == "00"


def test_heif_without_the_decoder_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """A format that this installation cannot read is a failed document with its reason, not a file passed over."""
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    reply = ImageReader(CHILD).open(map_path(HEIC))

    assert isinstance(reply, Failure)
    assert reply.reason is Reason.UNSUPPORTED_TYPE
    assert "'.[heif]'" in present(reply.detail)
    assert list(Discovery([str(HEIC.parent)], InputSettings(), StorageSettings()))


def test_formats_are_told_by_bytes_not_names(rasterizer: Rasterizer, tmp_path: Path) -> None:
    """A picture with a wrong ending is read; what only begins with two letters of a bitmap is none."""
    marked().save(tmp_path / "a.pdf", "WEBP")

    assert dark_corner(image_of(read_pages(rasterizer, tmp_path / "a.pdf")[0])) == "00"
    assert image_format(b"BMW builds cars, and this is a text about it") is None
    assert image_format(b"\0\0\0\x1cftypmif1\0\0\0\0avifmif1miaf") == "AVIF"
    assert image_format(b"\0\0\0\x18ftypmp42\0\0\0\0isommp42") is None
    assert image_format(b"") is None


def test_an_image_larger_than_pages_is_resampled_once(tmp_path: Path) -> None:
    """The views of a 5,000 px scan are cut from its own pixels; without views it is shrunk once, to the limit."""
    rng = np.random.default_rng(2)
    scan = Image.fromarray(rng.integers(0, 255, (300, 1100, 3), np.uint8)).resize((5000, 1200))
    scan.save(tmp_path / "a.bmp")
    settings = RunSettings(engine=EngineSettings(name="deepseek-ocr2"))
    with rasterizer_with(settings) as rasterizer:
        (read,) = read_pages(rasterizer, tmp_path / "a.bmp")
    assert not isinstance(read, PageRow)
    page, views = rendered_of(read), instance(PageViews, read[1])
    expected = cut_views(np.asarray(scan))

    assert (page.geometry.width_px, page.geometry.height_px) == (5000, 1200)
    assert page.image_bytes == expected.nbytes
    assert np.array_equal(views.global_view, expected.global_view)
    assert np.array_equal(views.tiles, expected.tiles)
    with rasterizer_with(RunSettings()) as rasterizer:
        (read,) = read_pages(rasterizer, tmp_path / "a.bmp")
    once = np.asarray(scan.resize((4096, 983), Image.Resampling.BICUBIC))
    assert np.array_equal(image_of(read), once)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif", "a.gif", "a.bmp"])
def test_what_is_left_of_a_file_that_was_cut_off_is_read(rasterizer: Rasterizer, tmp_path: Path, name: str) -> None:
    """The rows that arrived are a page, and its detail says that the rest is missing."""
    noise = np.random.default_rng(3).integers(0, 90, (300, 400, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / name)
    data = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(data[: len(data) * 2 // 3])
    document = opened(rasterizer, tmp_path / name)
    if isinstance(document, UnreadableDocument):  # TIFF keeps its directory at the end
        assert (name, document.reason) == ("a.tif", Reason.DAMAGED)
        return
    page = rasterizer.read(document, 1)

    assert rendered_of(page).detail
    assert image_of(page)[:100].mean() < 100


@pytest.mark.parametrize("name", ["a.webp", "a.avif", "a.jp2"])
def test_what_cannot_be_read_in_part_fails_with_its_reason(rasterizer: Rasterizer, tmp_path: Path, name: str) -> None:
    """Formats that come whole or not at all are failed documents or pages that say why."""
    Image.fromarray(np.random.default_rng(3).integers(0, 255, (300, 400, 3), np.uint8)).save(tmp_path / name)
    data = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(data[:200])
    document = opened(rasterizer, tmp_path / name)
    if isinstance(document, UnreadableDocument):
        assert document.reason is Reason.DAMAGED
        assert "Pillow" in document.detail
        return
    page = rasterizer.read(document, 1)
    assert isinstance(page, PageRow)
    assert page.status is Status.FAILED
    assert page.reason in {Reason.PAGE_DAMAGED, Reason.UNDECODABLE}


def bomb_png(path: Path, side: int) -> Path:
    """A white PNG of so many pixels a side, of one bit each, that packs to next to nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    row = b"\0" + b"\xff" * (side // 8)
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(row * 100) for _ in range(side // 100)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b""))
    return path


def test_a_decompression_bomb_is_a_failed_page(rasterizer: Rasterizer, tmp_path: Path) -> None:
    """A file of half a megabyte that unpacks to 3.6 gigapixels hits the limit of the process; the next is read."""
    (row,) = read_pages(rasterizer, bomb_png(tmp_path / "bomb.png", 60_000))

    assert isinstance(row, PageRow)
    assert row.status is Status.FAILED
    assert row.reason in {Reason.RENDER_MEMORY, Reason.RENDER_TIMEOUT}
    marked().save(tmp_path / "next.png")
    assert dark_corner(image_of(read_pages(rasterizer, tmp_path / "next.png")[0])) == "00"


def test_blank_images_are_blank(rasterizer: Rasterizer, tmp_path: Path) -> None:
    """White, black and fully transparent pictures hold nothing to read."""
    for number, image in enumerate(
        [Image.new("L", (90, 90), 255), Image.new("1", (90, 90)), Image.new("RGBA", (90, 90))]
    ):
        image.save(tmp_path / f"{number}.png")
        (page,) = read_pages(rasterizer, tmp_path / f"{number}.png")
        row = row_of(page)
        assert (row.status, row.page.renderer) == (Status.BLANK, "pillow")


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "a.webp", "a.gif", "a.bmp", "a.jp2", "a.avif"])
def test_any_damage_gives_a_page_or_a_reason(tmp_path: Path, name: str) -> None:
    """Whatever bytes are wrong, the reader answers for every page that it counted, and never raises."""
    whole = io.BytesIO()
    marked().save(whole, Image.registered_extensions()[f".{name.partition('.')[2]}"])
    rng = np.random.default_rng(5)
    opener = DocumentOpener(CHILD)
    for _ in range(60):
        data = bytearray(whole.getvalue())
        for at in rng.integers(4, len(data), 3):
            data[at] = rng.integers(256)
        path = tmp_path / name
        path.write_bytes(bytes(data[: rng.integers(len(data) // 2, len(data) + 1)]))
        reply, reader = opener.open(map_path(path), ())
        if isinstance(reply, Failure):
            assert reply.detail
            continue
        for number in range(1, min(reply.page_count, 3) + 1):
            page, image = reader.read(number)
            assert page.page_number == number
            assert (image is not None) == isinstance(page, RenderedPage)
