"""The words of a document: they tell hyphens at line ends where those of the page do not.

All pages are read for their words once, when the first hyphen asks for them: some 2 ms a page. They are the same
whichever page asks. Pages on which MuPDF fails have none, nor have those after the first 200, or after 4 MB of
compressed programs, which is far more than text takes: pages of maps and plots end the reading before it costs seconds.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from ocrmill.pipeline.pages.inspection import text_of

if TYPE_CHECKING:
    import pymupdf

_MOST_PAGES = 200
_MOST_BYTES = 4_000_000
_WORD = re.compile(r"[^\W\d_]+(?:[-\u2010][^\W\d_]+)*")


class DocumentWords:
    """Counts of a document's words, in lower case; read when first asked for."""

    def __init__(
        self, document: "pymupdf.Document", while_reading: Callable[[], AbstractContextManager[None]] = nullcontext
    ) -> None:
        """Remember the document. Other pages than the one in work are read within what `while_reading` gives."""
        self.document, self._while_reading = document, while_reading
        self._counts: Counter[str] | None = None

    def counts(self) -> Mapping[str, int]:
        """Return how often each word stands in the document."""
        if self._counts is None:
            self._counts = Counter()
            with self._while_reading():
                self._read(self._counts)
        return self._counts

    def _read(self, counts: Counter[str]) -> None:
        left = _MOST_BYTES
        for number in range(min(_MOST_PAGES, self.document.page_count) if self.document.is_pdf else 0):
            try:
                page = self.document[number]
                left -= sum(self._length(xref) for xref in page.get_contents())
                if left < 0:
                    return
                counts.update(_WORD.findall(text_of(page).lower().replace("\u2010", "-")))
            except MemoryError:
                raise
            except Exception:  # noqa: BLE001, S112 - MuPDF's errors are not one family
                continue

    def _length(self, xref: int) -> int:
        kind, value = self.document.xref_get_key(xref, "Length")
        return int(value) if kind == "int" else 0
