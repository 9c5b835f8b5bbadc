"""Two texts word by word: the words of both, of the first alone and of the second alone."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from rapidfuzz.distance import Indel

MOST_TOKENS = 20_000  # of each text: about 50 MB and two seconds; longer texts are compared line by line
MOST_LINES = 20_000
# A word, a Han, Kana or Hangul character (written without blanks), white space, or a sign.
_TOKEN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]|[^\W\u3040-\u30ff\u3400-\u9fff]+|\s+|\W")

Kind = Literal["same", "gone", "new"]


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text."""

    kind: Kind
    text: str


def compare_words(before: str, after: str) -> list[Piece]:
    """Return the pieces in reading order; those that are not new give the first text, those not gone the second.

    The longest common subsequence of words stays (rapidfuzz's Indel distance). A page of more than MOST_TOKENS words,
    signs and blanks is compared by its lines, and of those only the first MOST_LINES.
    """
    olds, news = _TOKEN.findall(before), _TOKEN.findall(after)
    if max(len(olds), len(news)) > MOST_TOKENS:
        olds, news = (text.splitlines(keepends=True)[:MOST_LINES] for text in (before, after))
    return list(_pieces(olds, news))


def _pieces(olds: list[str], news: list[str]) -> Iterator[Piece]:
    """Yield the pieces; between two that are the same, what is gone comes before what is new."""
    gone, new = "", ""
    for step in Indel.opcodes(olds, news):
        if step.tag == "equal":
            yield from _changed(gone, new)
            gone, new = "", ""
            yield Piece("same", "".join(olds[step.src_start : step.src_end]))
        else:
            gone += "".join(olds[step.src_start : step.src_end])
            new += "".join(news[step.dest_start : step.dest_end])
    yield from _changed(gone, new)


def _changed(gone: str, new: str) -> Iterator[Piece]:
    if gone:
        yield Piece("gone", gone)
    if new:
        yield Piece("new", new)
