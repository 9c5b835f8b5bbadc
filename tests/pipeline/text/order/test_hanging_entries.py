"""Entries whose first lines stand out are paragraphs of their own, and no others are parted."""

import pytest

from ocrmill.pipeline.text.contents.part import WordLine, lines_of
from ocrmill.pipeline.text.order.hanging_entries import hanging_entries
from ocrmill.pipeline.text.reading_order import Box
from ocrmill.pipeline.text.words import Piece, Word

OUT, IN = 60.0, 88.0
ENTRIES = [
    (OUT, "Abbott, J., and Crane, L. (1998). Salt and the state,"),
    (IN, "Journal of Economic History 58(2), 114."),
    (OUT, "Brandt, H. (2003). A short history of taxation and of"),
    (IN, "those who paid. Oxford."),
    (OUT, "Moss, K. (1976). Salt. Leiden."),
    (OUT, "de Vries, P. (1989). De zoutbelasting in den lande van"),
    (IN, "Holland, 1600."),
]
FIRST_LINES_INDENTED = [
    (OUT, "has come home at last, and nobody knows why."),
    (IN, "In the morning the shepherd counted all of his"),
    (OUT, "sheep, and one was missing. He called the youngest."),
    (IN, "The servants went up into the hills and searched"),
    (OUT, "among the rocks, but in vain."),
]


def lines(rows: list[tuple[float, str]]) -> list[WordLine]:
    words = []
    for n, (x, text) in enumerate(rows):
        box = Box(x, 100.0 + 12 * n, x + 5.0 * len(text), 110.0 + 12 * n)
        words.append(Word((Piece(text, box, 10.0),), box, 108.0 + 12 * n, n))
    return lines_of(words)


def test_references_are_paragraphs() -> None:
    """Each line at the left begins an entry, one of a single line and one that begins with a small letter, too."""
    found = hanging_entries(lines(ENTRIES))

    assert [entry[0].text for entry in found] == [text for x, text in ENTRIES if x == OUT]
    assert sum(map(len, found)) == len(ENTRIES)


@pytest.mark.parametrize(
    "rows",
    [
        FIRST_LINES_INDENTED,
        ENTRIES[:2],
        [(x + 9.0 * n * (x == IN), text) for n, (x, text) in enumerate(ENTRIES)],  # no even indent
        [(OUT, text) for _, text in ENTRIES],
    ],
)
def test_other_paragraphs_stay_whole(rows: list[tuple[float, str]]) -> None:
    """First lines that are indented, indents of several depths and lines without any are no entries."""
    assert len(hanging_entries(lines(rows))) == 1


OPTIONS = [("-c", "Sort by the time of the last"), ("", "change."), ("-d", "List folders, not their files")]


def tagged(rows: list[tuple[str, str]], text: float) -> list[WordLine]:
    """Lines of tags in a margin, each before that of its text."""
    found = []
    for n, (tag, rest) in enumerate(rows):
        for x, each in ((OUT, tag), (text, rest)):
            if each:
                box = Box(x, 100.0 + 12 * n, x + 5.0 * len(each), 110.0 + 12 * n)
                found.append(Word((Piece(each, box, 10.0),), box, 108.0 + 12 * n, 10 * n + bool(tag) * (each == tag)))
    return lines_of(found)


def test_texts_beside_tags_are_entries() -> None:
    """Two tags are enough if their texts begin where the lines below do, and stand farther than a blank from them."""
    found = hanging_entries(tagged(OPTIONS, IN))

    assert [[line.text for line in entry] for entry in found] == [
        ["-c", "Sort by the time of the last", "change."],
        ["-d", "List folders, not their files"],
    ]
    assert len(hanging_entries(tagged(OPTIONS, OUT + 12))) == 1
    assert len(hanging_entries(tagged([*OPTIONS[:1], ("", "change that went on to this l"), *OPTIONS[2:]], IN))) == 1
