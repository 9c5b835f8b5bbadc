"""Loops in streamed text are seen as those of tokens are; honest pages are not."""

import pytest

from ocrmill.workers.engines.endpoint.text_loops import TextLoopDetector

PIECE = 11  # characters at a time, which cut words and tags


def stopped_at(text: str, piece: int = PIECE) -> int | None:
    """Return the characters after which a text counts as a loop; None if it never does."""
    detector = TextLoopDetector()
    for start in range(0, len(text), piece):
        if detector.push(text[start : start + piece]):
            return start + piece
    return None


WORDS = "The mill stands by a river whose water turns three wheels of oak, each as high as a house. "
PROSE = " ".join(
    f"Chapter {number} tells of {chr(97 + number % 26)}{number * 7919} and its {number * 31} wheels."
    for number in range(400)
)
TITLES = [
    f"{first} {second}"
    for first in ("Rivers", "Oak", "Grain", "Millers", "Stones", "Floods", "Roads", "Bread")
    for second in ("and weirs", "of old", "in winter", "by law", "for sale", "at home", "under ice")
]

LOOPS = {
    "a word": "again " * 2000,
    "a sentence": WORDS * 60,
    "a paragraph": (WORDS + PROSE[:300]) * 20,
    "one character": "!" * 4000,
    "counting": "".join(f"{number}. " for number in range(1, 2000)),
    "cells without rows": "<td>0</td>" * 2000,
    "Han": "水车由三个橡木轮子组成。" * 120,
}
HONEST = {
    "prose": PROSE,
    "eighty equal rows of HTML": f"<table>{'<tr><td>0</td><td>0</td></tr>' * 80}</table>",
    "eighty equal rows of Markdown": "| a | b |\n|---|---|\n" + "| 0 | 0 |\n" * 80,
    "leader dots": "\n".join(f"{title} {'.' * 90} {3 * page}" for page, title in enumerate(TITLES, 1)),
    "a receipt twice": (PROSE[:1500] + "\n") * 2,
    "JSON of many parts": ", ".join(
        f'{{"bbox": [{n}, {n * 3}, {n + 99}, {n * 5}], "category": "Text", "text": "{PROSE[n * 40 : n * 40 + 40]}"}}'
        for n in range(120)
    ),
}


@pytest.mark.parametrize("name", LOOPS)
@pytest.mark.parametrize("piece", [1, PIECE, 400])
def test_a_loop_is_seen_however_the_text_is_cut(name: str, piece: int) -> None:
    """Words, sentences, characters, counting and cells: each is seen within 6,000 characters of its first turn."""
    at = stopped_at(LOOPS[name], piece)

    assert at is not None
    assert at < 8_000


@pytest.mark.parametrize("name", HONEST)
def test_honest_pages_are_not_stopped(name: str) -> None:
    """Prose, tables of equal rows, contents with leader dots and lists of parts come to their end."""
    assert stopped_at(HONEST[name]) is None


def test_memory_and_time_are_bounded() -> None:
    """A text without white space, or of open tags, does not wait in the buffer for an end."""
    for text in ("x" * 50_000, "<" * 50_000, "<a" * 25_000, " " * 50_000):
        detector = TextLoopDetector()
        for start in range(0, len(text), 500):
            detector.push(text[start : start + 500])
            assert len(detector._rest) <= 600
