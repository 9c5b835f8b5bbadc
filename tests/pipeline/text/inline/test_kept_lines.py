"""Lines that their author broke stay lines; running text does not."""

import pytest

from ocrmill.pipeline.text.inline.kept_lines import are_kept, kept_paragraphs
from ocrmill.pipeline.text.reading_order import Box
from ocrmill.pipeline.text.words import Piece, Word

RUNNING = (
    "The ferry leaves the north quay at seven in the morning and comes back with the tide; in summer it carries "
    "walkers and their dogs, in winter mostly coal, and on the first Saturday of each month the doctor."
)


def row(text: str, number: int) -> list[Word]:
    words, x = [], 50.0
    for part in text.split():
        box = Box(x, 100 + 12 * number, x + 5.0 * len(part), 110 + 12 * number)
        words.append(Word((Piece(part, box, 10.0),), box, 108 + 12 * number, number))
        x = box.x1 + 2.5
    return words


def rows(text: str) -> list[list[Word]]:
    return [row(line.strip(), n) for n, line in enumerate(text.strip().splitlines())]


def wrapped(width: int) -> list[list[Word]]:
    """Running text set to a width in characters."""
    lines = [""]
    for word in RUNNING.split():
        if len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] += f" {word}"
    return rows("\n".join(lines))


@pytest.mark.parametrize(
    "text",
    [
        "Hartley & Sons\nUnit 7, Dockside Park\nHull HU3 2XX\nUnited Kingdom",
        "Margaret Lowe\nHead of Planning\nRidgeway Council",
        "Report no.: IR-2291\nReported by: S. Varga",
        "Phone: 0123 456 789 and 790\nFax: 780\nharbour@northbay.example",
        "abbey, 260, 231\nanchor, 11, 77, 225\nbridge of, 260\narchive, 287, 125\nbridge, 285, 131, 163",
        "The tide goes out, the lamps go down,\nthe grey gulls walk the sand,\nand all the bells of Harbour Town\n"
        "are carried far inland.",
        "O ferryman, I have no coin to pay,\nno silver, and no copper, and no gold;\nI have a song I made along it,"
        "\nand I am tired, and the road is cold.\nHe said: A song is good enough for me.\nSit down, and mind the oar.",
    ],
)
def test_a_line_with_room_for_the_next_word_ends_by_will(text: str) -> None:
    """Addresses, signatures, labels with values, entries of an index and verses stay lines."""
    assert are_kept(rows(text))


def set_in(found: list[list[Word]], count: int, width: float) -> list[list[Word]]:
    """Rows with the first `count` of them set in by so many points."""
    moved = []
    for n, line in enumerate(found):
        x = width if n < count else 0.0
        moved.append(
            [word._replace(box=Box(word.box.x0 + x, word.box.y0, word.box.x1 + x, word.box.y1)) for word in line]
        )
    return moved


@pytest.mark.parametrize("count", [2, 3])
def test_lines_beside_a_large_first_letter_have_no_more_room(count: int) -> None:
    """Room is what is left up to the right edge: lines that begin further in are shorter, and no verse."""
    lines = wrapped(44 - 10)[:count] + wrapped(44)[count:]
    assert are_kept(lines)
    assert not are_kept(set_in(lines, count, 50.0))


@pytest.mark.parametrize("width", range(24, 80))
def test_running_text_of_any_width_is_no_verse(width: int) -> None:
    """Each line ends where the next word has no room."""
    assert not are_kept(wrapped(width))


def test_a_paragraph_that_begins_with_a_short_line_is_running_text() -> None:
    """One line that ends early, and a full stop at its end, are what a title or a paragraph before leaves."""
    assert not are_kept([row("Trainee", 0), *wrapped(40)])
    assert not are_kept([row("They came late.", 0), *wrapped(60)])


def test_prose_whose_lines_begin_with_capitals_is_running_text() -> None:
    """In a narrow column of German that is so by chance; in names and addresses most words have capitals."""
    assert not are_kept(rows("Der alte Hafen liegt\nAm Fluss und hat nun\nViele neue, hohe Kräne"))


def test_words_cut_at_line_ends_are_joined() -> None:
    """A hyphen at the end of a line shows running text."""
    assert not are_kept(rows("Hartley & Sons\nDock-\nside Park\nHull"))


def test_stanzas_beside_one_of_verses_are_verses() -> None:
    """Verses of even length tell nothing by themselves; a paragraph of other height, edge or width is none."""
    even = "The harbour lies in silver light\nand every boat has found its rope\nthe gulls are turning into night"
    told = rows("A woman carries in her hand\na basket full of silver fish\nshe walks across the cooling sand")
    wide = wrapped(60)
    assert [are_kept(rows(even)), are_kept(told), len(told), len(wide) >= 3] == [False, True, 3, True]

    assert kept_paragraphs([rows(even), rows(even), told, rows(even)]) == [True] * 4
    assert kept_paragraphs([wide[:3], told, wide]) == [False, True, False]
    assert kept_paragraphs([rows(even), wide[:3], told]) == [False, False, True]


def test_a_paragraph_that_goes_on_in_the_next_column_has_no_lines_of_its_own() -> None:
    """Its first lines are not set in, but those of another column."""
    for count in (1, 2):
        assert not are_kept(set_in(wrapped(44), count, 180.0))


@pytest.mark.parametrize(
    ("text", "is_kept"),
    [
        ("John Harland\nHarbour master", True),
        ("John Harland\nhas come home", False),
        ("The Harbour Office of Northbay and the Council\nof Ridgeway", False),
    ],
)
def test_two_lines_of_names_are_known_by_the_column_around_them(text: str, *, is_kept: bool) -> None:
    """The first one ends long before the edge of the other paragraphs; alone, two lines tell nothing."""
    assert kept_paragraphs([wrapped(60), rows(text)]) == [False, is_kept]
    assert kept_paragraphs([rows(text)]) == [False]
