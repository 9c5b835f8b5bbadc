"""Greek that lost its accents differs from Greek that has them, and from letters in formulas."""

import unicodedata

import pytest

from ocrmill.pipeline.quality.signals.greek import unaccented_greek_share

WRITTEN = (
    "Το πρωί η γριά έφερε νερό στον κήπο και πότισε τα λαχανικά. Η γάτα κοιμόταν στη στέγη, τα παιδιά έτρεχαν "
    "στο ποτάμι για ψάρια."
)
POLYTONIC = "Ἀλλ’ ἔστιν ἔνδον ὁ σοφὸς ἀνήρ, καὶ τοὺς νέους διδάσκει τὰ καλὰ καὶ τὰ δίκαια τῶν ἀρχαίων ποιητῶν."


def without_accented(text: str) -> str:
    """The text without its accented letters, as the CPU engine writes it."""
    return "".join(letter for letter in text if len(unicodedata.normalize("NFD", letter)) == 1)


@pytest.mark.parametrize("text", [WRITTEN, POLYTONIC])
def test_lost_accents_are_found(text: str) -> None:
    """Nearly all letters stand in such words; those of one or two letters are not looked at."""
    read = without_accented(text)

    assert unaccented_greek_share(read) > 0.5
    assert 0.05 < unaccented_greek_share("The accents of this manual were lost on the way. " * 8 + read) < 0.3


@pytest.mark.parametrize(
    "text",
    [
        WRITTEN,
        POLYTONIC,
        WRITTEN.upper(),
        without_accented("Η γάτα κοιμόταν στη στέγη."),  # too short to tell
        "the angles α, β and γ, the sums Σ, the frequencies ωτ and ωπτ of all modes " * 20,
        "",
    ],
)
def test_other_texts_are_not_taken_for_it(text: str) -> None:
    """Greek as it is written, capitals, formulas, and no text."""
    assert unaccented_greek_share(text) == 0.0
