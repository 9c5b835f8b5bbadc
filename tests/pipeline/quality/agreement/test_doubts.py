"""Flags of agreement: raised from their limits on, and only if the page's own text says enough and is drawn visibly."""

from dataclasses import replace

import numpy as np
import pytest

from ocrmill.pipeline.measures import AgreementMeasures
from ocrmill.pipeline.pages.inspection import inspect_picture
from ocrmill.pipeline.quality.agreement.doubts import flags_of

FINE = AgreementMeasures(300, 0.005, 0.005, 0.02, 0, 0.9)
DAMAGED = {
    "words_missing": replace(FINE, agreement_missing=0.02),
    "words_invented": replace(FINE, agreement_invented=0.02),
    "words_misread": replace(FINE, agreement_misread=0.06),
    "numbers_changed": replace(FINE, agreement_numbers=1),
    "order_differs": replace(FINE, agreement_order=0.7),
}
FEATURES = inspect_picture(np.full((60, 40), 255, np.uint8))


@pytest.mark.parametrize("flag", DAMAGED)
def test_each_measure_raises_its_flag(flag: str) -> None:
    """A measure past its limit raises its own flag; with too few words, or an invisible text, none."""
    damaged = DAMAGED[flag]
    assert flags_of(FINE, FEATURES) == flags_of(None, FEATURES) == ()
    assert flags_of(damaged, FEATURES) == flags_of(damaged, None) == (flag,)
    assert flags_of(replace(damaged, agreement_words=29), FEATURES) == ()
    assert flags_of(damaged, replace(FEATURES, invisible_share=0.6)) == ()


def test_words_in_pictures_are_not_invented() -> None:
    """Ink outside of the page's own text may be words that it lacks."""
    assert flags_of(DAMAGED["words_invented"], replace(FEATURES, uncovered_ink_share=0.3)) == ()
