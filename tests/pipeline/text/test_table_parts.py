"""Regions that a layout model calls tables become tables where their rules and the text between them say so."""

import pytest

from ocrmill.pipeline.text.contents.part import Part, lines_of
from ocrmill.pipeline.text.layout_model import TABLE, Region
from ocrmill.pipeline.text.reading_order import Box, enclosing
from ocrmill.pipeline.text.table_parts import (
    parted_tables,
    with_rest_of_tables,
    with_rows_of_numbers,
    with_ruled_tables,
    with_tables,
)
from ocrmill.pipeline.text.tables.rules import Rules
from ocrmill.pipeline.text.words import Piece, Word

CAPTION = "Table 2: the fares of all ferries in the winter of that year"


def line(text: str, x: float, baseline: float) -> list[Word]:
    words = []
    for piece in text.split():
        box = Box(x, baseline - 8, x + 5.0 * len(piece), baseline + 2)
        words.append(Word((Piece(piece, box, 10.0),), box, baseline, int(baseline)))
        x = box.x1 + 3
    return words


def rows(top: float, count: int) -> list[Word]:
    return [
        word
        for n in range(count)
        for x, text in ((60, f"Pier{n}"), (200, f"{n}.25"))
        for word in line(text, x, top + 15 * n)
    ]


def around(words: list[Word]) -> Box:
    return enclosing([word.box for word in words])


def grid(top: float, rows_below: int) -> Rules:
    ys = [top + 15 * n for n in range(rows_below + 1)]
    flat = [Box(50, y, 300, y) for y in ys]
    return Rules(tuple(flat), tuple(Box(x, ys[0], x, ys[-1]) for x in (50.0, 150.0, 300.0)))


def test_a_caption_across_a_region_parts_two_tables() -> None:
    """A region in which a caption stands alone on its line is cut there; the words of each side keep a region."""
    above, below, caption = rows(100, 4), rows(220, 4), line(CAPTION, 55, 190)
    words = [*above, *caption, *below]
    regions = [Region(TABLE, around(words)), Region("caption", around(caption))]
    found = [region.box for region in parted_tables(regions, words, Rules()) if region.label == TABLE]
    assert found == [around(above), around(below)]


def test_a_cell_of_text_parts_no_table() -> None:
    """Text with words beside it, or inside a ruled grid, is a cell: its region stays whole."""
    note = line(CAPTION, 55, 145)
    beside = [*rows(100, 3), *note, *line("12.50", 400, 145), *rows(160, 3)]
    regions = [Region(TABLE, around(beside)), Region("text", around(note))]
    assert parted_tables(regions, beside, Rules())[0] == regions[0]

    framed = [*rows(101, 3), *line("A note that goes over all of the columns of it", 52, 146), *rows(161, 3)]
    text = around([word for word in framed if word.baseline == 146])
    regions = [Region(TABLE, around(framed)), Region("text", text)]
    assert parted_tables(regions, framed, grid(90, 8))[0] == regions[0]


def test_a_table_ends_where_its_grid_does() -> None:
    """Rows of a ruled grid that the model leaves out belong to its table; a grid that it does not see is added."""
    words, rules = rows(101, 6), grid(90, 6)
    whole = Box(50, 90, 300, 180)
    seen = Region(TABLE, around(rows(101, 5)))
    (grown,) = with_ruled_tables([seen], words, rules)
    assert grown.label == TABLE
    assert grown.box == enclosing([seen.box, whole])
    assert with_ruled_tables([], words, rules) == [Region(TABLE, whole)]


@pytest.mark.parametrize("dots", [" ....... ", ".........."])
def test_entries_of_a_contents_page_are_a_list(dots: str) -> None:
    """A region of rows with leaders is no doubtful table: each entry is an item, with the rows before its dots."""
    texts = [f"1. Of ferries{dots}10", "2. Of quays and of the", f"harbour office{dots}12", f"3. Of coal{dots}14"]
    words = [word for n, text in enumerate(texts) for word in line(text, 60, 100 + 15 * n)]
    part = Part(TABLE, tuple(lines_of(words)), around(words))
    found = with_tables([part], Rules(), right_to_left=False)
    assert [(each.label, " ".join(line.text for line in each.lines)) for each in found] == [
        ("list", texts[0]),
        ("list", f"{texts[1]} {texts[2]}"),
        ("list", texts[3]),
    ]


def read_contents(*rows: tuple[str, str]) -> list[tuple[str, str]]:
    """The parts of a region that is called a table, of rows of a text and what stands at the right of it."""
    words = [
        word
        for n, (text, page) in enumerate(rows)
        for x, piece in ((60, text), (400 - 5.0 * len(page), page))
        for word in line(piece, x, 100 + 15 * n)
    ]
    region = Region(TABLE, around(words))
    parts = with_tables(
        [Part(TABLE, tuple(lines_of(words)), around(words), region=region)], Rules(), right_to_left=False
    )
    return [(part.label, " ".join(line.text for line in part.lines)) for part in parts]


def test_entries_without_dots_end_at_their_pages() -> None:
    """Chapters have none in most books; their pages stand below those that dots lead to."""
    rows = [
        ("1 Ferries", "1"),
        ("1.1 Of quays .....", "2"),
        ("2 Tides", "9"),
        ("2.1 Of the years", ""),
        ("1911 .....", "9"),
    ]

    assert read_contents(*rows) == [
        ("list", "1 Ferries 1"),
        ("list", "1.1 Of quays ..... 2"),
        ("list", "2 Tides 9"),
        ("list", "2.1 Of the years 1911 ..... 9"),
    ]


def test_texts_below_the_entries_of_a_contents_page_are_paragraphs() -> None:
    """Rows of dots between the lines of texts are entries, and those lines no doubtful table."""
    text = [
        ("What the ferry carries in summer. Of the dogs and", ""),
        ("of those who walk them to the quay and back.", ""),
    ]
    found = read_contents(("CHAPTER ONE: .......", "12"), *text, *text, ("CHAPTER TWO: .......", "31"), *text, *text)

    assert [label for label, _ in found] == ["list", "text"] * 2
    assert found[0][1] == "CHAPTER ONE: ....... 12"


def test_lines_of_text_that_nothing_stands_beside_are_no_table() -> None:
    """Prose of short lines is no column of a table if it is all that stands there; beside others, it may be one."""
    texts = ["of the tides that were", "seen in the winter when", "the bell of the harbour", "rang for all the boats"]
    words = [word for n, text in enumerate(texts) for word in line(text, 100 - 3.0 * n, 100 + 15 * n)]
    part = Part(TABLE, tuple(lines_of(words)), around(words), region=Region(TABLE, around(words)))
    beside = Part("text", tuple(lines_of(line("Monday", 300, 115))), Box(300, 107, 330, 117))

    assert TABLE not in [each.label for each in with_tables([part], Rules(), right_to_left=False)]
    assert TABLE in [each.label for each in with_tables([part, beside], Rules(), right_to_left=False)]


def test_columns_of_an_index_are_read_one_by_one() -> None:
    """Entries whose dots lead to pages end a column; a letter above its entries is a heading, and no part of them."""
    left = ("A", "anchor ....... 7", "apron ....... 12", "B", "barge ....... 3, 9")
    right = ("C", "cable ....... 4", "of crews ....... 5", "davit ....... 8", "deck ....... 31")
    below = line("dock ....... 77", 260, 175)  # the first column is shorter
    words = [
        word
        for n, pair in enumerate(zip(left, right, strict=True))
        for x, text in zip((60, 275 if "of" in pair[1] else 260), pair, strict=True)
        for word in line(text, x, 100 + 15 * n)
    ] + below
    parts = with_tables([Part(TABLE, tuple(lines_of(words)), around(words))], Rules(), right_to_left=False)
    read = [(part.label, " ".join(line.text for line in part.lines)) for part in parts]

    assert [text for _, text in read] == [*left, *right, "dock ....... 77"]
    assert [text for label, text in read if label == "heading"] == ["A", "B", "C"]
    assert {label for label, text in read if len(text) > 1} == {"list"}


@pytest.mark.parametrize(
    ("lines", "is_text"),
    [
        (["R Core Team", "2022"], True),
        (["fopen", "fclose", "printf", "fprintf"], False),  # may be one column of a table
        (["A sentence that fills its line from the left edge to the right one"] * 6, True),
    ],
)
def test_text_that_nothing_stands_beside_is_no_table(lines: list[str], *, is_text: bool) -> None:
    """A centred line, a page number or a page of prose that a layout model takes for a table is text without doubt."""
    words = [word for n, text in enumerate(lines) for word in line(text, 100, 100 + 15 * n)]
    parts = with_tables(
        [Part(TABLE, tuple(lines_of(words)), around(words), region=Region(TABLE, around(words)))],
        Rules((), ()),
        right_to_left=False,
    )

    assert all(part.table is None for part in parts)
    assert (TABLE not in [part.label for part in parts]) == is_text
    assert [word.text for part in parts for each in part.lines for word in each.words] == [word.text for word in words]


def numbers(gap: float, ends: str = "") -> list[Word]:
    """Six rows of eight numbers, set to the right in columns that are so far apart."""
    words = []
    for row in range(6):
        for column in range(8):
            text, right = f"{(row + 2) * (column + 3) * 7.31:.2f}{ends}", 60 + column * (30 + gap)
            words += line(text, right - 5 * len(text), 100 + 13 * row)
    return words


def test_rows_of_aligned_numbers_are_a_table() -> None:
    """A region of text that holds nothing but numbers in columns becomes a table, though no word is in it."""
    words = numbers(5)
    (region,) = with_rows_of_numbers([Region("text", around(words))], words)
    part = Part(region.label, tuple(lines_of(words)), region.box, region=region)
    ((table,),) = [[found.table for found in with_tables([part], Rules(), right_to_left=False)]]

    assert region.label == TABLE
    assert table is not None
    assert (table.rows, table.columns) == (6, 8)
    assert [len(list(cell.words)) for cell in table.cells] == [1] * 48


def test_numbers_of_a_text_are_no_table() -> None:
    """Enumerations, the digits of telephones, and numbers of a table or a picture leave a region as it is."""
    rows, listed, dialled = numbers(5), numbers(5, ","), numbers(2.5)
    for words in (listed, dialled):
        assert with_rows_of_numbers([Region("text", around(words))], words) == [Region("text", around(words))]
    for label in (TABLE, "picture"):
        regions = [Region(label, around(rows)), Region("text", around(rows))]
        assert with_rows_of_numbers(regions, rows) == regions


def test_a_numbered_list_that_is_set_in_columns_is_a_list() -> None:
    """Cells that count on down each column and from each to the next are items; rows that rules part are a table's."""
    trees = [
        "Oak",
        "Hornbeam",
        "Elm",
        "Sycamore",
        "Ash",
        "Chestnut",
        "Fir",
        "Hawthorn",
        "Yew",
        "Alder",
        "Pear",
        "Larch",
    ]
    texts = [f"{n}. {tree}" for n, tree in enumerate(trees, 1)]
    words = [word for n, text in enumerate(texts) for word in line(text, 60 + 120 * (n // 4), 101 + 15 * (n % 4))]
    part = Part(TABLE, tuple(lines_of(words)), around(words))
    found = with_tables([part], Rules(), right_to_left=False)
    assert [(each.label, each.lines[0].text) for each in found] == [("list", text) for text in texts]

    across = [word for n, text in enumerate(texts) for word in line(text, 60 + 120 * (n % 3), 101 + 15 * (n // 3))]
    for table, rules in (
        (words, Rules(tuple(Box(50, y, 400, y) for y in (90, 105, 120, 135, 150)))),
        (across, Rules()),
    ):
        part = Part(TABLE, tuple(lines_of(table)), around(table))
        (kept,) = with_tables([part], rules, right_to_left=False)
        assert kept.table is not None


def named_columns(*names: tuple[str, float]) -> list[Part]:
    """A heading of single words at their xs, and below it a table without rules with empty cells."""
    numbers = [[4.1, None, 6.7, None, 12.1], [None, 3.3, None, 7.9, None], [5.0, 5.1, None, None, 11.0]]
    columns = (107, 135, 163, 195, 225)
    header = [word for name, x in names for word in line(name, x, 100)]
    below = [word for n, name in enumerate(("Kew", "Leith", "Oban")) for word in line(name, 62, 115 + 15 * n)] + [
        word
        for n, row in enumerate(numbers)
        for value, x in zip(row, columns, strict=True)
        if value is not None
        for word in line(str(value), x, 115 + 15 * n)
    ]
    below.sort(key=lambda word: (word.baseline, word.box.x0))
    return [
        Part("heading", tuple(lines_of(header)), around(header)),
        Part(TABLE, tuple(lines_of(below)), around(below), region=Region(TABLE, around(below))),
    ]


def test_a_heading_that_names_the_columns_of_a_table_is_its_header() -> None:
    """Names of columns, as evenly apart as words of stretched text, are the first row of the table below them."""
    names = [("Station", 62), ("Jan", 107), ("Feb", 135), ("Mar", 163), ("Apr", 195), ("May", 225)]
    (part,) = with_tables(named_columns(*names), Rules((), ()), right_to_left=False)

    assert part.table
    assert part.table.header_rows == 1
    assert [" ".join(word.text for word in cell.words) for cell in part.table.cells][:6] == [name for name, _ in names]


def test_a_heading_that_names_no_columns_stays_one() -> None:
    """Words that stand across columns are a heading."""
    heading, table = with_tables(named_columns(("Rain at the stations", 62)), Rules((), ()), right_to_left=False)

    assert (heading.label, table.label) == ("heading", TABLE)


def test_a_heading_with_a_number_far_from_its_text_stays_one() -> None:
    """A name over several columns, as that of a table behind its number, is no name of one."""
    heading, _ = with_tables(
        named_columns(("Table7.1", 62), ("Rainfall_in_all_of_the_months", 110)), Rules((), ()), right_to_left=False
    )

    assert heading.label == "heading"


@pytest.mark.parametrize(
    ("text", "outside"),
    [("All fares are given in pounds of the realm and cents", True), ("Pier Fare", False)],
)
def test_a_framed_grid_ends_where_its_frame_does(text: str, *, outside: bool) -> None:
    """A line of text that the model takes into the table is none of its rows; a header in its columns is."""
    words = rows(100, 4)
    above = line(text, 60, 80) if outside else [*line("Pier", 60, 80), *line("Fare", 200, 80)]
    (region,) = with_ruled_tables([Region(TABLE, around([*above, *words]))], [*above, *words], grid(88, 4))

    assert any(region.box.contains_centre_of(word.box) for word in above) is not outside


@pytest.mark.parametrize(("rule", "tables"), [(170.0, 2), (None, 1)])
def test_rows_below_a_rule_of_their_own_are_another_table(rule: float | None, tables: int) -> None:
    """The model takes tables close below each other for one; the lower one begins with a rule apart from the grid."""
    upper, lower = rows(101, 4), rows(184, 3)
    framed = grid(90, 4)
    rules = Rules((*framed.horizontal, *([Box(50, rule, 300, rule)] if rule else [])), framed.vertical)
    words = [*upper, *lower]
    found = with_ruled_tables([Region(TABLE, around(words))], words, rules)

    assert len(found) == tables
    assert not rule or found[1].box == around(lower)


def test_the_rest_of_a_table_in_its_columns_is_of_it() -> None:
    """Text close below a table with the same white space between its columns is its rest; running text is not."""
    words = rows(100, 3)
    rest = [*line("Harbour", 60, 145), *line("pier", 200, 145), *line("Quay", 60, 160), *line("wall", 200, 160)]
    prose = [*line("These are the fares of all ferries in winter", 60, 145), *line("and in the spring of it", 60, 157)]
    for below, tables in ((rest, 1), (prose, 2)):
        regions = [Region(TABLE, around(words)), Region("text", around(below))]
        assert len(with_rest_of_tables(regions, [*words, *below])) == tables


def test_one_row_below_a_table_is_its_last() -> None:
    """A row that leaves two white strips of a table free, with words on both sides, is of it; words in one are not."""
    words = [
        word
        for n in range(3)
        for x, text in ((60, f"Pier{n}"), (200, f"{n}.25"), (300, f"{n}.75"))
        for word in line(text, x, 100 + 15 * n)
    ]
    for texts, tables in (((("Quay", 60), ("9.25", 200), ("9.75", 300)), 1), ((("Quay", 60), ("9.25", 200)), 2)):
        below = [word for text, x in texts for word in line(text, x, 145)]
        regions = [Region(TABLE, around(words)), Region("text", around(below))]
        assert len(with_rest_of_tables(regions, [*words, *below])) == tables
