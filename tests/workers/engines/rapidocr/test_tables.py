"""Rows of recognized lines, as the detector gives them: boxes taller than their type, and uneven by a few points."""

import random
import re

from ocrmill.pipeline.text.paragraphs import Line, Written
from ocrmill.pipeline.text.reading_order import Box
from ocrmill.workers.engines.rapidocr.tables import written_lines

ROWS = (
    ("Item", "2023", "2024", "Change"),
    ("Flour and salt", "1,204.50", "1,310.00", "+8.8 %"),
    ("Bread", "87.25", "-12.40", "(114.2)"),
    ("Lamps", "n/a", "0", "1"),
    ("Repair of the bridge", "98,450.00", "-1.5", "12"),
)
PROSE = "The mill stands beside the river and works when the tide comes in every winter."
RATIO = 1.4


def line(text: str, x: float, y: float, *, right: bool = False, height: float = 14.0) -> Line:
    """A line whose box begins at x, or ends there, 6 points a character."""
    width = 6.0 * len(text)
    box = Box(x - width, y, x, y + height) if right else Box(x, y, x + width, y + height)
    return Line(text, box, height, shown=box)


def table(rows: tuple[tuple[str, ...], ...], top: float, step: float = 18.0) -> list[Line]:
    """Names on the left, numbers set to the right of their columns, boxes uneven by a point."""
    dice = random.Random(1)
    return [
        line(text, 60 if column == 0 else 220 + 90 * column, top + n * step + dice.uniform(-1, 1), right=column > 0)
        for n, row in enumerate(rows)
        for column, text in enumerate(row)
        if text
    ]


def shuffled(lines: list[Line]) -> list[Line]:
    random.Random(2).shuffle(lines)
    return lines


def written(lines: list[Line]) -> list[Written]:
    blocks, doubtful = written_lines(shuffled(lines), RATIO)
    assert not doubtful
    return blocks


def test_rows_of_numbers_are_a_table_between_the_text_around_it() -> None:
    """Rows with numbers in three columns and more become a table, which the line right below it is no part of."""
    blocks = written([line(PROSE, 60, 40), *table(ROWS, 80), line(PROSE, 60, 172)])

    assert [block.label for block in blocks] == ["text", "table", "text"]
    assert blocks[1].text.splitlines() == [
        "| Item | 2023 | 2024 | Change |",
        "| --- | --- | --- | --- |",
        *(f"| {' | '.join(row)} |" for row in ROWS[1:]),
    ]
    assert (blocks[0].text, blocks[2].text) == (PROSE, PROSE)
    assert 79 <= blocks[1].box.y0 < blocks[1].box.y1 <= 167


def test_an_empty_cell_stays_empty() -> None:
    """A number does not move into the column beside it if that has none in its row."""
    rows = (*ROWS[:2], ("Salt", "", "3.10", "4"), *ROWS[2:])
    text = written(table(rows, 80))[0].text

    assert "| Salt |  | 3.10 | 4 |" in text.splitlines()


def test_a_heading_above_a_table_is_judged_by_the_type_of_the_page() -> None:
    """The only line above a table is a heading if its type is larger than the table's."""
    blocks = written([line("Accounts", 60, 40, height=28), *table(ROWS, 90)])

    assert [block.text.splitlines()[0] for block in blocks] == ["# Accounts", "| Item | 2023 | 2024 | Change |"]


def test_columns_of_prose_are_no_table() -> None:
    """Three columns of text are read one after the other, numbers in their sentences or not."""
    columns = [
        line(f"{word} 17 and 1985 mills", 40 + 170 * column, 60 + 15 * n)
        for column, word in enumerate(("first", "second", "third"))
        for n in range(8)
    ]
    blocks = written(columns)

    assert [block.text.split()[0] for block in blocks] == ["first", "second", "third"]


def test_names_with_values_stay_lines() -> None:
    """Two lines beside each other are a name and its value: no table, and no doubt about one."""
    pairs = [part for n in range(6) for part in (line("Amount", 60, 60 + 24 * n), line("1,200.00", 300, 60 + 24 * n))]

    assert {block.label for block in written(pairs)} == {"text"}


def test_dots_that_lead_to_figures_are_of_a_table() -> None:
    """Accounts lead from a name to its figures by dots, which stay with the name."""
    rows = tuple((f"{name} {'.' * 12}", "1,204.50", "87.25") for name in ("Flour", "Bread", "Salt", "Lamps"))
    text = written(table(rows, 80))[0].text

    assert [row.split("|")[2:4] for row in text.splitlines() if "204" in row] == [[" 1,204.50 ", " 87.25 "]] * 4


def test_a_table_in_doubt_is_flagged_and_stays_text() -> None:
    """Rows of numbers that the rules for tables do not take, here an index beside another, stay text with a flag."""
    names = (("Flour", "Salt"), ("Bread", "Lamps"), ("Coal", "Rope"), ("Dues", "Sails"))
    rows = tuple((f"{one} {'.' * 12}", "1,204", f"{other} {'.' * 12}", "87") for one, other in names)
    lines = table(rows, 80)
    blocks, doubtful = written_lines(shuffled(lines), RATIO)

    assert doubtful
    assert "table" not in {block.label for block in blocks}
    assert sorted(" ".join(block.text for block in blocks).split()) == sorted(" ".join(sum(rows, ())).split())


def test_what_stands_between_two_rows_mixes_with_neither() -> None:
    """A number set in the middle of two rows is in its own column; a star's box is small and high, but on its row."""
    rows = (("OTSL", "0.965", "0.934"), ("HTML", "0.969", "0.927"), ("OTSL", "*", "0.904"), ("HTML", "0.952", "0.909"))
    lines = table((("Kind", "2023", "2024"), *rows), 65, step=15)
    lines += [line("No", 20, 65), line("64", 20, 80 + 7.5), line("48", 20, 110 + 7.5)]
    star = next(each for each in lines if each.text == "*")
    lines[lines.index(star)] = line("*", star.box.x0, star.box.y0 + 1, height=5)
    text = written(lines)[0].text.replace("\\*", "*")
    cells = [re.split(r"\s*\|\s*|</?t[dhr][^>]*>", row) for row in text.splitlines()]
    found = [[cell for cell in row if cell] for row in cells]

    assert [row[-3:] for row in found if row[-3:] in map(list, rows)] == [list(row) for row in rows]
    assert {row[0] for row in found} >= {"64", "48"}
