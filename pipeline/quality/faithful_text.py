"""Reads a page from its text layer, and reads it again in a plainer way if its Markdown is untrue to the layer."""

from dataclasses import replace
from typing import TYPE_CHECKING

from ocrmill.pipeline.quality.flags import LEAST_SHARE_OF_WORDS
from ocrmill.pipeline.quality.layer_fidelity import measure_fidelity
from ocrmill.pipeline.records import LayerFidelity, PageText
from ocrmill.pipeline.text.hidden_text import find_hidden_text
from ocrmill.pipeline.text.text_layer import TABLE_UNCERTAIN, Manner, read_text_layer
from ocrmill.pipeline.text.visible_words import visible_words

if TYPE_CHECKING:
    import pymupdf


def read_faithfully(document: "pymupdf.Document", page_index: int, *, right_to_left: bool) -> PageText:
    """Write what a reader sees of a page's text layer as Markdown, and measure it against the layer.

    Of three ways the first is kept that has nearly all words: full Markdown, tables row by row, paragraphs alone. If
    none has, the best is, and its row is flagged. Raises what PyMuPDF raises for a page that it cannot load.
    """
    page = document[page_index]
    hidden = find_hidden_text(page)
    words = visible_words(page, hidden)
    best: PageText | None = None
    for manner in Manner:
        try:
            text = read_text_layer(document, page_index, right_to_left=right_to_left, hidden=hidden, manner=manner)
        except Exception:  # MuPDF's errors are not one family
            if manner is Manner.PLAIN and best is None:
                raise
            continue  # its paths or images cannot be read; its words may be
        fidelity = measure_fidelity(text.markdown, text.blocks, words)
        if manner is not Manner.FULL:
            text = replace(text, notes=tuple(dict.fromkeys([*text.notes, TABLE_UNCERTAIN])))
        text = replace(text, fidelity=fidelity)
        if best is None or _worst_share(fidelity) > _worst_share(best.fidelity):
            best = text
        if _worst_share(fidelity) >= LEAST_SHARE_OF_WORDS:
            break
    assert best is not None
    return best


def _worst_share(fidelity: LayerFidelity | None) -> float:
    return min(fidelity.recall, fidelity.precision) if fidelity else 0.0
