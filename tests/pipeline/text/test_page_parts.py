"""Regions of a layout model become the parts of a page, also where the model errs."""

from ocrmill.pipeline.text.layer.page_words import TextPlane
from ocrmill.pipeline.text.layout_model import Region
from ocrmill.pipeline.text.page_parts import parts_by_regions
from ocrmill.pipeline.text.reading_order import Box, enclosing
from ocrmill.pipeline.text.words import Piece, Word


def line(text: str, x: float, baseline: float, *, mono: bool = True) -> list[Word]:
    words = []
    for piece in text.split():
        box = Box(x, baseline - 8, x + 6.0 * len(piece), baseline + 2)
        words.append(Word((Piece(piece, box, 10.0, mono=mono),), box, baseline, int(baseline)))
        x = box.x1 + 6
    return words


def region(label: str, *lines: list[Word]) -> Region:
    return Region(label, enclosing([word.box for each in lines for word in each]))


def test_the_pieces_of_a_program_are_one_listing() -> None:
    """A first line that the model takes for a heading, and what a blank line parts, belong to the listing."""
    head, body = line("def mill(rye):", 60, 100), line("return rye", 84, 111)
    rest = line("print(mill(3))", 60, 133)
    prose = line("Prose goes on in its own type below the listing.", 60, 160, mono=False)
    far = line("a = 1", 60, 220)
    regions = [
        region("heading", head),
        region("code", body),
        region("text", rest),
        region("text", prose),
        region("code", far),
    ]
    words = (*head, *body, *rest, *prose, *far)
    parts = parts_by_regions(TextPlane(words, 0, vertical=False), regions, right_to_left=False)

    assert [(part.label, [each.text for each in part.lines]) for part in parts] == [
        ("code", ["def mill(rye):", "return rye", "print(mill(3))"]),
        ("text", ["Prose goes on in its own type below the listing."]),
        ("code", ["a = 1"]),
    ]
