"""Regions of text that hold too much are parted before words are put into them."""

from collections.abc import Sequence

from ocrmill.pipeline.text.layout_model import Region
from ocrmill.pipeline.text.reading_order import Box
from ocrmill.pipeline.text.regions.parted import parted_regions
from ocrmill.pipeline.text.words import Piece, Word


def lines(x0: float, y0: float, count: int, *, width: float = 100) -> list[Word]:
    """Words of a column, in lines of 10 points."""
    words = []
    for n in range(count):
        for place in range(int(width // 25)):
            box = Box(x0 + 25 * place, y0 + 10 * n, x0 + 25 * place + 20, y0 + 10 * n + 9)
            words.append(Word((Piece("word", box, 9.0),), box, box.y1, n))
    return words


def boxes(regions: Sequence[Region]) -> list[tuple[float, ...]]:
    return [tuple(region.box) for region in regions]


def test_a_region_between_the_lines_of_another_parts_it() -> None:
    """Two listings with a sentence between them are two texts, with the sentence between them."""
    words = [*lines(0, 0, 3), *lines(0, 40, 1), *lines(0, 60, 2)]
    around, sentence = Region("text", Box(0, 0, 100, 80)), Region("text", Box(0, 39, 90, 50))
    assert boxes(parted_regions([around, sentence], words)) == [(0, 0, 100, 39), (0, 50, 100, 80), (0, 39, 90, 50)]


def test_a_region_beside_the_words_of_another_does_not_part_it() -> None:
    """A heading in one of two columns leaves a region around both as it is, and so does a picture within a line."""
    words = [*lines(0, 0, 6), *lines(120, 0, 6)]
    around = Region("text", Box(0, 0, 220, 60))
    for label in ("heading", "picture"):
        inner = Region(label, Box(0, 20, 100, 29))
        assert boxes(parted_regions([around, inner], words)) == [(0, 0, 220, 60), (0, 20, 100, 29)]


def test_a_region_over_the_gutter_of_columns_below_is_parted_there() -> None:
    """Two lines at the head of each of three columns are of three texts if the columns go on below."""
    words = [word for x in (0, 120, 240) for word in (*lines(x, 0, 2), *lines(x, 30, 3))]
    below = [Region("text", Box(x, 29, x + 97, 60)) for x in (0, 120, 240)]
    head = Region("text", Box(0, 0, 340, 20))
    parted = parted_regions([head, *below], words)
    assert boxes(parted[:3]) == [(0, 0, 108.5, 20), (108.5, 0, 228.5, 20), (228.5, 0, 340, 20)]
    assert parted[3:] == below


def test_lines_that_cross_a_gutter_are_one_text() -> None:
    """An introduction above two columns goes over both; so does a region of one line."""
    below = [Region("text", Box(x, 29, x + 97, 60)) for x in (0, 120)]
    for head in (lines(0, 0, 2, width=220), [*lines(0, 0, 1), *lines(120, 0, 1)]):
        region = Region("text", Box(0, 0, 220, 20))
        assert parted_regions([region, *below], head) == [region, *below]


def test_a_region_around_many_others_is_no_text_of_its_own() -> None:
    """The model may draw one around a whole page, over its edges; the lines that are in no other stay together."""
    words = [word for n in range(6) for word in lines(0, 40 * n, 2)]
    inner = [Region("text", Box(0, 40 * n, 97, 40 * n + 10)) for n in range(5)]
    page = Region("text", Box(0, -3000, 100, 28000))
    assert parted_regions([page, *inner], words) == [page, *inner]
