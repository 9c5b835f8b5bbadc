"""Text that a PDF marks as a watermark: DRAFT, COPY, a downloader's name across the page.

Two marks are known: marked content `/Artifact` with `/Subtype /Watermark` in the page's own program, and a layer
(optional content) that is called Watermark. Acrobat writes both. Not covered: what bears no mark, and marked content
within a form.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import pymupdf

_LAYER = "watermark"
_MOST = 0.5  # of a page's characters
_MARK = b"/Watermark"
_MARKED = re.compile(rb"/Artifact\s*<<[^>]*/Watermark\b[^>]*>>\s*BDC\b(.*?)\bEMC\b", re.DOTALL)


def may_have_watermarks(page: pymupdf.Page, layers: Iterable[str]) -> bool:
    """Tell if a page bears one of the two marks; `layers` are the names of the optional content that it draws."""
    if any(name.lower() == _LAYER for name in layers):
        return True
    return bool(page.parent.is_pdf) and _MARK in page.read_contents()


def watermark_runs(page: pymupdf.Page, trace: Sequence[dict[str, Any]]) -> list[int]:
    """The runs of a page's `get_texttrace` that are marked as a watermark.

    A page with such marked content is copied, and traced with it and without. If that changes most of its text, the
    marked content does more than to write, and nothing is taken for a watermark by it.
    """
    found = {number for number, run in enumerate(trace) if str(run["layer"]).lower() == _LAYER}
    contents = page.read_contents() if page.parent.is_pdf else b""
    if _MARK in contents and _MARKED.search(contents):
        try:
            marked = _written_in_marks(page, contents)
        except Exception:  # noqa: BLE001 - whatever ails the copy, the page's text is there
            marked = set()
        within = [number for number, run in enumerate(trace) if tuple(run["chars"]) in marked]
        letters = sum(len(trace[number]["chars"]) for number in within)
        if letters <= _MOST * sum(len(run["chars"]) for run in trace):
            found.update(within)
    return sorted(found)


def _written_in_marks(page: pymupdf.Page, contents: bytes) -> set[tuple[Any, ...]]:
    """The characters of each run that is not there without the marked content."""
    index = page.number
    with pymupdf.open() as copy:
        copy.insert_pdf(page.parent, from_page=index, to_page=index, links=False, annots=False, widgets=False)
        everything = {tuple(run["chars"]) for run in copy[0].get_texttrace()}
        program = copy.get_new_xref()
        copy.update_object(program, "<<>>")
        copy.update_stream(program, _MARKED.sub(b" ", contents))
        copy[0].set_contents(program)
        rest = copy.reload_page(copy[0])
        return everything - {tuple(run["chars"]) for run in rest.get_texttrace()}
