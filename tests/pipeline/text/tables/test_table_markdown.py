"""Tables are written with pipes if those can hold them, else as HTML; text stays text in both."""

from ocrmill.pipeline.text.reading_order import Box
from ocrmill.pipeline.text.tables.doubts import has_rows_of_own, may_break_numbers
from ocrmill.pipeline.text.tables.table import Cell, Table
from ocrmill.pipeline.text.tables.table_markdown import table_to_markdown
from ocrmill.pipeline.text.words import Piece, Rise, Word

BOX = Box(0, 0, 1, 1)


def cell(row: int, column: int, *lines: str, row_span: int = 1, column_span: int = 1) -> Cell:
    words = tuple(tuple(Word((Piece(text, BOX, 10),), BOX, 0, 0) for text in line.split()) for line in lines)
    return Cell(row, column, row_span, column_span, words)


def table(*cells: Cell, header_rows: int = 1) -> Table:
    rows, columns = max(c.row + c.row_span for c in cells), max(c.column + c.column_span for c in cells)
    return Table(rows, columns, header_rows, cells, BOX)


def test_plain_cells_stand_between_pipes() -> None:
    """A table without spans is a pipe table; lines of a cell are joined, and hyphenation is mended."""
    written = table_to_markdown(table(cell(0, 0, "a"), cell(0, 1, "b"), cell(1, 0, "har-", "bour"), cell(1, 1)))

    assert written == "| a | b |\n| --- | --- |\n| harbour |  |"


def test_spans_are_written_as_html() -> None:
    """A cell that spans, or a second header row, needs HTML; there is no blank line in it."""
    written = table_to_markdown(
        table(cell(0, 0, "a", column_span=2), cell(1, 0, "b", row_span=2), cell(1, 1, "c"), cell(2, 1, "d"))
    )

    assert written.splitlines() == [
        "<table>",
        '<tr><th colspan="2">a</th></tr>',
        '<tr><td rowspan="2">b</td><td>c</td></tr>',
        "<tr><td>d</td></tr>",
        "</table>",
    ]
    assert table_to_markdown(table(cell(0, 0, "a"), cell(1, 0, "b"), header_rows=2)).startswith("<table>\n<tr><th>")


def test_characters_of_markup_stay_text() -> None:
    """Pipes and what CommonMark or HTML would take for markup are escaped."""
    hostile = "a|b <i> & *c*"

    pipes = table_to_markdown(table(cell(0, 0, hostile), cell(1, 0, "x")))
    as_html = table_to_markdown(table(cell(0, 0, hostile), cell(1, 0, "x", row_span=2)))

    assert pipes.splitlines()[0] == r"| a\|b \<i> & \*c\* |"
    assert "<th>a|b &lt;i&gt; &amp; *c*</th>" in as_html


def test_a_backslash_before_a_pipe_is_kept() -> None:
    """GFM takes one backslash before a pipe away when it parts the cells; the text's own one is escaped besides."""
    written = table_to_markdown(table(cell(0, 0, "a"), cell(1, 0, r"c\|d")))

    assert written.splitlines()[2] == r"| c\\\|d |"


def test_items_in_a_cell_begin_on_their_own_lines() -> None:
    """A break within a cell is kept where it parts items of a list, and only there."""
    written = table_to_markdown(
        table(cell(0, 0, "a"), cell(1, 0, "\u2022 one", "and more", "\u2022 two"), cell(2, 0, "b", "c"))
    )

    assert written.splitlines()[2:] == ["| \u2022 one and more<br>\u2022 two |", "| b c |"]


def test_scripts_are_tags_in_html() -> None:
    """Sub- and superscripts keep their rise."""
    pieces = (Piece("H", BOX, 10), Piece("2", BOX, 7, rise=Rise.SUBSCRIPT), Piece("O", BOX, 10))
    water = Cell(0, 0, 2, 1, ((Word(pieces, BOX, 0, 0),),))

    assert '<td rowspan="2">H<sub>2</sub>O</td>' in table_to_markdown(table(water, header_rows=0))


def test_numbers_that_may_go_on_below_are_in_doubt() -> None:
    """Decimals that fill their column with a digit below may be one number; an error below each value is none."""
    values = [cell(0, 0, "Values"), cell(1, 0, "69437.9", "5"), cell(2, 0, "12.55"), cell(3, 0, "1.25")]
    stacked = [cell(0, 0, "Values"), *(cell(row, 0, f"{row}.5", "3") for row in range(1, 5))]

    assert may_break_numbers(table(*values))
    assert not may_break_numbers(table(*stacked))
    assert not may_break_numbers(table(*values[:1], *values[2:]))


def test_lists_beside_each_other_with_rows_of_their_own_are_in_doubt() -> None:
    """Columns of a form whose items end at other heights are no rows; cells that hold all rows beside them are some."""
    own = [Cell(0, 0, 2, 1, ()), Cell(0, 1, 1, 1, ()), Cell(1, 1, 2, 1, ()), Cell(2, 0, 2, 1, ()), Cell(3, 1, 1, 1, ())]
    nested = [Cell(0, 0, 4, 1, ()), Cell(0, 1, 2, 1, ()), Cell(2, 1, 2, 1, ())]

    assert has_rows_of_own(table(*own))
    assert not has_rows_of_own(table(*nested))


def listed(*lines: tuple[float, str]) -> Cell:
    """Give a cell whose lines begin at an x each."""
    rows = []
    for x, text in lines:
        places = [Box(x + 20 * n, 0, x + 20 * n + 10, 10) for n in range(len(text.split()))]
        rows.append(
            tuple(Word((Piece(word, box, 10),), box, 0, 0) for word, box in zip(text.split(), places, strict=True))
        )
    return Cell(1, 0, 1, 1, tuple(rows))


def test_lists_within_lists_are_written_as_html() -> None:
    """A cell's items keep their depth; text before them, and lines that an item goes on in, stay theirs."""
    nested = listed(
        (0, "Checks of"), (0, "bilges:"), (0, "\u2022 pump"), (12, "and hose"), (12, "\u2013 inlet"),
        (12, "\u2013 outlet"), (24, "1. bolts"), (24, "2. seals"), (0, "\u2022 float"),
    )  # fmt: skip

    assert (
        "<td>Checks of bilges:<ul><li>pump and hose<ul><li>inlet</li><li>outlet<ul><li>1. bolts</li><li>2. seals</li>"
        "</ul></li></ul></li><li>float</li></ul></td>"
    ) in table_to_markdown(table(cell(0, 0, "Work"), nested))


def test_flat_lists_stay_between_pipes() -> None:
    """Items of one depth are parted by breaks; signs and decimals below each other are no marks."""
    numbered = table_to_markdown(table(cell(0, 0, "Work"), listed((0, "1. pump"), (12, "hose"), (0, "2. float"))))
    values = table_to_markdown(
        table(cell(0, 0, "Change"), listed((0, "- 5"), (6, "- 6"), (0, "12.5 mg"), (9, "12.6 mg")))
    )

    assert numbered.splitlines()[2] == "| 1. pump hose<br>2. float |"
    assert values.splitlines()[2] == "| - 5 - 6 12.5 mg 12.6 mg |"
