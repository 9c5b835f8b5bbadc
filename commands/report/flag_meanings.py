"""The meaning of each flag for somebody who has not read the documentation, and how suspicious it makes a page.

`share` is SQL over the page's columns: the share of its text that the flag puts in doubt. Many flags have a measure
that is such a share. HALF stands where the text as a whole may be wrong and no measure says how much of it, LITTLE
where the text is probably right, and something small or beside it is in doubt.
"""

from dataclasses import dataclass

HALF, LITTLE = "0.5", "0.05"


@dataclass(frozen=True, slots=True)
class FlagMeaning:
    """A flag in words."""

    says: str
    share: str = LITTLE
    measures: tuple[str, ...] = ()  # columns of the page that say how strong it is


# A loop of twice as many turns as there may be: half of the text is too much.
_REPEATED = "greatest(0.5, coalesce(repetition_ratio, 0), 1 - 1 / greatest(1, coalesce(loop_score, 1)))"
# Raised together with `repetition`, which counts: they say why.
_COUNTED_ABOVE = "0"
_LAYER_WORDS = "1 - least(coalesce(layer_recall, 1), coalesce(layer_precision, 1))"

MEANINGS = {
    "repetition": FlagMeaning("the text repeats itself", _REPEATED),
    "repeated_text": FlagMeaning("much of it is a third or later copy", _COUNTED_ABOVE, ("repetition_ratio",)),
    "repeated_tail": FlagMeaning("its end repeats itself", _COUNTED_ABOVE, ("repeated_tail_chars",)),
    "compressible": FlagMeaning("it hardly says anything new", _COUNTED_ABOVE, ("compression_ratio", "content_ratio")),
    "long_run": FlagMeaning("one character again and again", _COUNTED_ABOVE, ("longest_run",)),
    "counting": FlagMeaning("it counts on and on", _COUNTED_ABOVE, ("counted_numbers",)),
    "loop": FlagMeaning("the same several times in a row", _COUNTED_ABOVE, ("loop_score",)),
    "loop_stopped": FlagMeaning("the engine was stopped in a loop: the rest of the page is missing", HALF),
    "looped_before": FlagMeaning("an earlier attempt looped, and this one was cut off", _COUNTED_ABOVE),
    "truncated": FlagMeaning("the engine came to its limit: the rest of the page is missing", HALF),
    "empty_markup": FlagMeaning("boxes or tags without text", HALF),
    "low_confidence": FlagMeaning("the engine is unsure of it", "1 - engine_confidence", ("engine_confidence",)),
    "unsure_lines": FlagMeaning("the engine is unsure of some lines", "unsure_share", ("unsure_share",)),
    "unread_ink": FlagMeaning("letters stand in rows that were not read", "unread_share", ("unread_share",)),
    "layer_disagrees": FlagMeaning(
        "it is unlike the PDF's own text", "1 - text_layer_agreement", ("text_layer_agreement",)
    ),
    "unmapped_text": FlagMeaning("letters are lost"),
    "letters_by_shape": FlagMeaning("letters of the PDF come from the shapes of their glyphs"),
    "layer_words_differ": FlagMeaning(
        "words of the PDF's own text are lost or doubled", _LAYER_WORDS, ("layer_recall", "layer_precision")
    ),
    "order_uncertain": FlagMeaning("its words stand in another order than in the PDF", LITTLE, ("layer_order",)),
    "table_uncertain": FlagMeaning("the rows and columns of a table are in doubt"),
    "formula_as_text": FlagMeaning("a formula is written as its characters"),
    "figure_text": FlagMeaning("a picture shows text that is not in it"),
    "hidden_text": FlagMeaning("text that no reader of the page sees was left out"),
    "portfolio_cover": FlagMeaning("the cover of a portfolio"),
    "unsupported_script": FlagMeaning("the engine cannot write the script of the page", HALF),
    "words_missing": FlagMeaning(
        "it lacks words of the PDF's own text", "agreement_missing", ("agreement_missing", "agreement_words")
    ),
    "words_invented": FlagMeaning(
        "it has words that the PDF's own text lacks", "agreement_invented", ("agreement_invented",)
    ),
    "words_misread": FlagMeaning("it has words with other letters", "agreement_misread", ("agreement_misread",)),
    "numbers_changed": FlagMeaning("it has other numbers than the PDF's own text", LITTLE, ("agreement_numbers",)),
    "order_differs": FlagMeaning("it has the words in another order than the PDF", LITTLE, ("agreement_order",)),
    "script_differs": FlagMeaning("it is in another script than the PDF's own text", HALF),
    "language_differs": FlagMeaning("it is in another language than the PDF's own text", HALF),
    "ragged_table": FlagMeaning("a table has rows of different lengths", LITTLE, ("ragged_tables",)),
    "broken_formula": FlagMeaning("a formula does not parse", LITTLE, ("broken_formulas",)),
    "garbage": FlagMeaning("much of it is no text", "garbage_share", ("garbage_share",)),
    "dense_text": FlagMeaning("more letters than the ink on the page can make", HALF, ("ink_density",)),
    "ink_without_text": FlagMeaning("the page shows something, and nothing was read", HALF),
}
UNKNOWN = FlagMeaning("a flag of another version of ocrmill, or of another package")


def meaning_of(flag: str) -> FlagMeaning:
    """Return the meaning of a flag, also of one that only another version knows."""
    return MEANINGS.get(flag, UNKNOWN)
