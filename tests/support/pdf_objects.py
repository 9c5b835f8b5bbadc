"""PDFs written object by object, for what no PDF library would write."""

import zlib
from pathlib import Path

PAGE_BOX = b"[0 0 612 792]"
_FONT_NUMBER = 3
_FIRST_PAGE_NUMBER = 4  # each page takes two objects: itself and its content


def heading(number: int, pages: int) -> str:
    """The first line of every page of text, so that a test can tell one from the other."""
    return f"Page {number} of {pages}"


def first_free(pages: int) -> int:
    """The object number from which a bad page's own objects are numbered."""
    return _FIRST_PAGE_NUMBER + 2 * pages


def write_pages(
    path: Path,
    pages: int,
    bad_page: int,
    *,
    content: bytes,
    objects: list[bytes],
    resources: bytes = b"",
    page: bytes = b"",
    catalog: bytes = b"",
) -> Path:
    """Write pages of one line of text each; page `bad_page` (from 1) gets this content, and these further objects."""
    assert 1 <= bad_page <= pages
    kids = b" ".join(b"%d 0 R" % (_FIRST_PAGE_NUMBER + 2 * index) for index in range(pages))
    bodies = [
        b"<< /Type /Catalog /Pages 2 0 R %s >>" % catalog,
        b"<< /Type /Pages /Kids [%s] /Count %d /MediaBox %s >>" % (kids, pages, PAGE_BOX),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number in range(1, pages + 1):
        bad = number == bad_page
        bodies.append(
            b"<< /Type /Page /Parent 2 0 R /Contents %d 0 R /Resources << /Font << /F %d 0 R >> %s >> %s >>"
            % (len(bodies) + 2, _FONT_NUMBER, resources if bad else b"", page if bad else b"")
        )
        line = b"BT /F 20 Tf 72 700 Td (%s) Tj ET" % heading(number, pages).encode()
        bodies.append(stream(b"", content if bad else line))
    path.write_bytes(file_of([*bodies, *objects]))
    return path


def stream(entries: bytes, data: bytes, deflated: int = 1) -> bytes:
    """A stream object, deflated so many times."""
    for _ in range(deflated):
        data = zlib.compress(data, 9)
    filters = b"/Filter [" + b"/FlateDecode " * deflated + b"]" if deflated else b""
    return b"<< %s %s /Length %d >>\nstream\n%s\nendstream" % (entries, filters, len(data), data)


def file_of(bodies: list[bytes]) -> bytes:
    """A PDF of these objects, numbered from 1; the first one is its catalog."""
    pdf, offsets = bytearray(b"%PDF-1.7\n"), []
    for number, body in enumerate(bodies, start=1):
        offsets.append(len(pdf))
        pdf += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(pdf)
    pdf += b"xref\n0 %d\n0000000000 65535 f \n" % (len(bodies) + 1)
    pdf += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    pdf += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(bodies) + 1, start)
    return bytes(pdf)


def form(data: bytes, resources: bytes = b"") -> bytes:
    """A form XObject as large as the page."""
    return stream(b"/Subtype /Form /BBox %s /Resources << %s >>" % (PAGE_BOX, resources), data)


def nested_forms(first: int, depth: int, innermost: bytes) -> list[bytes]:
    """Forms numbered from `first`, each drawing the next one ten times: the innermost is drawn 10^(depth-1) times."""
    outer = [form(b"/X Do " * 10, b"/XObject << /X %d 0 R >>" % (first + level)) for level in range(1, depth)]
    return [*outer, form(innermost)]


def image(entries: bytes, width: int, height: int, data: bytes, deflated: int = 0) -> bytes:
    """An image XObject of 8 bits per sample."""
    size = b"/Width %d /Height %d /BitsPerComponent 8" % (width, height)
    return stream(b"/Subtype /Image %s %s" % (size, entries), data, deflated)
