"""Words that other readers of PDFs agree on and our Markdown has not, page by page: what our own rules may have broken.

    python bench/agreed_words.py PDF_OR_FOLDER ... [--pages 25] [--leave-out NAME]

`layer_recall` measures against words that our own rules have mended, so it cannot see that one of them joins or cuts a
word. Here nothing of ours is on the other side: MuPDF's plain words, PDFium's, and those of poppler's pdftotext where
that is installed. What all of them have as often, and the Markdown has not, is printed beside what only the Markdown
has. Words that are one over the end of a line, and hidden text, stand there, too: the list is to be read, not counted.
"""

import argparse
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from functools import reduce
from operator import and_, or_
from pathlib import Path
from typing import TYPE_CHECKING

from bench.layer_fidelity import pages_of
from ocrmill.pipeline.pages.mupdf import quiet
from ocrmill.pipeline.quality.agreement.plain_words import plain_words, words_of_markdown
from ocrmill.pipeline.text.layout_model import load_layout_model
from ocrmill.pipeline.text.text_layer import read_text_layer

if TYPE_CHECKING:  # mupdf.py imports it, without its layout model
    import pymupdf
    import pypdfium2

SHOWN = 20  # words of a page
TIMEOUT_S = 60


def counted(text: str) -> Counter[str]:
    """Count the words of a plain text."""
    return Counter(word for piece in text.split() for word in plain_words(piece))


def by_others(path: Path, page: "pymupdf.Page", other: "pypdfium2.PdfDocument") -> list[Counter[str]]:
    """Return the words of a page by each of the other readers."""
    texts = [page.get_text(), other[page.number].get_textpage().get_text_range()]
    if shutil.which("pdftotext"):
        number = str(page.number + 1)
        command = ["pdftotext", "-f", number, "-l", number, str(path), "-"]
        done = subprocess.run(command, capture_output=True, check=False, timeout=TIMEOUT_S)
        texts.append(done.stdout.decode(errors="replace"))
    return [counted(text) for text in texts]


def shown(words: Iterable[str]) -> str:
    """Write some of the words of a page."""
    return " ".join(list(words)[:SHOWN])


def compare(path: Path, most: int) -> tuple[int, int, int]:
    """Print the pages of a PDF that differ, and count its pages, agreed words, and those that the Markdown lacks."""
    import pypdfium2

    pages = agreed_words = missing_words = 0
    for name, document, index, right_to_left in pages_of(path, most):
        try:
            others = by_others(path, document[index], pypdfium2.PdfDocument(path))
            markdown = read_text_layer(document, index, right_to_left=right_to_left).markdown
        except Exception as error:  # noqa: BLE001 - each reader has errors of its own
            print(f"{name} is left out: {error}", file=sys.stderr)
            continue
        ours = Counter(word.text for word in words_of_markdown(markdown))
        agreed: Counter[str] = reduce(and_, others)
        missing, own = agreed - ours, ours - reduce(or_, others)
        pages, agreed_words, missing_words = pages + 1, agreed_words + agreed.total(), missing_words + missing.total()
        if missing:
            print(f"{name}: {missing.total()} of {agreed.total()} agreed words are not in the Markdown")
            print(f"  they have  {shown(missing)}\n  we alone   {shown(own)}", flush=True)
    return pages, agreed_words, missing_words


def main() -> None:
    """Compare all pages with a text layer, and print the sum."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path, metavar="PDF_OR_FOLDER")
    parser.add_argument("--pages", type=int, default=25, help="of a document, from its first")
    parser.add_argument("--leave-out", action="append", default=[], metavar="NAME", help="a file that is not read")
    options = parser.parse_args()
    quiet()
    load_layout_model()
    files = [file for path in options.paths for file in (sorted(path.glob("*.pdf")) if path.is_dir() else [path])]
    found = [compare(file, options.pages) for file in files if file.name not in options.leave_out]
    pages, agreed, missing = (sum(column) for column in zip((0, 0, 0), *found, strict=True))
    if not pages:
        sys.exit("no page is read from its text layer")
    readers = "MuPDF, PDFium and poppler" if shutil.which("pdftotext") else "MuPDF and PDFium"
    print(f"{missing} of {agreed} words on which {readers} agree are not in the Markdown of {pages} pages")


if __name__ == "__main__":
    main()
