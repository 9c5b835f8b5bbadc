"""A first page for each worker: what a process loads for that is there before anybody waits for it.

A rasterizer starts its rendering process and loads the layout model; an engine compiles, loads its last parts, or meets
its server.
"""

import asyncio
import tempfile

from ocrmill.pipeline.records import Source
from ocrmill.workers.pools.document_pool import Wanted
from ocrmill.workers.scheduling.single.document_reader import DocumentReader

_LINES = (
    "This page is read before the first document of a client.",
    "It has a title, a paragraph of some lines, and nothing that anybody needs.",
    "What a process loads for its first page, it has loaded after this one.",
)


async def warm_up(reader: DocumentReader, rasterizers: int, engines: int) -> None:
    """Read a page: from its text layer as often as there are rasterizers, then by OCR as often as there are engines.

    Raises:
        OcrmillError: No worker can read.
    """
    document = _document()
    with tempfile.NamedTemporaryFile(prefix="ocrmill-warm-up-", suffix=".pdf") as file:
        file.write(document)
        file.flush()
        source = Source("warm-up", str(len(document)), len(document), file.name)
        for wanted, workers in ((Wanted(route="auto"), rasterizers), (Wanted(route="ocr"), engines)):
            await asyncio.gather(*(reader.read(source, wanted, lambda _: None) for _ in range(workers)))


def _document() -> bytes:
    """Return a PDF of one page; what it lacks beside the page, MuPDF makes up."""
    text = "BT /F 12 Tf 72 700 Td 16 TL " + " ".join(f"({line}) Tj T*" for line in _LINES * 4) + " ET"
    objects = (
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>",
        f"<</Length {len(text)}>>stream\n{text}\nendstream",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    )
    numbered = "".join(f"{number} 0 obj {value} endobj\n" for number, value in enumerate(objects, 1))
    return f"%PDF-1.4\n{numbered}trailer <</Root 1 0 R/Size 6>>\n".encode()
