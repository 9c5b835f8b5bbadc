"""Words of a line stand together, or are cut into cells."""

import pytest

from ocrmill.pipeline.text.reading_order import Box
from ocrmill.pipeline.text.tables.chunks import chunks_of
from ocrmill.pipeline.text.tables.rules import Rules
from ocrmill.pipeline.text.words import Piece, Word


def row(baseline: float, *words: tuple[str, float, int]) -> list[Word]:
    """Words with their left edges and lines in the layer, in type of 10 points whose letters are 5 wide."""
    found = []
    for text, x, line in words:
        box = Box(x, baseline - 8, x + 5.0 * len(text), baseline + 2)
        found.append(Word((Piece(text, box, 10.0),), box, baseline, line))
    return found


@pytest.mark.parametrize(("second", "cells"), [(1, ["Special classes"]), (2, ["Special", "classes"])])
def test_a_border_that_a_model_sees_cuts_no_blank(second: int, cells: list[str]) -> None:
    """A row over all columns stays whole where the layer has it in one line; cells of two lines are cut there."""
    lines = [row(14, ("I", 0, 3), ("1.2", 40, 4)), row(28, ("Special", 0, 1), ("classes", 38, second))]
    found = [" ".join(word.text for word in chunk.words) for chunk in chunks_of(lines, Rules(), [36.5])]

    assert found == ["I", "1.2", *cells]
