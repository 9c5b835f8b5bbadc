"""Writes the PDFs that tests feed to the pipeline. Each function writes one file and returns its path.

The last six harm a renderer with one page, while their others are ordinary text. What MuPDF 1.28.5 (PyMuPDF 2.0) and
PDFium (pypdfium2 5.15.2) do with the bad page was measured in an address space of 3 GiB, rendering to 1,024 px.
"""

import io
import re
import struct
from pathlib import Path

import numpy as np
import pymupdf
from pdf_objects import first_free, heading, image, nested_forms, stream, write_pages
from PIL import Image

PROSE = (
    "The ferry leaves the north quay at seven in the morning and comes back with the tide. In summer it carries "
    "walkers and their dogs, in winter mostly coal, and on the first Saturday of the month the doctor. Nobody has "
    "ever seen it leave late, although the bell in the harbour office has been slow for as long as anyone remembers."
)
WIDTH, HEIGHT = 612, 792  # points: US Letter
DPI = 144  # of scans, which are 1224 x 1584 px then
HUGE_WIDTH, HUGE_HEIGHT = 36_000, 18_000  # points; at 144 dpi 72,000 x 36,000 px, 7.8 GB of RGB
NUL_TEXT = "Fe\0rry"  # what the text layer of `nul_text_pdf` says


def add_text_page(document: pymupdf.Document, number: int, pages: int, text: str = PROSE) -> pymupdf.Page:
    """Append a page with its heading and wrapped text."""
    page = document.new_page(width=WIDTH, height=HEIGHT)
    page.insert_text((72, 96), heading(number, pages), fontsize=20)
    left_over = page.insert_textbox(pymupdf.Rect(72, 120, WIDTH - 72, HEIGHT - 72), text, fontsize=12)
    assert left_over >= 0, "the text is too long for one page"
    return page


def add_scan_page(document: pymupdf.Document, number: int, pages: int, dpi: int = DPI) -> pymupdf.Page:
    """Append a page whose text is a grey JPEG and nothing else."""
    with pymupdf.open() as clean:
        pixels = add_text_page(clean, number, pages).get_pixmap(dpi=dpi, colorspace=pymupdf.csGRAY)
    jpeg = io.BytesIO()
    Image.frombytes("L", (pixels.width, pixels.height), pixels.samples).save(jpeg, "JPEG", quality=60)
    page = document.new_page(width=WIDTH, height=HEIGHT)
    page.insert_image(page.rect, stream=jpeg.getvalue())
    return page


def saved(document: pymupdf.Document, path: Path, **options: int | str) -> Path:
    """Write the document, close it, and give the path back."""
    document.save(path, garbage=3, deflate=True, no_new_id=True, **options)
    document.close()
    return path


def only_for_pdfium(path: Path, document: pymupdf.Document, **options: int | str) -> Path:
    """Write a document whose page tree counts no pages: MuPDF finds none in it, PDFium counts them itself."""
    whole = document.tobytes(no_new_id=True, **options)
    document.close()
    path.write_bytes(re.sub(rb"/Count \d+", lambda count: b"/Count 0".ljust(len(count[0])), whole))
    return path


def text_pdf(path: Path, pages: int = 3, text: str = PROSE) -> Path:
    """Born-digital pages; every page has its own heading."""
    document = pymupdf.open()
    for number in range(1, pages + 1):
        add_text_page(document, number, pages, text)
    return saved(document, path)


def picture_pdf(path: Path) -> Path:
    """A born-digital page with a picture: 300 x 200 pt at (150, 500), red on its left and blue on its right."""
    document = pymupdf.open()
    add_text_page(document, 1, 1)
    pixels = Image.new("RGB", (600, 400), "red")
    pixels.paste("blue", (300, 0, 600, 400))
    png = io.BytesIO()
    pixels.save(png, "PNG")
    document[0].insert_image(pymupdf.Rect(150, 500, 450, 700), stream=png.getvalue())
    return saved(document, path)


def blank_pdf(path: Path, pages: int = 1) -> Path:
    """Pages with no content at all."""
    document = pymupdf.open()
    for _ in range(pages):
        document.new_page(width=WIDTH, height=HEIGHT)
    return saved(document, path)


def scan_pdf(path: Path, pages: int = 1, dpi: int = DPI) -> Path:
    """Pages that are one image each and have no text layer."""
    document = pymupdf.open()
    for number in range(1, pages + 1):
        add_scan_page(document, number, pages, dpi)
    return saved(document, path)


def mixed_pdf(path: Path) -> Path:
    """Three pages: text, a scan, a blank one."""
    document = pymupdf.open()
    add_text_page(document, 1, 3)
    add_scan_page(document, 2, 3)
    document.new_page(width=WIDTH, height=HEIGHT)
    return saved(document, path)


def encrypted_pdf(path: Path, password: str = "open sesame", pages: int = 2) -> Path:
    """Pages of text behind a user password, AES-256."""
    document = pymupdf.open()
    for number in range(1, pages + 1):
        add_text_page(document, number, pages)
    lock = {"user_pw": password, "owner_pw": f"{password} owner"}
    return saved(document, path, encryption=pymupdf.PDF_ENCRYPT_AES_256, **lock)


def truncated_pdf(path: Path, pages: int = 3) -> Path:
    """Pages of text, cut off before the page tree: MuPDF repairs it and finds 0 pages, PDFium refuses it."""
    whole = text_pdf(path, pages).read_bytes()
    tree = whole.index(b"2 0 obj")  # written early by MuPDF; many other programs write it last
    after_tree = whole.index(b"endobj", tree) + len(b"endobj")
    path.write_bytes(whole[:tree] + whole[after_tree : whole.index(b"\nxref")])
    return path


def rotated_pdf(path: Path, rotation: int = 90) -> Path:
    """One page of text with /Rotate: shown turned clockwise by so many degrees, its text boxes unturned."""
    document = pymupdf.open()
    add_text_page(document, 1, 1).set_rotation(rotation)
    return saved(document, path)


def cropbox_pdf(path: Path) -> Path:
    """One page; its crop box shows 300 x 200 pt with the word Inside, and Outside stands beyond it."""
    document = pymupdf.open()
    page = document.new_page(width=WIDTH, height=HEIGHT)
    page.insert_text((140, 200), "Inside", fontsize=30)
    page.insert_text((140, 600), "Outside", fontsize=30)
    page.set_cropbox(pymupdf.Rect(100, 100, 400, 300))
    return saved(document, path)


def transparent_pdf(path: Path) -> Path:
    """One page in a transparency group with a half-transparent black square over nothing: it shows grey on white."""
    document = pymupdf.open()
    page = document.new_page(width=WIDTH, height=HEIGHT)
    page.draw_rect(pymupdf.Rect(200, 300, 400, 500), color=None, fill=(0, 0, 0), fill_opacity=0.5)
    document.xref_set_key(page.xref, "Group", "<</S/Transparency/CS/DeviceRGB/I true>>")
    return saved(document, path)


def annotated_pdf(path: Path) -> Path:
    """One page whose only marks are a red square annotation and a text field filled with the word Ferryman."""
    document = pymupdf.open()
    page = document.new_page(width=WIDTH, height=HEIGHT)
    square = page.add_rect_annot(pymupdf.Rect(100, 100, 200, 200))
    square.set_colors(stroke=(1, 0, 0), fill=(1, 0, 0))
    square.update()
    field = pymupdf.Widget()
    field.field_type, field.field_name = pymupdf.PDF_WIDGET_TYPE_TEXT, "name"
    field.field_value, field.text_fontsize = "Ferryman", 24
    field.rect = pymupdf.Rect(100, 300, 400, 340)
    page.add_widget(field)
    return saved(document, path)


def huge_page_pdf(path: Path) -> Path:
    """One page of 36,000 x 18,000 pt with one line of text across it."""
    document = pymupdf.open()
    page = document.new_page(width=HUGE_WIDTH, height=HUGE_HEIGHT)
    page.insert_text((2000, 9000), "A very large page", fontsize=3000)
    return saved(document, path)


def tiny_page_pdf(path: Path) -> Path:
    """One page of 1 x 1 pt, filled black."""
    document = pymupdf.open()
    page = document.new_page(width=1, height=1)
    page.draw_rect(page.rect, color=None, fill=(0, 0, 0))
    return saved(document, path)


def nul_text_pdf(path: Path) -> Path:
    """One page that shows "Ferry" and whose text layer has a NUL after the e."""
    document = pymupdf.open()
    page = document.new_page(width=WIDTH, height=HEIGHT)
    page.insert_text((72, 96), "Ferry", fontsize=20)
    unicode_map = document.get_new_xref()
    document.update_object(unicode_map, "<<>>")
    document.update_stream(
        unicode_map,
        b"begincmap 1 begincodespacerange <00> <ff> endcodespacerange 1 beginbfchar <65> <00650000> endbfchar endcmap",
    )
    [(font, *_)] = page.get_fonts()
    document.xref_set_key(font, "ToUnicode", f"{unicode_map} 0 R")
    return saved(document, path)


def undecodable_image_pdf(path: Path) -> Path:
    """One page covered by a JPEG 2000 image of rubbish: both show white, only MuPDF warns."""
    document = pymupdf.open()
    page = document.new_page(width=WIDTH, height=HEIGHT)
    grey = io.BytesIO()
    Image.new("L", (64, 64), 90).save(grey, "PNG")
    xref = page.insert_image(page.rect, stream=grey.getvalue())
    document.update_stream(xref, b"not a JPEG 2000 code stream" * 20, compress=False)
    document.xref_set_key(xref, "Filter", "/JPXDecode")
    document.xref_set_key(xref, "DecodeParms", "null")
    document.save(path)
    document.close()
    return path


def hanging_pdf(path: Path, pages: int = 3, bad_page: int = 2, content: bytes = b"") -> Path:
    """The bad page hangs MuPDF only: 40,000 marks, each in another branch of a structure tree 500 deep.

    `content` is drawn before the marks, which lie at (300, 300) and (300, 399) and are 12 pt wide.

    MuPDF: not rendered within 60 s of CPU, growing by 0.5 MB/s; its (empty) text comes at once.
    PDFium: rendered within 0.2 s.
    """
    depth, switches = 500, 20_000
    root = first_free(pages)
    parents, shallow, deep = root + 1, root + 2, root + 3
    branch = [
        b"<< /S /P /P %d 0 R /K %s >>"
        % (root if level == 0 else deep + level - 1, b"[1]" if level == depth - 1 else b"[%d 0 R]" % (deep + level + 1))
        for level in range(depth)
    ]
    tree = [
        b"<< /Type /StructTreeRoot /K [%d 0 R %d 0 R] /ParentTree %d 0 R >>" % (shallow, deep, parents),
        b"<< /Nums [0 [%d 0 R %d 0 R]] >>" % (shallow, deep + depth - 1),
        b"<< /S /P /P %d 0 R /K [0] >>" % root,
        *branch,
    ]
    marks = b"".join(b"/P << /MCID %d >> BDC 300 %d 12 12 re f EMC\n" % (mcid, 300 + 99 * mcid) for mcid in (0, 1))
    return write_pages(
        path,
        pages,
        bad_page,
        content=content + b"\n" + marks * switches,
        page=b"/StructParents 0",
        catalog=b"/MarkInfo << /Marked true >> /StructTreeRoot %d 0 R" % root,
        objects=tree,
    )


def hanging_everywhere_pdf(path: Path, pages: int = 3, bad_page: int = 2) -> Path:
    """The bad page hangs both renderers: an image of 4 million colours, each found by a function of 100,000 steps.

    MuPDF and PDFium: not rendered within 60 s of CPU, memory flat (86 and 43 MB); its (empty) text comes at once.
    """
    side, first = 2048, first_free(pages)
    parameters = b"/Predictor 12 /Colors 3 /Columns %d" % side
    colours = b"/ColorSpace [/DeviceN [/A /B /C] /DeviceRGB %d 0 R] /DecodeParms [null << %s >>]"
    picture = image(colours % (first + 1, parameters), side, side, _every_colour(side), deflated=2)
    function = stream(
        b"/FunctionType 4 /Domain [0 1 0 1 0 1] /Range [0 1 0 1 0 1]", b"{ " + b"dup pop " * 50_000 + b"}"
    )
    return write_pages(
        path,
        pages,
        bad_page,
        content=b"612 0 0 792 0 0 cm /X Do",
        resources=b"/XObject << /X %d 0 R >>" % first,
        objects=[picture, function],
    )


def _every_colour(side: int) -> bytes:
    """Rows of side x side different RGB pixels, as differences to the row above, each row led by its predictor."""
    y, x = np.mgrid[0:side, 0:side]
    pixels = np.stack([x & 255, y & 255, (x >> 8) + ((y >> 8) << 4)], axis=-1).astype(np.uint8)
    rows = np.diff(pixels, axis=0, prepend=np.zeros_like(pixels[:1])).reshape(side, -1)
    up = np.full((side, 1), 2, dtype=np.uint8)  # 2: the PNG predictor "up"
    return bytes(np.concatenate([up, rows], axis=1).tobytes())


def endless_pdf(path: Path, pages: int = 3, bad_page: int = 2) -> Path:
    """The bad page ends for nobody, its text neither: forms 13 deep, each drawing the next ten times.

    MuPDF: neither text (63 MB, flat) nor image (growing by 13 MB/s) within 60 s of CPU.
    PDFium: takes 80 MB/s and aborts (SIGABRT) when the address space is used up, while loading the page.
    """
    first = first_free(pages)
    return write_pages(
        path,
        pages,
        bad_page,
        content=b"/X Do",
        resources=b"/XObject << /X %d 0 R >>" % first,
        objects=nested_forms(first, 13, b""),
    )


def memory_pdf(path: Path, pages: int = 3, bad_page: int = 2) -> Path:
    """The bad page is a progressive JPEG of 1 kB that claims 65,000 x 65,000 px: 25 GB of coefficients.

    MuPDF: takes 2 GB in 4 s of CPU (7 GB where it may), then shows a black page without an exception; its warnings say
    "jpeg error: Insufficient memory" and "padding truncated image". PDFium: a white page at once, without a word.
    """
    side = 65_000
    small = io.BytesIO()
    Image.new("RGB", (64, 64), (90, 90, 90)).save(small, "JPEG", progressive=True)
    jpeg = bytearray(small.getvalue())
    frame = jpeg.index(b"\xff\xc2")  # marker, length, precision; then height and width
    jpeg[frame + 5 : frame + 9] = struct.pack(">HH", side, side)
    picture = image(b"/ColorSpace /DeviceRGB /Filter /DCTDecode", side, side, bytes(jpeg))
    return write_pages(
        path,
        pages,
        bad_page,
        content=b"612 0 0 792 0 0 cm /X Do",
        resources=b"/XObject << /X %d 0 R >>" % first_free(pages),
        objects=[picture],
    )


def image_flood_pdf(path: Path, pages: int = 3, bad_page: int = 2) -> Path:
    """The bad page draws 10,000 inline images of 1 MB each, out of a file of a few kB.

    MuPDF: grows by 260 MB per second of CPU, then `FzErrorSystem: malloc (1000000 bytes) failed`.
    PDFium: grows likewise and aborts (SIGABRT) when the address space is used up.
    """
    first = first_free(pages)
    picture = b"q 612 0 0 792 0 0 cm BI /W 1000 /H 1000 /BPC 8 /CS /G ID " + bytes(1000 * 1000) + b" EI Q"
    return write_pages(
        path,
        pages,
        bad_page,
        content=b"/X Do",
        resources=b"/XObject << /X %d 0 R >>" % first,
        objects=nested_forms(first, 5, picture),
    )


def crashing_pdf(path: Path, pages: int = 3, bad_page: int = 2) -> Path:
    """The bad page kills PDFium: a colour space of 60,000 /Indexed spaces, one upon the other.

    PDFium: SIGSEGV under the usual stack of 8 MiB. MuPDF: shows a white page and warns "exception stack
    overflow!"; its limit of 256 nested exceptions ends every recursion that was tried (arrays, dictionaries, graphics
    states, forms, groups, soft masks, patterns, functions, Type 3 fonts, CMaps, page tree, structure tree).
    """
    depth, first = 60_000, first_free(pages)
    spaces = [b"[/Indexed %d 0 R 1 <000000ffffff>]" % (first + level + 1) for level in range(depth)]
    return write_pages(
        path,
        pages,
        bad_page,
        content=b"/C cs 1 scn 100 100 200 200 re f",
        resources=b"/ColorSpace << /C %d 0 R >>" % first,
        objects=[*spaces, b"/DeviceRGB"],
    )
