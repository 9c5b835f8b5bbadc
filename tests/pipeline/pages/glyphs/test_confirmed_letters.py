"""A layer of codes differs from a garbled one in the shapes of its glyphs."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random

import pymupdf
import pytest
from real_pdfs import CASES, CORPUS, needs_cases, needs_corpus

from ocrmill.configs.settings import RoutingSettings
from ocrmill.pipeline.pages.glyphs.confirmed_letters import confirms_letters
from ocrmill.pipeline.pages.inspection import inspect_page
from ocrmill.pipeline.pages.mupdf import displayed_geometry, render_thumbnail
from ocrmill.pipeline.pages.routing import decide, may_be_codes
from ocrmill.pipeline.records import Route

ROOT = Path(__file__).parents[4]
AUTO = RoutingSettings()
CONSONANTS = "BCDFGHKLMNPQRSTVWXZ"


def hexadecimal(dice: Random, digits: int) -> str:
    return "".join(dice.choices("0123456789ABCDEF", k=digits))


def registers(dice: Random) -> str:
    unit, name = dice.choice(("GPIOA", "TIM", "USART", "DMA")), dice.choice(("CR", "SR", "DR", "BRR", "MODER"))
    return f"0x{hexadecimal(dice, 4)}  {unit}_{name}{dice.randint(1, 9)}  0x{hexadecimal(dice, 8)}  R/W"


def part_numbers(dice: Random) -> str:
    return f"{hexadecimal(dice, 3)}-{''.join(dice.choices(CONSONANTS, k=5))}-{dice.randint(100, 999)}"


def hashes(dice: Random) -> str:
    return hexadecimal(dice, 64).lower()


def airports(dice: Random) -> str:
    return " ".join("".join(dice.choices(CONSONANTS, k=3)) for _ in range(12))


def drawn(lines: Sequence[str], font: str) -> pymupdf.Document:
    document = pymupdf.open()
    page = document.new_page()
    for number, line in enumerate(lines):
        page.insert_text((60, 60 + 12 * number), line, fontname=font, fontsize=9)
    return document


@pytest.fixture
def garbled() -> Iterator[pymupdf.Page]:
    with pymupdf.open(ROOT / "samples" / "garbled.pdf") as document:
        yield document[0]


@pytest.mark.parametrize("kind", [registers, part_numbers, hashes, airports])
@pytest.mark.parametrize("font", ["cour", "helv", "tiro"])
def test_codes_are_taken_from_their_layer(kind: Callable[[Random], str], font: str) -> None:
    """Words that no language has speak against a layer; glyphs that look like their letters speak for it."""
    dice = Random(f"{kind.__name__} {font}")
    page = drawn([kind(dice) for _ in range(45)], font)[0]
    features = inspect_page(page, render_thumbnail(page, displayed_geometry(page)))
    decision = decide(features, AUTO, displayed_geometry(page))

    assert decision.route is Route.OCR
    assert may_be_codes(decision, features, AUTO)
    assert confirms_letters(page)


def test_letters_that_are_others_than_drawn_are_not_confirmed(garbled: pymupdf.Page) -> None:
    """The sample whose map to Unicode is shifted stays garbled."""
    assert not confirms_letters(garbled)


@needs_corpus
def test_a_real_garbled_layer_is_not_confirmed() -> None:
    """A real page whose layer is of wrong letters stays with OCR."""
    with pymupdf.open(CORPUS / "olmo-page-1.pdf") as document:
        assert not confirms_letters(document[0])


@needs_cases
def test_a_font_of_pictures_confirms_nothing() -> None:
    """Glyphs of Type 3 fonts have no outline that could be compared."""
    (path,) = (CASES / "pages").glob("17-*.pdf")
    with pymupdf.open(path) as document:
        assert not confirms_letters(document[0])


def test_a_page_without_letters_confirms_nothing() -> None:
    """Nothing to compare is no proof."""
    assert not confirms_letters(drawn([], "helv")[0])


def test_letters_that_stand_apart_are_not_codes() -> None:
    """A layer whose words are cut into letters goes to OCR, though each letter is right."""
    dice = Random(1)
    page = drawn([" ".join(dice.choices(CONSONANTS, k=30)) for _ in range(40)], "helv")[0]
    features = inspect_page(page, render_thumbnail(page, displayed_geometry(page)))
    decision = decide(features, AUTO, displayed_geometry(page))

    assert decision.route is Route.OCR
    assert not may_be_codes(decision, features, AUTO)
