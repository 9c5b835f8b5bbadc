"""A first page for each worker: what a process loads for that is there before anybody waits for it.

A rasterizer starts its rendering process and loads the layout model; an engine compiles, loads its last parts, or meets
its server.
"""

import asyncio
import tempfile
from itertools import pairwise

from ocrmill.pipeline.records import Source
from ocrmill.workers.pools.document_pool import Wanted
from ocrmill.workers.scheduling.single.document_reader import DocumentReader

_LINES = (
    "This page is read before the first document of a client.",
    "It has a title, a paragraph of some lines, and nothing that anybody needs.",
    "What a process loads for its first page, it has loaded after this one.",
)
_DRAWN_LINES = ("THE MEN FILL THE MILL", "WHEAT LIFTS THE WHEEL", "A MAN WILL MEET THEM")
# The strokes of their letters, each from point to point of a grid four wide and six high.
_LETTERS = {
    "A": ("00 26 40", "12 32"),
    "E": ("40 00 06 46", "03 33"),
    "F": ("00 06 46", "03 33"),
    "H": ("00 06", "40 46", "03 43"),
    "I": ("20 26",),
    "L": ("06 00 40",),
    "M": ("00 06 22 46 40",),
    "N": ("00 06 40 46",),
    "S": ("00 40 43 03 06 46",),
    "T": ("06 46", "26 20"),
    "W": ("06 10 24 30 46",),
    " ": (),
}
_UNIT = 2.5  # points of that grid; letters are six apart


async def warm_up(reader: DocumentReader, rasterizers: int, engines: int) -> None:
    """Read a typed page as often as there are rasterizers, then a drawn one, by OCR, as often as there are engines.

    Raises:
        OcrmillError: No worker can read.
    """
    for content, workers in ((_typed(), rasterizers), (_drawn(), engines)):
        document = _document(content)
        with tempfile.NamedTemporaryFile(prefix="ocrmill-warm-up-", suffix=".pdf") as file:
            file.write(document)
            file.flush()
            source = Source("warm-up", str(len(document)), len(document), file.name)
            await asyncio.gather(*(reader.read(source, Wanted(), lambda _: None) for _ in range(workers)))


def _typed() -> str:
    """Return the content of a page with a text layer."""
    return "BT /F 12 Tf 72 700 Td 16 TL " + " ".join(f"({line}) Tj T*" for line in _LINES * 4) + " ET"


def _drawn() -> str:
    """Return the content of a page whose letters are lines, so that it has no text layer."""
    strokes = ["2 w 1 J"]
    for row, line in enumerate(_DRAWN_LINES):
        for place, letter in enumerate(line):
            left, bottom = 72 + 6 * _UNIT * place, 700 - 40 * row
            for stroke in _LETTERS[letter]:
                points = [(left + _UNIT * int(at[0]), bottom + _UNIT * int(at[1])) for at in stroke.split()]
                strokes += [f"{x0} {y0} m {x1} {y1} l S" for (x0, y0), (x1, y1) in pairwise(points)]
    return " ".join(strokes)


def _document(content: str) -> bytes:
    """Return a PDF of one page; what it lacks beside the page, MuPDF makes up."""
    objects = (
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>",
        f"<</Length {len(content)}>>stream\n{content}\nendstream",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    )
    numbered = "".join(f"{number} 0 obj {value} endobj\n" for number, value in enumerate(objects, 1))
    return f"%PDF-1.4\n{numbered}trailer <</Root 1 0 R/Size 6>>\n".encode()
