"""Compare libraries that turn a PDF's own text into Markdown, on the PDFs of a folder that have a `NAME.gt.md` beside.

    python bench/markdown_libraries.py CORPUS [--python INTERPRETER ...] [--repeats 3]

Libraries that are not installed are named and left out; `--python` adds environments in which they are looked for.
Each runs in a process of its own. Pages per second are pages per CPU second of all its threads, loading left out.
"""

import argparse
import contextlib
import importlib
import io
import json
import resource
import subprocess
import sys
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ocrmill.pipeline.text.text_layer import Manner

_FIRST_TO_LEFT = "\u0590"  # the code from which letters may run from right to left
Convert = Callable[[Path], tuple[str, int]]
"""A PDF's Markdown and its number of pages."""


def ours() -> Convert:
    """Markdown that `ocrmill run` writes for pages that are read from their text layer."""
    from ocrmill.pipeline.text.layout_model import load_layout_model
    from ocrmill.pipeline.text.text_layer import Manner

    load_layout_model()
    return _ours(Manner.FULL)


def ours_fast() -> Convert:
    """Markdown that `ocrmill run --route fast` writes: without a layout model, blocks in reading order."""
    from ocrmill.pipeline.text.text_layer import Manner

    return _ours(Manner.PLAIN)


def _ours(manner: "Manner") -> Convert:
    from ocrmill.pipeline.pages import mupdf as rasterize
    from ocrmill.pipeline.pages.mapped_file import map_path
    from ocrmill.pipeline.text.text_layer import read_text_layer
    from ocrmill.pipeline.text.visible.visible_words import read_visible_layout
    from ocrmill.workers.rendering.child import spare_collections

    rasterize.quiet()
    spare_collections()

    def convert(path: Path) -> tuple[str, int]:
        document = rasterize.open_document(map_path(path), ()).document
        texts = []
        for index in range(document.page_count):
            visible = read_visible_layout(document[index])
            right_to_left = _mostly_right_to_left(visible.layout)
            text = read_text_layer(document, index, right_to_left=right_to_left, visible=visible, manner=manner)
            texts.append(text.markdown)
        return "\n\n".join(texts), document.page_count

    return convert


def pymupdf_layout() -> Convert:
    """PyMuPDF's Markdown with its layout model."""
    import pymupdf
    import pymupdf4llm

    def convert(path: Path) -> tuple[str, int]:
        with pymupdf.open(path) as document:
            return pymupdf4llm.to_markdown(document, use_ocr=False), document.page_count

    return convert


def pymupdf_rules() -> Convert:
    """PyMuPDF's Markdown by rules, as before it had a layout model."""
    import pymupdf
    import pymupdf4llm

    pymupdf4llm.use_layout(False)

    def convert(path: Path) -> tuple[str, int]:
        with pymupdf.open(path) as document:
            return pymupdf4llm.to_markdown(document), document.page_count

    return convert


def pymupdf_text() -> Convert:
    """PyMuPDF's plain text."""
    import pymupdf

    def convert(path: Path) -> tuple[str, int]:
        with pymupdf.open(path) as document:
            return "\n\n".join(page.get_text() for page in document), document.page_count

    return convert


def pdfium_text() -> Convert:
    """PDFium's plain text."""
    import pypdfium2

    def convert(path: Path) -> tuple[str, int]:
        document = pypdfium2.PdfDocument(path)
        return "\n\n".join(page.get_textpage().get_text_range() for page in document), len(document)

    return convert


def pdf_oxide() -> Convert:
    """Markdown by pdf_oxide."""
    library = importlib.import_module("pdf_oxide")

    def convert(path: Path) -> tuple[str, int]:
        document = library.PdfDocument(str(path))
        pages = document.page_count() if callable(document.page_count) else document.page_count
        return "\n\n".join(document.to_markdown(index) for index in range(pages)), pages

    return convert


def kreuzberg() -> Convert:
    """Markdown by kreuzberg."""
    library = importlib.import_module("kreuzberg")
    config = library.ExtractionConfig(output_format="markdown")

    def convert(path: Path) -> tuple[str, int]:
        return library.extract_file_sync(str(path), config=config).content, _page_count(path)

    return convert


def markitdown() -> Convert:
    """Markdown by markitdown."""
    converter = importlib.import_module("markitdown").MarkItDown()

    def convert(path: Path) -> tuple[str, int]:
        return converter.convert(str(path)).text_content, _page_count(path)

    return convert


def pdfplumber() -> Convert:
    """Plain text by pdfplumber."""
    library = importlib.import_module("pdfplumber")

    def convert(path: Path) -> tuple[str, int]:
        with library.open(path) as document:
            return "\n\n".join(page.extract_text() for page in document.pages), len(document.pages)

    return convert


# The distribution names the version and the licence.
CANDIDATES: dict[Callable[[], Convert], str] = {
    ours: "ocrmill",
    pymupdf_layout: "pymupdf",
    pymupdf_rules: "pymupdf",
    pymupdf_text: "pymupdf",
    pdfium_text: "pypdfium2",
    pdf_oxide: "pdf_oxide",
    kreuzberg: "kreuzberg",
    markitdown: "markitdown",
    pdfplumber: "pdfplumber",
}


@dataclass(frozen=True, slots=True)
class Run:
    """The output of a library for the corpus."""

    texts: dict[str, str]
    pages: int
    seconds: list[float]  # CPU, one for each repeat
    rss_mb: int
    version: str
    licence: str


def main() -> None:
    """Run every candidate and print one line for it, then one for each document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--python", action="append", default=[], metavar="INTERPRETER")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", action="append", metavar="CANDIDATE")
    parser.add_argument("--as-json", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    paths = sorted(path for path in options.corpus.glob("*.pdf") if path.with_suffix(".gt.md").exists())
    if not paths:
        from bench.real_pdfs import FETCH

        sys.exit(f"{options.corpus} holds no PDF with a NAME.gt.md beside it, as the corpus of real PDFs does; {FETCH}")
    candidates = [make for make in CANDIDATES if not options.only or make.__name__ in options.only]
    if options.as_json:
        print(json.dumps(run_here(candidates[0], paths, options.repeats)))
        return
    print(f"{'':24} {'word F1':>7} {'order':>6} {'headings':>9} {'rows':>7} {'pages/s':>15} {'RSS MB':>7}  licence")
    for make in candidates:
        interpreters = [sys.executable, *options.python]
        run = next(filter(None, (run_in(python, make, options) for python in interpreters)), None)
        if run is None:
            print(f"{make.__name__:24} not installed")
        else:
            print_run(make.__name__, run, {path.stem: path.with_suffix(".gt.md").read_text() for path in paths})


def run_here(make: Callable[[], Convert], paths: list[Path], repeats: int) -> dict[str, Any] | None:
    """Convert all documents, in this process; null if the library is not there."""
    try:
        about = metadata.metadata(CANDIDATES[make])
        convert = make()
    except (ImportError, metadata.PackageNotFoundError):
        return None
    texts, seconds, pages = {}, [], 0
    with contextlib.redirect_stdout(io.StringIO()):
        for _ in range(repeats):
            started = time.process_time()
            made = {path.stem: convert(path) for path in paths}
            seconds.append(time.process_time() - started)
        texts = {name: text for name, (text, _) in made.items()}
        pages = sum(count for _, count in made.values())
    return {
        "texts": texts,
        "pages": pages,
        "seconds": seconds,
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
        "version": about["Version"],
        "licence": _licence(about).splitlines()[0][:60],
    }


def run_in(python: str, make: Callable[[], Convert], options: argparse.Namespace) -> Run | None:
    """Convert all documents in a fresh process of an environment; None if the library is not there."""
    command = [python, __file__, str(options.corpus), "--only", make.__name__, "--as-json"]
    done = subprocess.run(
        [*command, "--repeats", str(options.repeats)], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    result = json.loads(done.stdout.splitlines()[-1])
    return Run(**result) if result else None


def print_run(name: str, run: Run, truths: dict[str, str]) -> None:
    """One line for the library, one for each document."""
    from bench.text_scores import headings, table_rows, word_f1, word_order

    def line(title: str, stems: list[str]) -> str:
        f1, order = (
            sum(score(run.texts[stem], truths[stem]) for stem in stems) / len(stems) for score in (word_f1, word_order)
        )
        found, wanted = (
            [sum(count(texts[stem]) for stem in stems) for count in (headings, table_rows)]
            for texts in (run.texts, truths)
        )
        return f"{title:24.24} {f1:7.3f} {order:6.3f} {found[0]:4}/{wanted[0]:<4} {found[1]:3}/{wanted[1]:<3}"

    speeds = sorted(run.pages / seconds for seconds in run.seconds)
    spread = f"{speeds[len(speeds) // 2]:.1f} ({speeds[0]:.1f}-{speeds[-1]:.1f})"
    print(f"{line(f'{name} {run.version}', list(truths))} {spread:>15} {run.rss_mb:7}  {run.licence}", flush=True)
    for stem in truths:
        print(f"  {line(stem, [stem])}")


def _mostly_right_to_left(layout: Mapping[str, Any]) -> bool:
    spans = (span for block in layout["blocks"] for line in block["lines"] for span in line["spans"])
    text = "".join([character["c"] for span in spans for character in span["chars"]])
    if max(text, default="") < _FIRST_TO_LEFT:
        return False
    letters = Counter(filter(str.isalpha, text))
    to_left = (count for letter, count in letters.items() if unicodedata.bidirectional(letter) in {"R", "AL"})
    return 2 * sum(to_left) > letters.total()


def _page_count(path: Path) -> int:
    """Read from the file itself, for libraries that do not tell."""
    return len(importlib.import_module("pypdfium2").PdfDocument(path))


def _licence(about: metadata.PackageMetadata) -> str:
    for key in ("License-Expression", "License"):
        if key in about:
            return about[key]
    found = [value for value in about.get_all("Classifier") or () if value.startswith("License ::")]
    return found[0].rsplit(" :: ", 1)[-1] if found else "not stated"


if __name__ == "__main__":
    main()
