"""Blocks of lines beside each other, as letterheads and captions of courts have them, are read one by one."""

import pytest

from ocrmill.pipeline.text.contents.part import Part, lines_of
from ocrmill.pipeline.text.layout_model import Region
from ocrmill.pipeline.text.order.blocks_beside import parted_at_rules, parted_boxes, with_letterheads
from ocrmill.pipeline.text.reading_order import Box, enclosing
from ocrmill.pipeline.text.tables.rules import Rules
from ocrmill.pipeline.text.words import Piece, Word

PARTIES = ["ROSA MARTINEZ,", "Plaintiff,", "v.", "ACME FREIGHT, INC., a Delaware", "corporation,", "Defendant."]
CASE = ["Case No. 2:23-cv-00417", "MOTION TO COMPEL", "Hearing: May 7, 2024", "Time: 10:00 a.m."]


def lines(texts: list[str], x: float, y: float, pitch: float = 14.0) -> list[Word]:
    words = []
    for n, text in enumerate(texts):
        at = x
        for piece in text.split():
            box = Box(at, y + pitch * n - 8, at + 5.0 * len(piece), y + pitch * n + 2)
            words.append(Word((Piece(piece, box, 10.0),), box, y + pitch * n, int(x) * 100 + n))
            at = box.x1 + 3
    return words


def around(words: list[Word]) -> Box:
    return enclosing([word.box for word in words])


@pytest.mark.parametrize(
    ("right", "rules", "regions"),
    [
        (CASE, 1, 2),
        (PARTIES, 1, 1),  # each line has one beside it: rows of a table
        (CASE, 2, 1),  # columns of a table
        (CASE, 0, 1),
        (CASE[:2], 1, 1),
    ],
)
def test_a_rule_parts_blocks_and_no_rows(right: list[str], rules: int, regions: int) -> None:
    """One vertical rule parts a region of text, if some of its lines have none on the other side of the rule."""
    words = [*lines(PARTIES, 60, 100), *lines(right, 260, 100)]
    down = tuple(Box(x, 90, x, 180) for x in (240.0, 250.0)[:rules])

    found = parted_at_rules([Region("text", around(words))], words, Rules((), down))

    assert len(found) == regions
    assert sum(region.box.contains_centre_of(word.box) for region in found for word in words) == len(words)


def test_a_header_beside_a_text_is_of_a_letter() -> None:
    """The motto on the right of a letter's head stands beside the office on its left, and is no running header."""
    office, motto, body = (
        lines(["PEOPLE'S COMMITTEE", "No. 127"], 40, 40),
        lines(["REPUBLIC", "Freedom"], 340, 40),
        lines(["Body"], 40, 90),
    )
    parts = [
        Part(label, tuple(lines_of(words)), around(words))
        for label, words in (("header", motto), ("text", office), ("text", body))
    ]

    assert [part.label for part in with_letterheads(parts)] == ["text", "text", "text"]
    assert [part.label for part in with_letterheads([parts[0], parts[2]])] == ["header", "text"]


def test_lines_below_a_heading_are_no_running_header() -> None:
    """The address below the name of a firm, and the number of its invoice beside it, are of the letter."""
    name, address, number = (
        lines(["Harrow Ltd"], 40, 40),
        lines(["14 Mill Lane", "Leeds"], 40, 54),
        lines(["INVOICE", "No. 1", "Date"], 340, 40),
    )
    parts = [
        Part(label, tuple(lines_of(words)), around(words))
        for label, words in (("header", address), ("header", number), ("heading", name))
    ]

    assert [part.label for part in with_letterheads(parts)] == ["text", "text", "heading"]
    assert [part.label for part in with_letterheads(parts[:2])] == ["header", "header"]


@pytest.mark.parametrize(
    ("label_size", "shift", "boxes"),
    [(8.0, 0.0, 6), (10.0, 0.0, 1), (8.0, 12.0, 1)],  # one type is a text; cells that do not align are none
)
def test_labels_and_their_values_are_boxes(label_size: float, shift: float, boxes: int) -> None:
    """Labels in a type of their own stand right above their values, in boxes beside each other without any rule."""
    labels, values = ["Sender", "Sent on", "Weight"], ["Harrow and Pike", "28 April", "12 kg"]
    words = [
        word._replace(pieces=(word.pieces[0]._replace(size=size),), line=row)
        for row, (y, texts, size) in enumerate(
            [(y + below, t, s) for y in (100, 140) for below, t, s in ((0, labels, label_size), (11, values, 10.0))]
        )
        for n, text in enumerate(texts)
        for word in lines([text], 40 + 120 * n + shift * (size == 10.0) * n, y)
    ]

    found = parted_boxes([Region("text", around(words))], words)

    assert len(found) == boxes
    assert all(sum(region.box.contains_centre_of(word.box) for region in found) == 1 for word in words)
