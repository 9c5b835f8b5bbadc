"""Ordinary pages: the text layers of real PDFs. Half of the documents are for tuning, the other half is held back."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pymupdf

LEAST_CHARS = 600  # of a page that a loop is put into


@dataclass(frozen=True, slots=True)
class Page:
    """The text layer of a page."""

    document: str
    number: int
    text: str

    @property
    def is_held_back(self) -> bool:
        """Tell if nothing may be tuned on the page: by the name of its document, so that a document is in one half."""
        return hashlib.sha256(self.document.encode()).digest()[0] % 2 == 1


def read_pages(folder: Path, passwords: list[str]) -> Iterator[Page]:
    """Read every page with text of every PDF in a folder. What cannot be opened is named and left out."""
    pymupdf.TOOLS.mupdf_display_errors(False)
    pymupdf.TOOLS.mupdf_display_warnings(False)
    for path in sorted(folder.glob("*.pdf")):
        try:
            document = pymupdf.open(path)
            if document.needs_pass and not any(map(document.authenticate, passwords)):
                print(f"left out: {path.name}: needs another password")
                continue
            for index in range(document.page_count):
                text = document[index].get_text()
                if text.strip():
                    yield Page(path.name, index + 1, text)
        except (RuntimeError, pymupdf.mupdf.FzErrorBase) as error:
            print(f"left out from here on: {path.name}: {error}")
