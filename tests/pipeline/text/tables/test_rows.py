"""Lines of a table begin rows of their own, or go on in the row above."""

from ocrmill.pipeline.text.reading_order import Box
from ocrmill.pipeline.text.tables.chunks import chunks_of, text_lines
from ocrmill.pipeline.text.tables.columns import find_columns
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
    columns = find_columns(chunks, Rules(), ())
    return row_starts(lines_of(chunks, columns), [], columns, Rules(), ())


def test_single_letters_below_each_other_are_of_several_rows() -> None:
    """A cell breaks no line after one letter, although its column is no wider."""
    assert starts_of("cab", "adc", "bbd") == [True, True]
