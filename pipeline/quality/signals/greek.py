"""Find Greek without its accents: a recognizer that cannot write them loses their letters, and much else, in silence.

In small letters every Greek word of two syllables or more has an accent, in texts of today as in old ones. Not covered:
Greek in capitals, which has none, and texts of fewer than `_LEAST_WORDS` such words, each counted once.
"""

import re
import unicodedata

_LEAST_WORDS = 8  # formulas name single letters, a word or two; pages of Greek have 20 and more
_LETTERS = 3  # in such a word: shorter ones may have no accent
# Of those words: 8 pages of manuals, in two orthographies, have 0 as the CPU engine reads them; 6 layers 0.71 to 1.
_MOST_ACCENTED = 0.3

_WORD = re.compile(f"[\u0370-\u03ff\u1f00-\u1fff]{{{_LETTERS},}}")
_ACUTE, _GRAVE, _CIRCUMFLEX = "\u0301", "\u0300", "\u0342"


def unaccented_greek_share(text: str) -> float:
    """Return the share of a text's letters that stand in Greek words which lost their accents, from 0 to 1.

    It is 0 if the accents are there.
    """
    words = [word for word in _WORD.findall(text) if not word.isupper()]
    bare = [word for word in words if not {_ACUTE, _GRAVE, _CIRCUMFLEX} & set(unicodedata.normalize("NFD", word))]
    if len(set(words)) < _LEAST_WORDS or len(words) - len(bare) > _MOST_ACCENTED * len(words):
        return 0.0
    return sum(map(len, bare)) / sum(map(str.isalpha, text))
