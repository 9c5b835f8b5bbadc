"""Entries of an index are lines of their own, and the lines of one that is wrapped are one."""

import pymupdf
import pytest
from layer_words import words_of

from ocrmill.pipeline.text.contents.part import lines_of, rows_of
from ocrmill.pipeline.text.inline.index_entries import index_entries
from ocrmill.pipeline.text.order.hanging_entries import hanging_entries
from ocrmill.pipeline.text.words import Piece, Word

PLAIN = ["abbey, ruins of, above", "the mill, 12", "accounts, 7", "alders, 101, 102,", "119-121", "anchors, 4"]
WITH_SUB = [
    *("abbey, 12", "  ruins of, in the valley", "    above the mill, 13", "  see also church", "accounts, 7"),
    *("alders along the canal,", "    101, 102", "anchors, 4"),
]


def page_with(lines: list[str]) -> pymupdf.Page:
    """Draw lines 12 points apart; each blank that one begins with sets it in."""
    page = pymupdf.open().new_page()
    for n, line in enumerate(lines):
        text = line.lstrip()
        page.insert_text((60 + 6 * (len(line) - len(text)), 100 + 12 * n), text)
    return page


def entries_of(lines: list[str]) -> list[str]:
    found = index_entries(rows_of(lines_of(words_of(page_with(lines)))))
    return [" ".join(word.text for row in entry for word in row) for entry in found]


def test_wrapped_entries_are_one_line() -> None:
    """An entry ends with its pages; in a column without indents nothing else tells it."""
    assert entries_of(PLAIN) == [
        *("abbey, ruins of, above the mill, 12", "accounts, 7", "alders, 101, 102, 119-121", "anchors, 4")
    ]


def test_pages_may_follow_a_dash() -> None:
    """Some indexes join an entry with its pages by a long dash, without a blank."""
    lines = ["ink, squid-156", "insurance, kinds", "of-11, 40", "interns-244", "iron lung-47"]
    words = [[word._replace(pieces=(_with_dash(word.pieces[0]),)) for word in row] for row in _rows(lines)]
    found = [" ".join(word.text for row in entry for word in row) for entry in index_entries(words)]

    assert found == [line.replace("-", "\u2014") for line in (lines[0], "insurance, kinds of-11, 40", *lines[3:])]


def _rows(lines: list[str]) -> list[list[Word]]:
    return rows_of(lines_of(words_of(page_with(lines))))


def _with_dash(piece: Piece) -> Piece:
    return piece._replace(text=piece.text.replace("-", "\u2014"))


def test_entries_below_entries_are_lines() -> None:
    """Lines set in below an entry begin after pages; a reference without any ends where the next line stands out."""
    assert entries_of(WITH_SUB) == [
        *("abbey, 12", "ruins of, in the valley above the mill, 13", "see also church", "accounts, 7"),
        *("alders along the canal, 101, 102", "anchors, 4"),
    ]


@pytest.mark.parametrize(
    "lines",
    [
        ["The ferry left in 1912", "and came back in 1913", "with the coal of 1914", "but nobody had seen it leave."],
        ["Zebra street 4", "Mill lane 12", "Castle road 7", "Abbey close 3"],
    ],
)
def test_other_lines_with_numbers_are_no_index(lines: list[str]) -> None:
    """Sentences and addresses do not stand in alphabetical order."""
    assert entries_of(lines) == []


def test_two_entries_at_the_end_of_a_column_are_parted() -> None:
    """So few say nothing by their indents; pages before white space, and their order, do."""
    lines = ["bakery 14", "barges on the canal 77, 78,", "    80 and in the chapters"]
    found = hanging_entries(lines_of(words_of(page_with(lines))))
    assert [len(entry) for entry in found] == [1, 2]
