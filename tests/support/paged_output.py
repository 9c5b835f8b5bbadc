"""An output of two pages of a real document, with all that the page view shows, and hostile text in it."""

from dataclasses import replace
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from shutil import copy

import pymupdf
from made_rows import made_reading
from PIL import Image
from written_outputs import page, page_row, source, writing

from ocrmill.pipeline.output.schema import PAGE_COUNTS
from ocrmill.pipeline.output.stores.local import LocalStore
from ocrmill.pipeline.records import PICTURE, Attempt, Block, Figure, PageText, Reason, Status
from ocrmill.pipeline.rows import DocumentRow, SourceRow

SAMPLES = Path(__file__).parents[2] / "samples"
ATTACK = """<script>window.hacked = 1</script><img src="https://evil.example/x.png" onerror="window.hacked = 2">

<svg onload="window.hacked = 3"><a href="javascript:window.hacked=4">s</a></svg>

<iframe src="https://evil.example/"></iframe><base href="https://evil.example/">
<meta http-equiv="refresh" content="0;url=https://evil.example/">
<style>body { display: none }</style><form action="https://evil.example/"><input name="a"></form>

[press](javascript:window.hacked=5) [data](data:text/html,<script>window.hacked=6</script>)
![picture](https://evil.example/y.png) <a href="https://good.example/" onclick="window.hacked=7" style="x">good</a>

\\(\\text{<img src=x onerror=window.hacked=8>}\\) \\(\\href{javascript:window.hacked=9}{x}\\) a\u202egnp.exe"""
HEADING = "# Yearly report"
TABLE = '<table><tr><th colspan="2">Year</th></tr><tr><td>2025</td><td>\\(x^2 + \\frac{a}{b}\\)</td></tr></table>'
LOOP = "The same sentence stands here once more. " * 12
ATTEMPTS = (Attempt("cpu", 1.5, reason=Reason.REPETITION, finish_reason="length"), Attempt("cpu", 0.5))
FORMULA = "\\[\\sum_{n=1}^{\\infty} \\frac{1}{n^2} = \\frac{\\pi^2}{6}\\]"


def write_pages(folder: Path) -> tuple[LocalStore, str, Path]:
    """Write the output; return its store, the document_id and the PDF."""
    pdf = Path(copy(SAMPLES / "text.pdf", folder / "report.pdf"))
    with pymupdf.open(pdf) as opened:
        count = len(opened)
    document_id = sha256(pdf.read_bytes()).hexdigest()
    texts = [_first_page(), _second_page(), *(PageText(f"Page {n}.") for n in range(3, count + 1))]
    root = folder / "out"
    with writing(root) as sink:
        for number, text in enumerate(texts[:count], 1):
            flags = ("repetition",) if number == 1 else ()
            row = page_row(str(pdf), number, count, page("text", flags=flags))
            reading = made_reading(text, figures=_figures() if number == 1 else None, repetition_flag=bool(flags))
            sink.add_page(replace(row, document_id=document_id, content=reading, attempts=ATTEMPTS))
        held = replace(source(str(pdf)), path=str(pdf), bytes=pdf.stat().st_size)
        tally = {PAGE_COUNTS[Status.OK]: count}
        done = DocumentRow(document_id, held, count, "complete", pages_flagged=1, **tally)  # type: ignore[arg-type]
        sink.finish_document(done, [SourceRow(held, document_id)])
    return LocalStore(root), document_id, pdf


def _first_page() -> PageText:
    markdown, blocks = "", []
    boxes = [(72, 60, 540, 100), (72, 110, 540, 250), (72, 260, 540, 400), (72, 410, 540, 500), (72, 520, 300, 640)]
    pieces = [("title", HEADING), ("table", TABLE), ("text", LOOP.strip()), ("formula", FORMULA), (PICTURE, "")]
    for (label, text), box in zip(pieces, boxes, strict=True):
        start = len(markdown)
        markdown += text
        x0, y0, x1, y1 = map(float, box)
        blocks.append(Block(label, x0, y0, x1, y1, start, len(markdown)))
        markdown += "\n\n" if text else ""
    return PageText(markdown, f"<raw>{markdown}", tuple(blocks))


def _second_page() -> PageText:
    return PageText(ATTACK, ATTACK, (Block("text", 50.0, 50.0, 500.0, 700.0, 0, len(ATTACK)),))


def _figures() -> tuple[Figure, ...]:
    buffer = BytesIO()
    Image.new("RGB", (60, 40), (200, 30, 30)).save(buffer, "JPEG")
    return (Figure("block-5.jpg", 72, 520, 300, 640, buffer.getvalue()),)
