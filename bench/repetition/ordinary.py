"""Count the repetition flag on ordinary pages: every PDF below a folder, some pages of each.

    python -m bench.repetition.ordinary FOLDER [--pages 80]

Nothing here is labelled: what is flagged is printed, to be read. docs/repetition.md says what was, and whence it came.
"""

import argparse
import random
from collections.abc import Iterator
from pathlib import Path

import pymupdf

from bench.repetition.pages import Page
from bench.repetition.rules import ocrmill
from ocrmill.pipeline.degenerate_rates import interval


def main() -> None:
    """Print each flagged page, then the share of flagged pages with its interval."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pages", type=int, default=80, help="most pages of each document, drawn by its name")
    arguments = parser.parse_args()
    pages = flagged = 0
    for page in sampled_pages(arguments.folder, arguments.pages):
        pages += 1
        if ocrmill(page.text, "stop"):
            flagged += 1
            print(f"{page.document}, page {page.number}: {page.text[:80]!r}")
    low, high = interval(flagged, pages)
    print(f"{flagged} of {pages} pages flagged: {flagged / max(pages, 1):.3%} (95 % interval {low:.3%} to {high:.3%})")


def sampled_pages(folder: Path, most: int) -> Iterator[Page]:
    """Draw up to `most` pages with text of each PDF below a folder; what cannot be read is named and left out."""
    pymupdf.TOOLS.mupdf_display_errors(False)
    pymupdf.TOOLS.mupdf_display_warnings(False)
    for path in sorted(path for path in folder.rglob("*.pdf") if not path.is_symlink()):
        try:
            document = pymupdf.open(path)
            for index in random.Random(path.name).sample(range(document.page_count), min(most, document.page_count)):
                text = document[index].get_text()
                if text.strip():
                    yield Page(path.name, index + 1, text)
        except (RuntimeError, ValueError, pymupdf.mupdf.FzErrorBase) as error:
            print(f"left out from here on: {path.name}: {error}")


if __name__ == "__main__":
    main()
