"""Letters that lean keep the blanks between their words: a sheared font, in which the boxes of letters overlap."""

import pymupdf
import pytest

from ocrmill.pages import read_text_layer
from ocrmill.pipeline.text.layer.leaning_letters import with_upright_letters

TEXT = "Identifying Attributes for Named Physical and Cultural Features"
BEGINS = {0: (100, 400), 90: (300, 700), 180: (500, 400), 270: (300, 100)}


@pytest.mark.parametrize("turn", BEGINS)
@pytest.mark.parametrize("lean", [0.2, 0.33, -0.25])
def test_leaning_words_stay_words_whichever_way_they_run(turn: int, lean: float) -> None:
    """Places on the baseline tell blanks; what leans is italic, whatever the font is called."""
    document = pymupdf.open()
    page = document.new_page()
    begin = pymupdf.Point(*BEGINS[turn])
    shear = pymupdf.Matrix(1, lean, 0, 1, 0, 0) if turn % 180 else pymupdf.Matrix(1, 0, lean, 1, 0, 0)
    page.insert_text(begin, TEXT, fontsize=12, rotate=turn, morph=(begin, shear))

    assert read_text_layer(document.tobytes(), 1).markdown == f"_{TEXT}_"


def test_leaning_words_within_a_line_are_italic() -> None:
    """MuPDF has upright and leaning letters of one font in one span."""
    document = pymupdf.open()
    page = document.new_page()
    page.insert_text((72, 100), "It is defined in ", fontsize=12)
    middle = pymupdf.Point(72 + pymupdf.get_text_length("It is defined in ", fontsize=12), 100)
    page.insert_text(middle, "Named Attributes", fontsize=12, morph=(middle, pymupdf.Matrix(1, 0, 0.3, 1, 0, 0)))
    after = middle.x + pymupdf.get_text_length("Named Attributes ", fontsize=12)
    page.insert_text((after, 100), "of the year", fontsize=12)

    assert read_text_layer(document.tobytes(), 1).markdown == "It is defined in _Named Attributes_ of the year"


def test_letters_of_a_line_that_rounding_tilts_stand_upright() -> None:
    """A page turned and turned back has lines that run along (1, 1e-8)."""
    letters = [
        {"c": c, "origin": (x, 50.0), "bbox": (x - 0.6, 42.0, x + 7.4, 52.0)}
        for c, x in zip("and", (0, 5, 10), strict=True)
    ]
    line = {"dir": (1.0, 1.4e-8), "wmode": 0, "spans": [{"size": 10.0, "flags": 0, "chars": letters}]}

    (span,) = with_upright_letters(line)["spans"]
    assert [[round(edge, 1) for edge in one["bbox"]] for one in span["chars"]] == [
        [x, 42, x + 5, 52] for x in (0, 5, 10)
    ]


def test_single_letters_that_begin_before_their_origin_are_upright() -> None:
    """Keep the j of many fonts, as PDFium has it, within its word of upright type."""
    letters = [("a", 10.0, 10.0), ("j", 15.0, 14.2), ("a", 18.0, 18.0)]
    span = {
        "size": 10.0,
        "flags": 0,
        "chars": [{"c": c, "origin": (x, 50.0), "bbox": (left, 42.0, x + 5, 52.0)} for c, x, left in letters],
    }
    line = {"dir": (1.0, 0.0), "wmode": 0, "spans": [span]}

    assert with_upright_letters(line)["spans"] == [span]
