"""Judge the signs of a bad page, of one page or of columns of rows.

The limits come from pages of real PDFs, read from their layer and by the CPU engine (docs/agreement.md).
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from ocrmill.pipeline.measures import TextSignals
from ocrmill.pipeline.quality.signals.languages import NONE
from ocrmill.pipeline.records import PageFeatures

Values = npt.NDArray[np.float64]
Words = npt.NDArray[np.str_]
Judged = npt.NDArray[np.bool_]

SCRIPT_DIFFERS = "script_differs"  # an engine wrote in another script than that of the page's own text
LANGUAGE_DIFFERS = "language_differs"  # ... in another language
RAGGED_TABLE = "ragged_table"  # rows of a table differ in length
BROKEN_FORMULA = "broken_formula"  # LaTeX that no renderer parses
GARBAGE = "garbage"  # characters that no text has
DENSE_TEXT = "dense_text"  # more letters than the ink of the page can make: text from nowhere
INK_WITHOUT_TEXT = "ink_without_text"  # there is something on the page, and nothing was read
DOUBTFUL = (SCRIPT_DIFFERS, LANGUAGE_DIFFERS, RAGGED_TABLE, BROKEN_FORMULA, GARBAGE, DENSE_TEXT)

MOST_GARBAGE = 0.05  # of 130 real pages the most has 0.022, three more than 0.005
MOST_DENSE = 1000.0  # of 130 real pages the densest has 362, in 8 pt; print of 5 pt has some 900
LEAST_INK = 0.001  # of the page: half a line of print

NUMBERS = ("ink_density", "ragged_tables", "broken_formulas", "garbage_share")  # columns of a row
WORDS = ("text_script", "layer_script", "text_language", "layer_language")  # columns, too


def signal_doubts(values: Mapping[str, Values], words: Mapping[str, Words], is_checked: Judged) -> dict[str, Judged]:
    """Judge the NUMBERS and WORDS of pages; return the flags of `DOUBTFUL` that follow.

    Args:
        values: Of the NUMBERS, NaN where a page has none.
        words: Of the WORDS, `none` where a page has none.
        is_checked: Pages whose own text can be trusted: that have `agreement_words`.
    """

    def differ(ours: str, theirs: str) -> Judged:
        known = (words[ours] != NONE) & (words[theirs] != NONE)
        return np.asarray(is_checked & known & (words[ours] != words[theirs]))

    return {
        SCRIPT_DIFFERS: differ("text_script", "layer_script"),
        LANGUAGE_DIFFERS: differ("text_language", "layer_language"),
        RAGGED_TABLE: values["ragged_tables"] > 0,
        BROKEN_FORMULA: values["broken_formulas"] > 0,
        GARBAGE: values["garbage_share"] > MOST_GARBAGE,
        DENSE_TEXT: values["ink_density"] > MOST_DENSE,
    }


def flags_of_text(signs: TextSignals, *, is_checked: bool) -> tuple[str, ...]:
    """Return the flags of one page, as a row stores its measures."""
    values = {name: np.asarray(np.float32(getattr(signs, name)), np.float64) for name in NUMBERS}
    words = {name: np.asarray(getattr(signs, name)) for name in WORDS}
    judged = signal_doubts(values, words, np.asarray(is_checked))
    return tuple(flag for flag, is_raised in judged.items() if is_raised)


def has_unread_ink(features: PageFeatures | None) -> bool:
    """Tell if a page on which nothing was read shows more than specks."""
    return features is not None and features.ink_share >= LEAST_INK
