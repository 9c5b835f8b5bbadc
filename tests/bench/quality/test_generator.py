"""Documents follow from their seed, and their ground truth says all that is in them."""

import pytest

from bench.quality.document import Beside, Document, Heading, ItemList, Leaders, Listing, Paragraph, Table
from bench.quality.generator import KINDS, make_document
from bench.quality.sources.markdown_source import latex, truth_of
from bench.quality.vocabulary import SCRIPTS
from ocrmill.pipeline.scores.normal_text import markdown_content, words


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_document(kind: str) -> None:
    """A document follows from seed and kind alone, and another seed gives another one."""
    assert make_document("tuning/1", kind) == make_document("tuning/1", kind)
    assert make_document("held-back/1", kind) != make_document("tuning/1", kind)


def all_words(document: Document) -> list[str]:
    """The words of a document block by block, footnotes last."""
    right = []
    for block in document.blocks:
        if isinstance(block, Heading):
            right += words(block.text)
        elif isinstance(block, Paragraph):
            right += words("".join(span.text for span in block.spans if span.style != "footnote"))
        elif isinstance(block, ItemList):
            right += list_words(block)
        elif isinstance(block, Listing):
            right += words("\n".join(block.lines))
        elif isinstance(block, Leaders):
            right += [word for line in block.lines for part in line for word in words(part)]
        elif isinstance(block, Table):
            right += table_words(block)
        elif isinstance(block, Beside):
            right += table_words(block.left) + table_words(block.right)
    return right + words(" ".join(document.footnotes()))


def table_words(table: Table) -> list[str]:
    """The words of a table, row by row."""
    return [word for row in table.rows for cell in row for word in words(cell.text)]


def list_words(items: ItemList) -> list[str]:
    """The words of a list, with its numbers."""
    right = []
    for number, item in enumerate(items.items, 1):
        right += [str(number)] * items.ordered + words("".join(span.text for span in item.spans))
        right += list_words(item.below) if item.below else []
    return right


@pytest.mark.parametrize("kind", KINDS)
def test_the_ground_truth_has_every_word_in_order(kind: str) -> None:
    """Markup characters within words survive: what the parser reads from the Markdown is what the document says."""
    document = make_document("tuning/1", kind)
    found = markdown_content(truth_of(document).markdown)

    assert found.words == all_words(document)
    assert [level for level, _ in found.headings] == [
        block.level + 1 for block in document.blocks if isinstance(block, Heading)
    ]
    assert len(found.tables) == len(document.tables())
    assert [text.rstrip("\n") for text in found.listings] == truth_of(document).listings


def test_every_script_is_there() -> None:
    """Ten scripts beside plain Latin have documents."""
    assert len(SCRIPTS) == 10
    assert {f"script-{language}" for language in SCRIPTS} <= set(KINDS)


def test_spans_leave_places_empty() -> None:
    """The grid of a table has a place for each column, empty where a cell covers it."""
    spanned = next(
        block for block in make_document("1", "tables").blocks if isinstance(block, Table) and block.has_spans
    )
    grid = spanned.grid()

    assert [[cell is not None for cell in row] for row in grid[:2]] == [
        [True, True, False, True],
        [False, True, True, False],
    ]
    assert [cell is not None for cell in grid[-1]] == [True, False, False, False]


def test_formulas_are_latex() -> None:
    """A formula is written with fractions or roots, and sub- and superscripts."""
    written = truth_of(make_document("1", "formulas")).formulas

    assert len(written) == 4
    assert all(formula.startswith("f_{") and r"\sum_{k = 1}^{n}" in formula for formula in written)
    assert latex(()) == ""
