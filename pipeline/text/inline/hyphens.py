"""Hyphens at line ends: those of a word, and those of a typesetter.

The page's other words decide where they can, then the document's; then what follows the hyphen, and what stands before
it. The lists are English, as is the rule that a word of the page before the hyphen begins a compound. Elsewhere a
typesetter's hyphen is likelier (German writes `Benutzerkonto`), so that a compound with a hyphen that breaks there and
stands nowhere else in the document loses it; of French, the commonest kinds are known.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property

# First parts of English compounds that keep their hyphen.
_COMPOUND_FIRST = re.compile(
    "(?:self|non|well|long|short|high|low|full|so|two|three|four|five|six|seven|eight|nine|ten|large|small|free|first|"
    "second|third|single|double|real|open|user|quasi|part|mid|world|cost|state|then|hard|soft|fine|close|early|late)",
    re.IGNORECASE,
)
_NO_SECOND = re.compile(  # words that end one word all the same: `high-lights`
    "(?:ware|lights?|lighted|lighting|lands?|fold|tons?|names?|ways?|comings?|fall|cut|sense|night)"
)
_ENDING = re.compile(  # of a word, and no word itself: `warn-ings`, `long-er`, `Benutz-ungen`
    "(?:e?rs?|est|ly|ings?|ed|en|ens|ened|ening|ness|ages?|ity|ities|i[sz]e|i[sz]ed|i[sz]ation|ism|ists?|istic|dom|ary|"
    "arily|itude|ercase|ments?|ner|ners|nership|able|ish|ial|i?ally|illy|ials|icles?|icular|icularly|icipants?|icipate|"
    "[ai]tions?|ies|iness|dle|ingly|edly|fully|lessly|abilit(?:y|ies)|mente|ungen|lich\\w*|[hk]eit(?:en)?|"
    "schaft(?:en)?)"
)
_NUMBER = re.compile(  # `twenty-one`; no typesetter leaves one letter alone, as in `e-mail`
    r"(?:twen|thir|for|fif|six|seven|eigh|nine)ty-(?:one|two|three|four|five|six|seven|eight|nine|first|second|third)\b.*",
    re.IGNORECASE,
)
_REPEATED_VOWEL = re.compile("(?:co|de|pre|re)", re.IGNORECASE)  # `re-elected`, `co-operate`
_COMPOUND_SECOND = re.compile(
    "based|driven|(?:in)?dependent|specific|oriented|aware|related|hearted|friendly|going|wide-.*"
)
_FUNCTION_WORDS = frozenset(
    ("a", "an", "and", "as", "at", "by", "for", "in", "of", "on", "or", "than", "the", "to", "up")
)
_OPEN_FIRST = frozenset(  # begin words that have no hyphen: `understand`, `therefore`
    (
        *("under", "with", "there", "some", "what", "when", "where", "never", "over", "every", "other", "them", "your"),
        *("after", "fore", "here", "inter", "super", "more"),
    )
)
_FRENCH = re.compile(  # what follows is no syllable: `dit-il`, `elle-même`, `au-dessus`
    r"(?:au|ci|là|par)-(?:desso?us|delà|devant|dedans|dehors|après|contre|joint\w*)|ce(?:lui|lles?|ux)-ci|"
    r"\w+-(?:là|mêmes?|nous|vous)|\w*[dt]-(?:elles?|ils?)|peut-être|à-dire|est-ce|après-midi|vis-à(?:-vis)?",
    re.IGNORECASE,
)
_CONJUNCTIONS = frozenset(("and", "or", "und", "oder", "sowie", "och", "eller"))  # none is a syllable of many words
_ENGLISH = frozenset(("the", "of", "and", "that", "with", "this", "for", "are", "from", "which"))
_ENGLISH_WORDS = 3  # of them, at least, on a page of English
_FEW_WORDS = 50  # different ones: fewer do not tell a language
_WHOLE = 4  # letters; two shorter words on a page are too often syllables of another
_ADDRESS = re.compile(r"://|^www\.|@|\w\.\w{2,}/|\w\.[a-z]{2,}$")  # a break within one adds no hyphen
_SHORT_CAPITALS = 8  # letters: `CD-ROM` has its own hyphen, `RE-QUIREMENTS` has not


class KnownWords:
    """Words that tell hyphens: those of the page, and counts, in lower case, of those of its document."""

    def __init__(self, page: Iterable[str] = (), document: Callable[[], Mapping[str, int]] = dict) -> None:
        """Take the page's words; the document's are asked for if those do not tell."""
        self.page = frozenset(page)
        self.document = document

    @cached_property
    def may_be_english(self) -> bool:
        """Tell if the page has words that every page of English has, or too few to tell."""
        return len(self.page) < _FEW_WORDS or len(_ENGLISH & self.page) >= _ENGLISH_WORDS


def is_own_hyphen(before: str, after: str, known: KnownWords) -> bool:
    """Tell if a hyphen at a line's end belongs to its word: `1990-`, `Smith-Jones`, `state-of-the-art`, `long-term`.

    `before` ends with the hyphen, `after` begins the next line.
    """
    start = _last_word(before)
    if _ADDRESS.search(start):
        return True
    match = re.match(r"[\w'\u2019-]+", after)
    rest = match[0] if match else ""
    first = start.rsplit("-", 1)[-1]
    if not rest or not first[-1:].isalpha() or not rest[0].isalpha() or any(map(str.isdigit, first)):
        return True
    if _NUMBER.fullmatch(f"{first}-{rest}") or (len(first) == 1 and len(start) == 1):
        return True
    seen = _as_on_page(start, first, rest, known)
    seen = _as_in_document(start, first, rest, known) if seen is None else seen
    if seen is not None:
        return seen
    if not rest[0].islower():
        return not (first.isupper() and rest.isupper() and len(first + rest) >= _SHORT_CAPITALS)
    is_acronym = first.isupper() and len(first) > 1  # `PDF-export`: no word changes its case at a syllable
    return is_acronym or _is_compound(start, first, rest, known)


def is_suspended(before: str, after: str, known: KnownWords) -> bool:
    """Tell if the hyphen at a line's end stands for what a later word says: `pre- and post-`, `Ein- und Ausgabe`.

    `before` ends with the hyphen, `after` begins the next line.
    """
    first, match = _last_word(before).lower(), re.match(r"\w+(?!\S)", after)
    if match is None or not first[-1:].isalnum():
        return False
    rest = match[0].lower()
    is_dutch = rest == "en" and first[-1] not in "aeiou" and not known.may_be_english  # `Ide-en` is one word
    if rest not in _CONJUNCTIONS and not is_dutch:
        return False
    return first + rest not in known.page and first + rest not in known.document()


def _last_word(before: str) -> str:
    return re.split(r"[\s(\[\"\u201c]", before[:-1])[-1].lstrip("*_")


def _as_on_page(start: str, first: str, rest: str, known: KnownWords) -> bool | None:
    """Tell if the page writes the word with a hyphen elsewhere, or without; None if it does not have it."""
    if first + rest in known.page or (first + rest).lower() in known.page:
        return False
    if f"{first}-{rest}" in known.page or f"{start}-{rest}" in known.page or first.lower() == rest.lower():
        return True
    return None


def _as_in_document(start: str, first: str, rest: str, known: KnownWords) -> bool | None:
    """Tell if the document writes the word with a hyphen more often than without; None if as often, or never."""
    counts = known.document()
    joined = counts.get((first + rest).lower(), 0)
    parted = max(counts.get(f"{part}-{rest}".lower(), 0) for part in (first, start))
    return None if joined == parted else parted > joined


def _is_compound(start: str, first: str, rest: str, known: KnownWords) -> bool:
    if _REPEATED_VOWEL.fullmatch(first):
        return rest[0] == first[-1].lower()
    if not known.may_be_english:
        return _FRENCH.fullmatch(f"{first}-{rest}") is not None
    head = rest.split("-", 1)[0]
    linked = (first.lower() in _FUNCTION_WORDS and start != first) or (head in _FUNCTION_WORDS and head != rest)
    if linked or _COMPOUND_SECOND.fullmatch(rest):  # `state-of-the-art`, `data-driven`
        return True
    if _ENDING.fullmatch(rest):
        return False
    if first.lower() not in _OPEN_FIRST and min(len(first), len(rest)) >= _WHOLE and first in known.page:
        return True  # `register-carried`, beside `register`
    return bool(_COMPOUND_FIRST.fullmatch(first)) and not _NO_SECOND.fullmatch(rest)
