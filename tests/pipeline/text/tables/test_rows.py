"""Lines of a table begin rows of their own, or go on in the row above."""

from collections.abc import Sequence

from ocrmill.pipeline.text.reading_order import Box
from ocrmill.pipeline.text.tables.chunks import chunks_of, text_lines
from ocrmill.pipeline.text.tables.columns import find_columns
from ocrmill.pipeline.text.tables.grid import build_tables
from ocrmill.pipeline.text.tables.rows import lines_of, row_starts
from ocrmill.pipeline.text.tables.rules import Rules
from ocrmill.pipeline.text.words import Piece, Word


def starts_of(*rows: str) -> list[bool]:
    """Tell which lines of single letters 14 points apart begin a row; columns are 20 points wide."""
    words = []
    for n, row in enumerate(rows):
        for column, letter in enumerate(row):
            box = Box(20 * column, 14 * n - 8, 20 * column + 8, 14 * n + 2)
            words.append(Word((Piece(letter, box, 10.0),), box, 14 * n, n))
    chunks = chunks_of(text_lines(words), Rules())
    columns = find_columns(chunks, Rules(), tuple)
    return row_starts(lines_of(chunks, columns), [], columns, Rules(), tuple)


def test_single_letters_below_each_other_are_of_several_rows() -> None:
    """A cell breaks no line after one letter, although its column is no wider."""
    assert starts_of("cab", "adc", "bbd") == [True, True]


def table_of(rows: Sequence[tuple[str, ...]], hint: list[float]) -> tuple[int, int]:
    """Count the rows of a table with lines 12 points apart, and how often a model is asked for its borders."""
    words = []
    asked = 0
    for n, row in enumerate(rows):
        for column, text in enumerate(row):
            box = Box(100 * column, 12 * n - 8, 100 * column + 5 * len(text), 12 * n + 2)
            words.append(Word((Piece(text, box, 10.0),), box, 12 * n, n))

    def ask() -> tuple[list[float], list[float]]:
        nonlocal asked
        asked += 1
        return hint, []

    (table,) = build_tables(words, Rules(), ask) or []
    return table.rows, asked


def test_a_model_is_asked_where_words_do_not_decide() -> None:
    """Rows of numbers are rows, whatever it sees; text below text is a row or goes on, as it sees borders."""
    numbers = [("Oil", "12", "8.5"), ("Salt", "9", "14.0"), ("Olives", "31", "2.5"), ("Wine", "4", "7.25")]
    texts = [("Oil", "pressed cold"), ("Salt", "dried in pans"), ("Olives", "from the hills"), ("Wine", "of the coast")]

    assert table_of(numbers, [15.0]) == (4, 0)
    assert table_of(texts, [6.0, 18.0, 30.0])[0] == 4
    assert table_of(texts, [18.0])[0] == 2


def test_a_mean_and_its_deviation_begin_a_row_though_they_fill_their_column() -> None:
    """Cells of numbers, others in brackets, need no rule between their rows where the header has some."""
    values = ("0.11 (0.02)", "0.17 (0.02)", "0.13 (0.01)", "0.20 (0.02)", "0.66 (0.05)", "1.05 (0.08)")
    words = []
    for n, row in enumerate([("Site", *"abcdef"), ("North quay", *values), ("South quay", *values[::-1])]):
        for column, cell in enumerate(row):
            x = 70.0 * column
            for text in cell.split():
                box = Box(x, 14 * n - 8, x + 5 * len(text), 14 * n + 2)
                words.append(Word((Piece(text, box, 10.0),), box, 14 * n, n))
                x = box.x1 + 3
    rules = Rules(tuple(Box(0, y, 480, y) for y in (-12, 4, 32)))

    (table,) = build_tables(words, rules) or []

    assert table.rows == 3


def test_lines_that_look_alike_are_taken_alike() -> None:
    """A model that misses the border below one name of a section in three does not put it into a row of numbers."""
    rows = [
        ("District one", ""),
        ("Pima", "206"),
        ("Yuma", "12"),
        ("District two", ""),
        ("Gila", "146"),
        ("Pinal", "9"),
    ]
    rows += [("District six", ""), ("Mohave", "31"), ("Navajo", "8")]
    borders = [12.0 * n - 3 for n in range(1, len(rows))]

    assert table_of(rows, borders)[0] == len(rows)
    assert table_of(rows, [y for y in borders if y != 12.0 * 4 - 3])[0] == len(rows)


def word(text: str, x: float, baseline: float, line: int) -> Word:
    """Set a word in type of 10 points."""
    box = Box(x, baseline - 8, x + 5 * len(text), baseline + 2)
    return Word((Piece(text, box, 10.0),), box, baseline, line)


def test_each_box_beside_a_text_of_several_rows_is_a_row() -> None:
    """Browsers draw a frame for each cell; a description beside four of them has its lines at the height of theirs."""
    words = []
    frames = [Box(97, 0, 400, 168)]
    for row in range(4):
        frames += [Box(0, 42 * row, 62, 42 * row + 40), Box(65, 42 * row, 94, 42 * row + 40)]
        for n, text in enumerate(("Source", "Latitude", "DMS")):
            words.append(word(text, 2, 42 * row + 10 + 12 * n, 3 * row + n))
        words.append(word("120", 67, 42 * row + 22, 3 * row + 1))
    for n in range(13):
        words += [
            word(text, x, 10 + 12 * n, 20 + n) for text, x in (("Coordinates", 100), ("of", 160), ("places", 175))
        ]
    edges = [Box(box.x0, y, box.x1, y) for box in frames for y in (box.y0, box.y1)]
    sides = [Box(x, box.y0, x, box.y1) for box in frames for x in (box.x0, box.x1)]

    (table,) = build_tables(words, Rules(tuple(edges), tuple(sides))) or []
    cells = {(cell.row, cell.column): (cell.row_span, " ".join(one.text for one in cell.words)) for cell in table.cells}
    assert [cells[row, 0] for row in range(4)] == [(1, "Source Latitude DMS")] * 4
    assert [cells[row, 1] for row in range(4)] == [(1, "120")] * 4
    assert cells[0, 2][0] == 4
    assert table.header_rows == 0


def test_numbers_that_count_on_begin_rows_whatever_stands_beside_them() -> None:
    """Items of a form are rows of their own though the lines for their values lie at their height, and texts wrap."""
    lines = [
        (-16, {0: "No.", 30: "Taxes", 330: "2007"}),
        (0, {0: "1", 30: "State taxes", 250: "1"}),
        (14, {0: "2", 30: "Taxes of the district where the", 250: "2"}),
        (26, {30: "house of the office stands"}),
        (40, {0: "3", 30: "Add lines 1 and 2", 250: "3"}),
    ]
    words = [word(text, x, y, y) for y, cells in lines for x, text in cells.items()]
    values = [Box(270, y - 2, 340, y - 2) for y in (0, 14, 40)]
    rules = Rules(tuple(values), tuple(Box(x, -20, x, 50) for x in (240.0, 265.0)))

    (table,) = build_tables(words, rules) or []

    assert [[one.text for one in cell.words] for cell in table.cells if cell.column == 0] == [
        ["No."],
        ["1"],
        ["2"],
        ["3"],
    ]
    texts = [[one.text for one in cell.words] for cell in table.cells if cell.column == 1]
    assert texts[2] == ["Taxes of the district where the", "house of the office stands"]


def test_a_text_between_two_lines_stays_on_its_side_of_a_rule() -> None:
    """Cells of two lines in low rows reach into no other row if a rule as long as they are parts the rows."""
    words = [word("Year", 0, 0, 0), word("Meaning of the grade", 60, 0, 0), word("Grade", 230, 0, 0)]
    for n, year in enumerate(("2021", "2020", "2019")):
        y = 20.0 + 24 * n
        words += [
            word(year, 0, y, 10 * n),
            word("AA+", 230, y, 10 * n),
            word("able to repay its debts", 60, y - 6, 10 * n + 1),
            word("in most conditions", 60, y + 6, 10 * n + 2),
        ]
    across = tuple(Box(-5, y, 260, y) for y in (-12.0, 5.0, 29.0, 53.0, 77.0))
    rules = Rules(across, tuple(Box(x, -12, x, 77) for x in (-5.0, 50.0, 220.0, 260.0)))

    (table,) = build_tables(words, rules) or []

    cells = [(cell.row, cell.row_span, len(cell.lines)) for cell in table.cells if cell.column == 1]
    assert cells == [(0, 1, 1), (1, 1, 2), (2, 1, 2), (3, 1, 2)]


def test_a_letter_that_reaches_over_a_rule_joins_no_columns() -> None:
    """Columns that a rule parts stay two though a heading stands on the rule, a hair's breadth to its left."""
    words = [word("Left list", 20, -14, 0), word("Right list", 120, -14, 0), word("Y", 99.5, 0, 1)]
    for n in range(1, 7):
        words += [word("a line of the left", 9.8, 14.0 * n, n + 1), word("a line of the right", 106, 14.0 * n, n + 1)]
    frame = tuple(Box(0, y, 210, y) for y in (-26.0, 4.0, 90.0))
    rules = Rules(frame, tuple(Box(x, 4 if x == 100 else -26, x, 90) for x in (0.0, 100.0, 210.0)))

    (table,) = build_tables(words, rules) or []

    assert table.columns == 2
