"""Measure how well two readings of a page agree, whatever the language and the order of their blocks.

Both texts are reduced to the same plain form: without Markdown, HTML and LaTeX commands, in NFKC, case-folded, letters
and digits only, so that white space, hyphenation and punctuation do not count. The agreement is the Dice coefficient of
their multisets of character trigrams: twice the shared ones over all. Linear in both texts; needs no spaces between
words.

One wrong character spoils three trigrams, a block in another place two. On texts of 1,500 characters in 8 languages of
5 scripts, 2 % wrong characters gave 0.91 to 0.94, 10 % 0.64 to 0.73, lines in another order 0.92 to 0.98, another text
of the same language 0.03 (Chinese) to 0.26 (German).
"""

import html
import re
import unicodedata
from collections import Counter

_WIDTH = 3
_MARKUP = re.compile(
    r"</?[a-zA-Z][^<>]*>"  # HTML: tables, line breaks
    r"|!?\[(?P<label>[^\[\]]*)\]\([^()\s]*\)"  # links and pictures: their text stays
    r"|\\(?:begin|end)\{[a-z*]+\}|\\[a-zA-Z]+"  # LaTeX commands: their arguments stay
)


def text_layer_agreement(markdown: str, layer_text: str) -> float:
    """Measure how a page's Markdown agrees with its layer, from 0 (nothing in common) to 1; 1 if both are empty."""
    ours, theirs = markdown_trigrams(markdown), trigrams(layer_text)
    total = ours.total() + theirs.total()
    return 2 * (ours & theirs).total() / total if total else 1.0


def markdown_trigrams(markdown: str) -> Counter[str]:
    """Count the trigrams of a Markdown without its markup."""
    return trigrams(html.unescape(_MARKUP.sub(r"\g<label>", markdown)))


def trigrams(text: str) -> Counter[str]:
    """Count the trigrams of a text's letters and digits, those at its ends with blanks."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    letters = "".join(character for character in folded if character.isalnum())
    if not letters:
        return Counter()
    framed = f"  {letters}  "  # so that a text of one letter has trigrams too
    return Counter(framed[start : start + _WIDTH] for start in range(len(framed) - _WIDTH + 1))
