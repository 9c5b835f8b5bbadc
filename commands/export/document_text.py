"""The text of a document: page after page, or reading on over the pages."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ocrmill.commands.export.continuous import ContinuousText, join_pages
from ocrmill.commands.export.figures import shown, with_links
from ocrmill.commands.export.pieces import APART, FURNITURE, Piece, joined_text, pieces_of
from ocrmill.commands.export.whole_documents import Page, WholeDocument
from ocrmill.pipeline.records import Status
from ocrmill.pipeline.text.markup.heading_levels import Outline

_MARKER = "<!-- page:"
_ESCAPED_MARKER = "\\<!-- page:"  # a reader of the Markdown sees the original text


@dataclass(frozen=True, slots=True)
class TextForm:
    """The form in which the text of a document is written."""

    furniture: bool = True  # with running headers, footers and page numbers
    continuous: bool = False  # reading on over page breaks; then always without furniture

    @property
    def needs_blocks(self) -> bool:
        """Tell if it asks for the spans of blocks."""
        return self.continuous or not self.furniture


def document_text(document: WholeDocument, form: TextForm) -> ContinuousText:
    """Return the text of a document, and where each page is in it; a page without text has an empty span."""
    if form.continuous:
        pages = _with_gaps(document.pages)
        return join_pages(None if page is None or page.status == Status.FAILED else _pieces(page) for page in pages)
    texts: list[str] = []
    spans: dict[int, tuple[int, int]] = {}
    end = 0
    for page in document.pages:
        text = page_text(page, form)
        start = end + (len(APART) if text and texts else 0)
        end = start + len(text)
        texts += [text] if text else []
        spans[page.page_number] = start, end
    return ContinuousText(APART.join(texts), spans)


def page_text(page: Page, form: TextForm) -> str:
    """Return the text of a page."""
    if form.furniture or not any(label in FURNITURE for label, _, _ in page.spans):
        return page.markdown or ""
    return joined_text(_pieces(page))


def document_markdown(document: WholeDocument, path: Path, form: TextForm) -> str:
    """Return the file of a document, at `path`.

    Each page follows a line with its number and status. A continuous text has such lines for failed pages only.
    """
    if not document.pages:
        return f"<!-- document status: {document.facts.status} reason: {document.facts.reason} -->\n"
    return pages_markdown(document.pages, path, form)


def pages_markdown(pages: Sequence[Page], path: Path, form: TextForm) -> str:
    """Return the file of some pages of a document, as `document_markdown` does."""
    if not form.continuous:
        return APART.join(_marked_page(page, path, form) for page in pages) + "\n"
    parts: list[str] = []
    readable: list[Page] = []
    outline = Outline()
    for page in [*_with_gaps(pages), None]:
        if page is None or page.status == Status.FAILED:
            parts += [join_pages((_escaped(_pieces(each, path)) for each in readable), outline).text]
            parts += [] if page is None else [_marker(page)]
            readable = []
        else:
            readable.append(page)
    return APART.join(filter(None, parts)) + "\n"


def _with_gaps(pages: Sequence[Page]) -> Iterator[Page | None]:
    """Yield pages, and None where some are left out: nothing is joined over these."""
    for number, page in enumerate(pages):
        if number and page.page_number != pages[number - 1].page_number + 1:
            yield None
        yield page


def _marked_page(page: Page, path: Path, form: TextForm) -> str:
    if form.furniture:
        text = page.markdown or ""
        text = with_links(text, page.figures, page.page_number, path) if page.figures else text
    else:
        text = joined_text(_pieces(page, path))
    text = text.replace(_MARKER, _ESCAPED_MARKER)
    return f"{_marker(page)}{APART}{text}" if text else _marker(page)


def _marker(page: Page) -> str:
    reason = f" reason: {page.reason}" if page.reason else ""
    return f"{_MARKER} {page.page_number} status: {page.status}{reason} -->"


def _pieces(page: Page, path: Path | None = None) -> list[Piece]:
    """Cut a page into pieces without furniture; with the links to its figures if the document is written to `path`."""
    links = [] if path is None else [(place.start, shown(place, page.page_number, path)) for place in page.figures]
    pieces = pieces_of(page.markdown or "", page.spans, page.page_number, links)
    return [piece for piece in pieces if piece.label not in FURNITURE]


def _escaped(pieces: Sequence[Piece]) -> list[Piece]:
    return [
        replace(piece, parts=[(number, text.replace(_MARKER, _ESCAPED_MARKER)) for number, text in piece.parts])
        for piece in pieces
    ]
