"""Scores have the values that are worked out by hand."""

import pytest

from bench.quality.scores import heading_f1, score
from bench.quality.sources.markdown_source import Truth
from ocrmill.pipeline.scores.normal_text import Place
from ocrmill.pipeline.scores.table_similarity import best_teds, teds

TRUTH = Truth("# The mill\n\nOne two 1,234 four.\n", header="", footer="")


def table(*rows: str) -> list[tuple[Place, ...]]:
    """A table from its rows, cells between bars."""
    return [tuple(Place(cell) for cell in row.split("|")) for row in rows]


def test_the_ground_truth_has_the_best_scores() -> None:
    """A right reading scores 1 in everything."""
    found = score(TRUTH.markdown, TRUTH, pages=1)

    assert (found.characters, found.recall, found.precision, found.order, found.headings) == (1, 1, 1, 1, 1)
    assert (found.numbers, found.numbers_lost, found.missing, found.extra) == (1, 0, (), ())


def test_nothing_scores_nothing() -> None:
    """An empty reading has recall 0 and has lost all numbers."""
    found = score("", TRUTH, pages=1)

    assert (found.characters, found.recall, found.headings, found.numbers_lost) == (0, 0, 0, 1)


def test_words_are_counted_as_multisets() -> None:
    """Of six words five are there, and one is there twice: recall 5/6, precision 5/6."""
    found = score("# The mill\n\nOne two two four.", TRUTH, pages=1)

    assert found.recall == pytest.approx(5 / 6)
    assert found.precision == pytest.approx(5 / 6)
    assert (found.missing, found.extra) == (("1,234",), ("two",))


@pytest.mark.parametrize("wrong", ["1234", "1.234", "-1,234", "1,23 4"])
def test_a_number_changes_with_its_separators_and_sign(wrong: str) -> None:
    """A number whose separator or sign is gone or new is lost."""
    assert score(TRUTH.markdown.replace("1,234", wrong), TRUTH, pages=1).numbers_lost == 1


def test_order_is_what_stays_in_a_row() -> None:
    """Of six words the first two come last: four stay in order."""
    assert score("One two 1,234 four.\n\n# The mill", TRUTH, pages=1).order == pytest.approx(4 / 6)


def test_characters_are_an_edit_distance() -> None:
    """One letter more in 27 characters."""
    right = "the mill one two 1,234 four"
    found = score("The mill one two 1,234 fourx", TRUTH, pages=1)

    assert found.characters == pytest.approx(1 - 1 / (len(right) + 1))


def test_running_headers_footers_and_notes_are_free() -> None:
    """A reader may have them on every page, or none of them; one time too many counts."""
    truth = Truth("One two.[^1] Three.\n\n[^1]: four\n", header="Quarterly Head", footer="Folio {n}")
    plain = "Quarterly Head\n\nOne two.1 Three.\n\nFolio 1\n\nQuarterly Head\n\n1 four\n\nFolio 2"

    for text in (truth.markdown, plain):
        found = score(text, truth, pages=2)
        assert (found.recall, found.precision, found.order) == (1, 1, 1)
        assert found.characters == pytest.approx(1, abs=0.15)
    assert score(f"Quarterly Head\n\n{plain}", truth, pages=2).extra == ("quarterly", "head")


def test_plain_text_has_no_markup() -> None:
    """In plain text a bar is no table and a hash is no heading."""
    found = score("# The mill\nOne two 1,234 four.", TRUTH, pages=1, is_markdown=False)

    assert (found.recall, found.headings) == (1, 0)


def test_headings_may_begin_at_any_level() -> None:
    """All levels may be shifted together; one that is wrong among them counts."""
    right = [(1, "a"), (2, "b"), (3, "c")]

    assert heading_f1([(2, "a"), (3, "b"), (4, "c")], right) == 1
    assert heading_f1([(1, "a"), (2, "b"), (2, "c")], right) == pytest.approx(2 / 3)
    assert heading_f1([(1, "a"), (2, "b")], right) == pytest.approx(4 / 5)


def test_teds_of_equal_tables_is_one() -> None:
    """Equal tables are the same tree."""
    assert teds(table("a|b", "c|d"), table("a|b", "c|d")) == 1


def test_teds_counts_a_cell_by_its_text() -> None:
    """One of four cells has one letter of two: distance 0.5 over 7 nodes (table, 2 rows, 4 cells)."""
    assert teds(table("ab|b", "c|d"), table("ax|b", "c|d")) == pytest.approx(1 - 0.5 / 7)


def test_teds_counts_rows_and_cells() -> None:
    """A missing row is three nodes of seven; a cell with another span is one node."""
    spanning = [(Place("a", 2),), (Place("c"), Place("d"))]

    assert teds(table("a|b"), table("a|b", "c|d")) == pytest.approx(1 - 3 / 7)
    assert teds([(Place("a"),), (Place("c"), Place("d"))], spanning) == pytest.approx(1 - 1 / 6)


def test_teds_of_a_split_row() -> None:
    """A row that came as two: its node goes and two come, or a cell goes and comes with a row: 3 over 8 nodes."""
    assert teds(table("a|b", "c|d"), table("a|b", "c", "d")) == pytest.approx(1 - 3 / 8)


def test_the_most_similar_table_counts() -> None:
    """A missing table has 0, and other tables do not matter."""
    assert best_teds(table("a|b"), []) == 0
    assert best_teds(table("a|b"), [table("x"), table("a|b")]) == 1


def test_listings_count_lines_with_all_blanks() -> None:
    """Of three lines one has lost a blank; plain paragraphs have none."""
    truth = Truth("```\nif a:\n    b\nx  1\n```\n", header="", footer="", listings=["if a:\n    b\nx  1"])

    assert score(truth.markdown, truth, pages=1).listings == 1
    assert score("```\nif a:\n    b\nx 1\n```\n", truth, pages=1).listings == pytest.approx(2 / 3)
    assert score("if a: b x 1", truth, pages=1).listings == 0


def test_formulas_count_characters_in_a_row() -> None:
    """Of `f=a+b` four characters of five stand in a row; its characters are no extra words."""
    truth = Truth("Text.\n\n$$\nf = a + b\n$$\n", header="", footer="", formulas=["f = a + b"])
    found = score("Text.\n\nf=a+c", truth, pages=1)

    assert found.formulas == pytest.approx(4 / 5)
    assert score("Text.\n\nf = a + b", truth, pages=1).precision == 1
    assert score(truth.markdown, truth, pages=1).formulas == 1
