"""An output of documents that are really there, each page in a colour of its own: for pairs of picture and text.

good.pdf      pages 1 and 2 with text, 3 with a flag, 4 blank, 5 failed, 6 with a tag of ms-swift
gone.pdf      one page; the file is deleted
changed.pdf   one page; the file holds other bytes now
"""

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pymupdf
from written_outputs import PageContent, failed_page, page, page_row, source, writing

from ocrmill.pipeline.output.schema import PAGE_COUNTS
from ocrmill.pipeline.output.stores.local import LocalStore
from ocrmill.pipeline.records import Source, Status
from ocrmill.pipeline.rows import DocumentRow, SourceRow

COLOURS = [(200, 40, 40), (40, 200, 40), (40, 40, 200), (200, 200, 40), (200, 40, 200), (40, 200, 200)]
TEXTS = ["# One\n\nÄpfel \u8336\n", "two | 2 |", "three three three", "", None, "six <image> six"]
GOOD = [
    *(page(text) for text in TEXTS[:2]),
    page(TEXTS[2], flags=("repetition", "long_run")),
    page("", Status.BLANK),
    failed_page(),
    page(TEXTS[5]),
]


def write_documents(folder: Path) -> LocalStore:
    """Write the files and the output; return its store."""
    folder.mkdir(parents=True, exist_ok=True)
    root = folder / "out"
    with writing(root) as sink:
        for name, pages in (("good", GOOD), ("gone", [page("gone")]), ("changed", [page("changed")])):
            pdf = _drawn(folder / f"{name}.pdf", len(pages))
            document_id = sha256(pdf.read_bytes()).hexdigest()
            for number, content in enumerate(pages, 1):
                row = page_row(str(pdf), number, len(pages), content)
                sink.add_page(replace(row, document_id=document_id))
            held = replace(source(str(pdf)), path=str(pdf), bytes=pdf.stat().st_size)
            sink.finish_document(_document(document_id, held, pages), [SourceRow(held, document_id)])
    (folder / "gone.pdf").unlink()
    _drawn(folder / "changed.pdf", 2)
    return LocalStore(root)


def _document(document_id: str, held: Source, pages: list[PageContent]) -> DocumentRow:
    tally = {name: sum(each.status == status for each in pages) for status, name in PAGE_COUNTS.items()}
    flagged = sum(bool(each.flags) for each in pages)
    return DocumentRow(document_id, held, len(pages), "complete", pages_flagged=flagged, title="Colours", **tally)  # type: ignore[arg-type]


def _drawn(path: Path, count: int) -> Path:
    """Draw a PDF of `count` pages, each filled with its colour; the name of the file makes its bytes its own."""
    with pymupdf.open() as document:
        for number in range(count):
            drawn = document.new_page(width=200, height=100)
            drawn.draw_rect(drawn.rect, fill=[part / 255 for part in COLOURS[number]], width=0)
            drawn.insert_text((10, 10), f"{path.name} {count}", fontsize=4)
        document.save(path, no_new_id=True)
    return path
