"""Reads a page from its text layer, again in a plainer way if the Markdown differs from the layer."""

from dataclasses import replace
from typing import TYPE_CHECKING

from ocrmill.pipeline.measures import LayerFidelity
from ocrmill.pipeline.pages.inspection import Layer
from ocrmill.pipeline.quality.agreement.layer_fidelity import measure_fidelity
from ocrmill.pipeline.quality.flags import LEAST_SHARE_OF_WORDS
from ocrmill.pipeline.records import PageText
from ocrmill.pipeline.text.layer.document_words import DocumentWords
from ocrmill.pipeline.text.page_text import TABLE_UNCERTAIN
from ocrmill.pipeline.text.reading_order import Box
from ocrmill.pipeline.text.text_layer import Manner, read_text_layer
from ocrmill.pipeline.text.visible.visible_words import VisibleLayout, mended_words, read_visible_layout, visible_words

if TYPE_CHECKING:
    import pymupdf

_FAITHFUL = 0.99  # of words and order: what has less is measured a second time


def read_faithfully(
    document: "pymupdf.Document",
    page_index: int,
    *,
    right_to_left: bool,
    fast: bool = False,
    document_words: DocumentWords | None = None,
    layer: Layer | None = None,
) -> PageText:
    """Write what a reader sees of a page's text layer as Markdown, and measure it against the layer.

    Of three ways the first is kept that has nearly all words: full Markdown, tables row by row, paragraphs alone. If
    none has, the best is, and its row is flagged.

    `fast` asks for paragraphs alone. `document_words` tell hyphens at line ends. `layer` is that of the page, if it was
    read before. Raises what PyMuPDF raises for a page that it cannot load.
    """
    page = document[page_index]
    visible = read_visible_layout(page, layer)
    words = _Words(page, visible)
    best: PageText | None = None
    for manner in (Manner.PLAIN,) if fast else Manner:
        try:
            text = read_text_layer(
                document,
                page_index,
                right_to_left=right_to_left,
                visible=visible,
                manner=manner,
                words=document_words,
            )
        except Exception:  # MuPDF's errors are not one family
            if manner is Manner.PLAIN and best is None:
                raise
            continue  # its paths or images cannot be read; its words may be
        fidelity = words.measure(text)
        if manner is not Manner.FULL and not fast:
            text = replace(text, notes=tuple(dict.fromkeys([*text.notes, TABLE_UNCERTAIN])))
        text = replace(text, fidelity=fidelity)
        if best is None or _worst_share(fidelity) > _worst_share(best.fidelity):
            best = text
        if _worst_share(fidelity) >= LEAST_SHARE_OF_WORDS:
            break
    assert best is not None
    return best


class _Words:
    """The visible words of a page; those that the reader makes of them are only asked for if it seems to err.

    MuPDF joins words between which Korean, Hindi and mathematics leave narrow gaps, and reverses some lines from right
    to left.
    """

    def __init__(self, page: "pymupdf.Page", visible: VisibleLayout) -> None:
        self._page, self._layout = page, visible.layout
        self._words = visible_words(page, visible.hidden)
        self._mended: list[tuple[str, Box]] | None = None

    def measure(self, text: PageText) -> LayerFidelity:
        """Measure a page's Markdown against the words as MuPDF has them, or as they are read if that is better."""
        fidelity = measure_fidelity(text.markdown, text.blocks, self._words)
        if min(_worst_share(fidelity), fidelity.order) >= _FAITHFUL and not fidelity.changed_numbers:
            return fidelity
        if self._mended is None:
            self._mended = mended_words(self._page, self._layout, self._words)
        mended = measure_fidelity(text.markdown, text.blocks, self._mended) if self._mended else fidelity
        return max(fidelity, mended, key=lambda seen: (_worst_share(seen), seen.order))


def _worst_share(fidelity: LayerFidelity | None) -> float:
    return min(fidelity.recall, fidelity.precision) if fidelity else 0.0
