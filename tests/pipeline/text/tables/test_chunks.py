"""Words of a line stand together, or are cut into cells."""

import pytest

from ocrmill.pipeline.text.reading_order import Box
from ocrmill.pipeline.text.tables.chunks import chunks_of, parted
from ocrmill.pipeline.text.tables.rules import Rules
from ocrmill.pipeline.text.words import Piece, Word


def row(baseline: float, *words: tuple[str, float, int], size: float = 10.0) -> list[Word]:
    """Words with their left edges and lines in the layer, in type of 10 points whose letters are half as wide."""
    found = []
    for text, x, line in words:
        box = Box(x, baseline - 0.8 * size, x + 0.5 * size * len(text), baseline + 0.2 * size)
        found.append(Word((Piece(text, box, size),), box, baseline, line))
    return found


@pytest.mark.parametrize(("second", "cells"), [(1, ["Special classes"]), (2, ["Special", "classes"])])
def test_a_border_that_a_model_sees_cuts_no_blank(second: int, cells: list[str]) -> None:
    """A row over all columns stays whole where the layer has it in one line; cells of two lines are cut there."""
    lines = [row(14, ("I", 0, 3), ("1.2", 40, 4)), row(28, ("Special", 0, 1), ("classes", 38, second))]
    found = [" ".join(word.text for word in chunk.words) for chunk in chunks_of(lines, Rules(), lambda: [36.5])]

    assert found == ["I", "1.2", *cells]


@pytest.mark.parametrize(("size", "cells"), [(14.0, ["Tools and their"]), (10.0, ["Tools", "and their"])])
def test_a_heading_in_larger_type_is_not_cut_at_its_own_blanks(size: float, cells: list[str]) -> None:
    """Blanks of larger type are wider than the table's, and one may lie over the white space between two columns."""
    first = 0.5 * size * len("Tools")
    words = row(0, ("Tools", 0, 0), ("and", first + 4, 0), ("their", first + 4 + 1.5 * size + 4, 0), size=size)
    (chunk,) = chunks_of([words, row(20, ("Oil", 0, 1), ("it", 17, 1), ("now", 30, 1), size=size)], Rules())[:1]

    assert [" ".join(word.text for word in part.words) for part in parted(chunk, [(first, first + 4)], 0.3)] == cells
