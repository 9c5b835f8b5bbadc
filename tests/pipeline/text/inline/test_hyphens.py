"""Hyphens at line ends: the word's own stay, the typesetter's go."""

import pymupdf
import pytest
from layer_words import words_of

from ocrmill.pipeline.text.contents.part import lines_of, rows_of
from ocrmill.pipeline.text.inline.hyphens import KnownWords, is_own_hyphen
from ocrmill.pipeline.text.inline.running_text import join_lines, running_text

OWN = [
    "1990- 1995", "Smith- Jones", "state-of-the- art", "long- term", "re- elected", "self- made", "Mixture- of-Experts",
    "data- driven", "non- linear", "IEEE- 754", "3d- raytrace", "up-to- date", "well- known", "CD- ROM", "Mega- Pharma",
    "twenty- one", "e- mail", "example.org/long- path", "https://for- mation", "www.in- formation", "a@re- port",
]  # fmt: skip
TYPESET = [
    "exam- ple", "foun- dation", "re- port", "long- er", "high- lights", "in- formation", "inter- preter",
    "RE- QUIREMENTS", "de- fined", "co- ming", "real- istic", "hard- ware", "one-dimen- sional",
]  # fmt: skip


@pytest.mark.parametrize("broken", OWN)
def test_hyphens_of_words_stay(broken: str) -> None:
    """Digits, capitals, compounds and prefixes show that a hyphen is the word's own."""
    before, after = broken.split()
    assert is_own_hyphen(before, after, KnownWords())


@pytest.mark.parametrize("broken", TYPESET)
def test_hyphens_of_typesetters_go(broken: str) -> None:
    """Between syllables a hyphen is the typesetter's."""
    before, after = broken.split()
    assert not is_own_hyphen(before, after, KnownWords())


def test_an_acronym_or_an_address_keeps_its_hyphen() -> None:
    """In every language: no word changes from capitals to small letters at a syllable."""
    assert is_own_hyphen("PDF-", "export", KnownWords(f"woord{n}" for n in range(60)))
    assert not is_own_hyphen("PDF-", "export", KnownWords({"PDFexport"}))
    assert is_own_hyphen("az OpenOffice.org-", "énál", KnownWords())


def test_the_page_decides_where_it_can() -> None:
    """A word that stands elsewhere on the page is written as it is there."""
    assert not is_own_hyphen("Trace-", "Monkey", KnownWords({"TraceMonkey"}))
    assert is_own_hyphen("vision-", "language", KnownWords({"vision-language"}))
    assert is_own_hyphen("vision-", "language", KnownWords({"vision", "language"}))
    assert not is_own_hyphen("warn-", "ings", KnownWords({"warn", "ings"}))
    assert not is_own_hyphen("well-", "being", KnownWords({"wellbeing"}))


def test_the_document_decides_where_the_page_does_not() -> None:
    """A word that stands elsewhere in the document is written as it is there most often; the page comes first."""
    parted, joined = {"long-term": 2, "longterm": 1, "re-form": 1}, {"longterm": 2, "long-term": 1}

    assert is_own_hyphen("Long-", "term", KnownWords((), lambda: parted))
    assert not is_own_hyphen("Long-", "term", KnownWords((), lambda: joined))
    assert is_own_hyphen("long-", "term", KnownWords({"long-term"}, lambda: joined))
    assert is_own_hyphen("re-", "form", KnownWords((), lambda: parted))
    assert is_own_hyphen("state-of-the-", "art", KnownWords((), lambda: {"state-of-the-art": 1}))


@pytest.mark.parametrize(("name", "is_kept"), [("cour", True), ("tiro", False)])
def test_the_hyphen_of_code_in_a_text_is_its_own(name: str, is_kept: bool) -> None:
    """Type of fixed width within prose is a name that is written so; in the type of the text a hyphen may go."""
    page = pymupdf.open().new_page()
    page.insert_text((72, 96), "To narrow it use", fontname="tiro")
    page.insert_text((170, 96), "grikill-", fontname=name)
    page.insert_text((72, 108), "option", fontname=name)
    page.insert_text((140, 108), "in that file.", fontname="tiro")
    rows = rows_of(lines_of(words_of(page)))
    text = running_text(rows, KnownWords())
    assert text == f"To narrow it use grikill{'-' * is_kept}option in that file."


@pytest.mark.parametrize(
    ("target", "is_one"), [("https://mirrors.example.org/a", True), ("https://other.org/a", False)]
)
def test_an_address_that_leads_to_itself_is_whole(target: str, is_one: bool) -> None:
    """Wherever a line breaks within it, no blank comes into it; text that leads elsewhere keeps its blanks."""
    page = pymupdf.open().new_page()
    page.insert_text((72, 96), "It is at https://mirrors.")
    page.insert_text((72, 108), "example.org/a.")
    words = [word._replace(link=target) if "." in word.text else word for word in words_of(page)]
    text = running_text(rows_of(lines_of(words)), KnownWords())
    assert ("mirrors.example.org" in text.split("](")[0]) == is_one


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        ("pre-", "and post-war years", "pre- and post-war years"),
        ("as 2-", "or 3-fold", "as 2- or 3-fold"),
        ("Ein-", "und Ausgabe", "Ein- und Ausgabe"),
        ("EIN-", "UND AUSGABE", "EIN- UND AUSGABE"),
        ("the err-", "ands of men", "the errands of men"),
    ],
)
def test_a_hyphen_that_stands_for_a_later_word_keeps_it_and_a_blank(before: str, after: str, text: str) -> None:
    """A conjunction that begins the next line is no syllable of the word before it."""
    assert join_lines([before, after]) == text


def test_a_word_that_the_page_or_its_document_has_whole_has_no_conjunction_in_it() -> None:
    """The page says which words end as a conjunction, and else the document."""
    assert join_lines(["a brig-", "and at sea"], KnownWords({"brigand"})) == "a brigand at sea"
    assert join_lines(["a brig-", "and at sea"], KnownWords((), lambda: {"brigand": 2})) == "a brigand at sea"


def test_only_pages_that_may_be_english_keep_hyphens_by_english_rules() -> None:
    """German writes compounds as one word: a word of the page before the hyphen tells nothing there."""
    german = KnownWords({"Benutzer", "real", *(f"wort{n}" for n in range(60))})
    english = KnownWords({"register", "of", "the", "and", *(f"word{n}" for n in range(60))})
    assert not is_own_hyphen("Benutzer-", "konto", german)
    assert not is_own_hyphen("real-", "istisch", german)
    assert is_own_hyphen("register-", "carried", english)
    assert join_lines(["in-", "en uitvoer"], german) == "in- en uitvoer"
    assert join_lines(["neue Ide-", "en"], german) == "neue Ideen"


@pytest.mark.parametrize(
    ("before", "after", "is_kept"),
    [
        ("contient-", "il", True),
        ("elle-", "même", True),
        ("au-", "dessous", True),
        ("ci-", "dessus", True),
        ("celui-", "ci", True),
        ("c'est-à-", "dire", True),
        ("natu-", "relle", False),
        ("mer-", "ci", False),
        ("gar-", "ou", False),
    ],
)
def test_french_keeps_hyphens_before_what_is_no_syllable(before: str, after: str, is_kept: bool) -> None:
    """Pronouns behind verbs, and adverbs of place, are words of their own."""
    french = KnownWords(f"mot{n}" for n in range(60))
    assert is_own_hyphen(before, after, french) is is_kept
