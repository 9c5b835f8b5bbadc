"""Find Vietnamese without its tone marks: most recognizers of Latin cannot write them, and lose letters with them.

Vietnamese is written in short syllables. Many begin with `ng` or `nh` or end in `nh`, and most have a letter of their
own for the tone. Not covered: texts of fewer than `_LEAST_WORDS` words, and pages on which other languages have most of
the words.
"""

import re

from ocrmill.pipeline.pages.scripts import VIETNAMESE, bare_letters

_LEAST_WORDS = 40
# The share of words that look so: 32 drawn pages, as the CPU engine reads them, have 0.094 to 0.128, a scan of 44 words
# 0.068. Of 4,246 other pages and texts the most has 0.027, and 0.009 of those whose words are as short. No piece of 45
# words out of 27,585 of other manuals and papers is found.
_LEAST_SHARE = 0.06
_MOST_LETTERS = 4.2  # of a word on average; those pages have 2.7 to 3.2
_MOST_TONED = 0.05  # of the letters; Vietnamese has 0.12 to 0.16, those pages have up to 0.01

_WORD = re.compile(r"[^\W\d_]+")
_SYLLABLE = re.compile(r"n[gh]\w{1,5}|\w{1,4}nh")
_TONED = re.compile("[{}-{}]".format(*VIETNAMESE))


def lacks_tone_marks(text: str) -> bool:
    """Tell if a text is Vietnamese without the letters that mark its tones."""
    words = ["".join(map(bare_letters, word)) for word in _WORD.findall(text)]
    letters = sum(map(len, words))
    if len(words) < _LEAST_WORDS or letters > _MOST_LETTERS * len(words):
        return False
    if len(_TONED.findall(text)) > _MOST_TONED * letters:
        return False
    return sum(_SYLLABLE.fullmatch(word) is not None for word in words) >= _LEAST_SHARE * len(words)
