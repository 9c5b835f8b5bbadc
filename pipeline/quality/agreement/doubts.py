"""Judge the measures of agreement with the page's own words, of one page or of columns of rows.

The limits were chosen on half of the pages and kinds of bench/agreement, and reported on the other half
(docs/agreement.md).
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from ocrmill.pipeline.measures import AgreementMeasures
from ocrmill.pipeline.records import PageFeatures

Values = npt.NDArray[np.float64]
Judged = npt.NDArray[np.bool_]

WORDS_MISSING = "words_missing"  # the page's own text has words that an engine did not write
WORDS_INVENTED = "words_invented"  # ... has not, and the engine wrote them
WORDS_MISREAD = "words_misread"  # ... has with other letters
NUMBERS_CHANGED = "numbers_changed"  # ... has other numbers
ORDER_DIFFERS = "order_differs"  # ... has its words in another order
DISAGREEING = (WORDS_MISSING, WORDS_INVENTED, WORDS_MISREAD, NUMBERS_CHANGED, ORDER_DIFFERS)

LEAST_WORDS = 30  # of the page's own; with fewer one word says too much
MOST_INVISIBLE = 0.5  # of the page's own text: from here on it is somebody's OCR, and no measure of another one
MOST_MISSING = 0.01
MOST_INVENTED = 0.01
MOST_MISREAD = 0.05
MOST_NUMBERS = 0
LEAST_SAME_ORDER = 0.75

MEASURES = (
    *("agreement_words", "agreement_missing", "agreement_invented", "agreement_misread", "agreement_numbers"),
    *("agreement_order", "invisible_share", "uncovered_ink_share"),
)  # columns of a row, the last two of its `features`


def agreement_doubts(values: Mapping[str, Values]) -> dict[str, Judged]:
    """Judge the MEASURES of pages, NaN where a page has none; return the flags of `DISAGREEING` that follow.

    Words that the layer lacks may stand in pictures: as far as what is seen lies outside of the layer
    (`uncovered_ink_share`), they are not invented.
    """
    trusted = (values["agreement_words"] >= LEAST_WORDS) & ~(values["invisible_share"] >= MOST_INVISIBLE)
    unseen = np.nan_to_num(values["uncovered_ink_share"])
    raised = {
        WORDS_MISSING: values["agreement_missing"] > MOST_MISSING,
        WORDS_INVENTED: values["agreement_invented"] > MOST_INVENTED + unseen,
        WORDS_MISREAD: values["agreement_misread"] > MOST_MISREAD,
        NUMBERS_CHANGED: values["agreement_numbers"] > MOST_NUMBERS,
        ORDER_DIFFERS: values["agreement_order"] < LEAST_SAME_ORDER,
    }
    return {flag: trusted & is_raised for flag, is_raised in raised.items()}


def is_checked(measures: AgreementMeasures | None) -> bool:
    """Tell if a page's own text could be compared with what an engine wrote."""
    return measures is not None and measures.agreement_words >= LEAST_WORDS


def flags_of(measures: AgreementMeasures | None, features: PageFeatures | None) -> tuple[str, ...]:
    """Return the flags of one page, as a row stores its measures."""
    if measures is None:
        return ()
    found = {name: getattr(measures, name, getattr(features, name, np.nan)) for name in MEASURES}
    values = {name: np.asarray(np.float32(value), np.float64) for name, value in found.items()}
    return tuple(flag for flag, is_raised in agreement_doubts(values).items() if is_raised)
