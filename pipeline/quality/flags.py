"""From measurements to flags, for one page and for columns of rows alike.

A flag is raised by one of four, which decides if it can be raised again later, without the page:

- the judgement of stored columns (`JUDGED`): `ocrmill reflag` raises it again from these,
- the text itself (`OF_THE_TEXT`): `ocrmill reflag --remeasure` does,
- the attempts in a run (`LOOPED_BEFORE`), and the reading of the page (all others): it stays as it is.

A measure is judged as its row has it, as a float of 32 bits, so that a row is judged alike at any time.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ocrmill.configs.settings import QualitySettings
from ocrmill.pipeline.measures import RepetitionMeasures
from ocrmill.pipeline.quality.agreement.doubts import DISAGREEING
from ocrmill.pipeline.quality.signals.doubts import DOUBTFUL
from ocrmill.pipeline.records import PageText

QUALITY_VERSION = 7  # in every row; raise it when the meaning of a flag or a measure changes
MEASURED_ALIKE_SINCE = 7  # rows from this version on have the measures of today; raise it when those change

REPETITION = "repetition"  # raised with at least one of the eight that follow, which say why
REPEATED_TEXT = "repeated_text"  # much of the content is a third or later copy
REPEATED_TAIL = "repeated_tail"  # the text runs periodically into its end
COMPRESSIBLE = "compressible"  # a long text with hardly anything new in it
LONG_RUN = "long_run"  # one character, again and again
COUNTING = "counting"  # more numbers that count on than an honest page has
LOOP = "loop"  # the same several times in a row, more often than on an honest page
LOOP_STOPPED = "loop_stopped"  # the engine detected a loop while it wrote, and stopped
LOOPED_BEFORE = "looped_before"  # cut off at its limit, after an attempt at the same page that looped (attempts.py)
TRUNCATED = "truncated"  # the engine reached its limit before the end of the page
EMPTY_MARKUP = "empty_markup"  # most of the output is boxes or tags without text
LOW_CONFIDENCE = "low_confidence"  # the recognizer is unsure: another script, handwriting, a poor scan
UNSURE_LINES = "unsure_lines"  # it is unsure of some lines: of another script, upside down, shining through
UNREAD_INK = "unread_ink"  # letters stand outside of all lines that were read
LAYER_DISAGREES = "layer_disagrees"  # OCR and a trusted text layer have next to nothing in common
UNMAPPED_TEXT = "unmapped_text"  # the text holds U+FFFD, for letters that are lost
LAYER_WORDS_DIFFER = "layer_words_differ"  # words of the text layer are lost, changed or doubled in the Markdown
ORDER_UNCERTAIN = "order_uncertain"  # ... or stand in another order, or in another block
UNSUPPORTED_SCRIPT = "unsupported_script"  # the engine cannot write the layer's script: letters or pictures are missing

# Those above, in the order in which a row has them; what the reader of the text raised itself follows, then `AT_END`.
IN_ORDER = (
    *(REPETITION, REPEATED_TEXT, REPEATED_TAIL, COMPRESSIBLE, LONG_RUN, COUNTING, LOOP, LOOP_STOPPED, LOOPED_BEFORE),
    *(TRUNCATED, EMPTY_MARKUP, LOW_CONFIDENCE, UNSURE_LINES, UNREAD_INK, LAYER_DISAGREES, UNMAPPED_TEXT),
    *(LAYER_WORDS_DIFFER, ORDER_UNCERTAIN, UNSUPPORTED_SCRIPT),
)
AT_END = (*DISAGREEING, *DOUBTFUL)  # judged in agreement/ and signals/, where the page has their measures
OF_THE_TEXT = frozenset({EMPTY_MARKUP, UNMAPPED_TEXT})
JUDGED = frozenset((*IN_ORDER, *AT_END)) - OF_THE_TEXT - {LOOPED_BEFORE, UNSUPPORTED_SCRIPT}
CUT_OFF, STOPPED = "length", "repetition"  # finish reasons of an engine that did not end by itself
DEGENERATE = frozenset({REPETITION, TRUNCATED})  # a text that repeats itself, or that its engine did not end

# Read upside down or in a script that it does not know, the recognizer has 0.33 to 0.75; good pages have 0.9 and more.
LEAST_CONFIDENCE = 0.85
# Of unsure_share and unread_share, chosen on scans with faults, as docs/quality.md has their recall and false alarms.
MOST_UNSURE = 0.1
MOST_UNREAD = 0.05
# Another text of the same language has 0.03 (Chinese) to 0.26 (German) in common: trigrams.py.
LEAST_AGREEMENT = 0.1
# Of layer_recall and layer_precision. Of 751 real pages, in a library's Markdown, 17 have less: words are joined, cut
# or lost on them.
LEAST_SHARE_OF_WORDS = 0.95
# Of layer_order. Chosen on half of the real documents, tried on the other half, of 612 pages: it is below on none of
# 600 good pages, on 11 of 12 whose Markdown is in disorder, on all where a block of a tenth of the words or more was
# moved past as many, on all whose boxes were exchanged, and on 95 % of those with a tenth of the words moved to the
# end. Which pages are in disorder was judged by eye, only among those with less than 0.98.
LEAST_ORDER = 0.96


MEASURES = (
    *("repetition_ratio", "repeated_tail_chars", "compression_ratio", "longest_run", "content_ratio", "content_chars"),
    *("counted_numbers", "loop_score"),
)  # columns that `repetition_reasons` judges
SIGNALS = (
    *("engine_confidence", "unsure_share", "unread_share", "text_layer_agreement"),
    *("layer_recall", "layer_precision", "layer_order"),
)

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def repetition_reasons(
    values: Mapping[str, Floats], text_chars: Floats, is_truncated: Bools, settings: QualitySettings
) -> dict[str, Bools]:
    """Judge the MEASURES of pages; return each flag that says why a page repeats, but those of its engine.

    `text_chars` are the characters of their Markdown. They only matter if `compression_ratio` is too high.
    """
    limits = {name: as_stored(value) for name, value in settings.model_dump().items()}
    ratio, content = values["repetition_ratio"], values["content_chars"]
    repeated_chars = ratio * np.where(content > 0, content, text_chars)
    tail_limit = np.where(is_truncated, limits["truncated_tail_chars"], limits["tail_chars"])
    is_compressible = (values["compression_ratio"] >= limits["compression_ratio"]) & (
        text_chars >= limits["compressible_chars"]
    )
    has_little_content = (values["content_ratio"] >= limits["content_ratio"]) & (
        content >= limits["compressible_content_chars"]
    )
    return {
        REPEATED_TEXT: (ratio >= limits["repetition_ratio"]) & (repeated_chars >= limits["repeated_chars"]),
        REPEATED_TAIL: values["repeated_tail_chars"] >= tail_limit,
        COMPRESSIBLE: is_compressible | has_little_content,
        LONG_RUN: values["longest_run"] >= limits["longest_run"],
        COUNTING: values["counted_numbers"] >= limits["counted_numbers"],
        LOOP: values["loop_score"] >= limits["loop_score"],
    }


def doubts(values: Mapping[str, Floats]) -> dict[str, Bools]:
    """Judge the SIGNALS of pages, NaN where a page has none; return the flags of `JUDGED` that follow."""
    return {
        LOW_CONFIDENCE: values["engine_confidence"] < as_stored(LEAST_CONFIDENCE),
        UNSURE_LINES: values["unsure_share"] >= as_stored(MOST_UNSURE),
        UNREAD_INK: values["unread_share"] >= as_stored(MOST_UNREAD),
        LAYER_DISAGREES: values["text_layer_agreement"] < as_stored(LEAST_AGREEMENT),
        LAYER_WORDS_DIFFER: np.fmin(values["layer_recall"], values["layer_precision"])
        < as_stored(LEAST_SHARE_OF_WORDS),
        ORDER_UNCERTAIN: values["layer_order"] < as_stored(LEAST_ORDER),
    }


def as_stored(value: float | None) -> Floats:
    """Return a measure or limit as a row stores it, NaN for null, as an array without dimensions."""
    return np.asarray(np.float32(np.nan if value is None else value), np.float64)


def signals(text: PageText, *, agreement: float | None = None, unsupported_script: bool = False) -> tuple[str, ...]:
    """Return the flags from the engine, the text layer and the text itself, in the order above.

    The flags that the reader of the text raised follow, in its own order, each once.
    """
    seen = text.fidelity
    layer = (None, None, None) if seen is None else (seen.recall, seen.precision, seen.order)
    doubted = text.line_doubts
    lines = (None, None) if doubted is None else (doubted.unsure_share, doubted.unread_share)
    values = (text.confidence, *lines, agreement, *layer)
    raised = {
        **doubts(dict(zip(SIGNALS, map(as_stored, values), strict=True))),
        UNMAPPED_TEXT: is_unmapped(text.markdown),
        UNSUPPORTED_SCRIPT: unsupported_script,
    }
    return tuple(dict.fromkeys([*(flag for flag in IN_ORDER if raised.get(flag)), *text.notes]))


def is_unmapped(markdown: str) -> bool:
    """Tell if letters of a text are lost."""
    return "\N{REPLACEMENT CHARACTER}" in markdown


@dataclass(frozen=True, slots=True)
class Judgement:
    """The flags of a page, in the order above."""

    flags: tuple[str, ...]

    @property
    def repetition_flag(self) -> bool:
        """Tell if the text repeats more than an honest page does."""
        return REPETITION in self.flags


def judge(
    measures: RepetitionMeasures,
    *,
    text_chars: int,
    finish_reason: str | None,
    settings: QualitySettings,
    is_mostly_empty: bool = False,
) -> Judgement:
    """Judge a page by the measures of its Markdown, `text_chars` long.

    `finish_reason` is the engine's: CUT_OFF at its limit, STOPPED in a loop, anything else (null too) if it ended by
    itself. `is_mostly_empty` is `empty_output.is_mostly_empty`.
    """
    truncated = finish_reason == CUT_OFF
    values = {name: as_stored(getattr(measures, name)) for name in MEASURES}
    reasons: dict[str, bool] = {
        **_as_bools(repetition_reasons(values, np.asarray(float(text_chars)), np.asarray(truncated), settings)),
        LOOP_STOPPED: finish_reason == STOPPED,
    }
    raised = {REPETITION: any(reasons.values()), **reasons, TRUNCATED: truncated, EMPTY_MARKUP: is_mostly_empty}
    return Judgement(tuple(flag for flag, is_raised in raised.items() if is_raised))


def _as_bools(flags: Mapping[str, Bools]) -> dict[str, bool]:
    return {flag: bool(is_raised) for flag, is_raised in flags.items()}


def looped_before(flags: tuple[str, ...]) -> tuple[str, ...]:
    """Add to the flags of an attempt that was cut off that one before it looped."""
    return (REPETITION, LOOPED_BEFORE, *flags)
