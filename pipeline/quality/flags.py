"""From measurements to flags. A row's flags can be computed again from its columns, without reading the page again."""

from dataclasses import dataclass

from ocrmill.configs.settings import QualitySettings
from ocrmill.pipeline.measures import RepetitionMeasures
from ocrmill.pipeline.records import PageText

QUALITY_VERSION = 3  # in every row; raise it when the meaning of a flag changes

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
LAYER_DISAGREES = "layer_disagrees"  # OCR and a trusted text layer have next to nothing in common
UNMAPPED_TEXT = "unmapped_text"  # the text holds U+FFFD, for letters that are lost
LAYER_WORDS_DIFFER = "layer_words_differ"  # words of the text layer are lost, changed or doubled in the Markdown
ORDER_UNCERTAIN = "order_uncertain"  # ... or stand in another order, or in another block
UNSUPPORTED_SCRIPT = "unsupported_script"  # the engine cannot write the layer's script: letters or pictures are missing

DEGENERATE = frozenset(
    {REPETITION, TRUNCATED}
)  # a text that repeats itself, or that the engine never brought to an end

# Read upside down or in a script that it does not know, the recognizer has 0.33 to 0.75; good pages have 0.9 and more.
LEAST_CONFIDENCE = 0.85
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


def signals(text: PageText, *, agreement: float | None = None, unsupported_script: bool = False) -> tuple[str, ...]:
    """Return the flags from the engine, the text layer and the text itself, in the order above.

    The flags that the reader of the text raised follow, in its own order, each once.
    """
    seen = text.fidelity
    raised = {
        LOW_CONFIDENCE: text.confidence is not None and text.confidence < LEAST_CONFIDENCE,
        LAYER_DISAGREES: agreement is not None and agreement < LEAST_AGREEMENT,
        UNMAPPED_TEXT: "\N{REPLACEMENT CHARACTER}" in text.markdown,
        LAYER_WORDS_DIFFER: seen is not None and min(seen.recall, seen.precision) < LEAST_SHARE_OF_WORDS,
        ORDER_UNCERTAIN: seen is not None and seen.order < LEAST_ORDER,
        UNSUPPORTED_SCRIPT: unsupported_script,
    }
    return tuple(dict.fromkeys([*(flag for flag, is_raised in raised.items() if is_raised), *text.notes]))


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

    `finish_reason` is the engine's: `length` if it was cut off, `repetition` if it was stopped in a loop, anything else
    (null too) if it ended by itself. `is_mostly_empty` is `empty_output.is_mostly_empty`.
    """
    truncated = finish_reason == "length"
    tail_chars = settings.truncated_tail_chars if truncated else settings.tail_chars
    reasons = {
        REPEATED_TEXT: measures.repetition_ratio >= settings.repetition_ratio
        and measures.repetition_ratio * (measures.content_chars or text_chars) >= settings.repeated_chars,
        REPEATED_TAIL: measures.repeated_tail_chars >= tail_chars,
        COMPRESSIBLE: (
            measures.compression_ratio >= settings.compression_ratio and text_chars >= settings.compressible_chars
        )
        or (
            measures.content_ratio >= settings.content_ratio
            and measures.content_chars >= settings.compressible_content_chars
        ),
        LONG_RUN: measures.longest_run >= settings.longest_run,
        COUNTING: measures.counted_numbers >= settings.counted_numbers,
        LOOP: measures.loop_score >= settings.loop_score,
        LOOP_STOPPED: finish_reason == "repetition",
    }
    raised = {REPETITION: any(reasons.values()), **reasons, TRUNCATED: truncated, EMPTY_MARKUP: is_mostly_empty}
    return Judgement(tuple(flag for flag, is_raised in raised.items() if is_raised))


def looped_before(flags: tuple[str, ...]) -> tuple[str, ...]:
    """Add to the flags of an attempt that was cut off that one before it looped."""
    return (REPETITION, LOOPED_BEFORE, *flags)
