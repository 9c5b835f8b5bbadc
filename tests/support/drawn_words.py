"""Words of a page, drawn so that a reader sees them, and so that none does."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pymupdf
from pdf_objects import first_free, stream, write_pages

from ocrmill.pipeline.text.visible.hidden_text import Reason

WORDS = ["ferry", "quay", "tide", "walkers", "dogs", "coal", "harbour", "bell", "office", "doctor", "pilot"]


@dataclass(frozen=True)
class Spot:
    """A place for one word, in PDF coordinates."""

    word: str
    x: float
    y: float
    size: float

    def text(self, before: str = "0 g", font: str = "F") -> str:
        """Draw the word."""
        return f"BT {before} /{font} {self.size} Tf {self.x} {self.y} Td ({self.word}) Tj ET "

    def box(self, grow: float = 2.0) -> str:
        """The path of a rectangle that holds the word."""
        width = pymupdf.get_text_length(self.word, fontsize=self.size)
        left, low = self.x - grow, self.y - 0.25 * self.size - grow
        return f"{left:.2f} {low:.2f} {width + 2 * grow:.2f} {1.25 * self.size + 2 * grow:.2f} re"

    def image(self, name: str) -> str:
        """Draw a picture over the rectangle."""
        left, low, width, height, _ = self.box().split()
        return f"q {width} 0 0 {height} {left} {low} cm /{name} Do Q "


SEEN: dict[str, Callable[[Spot], str]] = {
    "plain": lambda s: s.text(),
    "white on a black cell": lambda s: f"0 g {s.box()} f " + s.text("1 g"),
    "black on a grey cell": lambda s: f".8 g {s.box()} f " + s.text(),
    "faint grey": lambda s: s.text(".85 g"),
    "white on a dark picture": lambda s: s.image("Dark") + s.text("1 g"),
    "white on a photo": lambda s: s.image("Noise") + s.text("1 g"),
    "black on a photo": lambda s: s.image("Noise") + s.text(),
    "white on a shading": lambda s: f"q {s.box()} W n /Sh sh Q " + s.text("1 g"),
    "white on a pattern": lambda s: f"/Pattern cs /Tiles scn {s.box()} f " + s.text("1 g"),
    "white on a round shape": lambda s: (
        f"0 0 .5 rg {s.x - 9} {s.y + 3} m {s.x} 999 400 999 700 {s.y} c h f "
        + s.text("1 g")
        + f"1 g {s.x - 9} {s.y + s.size + 5} 700 900 re f "
    ),
    "white on a fat line": lambda s: f"0 G {2 * s.size} w {s.x - 9} {s.y + 3} m 900 {s.y + 3} l S " + s.text("1 g"),
    "white on a glyph": lambda s: f"BT /Z {7 * s.size} Tf {s.x - 5} {s.y - 2 * s.size} Td (n) Tj ET " + s.text("1 g"),
    "under a translucent highlight": lambda s: s.text() + f"q /Half gs 1 1 0 rg {s.box()} f Q ",
    "under a multiplied highlight": lambda s: s.text() + f"q /Times gs 1 1 0 rg {s.box()} f Q ",
    "under a multiplied group": lambda s: s.text() + "q /Times gs /Wash Do Q ",
    "under a mask": lambda s: s.text() + f"q /Soft gs 1 g {s.box()} f Q ",
    "under a picture with a mask": lambda s: s.text() + s.image("Glass"),
    "under a stencil": lambda s: s.text() + s.image("Stencil"),
    "under a translucent picture": lambda s: s.text() + "q /Half gs " + s.image("Dark") + "Q ",
    "under an area that is clipped away": lambda s: s.text() + f"q 0 0 5 5 re W n 0 g {s.box()} f Q ",
    "under a frame": lambda s: s.text() + f"0 G 1 w {s.box()} S ",
    "under two fills with a hole": lambda s: s.text() + f"1 g 0 0 900 999 re {s.box()} f* ",
    "struck through": lambda s: s.text() + f"0 g {s.x} {s.y + 0.25 * s.size} 200 .7 re f ",
    "beside a bar": lambda s: s.text() + f"0 g {s.x - 50} {s.y} 50 {s.size} re f ",
    "cut by a bar": lambda s: s.text() + f"0 g {s.x} {s.y - s.size} 200 {1.2 * s.size} re f ",
    "outlined": lambda s: s.text("1 Tr 0 G .4 w"),
    "outlined in black, filled in white": lambda s: s.text("2 Tr 0 G 1 g .4 w") + "0 Tr ",
    "a clip path through which a fill is seen": lambda s: f"q {s.text('7 Tr')} 0 0 1 rg {s.box()} f Q ",
    "filled with a pattern": lambda s: s.text("/Pattern cs /Tiles scn"),
    "in a form with a soft mask": lambda s: f"q /Soft gs 1 0 0 1 {s.x} {s.y} cm /{s.word} Do Q ",
    "in a group of half opacity": lambda s: f"q /Half gs 1 0 0 1 {s.x} {s.y} cm /{s.word} Do Q ",
    "searchable scan": lambda s: s.image(f"Scan_{s.word}") + s.text("3 Tr"),
    "scan over its text": lambda s: s.text() + "q 900 0 0 999 -100 -100 cm /Paper Do Q ",
}


HIDDEN: dict[str, tuple[Reason, Callable[[Spot], str]]] = {
    "render mode 3": (Reason.RENDER_MODE, lambda s: s.text("3 Tr")),
    "render mode 3 over visible text": (Reason.RENDER_MODE, lambda s: s.text("3 Tr") + s.text("0 Tr", "Z")),
    "opacity 0": (Reason.OPACITY, lambda s: f"q /None gs {s.text()} Q "),
    "in a group of opacity 0": (Reason.OPACITY, lambda s: f"q /None gs 1 0 0 1 {s.x} {s.y} cm /{s.word} Do Q "),
    "white on white": (Reason.BACKGROUND, lambda s: s.text("1 g")),
    "nearly white on white": (Reason.BACKGROUND, lambda s: s.text(".99 1 .985 rg")),
    "white on white, outlined too": (Reason.BACKGROUND, lambda s: s.text("2 Tr 1 G 1 g") + "0 Tr "),
    "black on a black cell": (Reason.BACKGROUND, lambda s: f"0 g {s.box()} f " + s.text()),
    "white on a white cell over black": (
        Reason.BACKGROUND,
        lambda s: f"0 g {s.box(6)} f 1 g {s.box()} f " + s.text("1 g"),
    ),
    "white on a white picture": (Reason.BACKGROUND, lambda s: s.image("White") + s.text("1 g")),
    "under a black bar": (Reason.COVERED, lambda s: s.text() + f"0 g {s.box()} f "),
    "under a white bar": (Reason.COVERED, lambda s: s.text() + f"1 g {s.box()} f "),
    "under a red bar, four lines": (Reason.COVERED, lambda s: s.text() + f"1 0 0 rg {as_lines(s.box())} h f "),
    "under a bar in a clip path": (
        Reason.COVERED,
        lambda s: s.text() + f"q {s.box()} W n 0 g 0 0 900 999 re f Q ",
    ),
    "under a black picture": (Reason.COVERED, lambda s: s.text() + s.image("Dark")),
    "under a photo": (Reason.COVERED, lambda s: s.text() + s.image("Noise")),
    "under a white picture as large as the page": (
        Reason.COVERED,
        lambda s: s.text() + "q 900 0 0 999 -100 -100 cm /White Do Q ",
    ),
    "clipped away": (Reason.OUTSIDE, lambda s: f"q 0 0 20 20 re W n {s.text()} Q "),
    "tiny": (Reason.TINY, lambda s: Spot(s.word, s.x, s.y, 0.6).text()),
    "tiny by its matrix": (
        Reason.TINY,
        lambda s: f"q .04 0 0 .04 {s.x} {s.y} cm {Spot(s.word, 0, 0, s.size).text()} Q ",
    ),
}


def as_lines(box: str) -> str:
    """Draw a rectangle by its corners."""
    x, y, width, height = map(float, box.split()[:4])
    return f"{x} {y} m {x + width} {y} l {x + width} {y + height} l {x} {y + height} l"


def picture(pixels: bytes, width: int, height: int, entries: bytes = b"") -> bytes:
    """A grey picture."""
    size = b"/Width %d /Height %d /ColorSpace /DeviceGray /BitsPerComponent 8" % (width, height)
    return stream(b"/Type /XObject /Subtype /Image %s %s" % (size, entries), pixels)


def scan_of(word: str) -> bytes:
    """The picture of a word."""
    with pymupdf.open() as document:
        page = document.new_page(width=120, height=25)
        page.insert_text((4, 17), word, fontsize=16)
        pixmap = page.get_pixmap(colorspace=pymupdf.csGRAY)
        return picture(pixmap.samples, pixmap.width, pixmap.height)


@cache
def parts() -> tuple[list[bytes], bytes, int]:
    """Objects that the kinds above refer to: its objects, the resources that name it, the number of a font of signs."""
    first = first_free(1)
    noise = random.Random(1)
    group = b"/Type /XObject /Subtype /Form /BBox [-50 -50 900 999] /Group << /S /Transparency /CS /DeviceGray >>"
    fonts = b"/Resources << /Font << /F 3 0 R >> >>"
    stencil = b"/Type /XObject /Subtype /Image /Width 8 /Height 8 /ImageMask true"
    tile = (
        b"/Type /Pattern /PatternType 1 /PaintType 1 /TilingType 1 /BBox [0 0 4 4] /XStep 4 /YStep 4 /Resources << >>"
    )
    objects: dict[str, bytes] = {
        "Mask": picture(bytes([90]) * 100, 10, 10),
        "Glass": picture(bytes([200]) * 100, 10, 10, b"/SMask %d 0 R" % first),
        "Dark": picture(bytes([20]) * 100, 10, 10),
        "White": picture(bytes([255]) * 100, 10, 10),
        "Noise": picture(bytes(value // 2 for value in noise.randbytes(60 * 20)), 60, 20),
        "Paper": picture(noise.randbytes(600 * 600), 600, 600),
        "Stencil": stream(stencil, bytes([0b10101010] * 8)),
        "Wash": stream(group, b"1 1 0 rg 0 0 900 999 re f"),
        "Veil": stream(group, b".6 g 0 0 900 999 re f"),
        "Tiles": stream(tile, b"0 0 .6 rg 0 0 4 4 re f"),
        "Z": b"<< /Type /Font /Subtype /Type1 /BaseFont /ZapfDingbats >>",
    }
    objects |= {word: stream(group + fonts, f"BT /F 14 Tf ({word}) Tj ET".encode()) for word in WORDS}
    objects |= {f"Scan_{word}": scan_of(word) for word in WORDS}
    numbers = {name: first + index for index, name in enumerate(objects)}
    names = " ".join(f"/{name} {number} 0 R" for name, number in numbers.items() if name not in ("Tiles", "Z"))
    states = "/None << /ca 0 /CA 0 >> /Half << /ca .4 /CA .4 >> /Times << /BM /Multiply >>"
    states += f" /Soft << /SMask << /S /Luminosity /G {numbers['Veil']} 0 R >> >>"
    shading = "<< /ShadingType 2 /ColorSpace /DeviceRGB /Coords [0 0 600 0] /Function "
    shading += "<< /FunctionType 2 /Domain [0 1] /C0 [.5 0 0] /C1 [0 0 .5] /N 1 >> /Extend [true true] >>"
    resources = f"/XObject << {names} >> /ExtGState << {states} >> /Shading << /Sh {shading} >>"
    resources += f" /Pattern << /Tiles {numbers['Tiles']} 0 R >>"
    return list(objects.values()), resources.encode(), numbers["Z"]


def draw(path: Path, content: str, page: bytes = b"") -> pymupdf.Page:
    """A page with this content."""
    objects, resources, signs = parts()
    write_pages(path, 1, 1, content=content.encode(), objects=objects, resources=resources, page=page)
    document = pymupdf.open(path)
    document.xref_set_key(document[0].xref, "Resources/Font", f"<< /F 3 0 R /Z {signs} 0 R >>")
    return document.reload_page(document[0])


def line(text: str, y: float, size: float = 12) -> str:
    """A visible line."""
    return f"0 Tr 0 g BT /F {size} Tf 72 {y} Td ({text}) Tj ET "
