"""Pages whose font says of its glyphs what a test wants it to say."""

from collections.abc import Callable

import pymupdf


def with_map(text: str, font: str, change: Callable[[bytes], bytes]) -> pymupdf.Document:
    """A page with a line in one of PyMuPDF's fonts, whose map to Unicode (a CMap program) is changed."""
    drawn = pymupdf.open()
    page = drawn.new_page()
    writer = pymupdf.TextWriter(page.rect)
    writer.append((72, 72), text, font=pymupdf.Font(font))
    writer.write_text(page)
    document = pymupdf.open(stream=drawn.tobytes())
    stream = int(document.xref_get_key(document[0].get_fonts()[0][0], "ToUnicode")[1].split()[0])
    document.update_stream(stream, change(document.xref_stream(stream)))
    return pymupdf.open(stream=document.tobytes())
