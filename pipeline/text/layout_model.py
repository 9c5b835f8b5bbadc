"""PyMuPDF's layout models, and the Markdown that its library writes by them.

The full model also looks at a picture of the page, which takes eight tenths of a small page's time, whatever is on it.
The light one knows the text alone. It decides where a picture shows nothing more: on a page that draws only text, all
in one column, and comes out as paragraphs and headings, headers and footers, with white space between all of them.
There both write the same Markdown; elsewhere they often do not, and the full one is asked.
bench/layout_models.py counts the pages on which they differ.
"""

import sys
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from statistics import median
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ocrmill.pipeline.text.layout_markdown import label_of
from ocrmill.pipeline.text.reading_order import Box

if TYPE_CHECKING:
    import pymupdf

Chunk = dict[str, Any]
"""The Markdown of a one-page document (`text`), with the class, box and span of its blocks (`page_boxes`)."""

PLAIN_LABELS = frozenset({"text", "heading", "title", "header", "footer"})
_HEADINGS = frozenset({"heading", "title"})
_SAME_ROW = 0.5  # lines that overlap by more of their height stand beside each other
_FEW_LINES = 3  # of fewer, nothing says whether they are text or a header
_CLEARLY_MORE = 0.2  # of a line's height: so much more space is between blocks than between their lines


def load_layout() -> ModuleType:
    """PyMuPDF's layout engine with its full model, loaded by the first call: 1.5 s and 90 MB.

    Undoes the block that mupdf.py puts on it. Raises ImportError if it cannot be loaded.
    """
    import pymupdf

    if sys.modules.get("pymupdf4llm") is None:
        for name in ("pymupdf.layout", "pymupdf4llm"):
            sys.modules.pop(name, None)
        try:
            _with_one_thread(_import_library)
        finally:
            pymupdf.TOOLS.unset_quad_corrections(False)  # it changes the boxes that PyMuPDF reports, for everybody
    return sys.modules["pymupdf4llm"]


def full_chunk(page: "pymupdf.Document") -> Chunk:
    """Return what the full model makes of a one-page document, which it changes."""
    load_layout()
    return _chunk(page)


def light_chunk(page: "pymupdf.Document", lines: Sequence[Box]) -> Chunk | None:
    """Return what the light model makes of a one-page document, which it changes; None if the full one has to look.

    `lines`: the boxes of the lines of text on the page as it lies.
    """
    if not (len(lines) >= _FEW_LINES and is_one_column(lines) and draws_only_text(page[0])):
        return None
    import pymupdf

    load_layout()
    light, full = _light_model(), pymupdf._get_layout  # noqa: SLF001 - no setting chooses the model
    pymupdf._get_layout = light  # noqa: SLF001
    try:
        chunk = _chunk(page)
    finally:
        pymupdf._get_layout = full  # noqa: SLF001
    return chunk if _is_plain(chunk, lines) else None


def is_one_column(lines: Sequence[Box]) -> bool:
    """Tell if no line of text stands beside another."""
    ordered = sorted(lines, key=lambda line: line.y0 + line.y1)
    return all(
        min(upper.y1, lower.y1) - max(upper.y0, lower.y0) <= _SAME_ROW * min(upper.y1 - upper.y0, lower.y1 - lower.y0)
        for upper, lower in pairwise(ordered)
    )


def _is_plain(chunk: Chunk, lines: Sequence[Box]) -> bool:
    """Tell if all is plain text, and white space alone shows which lines belong together."""
    labels = [label_of(found["class"]) for found in chunk["page_boxes"]]
    blocks = [Box(*map(float, found["bbox"])) for found in chunk["page_boxes"]]
    ordered = sorted(lines, key=lambda line: line.y0 + line.y1)
    owners = [next((n for n, block in enumerate(blocks) if block.contains_centre_of(line)), None) for line in ordered]
    within, between = [0.0], []
    for (upper, above), (lower, below) in pairwise(zip(ordered, owners, strict=True)):
        if above is not None and above == below:
            within.append(lower.y0 - upper.y1)
        elif above is None or below is None or {labels[above], labels[below]} <= _HEADINGS:
            return False
        else:
            between.append(lower.y0 - upper.y1)
    clear = _CLEARLY_MORE * median(line.y1 - line.y0 for line in lines)
    return PLAIN_LABELS.issuperset(labels) and min(between, default=clear) >= max(within) + clear


def draws_only_text(page: "pymupdf.Page") -> bool:
    """Tell if a page has no rules, areas, shadings and images, visible or not."""
    return all(kind.endswith("-text") for kind, _ in page.get_bboxlog())


def _chunk(page: "pymupdf.Document") -> Chunk:
    import pymupdf

    pymupdf.TOOLS.unset_quad_corrections(True)  # as the library has it
    try:
        chunks: list[Chunk] = load_layout().to_markdown(page, pages=[0], page_chunks=True, use_ocr=False)
    finally:
        pymupdf.TOOLS.unset_quad_corrections(False)
    return chunks[0]


@cache
def _light_model() -> Callable[..., Any]:
    """The model that needs no picture, loaded by the first call: 0.4 s and 50 MB."""
    from pymupdf.layout import DocumentLayoutAnalyzer

    model = _with_one_thread(lambda: DocumentLayoutAnalyzer.get_model(feature_set_name="rf"))
    predict: Callable[..., Any] = model.predict
    return predict


def _import_library() -> None:
    import pymupdf.layout  # noqa: F401 - puts its model into pymupdf
    import pymupdf4llm  # noqa: F401 - found in sys.modules


def _with_one_thread(load: Callable[[], Any]) -> Any:
    """Load ONNX sessions that take one thread each.

    By themselves they take one per core, spend half as much CPU again, and have no setting for it.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions

    def one_thread() -> Any:
        made = options()
        made.intra_op_num_threads = made.inter_op_num_threads = 1
        return made

    onnxruntime.SessionOptions = one_thread
    try:
        return load()
    finally:
        onnxruntime.SessionOptions = options
