"""The places of a text that repeat, to highlight them."""

from collections.abc import Iterator
from typing import NamedTuple

from ocrmill.pipeline.quality.repetition.loops import MOST_CHARS, strongest_loop
from ocrmill.pipeline.quality.repetition.measures import periodic_tail

LOOP_SHOWN = 0.5  # score; below, honest pages repeat as much


class Piece(NamedTuple):
    """A stretch of a text; the second and later turns of what repeats are copies."""

    text: str
    is_copy: bool


def repeated_spans(text: str) -> list[tuple[int, int]]:
    """Find the copies, without the first turn: those of the strongest loop, and of a periodic end."""
    spans = []
    offset = max(0, len(text) - MOST_CHARS)
    loop = strongest_loop(text)
    if loop.score >= LOOP_SHOWN:
        spans.append((offset + loop.start + loop.unit_chars, offset + loop.end))
    period, chars = periodic_tail(text)
    if period:
        end = len(text.rstrip())
        spans.append((end - chars + period, end))
    return sorted(span for span in spans if span[0] < span[1])


def pieces(text: str) -> Iterator[Piece]:
    """Split a text at its repeated spans."""
    at = 0
    for start, end in repeated_spans(text):
        if start > at:
            yield Piece(text[at:start], False)
        if end > max(at, start):
            yield Piece(text[max(at, start) : end], True)
        at = max(at, end)
    yield Piece(text[at:], False)
