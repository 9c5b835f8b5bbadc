"""The PDFs inside a PDF portfolio: their pages follow those of its cover sheet, as if they were one document.

A portfolio is a folder in the shape of a PDF; what a page viewer shows of it is a cover sheet, which says that a better
viewer is needed. Attachments of other PDFs are no part of what they say, and are only counted. Not covered: files in a
portfolio other than PDFs, those with a password, and portfolios within it; they are named.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

import pymupdf  # import pages/mupdf.py first: it keeps PyMuPDF from loading its layout model

PORTFOLIO_COVER = "portfolio_cover"  # the flag of the pages of a portfolio that stand before its documents
_MOST_FILES = 1_000
_MOST_BYTES = 256 << 20  # of all members, unpacked; they are kept in memory while the portfolio is read
_MOST_NAMED = 5  # in a sentence


@dataclass(slots=True)
class Portfolio:
    """A document and those in it, by the numbers of their pages; of an ordinary document that one alone."""

    cover: pymupdf.Document
    inside: list[pymupdf.Document] = field(default_factory=list)
    firsts: list[int] = field(default_factory=list)  # the number of the first page of each of `inside`
    page_count: int = 0
    detail: str | None = None  # names the documents in it, and those that are not read

    def at(self, page_number: int) -> tuple[pymupdf.Document, int]:
        """Return the document that a page is in, and its number there."""
        place = bisect_right(self.firsts, page_number)
        if place == 0:
            return self.cover, page_number
        return self.inside[place - 1], page_number - self.firsts[place - 1] + 1

    def is_cover(self, page_number: int) -> bool:
        """Tell if a page stands before the documents of a portfolio."""
        return bool(self.firsts) and page_number < self.firsts[0]

    def close(self) -> None:
        """Close all documents."""
        for document in (*self.inside, self.cover):
            document.close()


def open_portfolio(document: pymupdf.Document, page_count: int) -> Portfolio:
    """Open the PDFs in a portfolio; a document that is none is alone."""
    found = Portfolio(document, page_count=page_count)
    try:
        names = document.embfile_names() if document.is_pdf else []
        is_portfolio = bool(names) and document.xref_get_key(document.pdf_catalog(), "Collection")[0] != "null"
    except Exception:  # noqa: BLE001 - MuPDF's errors are not one family; the pages may be whole
        return found
    if not is_portfolio:
        if names:
            found.detail = f"it holds {_named(names)}; extract them to have them read"
        return found
    read: list[str] = []
    left: list[str] = []
    size = 0
    for name in names:
        inner, taken = _open(document, name, _MOST_BYTES - size) if len(read) < _MOST_FILES else (None, 0)
        if inner is None:
            left.append(name)
            continue
        size += taken
        read.append(f"{name!r} from page {found.page_count + 1}")
        found.inside.append(inner)
        found.firsts.append(found.page_count + 1)
        found.page_count += inner.page_count
    shown = ", ".join(read[:_MOST_NAMED]) + (" ..." if len(read) > _MOST_NAMED else "")
    parts = [f"a portfolio: it holds {len(read)} PDFs, whose pages follow its own: {shown}"] if read else []
    parts += [f"it holds {_named(left)}"] if left else []
    found.detail = "; ".join(parts)
    return found


def _open(document: pymupdf.Document, name: str, most: int) -> tuple[pymupdf.Document | None, int]:
    """Open one file inside a PDF; None if it is no PDF with pages that can be read, or is too large."""
    try:
        if int(document.embfile_info(name).get("size", 0)) > most:
            return None, 0
        data = document.embfile_get(name)
        if len(data) > most:
            return None, 0
        inner = pymupdf.open(stream=data, filetype="pdf")
        if inner.is_pdf and not inner.needs_pass and inner.page_count:
            return inner, len(data)
        inner.close()
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - MuPDF's errors are not one family
        return None, 0
    return None, 0


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:_MOST_NAMED])) + (" ..." if len(names) > _MOST_NAMED else "")
    return f"{len(names)} embedded files, which are not read: {shown}"
