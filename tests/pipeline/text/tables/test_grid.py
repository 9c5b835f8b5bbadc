"""Words of a region become tables whose cells hold each word once, or nothing."""

from collections.abc import Iterator

import pymupdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_words import words_of
from made_tables import KINDS, made_table
from real_pdfs import SHARED, needs_cases, needs_corpus

from ocrmill.pipeline.text.reading_order import Box
from ocrmill.pipeline.text.tables.grid import build_tables
from ocrmill.pipeline.text.tables.rules import Rules, page_rules
from ocrmill.pipeline.text.tables.table import Table
from ocrmill.pipeline.text.words import Piece, Word

HELD_BACK = range(9_000, 9_000 + 9 * 20)  # seeds on which no constant was tuned
RECALL = {  # share of cells that come out with their text, place and span, without a layout model's hint
    "ruled": 0.99,
    "booktabs": 0.98,
    "borderless": 0.98,
    "spans": 0.88,
    "wrapped": 0.97,
    "decimal": 0.98,
    "narrow": 0.97,
    "sections": 0.96,
    "row_spans": 0.96,
}
PROSE = (
    "The ferry leaves the north quay at seven in the morning and comes back with the tide. In summer it carries "
    "walkers and their dogs, in winter mostly coal, and on the first Saturday of the month the doctor. Nobody has "
    "ever seen it leave late, although the bell in the harbour office has been slow for as long as anyone remembers. "
) * 2


def word(text: str, x: float, baseline: float, size: float = 10) -> Word:
    box = Box(x, baseline - 0.8 * size, x + 0.5 * size * len(text), baseline + 0.2 * size)
    return Word((Piece(text, box, size),), box, baseline, 0)


def test_the_rest_of_a_ruled_table_is_a_table() -> None:
    """A page may have the end of one cell and one row of a table: rules around all cells tell it."""
    words = grid_words(("", "and the hose"), ("Pump", "is dry"))
    level = [Box(-5, y, 160, y) for y in (-12, 4, 18)]
    upright = [Box(x, -12, x, 18) for x in (-5, 75, 160)]

    (table,) = build_tables(words, Rules(tuple(level), tuple(upright))) or []

    assert rows_of(table) == [["", "and the hose"], ["Pump", "is dry"]]
    assert build_tables(words, Rules((), tuple(upright))) is None


def grid_words(*rows: tuple[str, ...], columns: tuple[float, ...] = (0, 80)) -> list[Word]:
    """Words of cells that begin at these xs, rows 14 points apart."""
    found = []
    for r, row in enumerate(rows):
        for left, cell in zip(columns, row, strict=True):
            x = left
            for text in cell.split():
                found.append(word(text, x, 14 * r))
                x = found[-1].box.x1 + 3
    return found


def rows_of(table: Table) -> list[list[str]]:
    """The texts of the cells row by row, a cell that spans once."""
    return [
        [" ".join(word.text for word in cell.words) for cell in table.cells if cell.row == row]
        for row in range(table.rows)
    ]


def tables_in(path: str, page: int, region: Box | None = None, corpus: str = "corpus") -> list[Table] | None:
    with pymupdf.open(SHARED / corpus / path) as document:
        return build_tables(words_of(document[page], region), page_rules(document[page]))


@pytest.mark.parametrize("kind", KINDS)
def test_cells_of_unseen_tables_come_out_whole(kind: str) -> None:
    """Text, place and span of nearly all cells are right on tables that nothing was tuned on."""
    right = total = 0
    for seed in HELD_BACK[KINDS.index(kind) :: len(KINDS)]:
        made = made_table(seed)
        tables = build_tables(words_of(made.page), page_rules(made.page)) or []
        found = {
            (cell.row, cell.column, cell.row_span, cell.column_span, " ".join(word.text for word in cell.words))
            for cell in (tables[0].cells if len(tables) == 1 else ())
        }
        right, total = right + len(found & made.cells), total + len(made.cells)

    assert right >= RECALL[kind] * total


@st.composite
def scattered_words(draw: st.DrawFn) -> list[Word]:
    """Words on and off a grid, some of them over others."""
    places = st.tuples(st.integers(0, 4), st.integers(0, 6), st.sampled_from([0.0, 0.0, 0.0, 3.0, 6.0, 20.0]))
    texts = st.text("ab1.,-|<&", min_size=1, max_size=12)
    sizes = st.sampled_from([6.0, 10.0, 10.0, 10.0, 14.0])
    found = draw(st.lists(st.tuples(places, texts, sizes), max_size=40))
    return [word(text, 70 * column + off, 14 * row + off / 2, size) for (column, row, off), text, size in found]


@st.composite
def scattered_rules(draw: st.DrawFn) -> Rules:
    ends = st.tuples(st.integers(-10, 400), st.integers(0, 400), st.integers(-10, 110))
    flat = [Box(x, y, x + length, y) for x, length, y in draw(st.lists(ends, max_size=8))]
    upright = [Box(x, y, x, y + length) for x, length, y in draw(st.lists(ends, max_size=8))]
    return Rules(tuple(flat), tuple(upright))


@given(
    scattered_words(),
    scattered_rules(),
    st.none() | st.tuples(st.lists(st.floats(-10, 110), max_size=6), st.lists(st.floats(-10, 400), max_size=6)),
    st.booleans(),
)
@settings(max_examples=400)
def test_every_word_lies_in_one_cell(
    words: list[Word], rules: Rules, hint: tuple[list[float], list[float]] | None, right_to_left: bool
) -> None:
    """Whatever words, rules and hints are: no table comes out, or each word as it is in one cell, and cells tile it."""
    tables = build_tables(words, rules, None if hint is None else lambda: hint, right_to_left=right_to_left)

    if tables is not None:
        assert sorted(map(id, (word for table in tables for word in table.words))) == sorted(map(id, words))
        for table in tables:
            assert min(table.rows, table.columns) > 1
            assert sorted(_places(table)) == [(r, c) for r in range(table.rows) for c in range(table.columns)]


def _places(table: Table) -> Iterator[tuple[int, int]]:
    for cell in table.cells:
        for row in range(cell.row, cell.row + cell.row_span):
            for column in range(cell.column, cell.column + cell.column_span):
                yield row, column


@pytest.mark.parametrize("columns", [1, 2, 3])
@pytest.mark.parametrize("size", [8, 10, 12])
def test_prose_is_no_table(columns: int, size: int) -> None:
    """Paragraphs in one column or several are no table, though a model says so."""
    with pymupdf.open() as document:
        page = document.new_page()
        width = 480 / columns
        for column in range(columns):
            box = pymupdf.Rect(60 + column * width, 60, 60 + (column + 1) * width - 15, 700)
            page.insert_textbox(box, PROSE, fontsize=size, align=pymupdf.TEXT_ALIGN_JUSTIFY)
        words = words_of(page)

        assert build_tables(words, Rules()) is None
        assert build_tables(words, Rules(), lambda: ([], [60 + n * width - 8 for n in range(1, columns)])) is None


def test_a_list_is_no_table() -> None:
    """Bullets or numbers before text are no column."""
    lines = [(f"{n}.", "pier office") for n in range(1, 6)]
    words = [word(text, x, 14 * n) for n, line in enumerate(lines) for x, text in zip((0, 40), line, strict=True)]

    assert build_tables([*words], Rules()) is None


def test_a_contents_page_is_no_table() -> None:
    """Dots that lead to page numbers are not cells."""
    words = []
    for n, title in enumerate(["Introduction", "Method", "Results", "Index"]):
        words += [word(title, 0, 14 * n), *(word(".", x, 14 * n) for x in range(80, 260, 8)), word(str(n), 280, 14 * n)]

    assert build_tables(words, Rules()) is None


def ruled_grid(page: pymupdf.Page, y: float, right: float = 300) -> None:
    """Draw a ruled table of two rows and two columns, 40 points high."""
    for n in range(3):
        page.draw_line((50, y + 20 * n), (right, y + 20 * n))
        page.draw_line((50 + (right - 50) / 2 * n, y), (50 + (right - 50) / 2 * n, y + 40))
    for place in range(4):
        x = 55 + (right - 50) / 2 * (place % 2)
        page.insert_text((x, y + 14 + 20 * (place // 2)), f"cell {place}", fontsize=10)


def test_ruled_grids_below_each_other_are_tables_of_their_own() -> None:
    """A model may take two tables for one: each ruled grid is a table, and text between them leaves doubt."""
    with pymupdf.open() as document:
        page = document.new_page()
        ruled_grid(page, 50)
        ruled_grid(page, 150, right=400)

        tables = build_tables(words_of(page), page_rules(page))
        page.insert_text((50, 125), "A caption between them", fontsize=10)

        assert tables is not None
        assert [rows_of(table) for table in tables] == [[["cell 0", "cell 1"], ["cell 2", "cell 3"]]] * 2
        assert build_tables(words_of(page), page_rules(page)) is None


def test_justified_text_across_columns_is_not_cut() -> None:
    """Blanks that justified text stretches are no borders; the edge of a cell that ends in one tells it apart."""
    rows = [("Part", "Notes and remarks", "Cost"), ("Lens", "grinds", "12.5"), ("Oil", "smooth", "0.3")]
    words = grid_words(*rows, columns=(0, 80, 240))
    stretched = [word(text, x, 42) for text, x in (("Lamp", 0), ("burns", 80), ("by", 113), ("the", 131), ("old", 154))]
    stretched = [
        Word(w.pieces, w.box, w.baseline, 7) for w in [*stretched, word("rope", 177, 42), word("7.25", 240, 42)]
    ]

    (table,) = build_tables([*words, *stretched], Rules()) or []

    assert rows_of(table)[3] == ["Lamp", "burns by the old rope", "7.25"]


def test_no_words_are_no_table() -> None:
    """An empty region has no table."""
    assert build_tables([], Rules()) is None


def test_an_underline_is_no_border() -> None:
    """A rule right below a word and as long as it parts no rows."""
    words = grid_words(("Pier", "12"), ("Quay", "7"), ("Dock", "30"))
    rules = Rules(tuple(Box(w.box.x0, w.baseline + 1, w.box.x1, w.baseline + 1) for w in words))

    tables = build_tables(words, rules)

    assert tables is not None
    assert rows_of(tables[0]) == [["Pier", "12"], ["Quay", "7"], ["Dock", "30"]]


def test_columns_of_a_right_to_left_table_begin_at_the_right() -> None:
    """The first cell of a row is the one that is read first."""
    words = grid_words(("Pier", "12"), ("Quay", "7"), ("Dock", "30"))

    tables = build_tables(words, Rules(), right_to_left=True)

    assert tables is not None
    assert rows_of(tables[0]) == [["12", "Pier"], ["7", "Quay"], ["30", "Dock"]]


@needs_cases
def test_tables_beside_each_other_keep_their_rows() -> None:
    """Two tables whose rows stand half a line apart are two, and no number loses its commas."""
    tables = tables_in("01-two-tables-side-by-side-tear-letters.pdf", 0, Box(0, 45, 612, 565), "cases/pages")

    assert tables is not None
    assert [table.columns for table in tables] == [3, 3]
    assert ["4,344,902", "Philippine Quay Company", "8,252,513"] in rows_of(tables[0])
    assert all(len(row) in (1, 3) for table in tables for row in rows_of(table))


@needs_cases
def test_text_across_all_columns_is_one_cell() -> None:
    """Rows that span a ruled table hold their sentence in full."""
    (table,) = tables_in("07-words-cut-across-cells.pdf", 0, None, "cases/pages") or []

    assert rows_of(table)[1] == ["Oct. 25", "Northbay, Pier Road", "Cargo vessel", "substantial", "6 hurt"]
    assert rows_of(table)[2] == [
        "The vessel was on a charter voyage from Northbay to the outer islands when the pump failed; "
        "the crew closed the hatch and waited for the tug."
    ]


@needs_corpus
def test_numbers_keep_their_points() -> None:
    """The table of results in a paper has each value in its row, with its decimal point."""
    (table,) = tables_in("DeepSeek_OCR2_paper.pdf", 8, Box(74, 150, 520, 500)) or []

    assert (table.rows, table.columns, table.header_rows) == (29, 8, 1)
    assert ["PaddleOCR-VL [12]", "-", "92.86", "0.035", "91.22", "90.89", "94.76", "0.043"] in rows_of(table)
    assert ["Pipline"] in rows_of(table)


@needs_corpus
def test_cells_of_two_rows_and_headings_of_three_columns() -> None:
    """A paper's table has its wrapped and spanning headings, and cells of two rows, as they are printed."""
    (table,) = tables_in("2305.03393v1-pg9.pdf", 0, Box(143, 340, 472, 468)) or []

    assert rows_of(table)[:4] == [
        ["# enc-layers", "# dec-layers", "Language", "TEDs", "mAP (0.75)", "Inference time (secs)"],
        ["simple", "complex", "all"],
        ["6", "6", "OTSL", "0.965", "0.934", "0.955", "0.88", "2.73"],
        ["HTML", "0.969", "0.927", "0.955", "0.857", "5.39"],
    ]
    assert table.header_rows == 2


def test_a_number_that_goes_on_below_begins_no_row() -> None:
    """A last group of digits in the next line makes a number whole: its row is one."""
    rows = [("Place", "Fares"), ("Pier", "1,342,67"), ("", "3"), ("Quay", "4,081,55"), ("", "2"), ("Mill", "3,500")]
    tables = build_tables(grid_words(*rows), Rules(), None, right_to_left=False)
    assert tables is not None
    (table,) = tables
    texts = [["".join(word.text for word in cell.words) for cell in table.cells if cell.column == n] for n in (0, 1)]

    assert texts == [["Place", "Pier", "Quay", "Mill"], ["Fares", "1,342,673", "4,081,552", "3,500"]]


def test_signs_of_currency_in_a_column_of_their_own_are_of_the_number_after_them() -> None:
    """Accounts set `$` and `)` apart from their numbers; neither goes to the number of the next year."""
    words = grid_words(
        ("Cash", "$", "1,204", "", "$", "988", ""),
        ("Receivables", "", "(312", ")", "", "415", ""),
        ("Inventory", "", "77", "", "", "(81", ")"),
        ("Total assets", "$", "969", "", "$", "1,322", ""),
        columns=(0, 90, 102, 132, 142, 154, 184),
    )

    (table,) = build_tables(words, Rules()) or []

    assert rows_of(table) == [
        ["Cash", "$ 1,204", "$ 988"],
        ["Receivables", "(312 )", "415"],
        ["Inventory", "77", "(81 )"],
        ["Total assets", "$ 969", "$ 1,322"],
    ]


def test_a_rule_below_other_columns_does_not_join_rows() -> None:
    """A rule may end the headers of all columns but the first, or a table beside: the first has no cell of two rows."""
    words = grid_words(
        ("", "2023", "", "2024", ""),
        ("Port", "Ships", "Cargo", "Ships", "Cargo"),
        ("North", "12", "1,200", "14", "1,310"),
        ("South", "7", "950", "3", "20"),
        columns=(0, 50, 100, 150, 200),
    )

    (table,) = build_tables(words, Rules((Box(48, 20, 240, 20),), ())) or []

    assert rows_of(table)[1:] == [
        ["Port", "Ships", "Cargo", "Ships", "Cargo"],
        ["North", "12", "1,200", "14", "1,310"],
        ["South", "7", "950", "3", "20"],
    ]


def test_tables_below_each_other_keep_their_own_columns() -> None:
    """Two tables come out if the columns of the lower one cross those of the upper one: no cell holds two numbers."""
    upper = (("Sales", "1,234", "1,100", "12"), ("Costs", "812", "799", "16"), ("Tax", "12", "3", "5"))
    lower = tuple((name, "450,295", "10,521,556") for name in ("Sweden", "India", "Peru", "Chile", "Ghana"))
    words = grid_words(*upper, columns=(0, 60, 110, 160))
    below = [moved(each, 14 * (len(upper) + 1)) for each in grid_words(*lower, columns=(0, 60, 125))]

    first, second = build_tables([*words, *below], Rules()) or []

    assert rows_of(first) == [list(row) for row in upper]
    assert rows_of(second) == [list(row) for row in lower]


def moved(one: Word, down: float) -> Word:
    """Return a word as far below."""
    box = Box(one.box.x0, one.box.y0 + down, one.box.x1, one.box.y1 + down)
    return Word((Piece(one.text, box, one.size),), box, one.baseline + down, 0)


NO_RULES = Rules((), ())


def test_times_below_each_other_are_of_several_rows() -> None:
    """Stops of a timetable, narrow as its columns are, and signs between times, fill one cell each."""
    rows = [
        ["Ashford", "05:00", "06:13", "07:26"],
        ["Brook End", "05:06", "|", "07:32"],
        ["Castle Hill", "|", "06:25", "07:38"],
        ["Dunmore", "05:24", "06:31", "07:44"],
    ]
    words = [
        word(part, 40 + 120 * (n > 0) + 45 * n + 6 * m * len("Castle"), 100 + 12 * row)
        for row, cells in enumerate(rows)
        for n, text in enumerate(cells)
        for m, part in enumerate(text.split())
    ]
    (table,) = build_tables(words, NO_RULES) or []
    assert rows_of(table) == rows


def test_a_column_may_begin_a_blank_beside_numbers() -> None:
    """Numbers set to the right and names set to the left touch but for a blank: each keeps its column."""
    rows = [["942", "+2.423", "b92"], ["3,837", "-8.037", "a30"], ["162", "16.317", "c81"], ["5", "0.1", "d7"]] * 2
    words = []
    for n, cells in enumerate(rows):
        for x, text in ((100, cells[0]), (200, cells[1])):
            words.append(word(text, x - 5 * len(text), 100 + 12 * n))
        words.append(word(cells[2], 203, 100 + 12 * n))
    (table,) = build_tables(words, NO_RULES) or []
    assert rows_of(table) == rows


def test_a_heading_is_of_the_column_in_its_turn() -> None:
    """A layout model may see a border between a heading and the numbers that are set to the right below it."""
    heads = ["Article", "Stock", "Share"]
    rows = [["granite", "942", "62.4"], ["timber", "3,837", "19.5"], ["copper", "162", "68.8"], ["rope", "6", "9.1"]]
    words = [word(text, x, 100) for text, x in zip(heads, (40, 160, 310), strict=True)]
    for n, (name, stock, share) in enumerate(rows, start=1):
        words.append(word(name, 40, 100 + 12 * n))
        words += [word(text, end - 5 * len(text), 100 + 12 * n) for text, end in ((stock, 290), (share, 440))]
    (table,) = build_tables(words, NO_RULES, lambda: ((), (240.0, 370.0))) or []
    assert rows_of(table) == [heads, *rows]
