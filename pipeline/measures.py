"""Measures of the text of a page: how much it repeats itself, and how far it agrees with the page and its own lines."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RepetitionMeasures:
    """Measures of repetition in a text (quality/repetition/ defines each). Those with a default came later."""

    repetition_ratio: float
    repetition_period: int
    repeated_tail_chars: int
    compression_ratio: float
    longest_run: int
    content_ratio: float = 0.0  # compression of words and numbers, without the numbers that count on
    content_chars: int = 0  # of words and numbers, all of them
    counted_numbers: int = 0  # that count on
    loop_score: float = 0.0  # turns of the strongest loop over those that are too many
    loop_turns: int = 0
    loop_unit_chars: int = 0  # of one turn


@dataclass(frozen=True, slots=True)
class AgreementMeasures:
    """Agreement of an engine's text with the words of the page's own layer (ocr_agreement.py). Shares are 0 to 1."""

    agreement_words: int  # of the layer, that the text should have
    agreement_missing: float  # of these, the share that the text lacks
    agreement_invented: float  # of the text's words, the share that the layer lacks
    agreement_misread: float  # of the layer's words, the share that the text has with other letters
    agreement_numbers: int  # numbers of the layer in whose place the text has another one
    agreement_order: float  # of the words that both have once, the share in the same order


@dataclass(frozen=True, slots=True)
class LayerFidelity:
    """Agreement of a page's Markdown with the text layer that it was made from (layer_fidelity.py), each 0 to 1."""

    recall: float  # of the layer's words
    precision: float  # of the Markdown's words
    order: float
    changed_numbers: int = 0  # on either side without an equal on the other; no column


@dataclass(frozen=True, slots=True)
class LineDoubts:
    """Doubts of an engine that finds lines and reads each of them, 0 to 1 (workers/engines/rapidocr/doubts.py)."""

    unsure_share: float  # of the lines, by their length, that were read with little confidence
    unread_share: float  # of the page's letters, those in rows outside of all lines that were read


@dataclass(frozen=True, slots=True)
class TextSignals:
    """Signs of a bad page in its text alone, or beside what was seen of the page (pipeline/quality/signals/)."""

    text_script: str  # of most letters of the text; none if they are few
    layer_script: str  # of the page's own text, where that can be trusted
    text_language: str  # of the text, a code of two letters; none if that cannot be told
    layer_language: str  # of the page's own text
    ink_density: float  # letters and digits for each square inch of ink; 0 if nothing is known of the ink
    ragged_tables: int  # with rows of different lengths
    formulas: int
    broken_formulas: int  # that do not parse
    garbage_share: float  # of the characters, 0 to 1


@dataclass(frozen=True, slots=True)
class LayerLine:
    """A line of a page's own text as a reader sees it. Box in PDF points of the page as displayed."""

    text: str
    x0: float
    y0: float
    x1: float
    y1: float
