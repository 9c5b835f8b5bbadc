"""Scores of how near a text comes to the right one. All scores are 0 to 1, and count words without regard to case."""

import difflib
import re
from collections import Counter

_COMMENTS = re.compile(r"<!--.*?-->|</?(?:br|sup|sub)>", re.DOTALL)


def words(markdown: str) -> list[str]:
    """Letters and digits in a row, without Markdown's marks."""
    return re.findall(r"[^\W_]+", _COMMENTS.sub(" ", markdown).lower())


def word_f1(text: str, truth: str) -> float:
    """Words that both have, in any order."""
    ours, theirs = words(text), words(truth)
    common = (Counter(ours) & Counter(theirs)).total()
    return 2 * common / max(1, len(ours) + len(theirs))


def word_order(text: str, truth: str) -> float:
    """Words that both have in the same order (difflib's ratio)."""
    return difflib.SequenceMatcher(None, words(text), words(truth), autojunk=False).ratio()


def letter_f1(text: str, truth: str) -> float:
    """Letters that both have, in any order: for scripts without spaces."""
    ours, theirs = ("".join(words(side)) for side in (text, truth))
    common = (Counter(ours) & Counter(theirs)).total()
    return 2 * common / max(1, len(ours) + len(theirs))


def headings(markdown: str) -> int:
    """Lines that are headings."""
    return len(re.findall(r"^#{1,6} ", markdown, re.MULTILINE))


def table_rows(markdown: str) -> int:
    """Rows of tables, their rules included."""
    return len(re.findall(r"^ *\|", markdown, re.MULTILINE))
