"""Entries whose first lines stand out are paragraphs of their own, and no others are parted."""

import pytest

from ocrmill.pipeline.text.contents.part import Part, WordLine, lines_of
from ocrmill.pipeline.text.order.hanging_entries import hanging_entries, with_tags
from ocrmill.pipeline.text.reading_order import Box, enclosing
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


WORDS = [
    (OUT, "hare n. a long-eared animal that looks like a large"),
    (IN, "rabbit. [Many species.]"),
    (OUT, "hark v. listen."),
    (OUT, "harp n. an instrument with strings that are set at"),
    (IN, "an angle. v. (harp on) talk of it again."),
    (OUT, "harsh adj. rough or jarring."),
    (OUT, "harvest n. the crops of a year: 2,340 tonnes in"),
    (IN, "1998."),
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


def test_words_of_a_dictionary_are_paragraphs_though_they_are_small() -> None:
    """Words in the order of the alphabet begin entries; others with small letters go on from the line above."""
    shuffled = [(OUT, "the last of them.") if n == 2 else row for n, row in enumerate(WORDS)]

    assert [entry[0].text for entry in hanging_entries(lines(WORDS))] == [text for x, text in WORDS if x == OUT]
    assert len(hanging_entries(lines(shuffled))) == 1


def test_words_with_wide_blanks_between_them_stand_in_one_entry() -> None:
    """Pieces of a line that is set wide do not begin at the depth of the lines below."""
    parted = [
        piece._replace(line=n) for n, piece in enumerate(word for line in lines(WORDS) for word in _cut(line.words[0]))
    ]

    assert len(hanging_entries(lines_of(parted))) == 5


def _cut(word: Word) -> list[Word]:
    """A line's words as two, the second one far to the right, if it is long."""
    text, box = word.text, word.box
    if len(text) < 20:
        return [word]
    halves = [(text[:10], Box(box.x0, box.y0, box.x0 + 50, box.y1)), (text[11:], Box(box.x0 + 70, *box[1:]))]
    return [word._replace(pieces=(Piece(each, at, 10.0),), box=at) for each, at in halves]


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


def part(label: str, rows: list[tuple[float, str]], below: float) -> Part:
    """Return a part of lines that begin so far down the page."""
    moved = [
        word._replace(box=Box(word.box.x0, word.box.y0 + below, word.box.x1, word.box.y1 + below))
        for line in lines(rows)
        for word in line.words
    ]
    return Part(label, tuple(lines_of(moved)), enclosing([word.box for word in moved]))


@pytest.mark.parametrize("label", ["heading", "text", "list"])
@pytest.mark.parametrize("tag", ["-l", "--author", "--block-size=SIZE"])
def test_an_option_above_its_text_is_joined_with_it(label: str, tag: str) -> None:
    """Whatever a layout model calls it: the text is set in below its line, close to it."""
    text = part("text", [(IN, "Print the author of each file,"), (IN, "and no other.")], 12)
    [found] = with_tags([part(label, [(OUT, tag)], 0), text])

    assert found.label == "text"
    assert [line.text for line in found.lines] == [tag, "Print the author of each file,", "and no other."]


@pytest.mark.parametrize(
    ("tag", "left", "below"), [("Author", IN, 12), ("- author", IN, 12), ("-l", OUT, 12), ("-l", IN, 40)]
)
def test_what_is_no_option_above_its_text_stays_apart(tag: str, left: float, below: float) -> None:
    """A word, an item, a text that is not set in, and one far below."""
    parts = [part("heading", [(OUT, tag)], 0), part("text", [(left, "Print the author.")], below)]
    assert with_tags(parts) == parts
