"""A first page for each rasterizer: its process starts and loads the layout model before anybody waits for that.

Not covered: engines. What they load at their first page is loaded then.
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


async def warm_up(reader: DocumentReader, rasterizers: int) -> None:
    """Read a page with a text layer, as many times at once as there are rasterizers.

    Raises:
        OcrmillError: No worker can read.
    """
    document = _document()
    with tempfile.NamedTemporaryFile(prefix="ocrmill-warm-up-", suffix=".pdf") as file:
        file.write(document)
        file.flush()
        source = Source("warm-up", str(len(document)), len(document), file.name)
        wanted = Wanted(route="auto")
        await asyncio.gather(*(reader.read(source, wanted, lambda _: None) for _ in range(rasterizers)))


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
