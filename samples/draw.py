"""Draws the sample documents: `python -m samples.draw [FOLDER]`, by default into the folder of this file.

One small file for each thing that can become of a document: prose, two columns, a table, a scan, Chinese and Japanese,
a rotated page, a blank one, a text layer of rubbish, one that repeats itself, an image, an archive, a copy, a locked
file and a damaged one.
Drawing again with the same libraries gives the same bytes. The words are in prose.py.
"""

import io
import random
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pymupdf
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

from samples import prose

LETTER = pymupdf.Rect(0, 0, 612, 792)  # points
MARGIN = 72.0
SCAN_DPI = 144
SKEW_DEGREES = 1.5
DRAWN_ON = "D:20260105120000Z"
ENCRYPTED_PASSWORD = "ocrmill"  # noqa: S105 - not a secret: the demo shows what happens without it


def save(document: pymupdf.Document, path: Path, title: str, **options: int | str) -> None:
    """Write a document with nothing in it that differs from one drawing to the next."""
    document.set_metadata(
        {"title": title, "producer": "ocrmill samples", "creationDate": DRAWN_ON, "modDate": DRAWN_ON}
    )
    document.save(path, garbage=3, deflate=True, no_new_id=True, **options)
    document.close()


def new_page(document: pymupdf.Document, box: pymupdf.Rect = LETTER) -> pymupdf.Page:
    """Append an empty page of this size."""
    return document.new_page(width=box.width, height=box.height)


def write(page: pymupdf.Page, box: pymupdf.Rect, text: str, *, size: float = 11, font: str = "tiro") -> float:
    """Set wrapped text at the top of the box; returns the y where it ends, in points."""
    left_over: float = page.insert_textbox(box, text, fontsize=size, fontname=font, lineheight=1.3)
    if left_over < 0:
        raise ValueError(f"{-left_over:.0f} points too long for its box: {text[:40]}")
    return float(box.y1) - left_over


def write_all(page: pymupdf.Page, box: pymupdf.Rect, parts: Sequence[tuple[str, str]]) -> float:
    """Set titles, headings, items and paragraphs one below the other; returns the y where they end, in points."""
    y = float(box.y0)
    for kind, text in parts:
        size, font, indent, gap = prose.STYLES[kind]
        y = write(page, pymupdf.Rect(box.x0 + indent, y, box.x1, box.y1), text, size=size, font=font) + gap
    return y


def inner(box: pymupdf.Rect) -> pymupdf.Rect:
    """The part of a page inside its margins."""
    return pymupdf.Rect(box.x0 + MARGIN, box.y0 + MARGIN, box.x1 - MARGIN, box.y1 - MARGIN)


def draw_text(path: Path) -> None:
    """Two pages of prose with a title, headings, a list and a link."""
    document = pymupdf.open()
    for parts in prose.TIDE_MILL:
        write_all(new_page(document), inner(LETTER), parts)
    last = document[-1]
    [place] = last.search_for(prose.TIDE_MILL_LINK)
    last.insert_link({"kind": pymupdf.LINK_URI, "from": place, "uri": "https://example.org/tide-mills"})
    save(document, path, "A Short History of the Tide Mill")


def draw_two_columns(path: Path) -> None:
    """A page like that of a paper: a title across, two columns, a footnote under the first."""
    document = pymupdf.open()
    page = new_page(document)
    top = write_all(page, inner(LETTER), prose.SWIFTS_HEAD) + 8
    middle, half_gap, bottom = LETTER.width / 2, 10, LETTER.y1 - MARGIN
    write_all(page, pymupdf.Rect(MARGIN, top, middle - half_gap, bottom), prose.SWIFTS_LEFT)
    write_all(page, pymupdf.Rect(middle + half_gap, top, LETTER.x1 - MARGIN, bottom), prose.SWIFTS_RIGHT)
    page.draw_line((MARGIN, bottom - 42), (MARGIN + 90, bottom - 42), width=0.5)
    write_all(page, pymupdf.Rect(MARGIN, bottom - 38, middle - half_gap, bottom + 20), prose.SWIFTS_FOOTNOTE)
    save(document, path, "Counting Swifts from a Single Roof")


def draw_table(path: Path) -> None:
    """A ruled table with a header, numbers set to the right, and a caption, between two paragraphs."""
    document = pymupdf.open()
    page = new_page(document)
    box = inner(LETTER)
    top = write_all(page, box, prose.RAINFALL_HEAD) + 6
    bottom = rule_table(page, pymupdf.Point(box.x0, top), prose.RAINFALL)
    write_all(page, pymupdf.Rect(box.x0, bottom + 14, box.x1, box.y1), prose.RAINFALL_NOTE)
    save(document, path, "Rainfall at Four Stations")


def rule_table(page: pymupdf.Page, corner: pymupdf.Point, rows: Sequence[Sequence[str]]) -> float:
    """Draw the rows in a grid; returns the y of its lower edge, in points."""
    row_height, widths = 22.0, [108.0] + [72.0] * (len(rows[0]) - 1)
    for index, row in enumerate(rows):
        x, y = corner.x, corner.y + index * row_height
        font = "tibo" if index == 0 else "tiro"
        for column, (cell, width) in enumerate(zip(row, widths, strict=True)):
            page.draw_rect(pymupdf.Rect(x, y, x + width, y + row_height), width=0.7)
            length = pymupdf.get_text_length(cell, fontname=font, fontsize=11)
            indent = 6 if column == 0 else width - 6 - length
            page.insert_text((x + indent, y + 15), cell, fontsize=11, fontname=font)
            x += width
    return float(corner.y) + len(rows) * row_height


def draw_scan(path: Path) -> None:
    """A letter as a scanner gives it: one grey JPEG, skewed, soft and noisy, and no text layer."""
    document = pymupdf.open()
    page = new_page(document)
    page.insert_image(page.rect, stream=scanned(prose.LETTER))
    save(document, path, "Scanned letter")


def scanned(parts: Sequence[tuple[str, str]]) -> bytes:
    """The parts set on a page, and that page as a grey JPEG with the marks of a scanner."""
    clean = pymupdf.open()
    page = new_page(clean)
    write_all(page, inner(LETTER), parts)
    pixels = page.get_pixmap(dpi=SCAN_DPI, colorspace=pymupdf.csGRAY)
    image = Image.frombytes("L", (pixels.width, pixels.height), pixels.samples)
    image = image.rotate(SKEW_DEGREES, Image.Resampling.BICUBIC, fillcolor=255)
    image = image.filter(ImageFilter.GaussianBlur(0.6)).point([28 + value * 212 // 255 for value in range(256)])
    grain = Image.frombytes("L", image.size, random.Random(7).randbytes(image.width * image.height))
    image = ImageChops.add(image, grain.point([value // 8 for value in range(256)]), offset=-16)
    jpeg = io.BytesIO()
    image.save(jpeg, "JPEG", quality=45, dpi=(SCAN_DPI, SCAN_DPI))
    return jpeg.getvalue()


def draw_cjk(path: Path) -> None:
    """Chinese above Japanese, in fonts that the file names and does not carry."""
    document = pymupdf.open()
    page = new_page(document)
    write_all(page, inner(LETTER), prose.TEA)
    save(document, path, "茶与纸")


def draw_rotated(path: Path) -> None:
    """A landscape notice on a portrait page that asks to be turned by 90 degrees."""
    document = pymupdf.open()
    landscape = pymupdf.Rect(0, 0, LETTER.height, LETTER.width)
    notice = pymupdf.open()
    write_all(new_page(notice, landscape), inner(landscape), prose.NOTICE)
    page = new_page(document)
    page.show_pdf_page(page.rect, notice, 0, rotate=90)
    page.set_rotation(90)
    save(document, path, "Notice to Boat Owners")


def draw_blank(path: Path) -> None:
    """A page left blank between two pages of text."""
    document = pymupdf.open()
    for parts in (prose.BEFORE_BLANK, (), prose.AFTER_BLANK):
        write_all(new_page(document), inner(LETTER), parts)
    save(document, path, "Orchard Diary")


def draw_encrypted(path: Path) -> None:
    """Two pages that no one reads without the password; a file that is already there and has these words stays."""
    document = pymupdf.open()
    for parts in prose.MINUTES:
        write_all(new_page(document), inner(LETTER), parts)
    if path.exists() and locked_words(path) == words(document):
        return  # the salts of AES-256 are random: drawn again it would differ
    lock = {"user_pw": ENCRYPTED_PASSWORD, "owner_pw": f"{ENCRYPTED_PASSWORD}-owner"}
    save(document, path, "Minutes", encryption=pymupdf.PDF_ENCRYPT_AES_256, **lock)


def words(document: pymupdf.Document) -> str:
    """All text of a document."""
    return "".join(page.get_text() for page in document)


def locked_words(path: Path) -> str:
    """All text of a document that opens with our password."""
    with pymupdf.open(path) as document:
        return words(document) if document.authenticate(ENCRYPTED_PASSWORD) else ""


def draw_damaged(path: Path) -> None:
    """An upload that broke off before the page tree, which this file has behind its pages: it opens with no page."""
    document = pymupdf.open()
    write_all(new_page(document), inner(LETTER), prose.BEFORE_BLANK)
    save(document, path, "Broken off")
    whole = path.read_bytes()
    tree = whole.index(b"2 0 obj")
    after_tree = whole.index(b"endobj", tree) + len(b"endobj")
    path.write_bytes(whole[:tree] + whole[after_tree : whole.index(b"\nxref")])


def draw_garbled(path: Path) -> None:
    """Good English to the eye; to a program every letter is the one before it, as broken fonts have it."""
    document = pymupdf.open()
    page = new_page(document)
    write_all(page, inner(LETTER), prose.LIGHTHOUSE)
    unicode_map = document.get_new_xref()
    document.update_object(unicode_map, "<<>>")
    document.update_stream(unicode_map, shifted_unicode_map())
    for xref, *_ in page.get_fonts():
        document.xref_set_key(xref, "ToUnicode", f"{unicode_map} 0 R")
    save(document, path, "The Keeper's Lamp")


def shifted_unicode_map() -> bytes:
    """A ToUnicode map that names every letter as its predecessor, a as z."""
    pairs = "\n".join(
        f"<{code:02x}> <{first + (code - first - 1) % 26:04x}>"
        for first in (ord("A"), ord("a"))
        for code in range(first, first + 26)
    )
    return (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /Shifted def /CMapType 2 def\n"
        "1 begincodespacerange <00> <ff> endcodespacerange\n"
        f"52 beginbfchar\n{pairs}\nendbfchar\nendcmap end end"
    ).encode()


def draw_messages(path: Path) -> None:
    """A print-out of one message, again and again: the page that gets the flag `repetition`."""
    document = pymupdf.open()
    write_all(new_page(document), inner(LETTER), prose.MESSAGES)
    save(document, path, "Messages of the Night")


def draw_photo(path: Path) -> None:
    """A sign on a painted board, lit from the left: an image as input."""
    size = (900, 560)
    light = Image.linear_gradient("L").rotate(90).resize(size)
    board = Image.composite(Image.new("RGB", size, (24, 66, 58)), Image.new("RGB", size, (38, 92, 80)), light)
    pen = ImageDraw.Draw(board)
    pen.rounded_rectangle((24, 24, 876, 536), radius=18, outline=(226, 214, 170), width=5)
    y = 70
    for line, height in prose.SIGN:
        pen.text((450, y), line, fill=(240, 236, 222), font=ImageFont.load_default(height), anchor="ma")
        y += height + 26
    board.save(path, "PNG", optimize=True)


def draw_reports(path: Path) -> None:
    """An archive that holds two documents of one name in two folders."""
    with zipfile.ZipFile(path, "w") as archive:
        for station, parts in prose.REPORTS.items():
            document = pymupdf.open()
            write_all(new_page(document), inner(LETTER), parts)
            report = path.with_name(f"{station}.pdf")
            save(document, report, f"{station.title()} Station")
            archive.writestr(zipfile.ZipInfo(f"{station}/report.pdf"), report.read_bytes())
            report.unlink()


def draw_all(folder: Path) -> None:
    """Draw every sample into the folder."""
    draw_text(folder / "text.pdf")
    (folder / "copy_of_text.pdf").write_bytes((folder / "text.pdf").read_bytes())
    draw_two_columns(folder / "two_columns.pdf")
    draw_table(folder / "table.pdf")
    draw_scan(folder / "scan.pdf")
    draw_cjk(folder / "cjk.pdf")
    draw_rotated(folder / "rotated.pdf")
    draw_blank(folder / "blank.pdf")
    draw_encrypted(folder / "encrypted.pdf")
    draw_damaged(folder / "damaged.pdf")
    draw_garbled(folder / "garbled.pdf")
    draw_messages(folder / "messages.pdf")
    draw_photo(folder / "photo.png")
    draw_reports(folder / "reports.zip")


if __name__ == "__main__":
    draw_all(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
