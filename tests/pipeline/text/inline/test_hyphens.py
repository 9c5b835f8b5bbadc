"""Hyphens at line ends: the word's own stay, the typesetter's go."""

import pytest

from ocrmill.pipeline.text.inline.hyphens import is_own_hyphen

OWN = [
    "1990- 1995", "Smith- Jones", "state-of-the- art", "long- term", "re- elected", "self- made", "Mixture- of-Experts",
    "data- driven", "non- linear", "IEEE- 754", "3d- raytrace", "up-to- date", "well- known", "CD- ROM", "Mega- Pharma",
    "twenty- one", "e- mail",
]  # fmt: skip
TYPESET = [
    "exam- ple", "foun- dation", "re- port", "long- er", "high- lights", "in- formation", "inter- preter",
    "RE- QUIREMENTS", "de- fined", "co- ming", "real- istic", "hard- ware", "one-dimen- sional",
]  # fmt: skip


@pytest.mark.parametrize("broken", OWN)
def test_hyphens_of_words_stay(broken: str) -> None:
    """Digits, capitals, compounds and prefixes show that a hyphen is the word's own."""
    before, after = broken.split()
    assert is_own_hyphen(before, after, frozenset())


@pytest.mark.parametrize("broken", TYPESET)
def test_hyphens_of_typesetters_go(broken: str) -> None:
    """Between syllables a hyphen is the typesetter's."""
    before, after = broken.split()
    assert not is_own_hyphen(before, after, frozenset())


def test_the_page_decides_where_it_can() -> None:
    """A word that stands elsewhere on the page is written as it is there."""
    assert not is_own_hyphen("Trace-", "Monkey", frozenset({"TraceMonkey"}))
    assert is_own_hyphen("vision-", "language", frozenset({"vision-language"}))
    assert is_own_hyphen("vision-", "language", frozenset({"vision", "language"}))
    assert not is_own_hyphen("well-", "being", frozenset({"wellbeing"}))
