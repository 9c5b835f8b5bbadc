"""The labelled set of agreement: damages are found, honest variations are not, and seeds draw the same texts."""

from pathlib import Path

import pytest

from bench.agreement.__main__ import damages_table, has_enough, honest_table, measure_all
from bench.agreement.pages import HostPage, read_real
from bench.agreement.report import area, recall_at, write_tables

SAMPLES = Path(__file__).parents[2] / "samples"


@pytest.fixture(scope="module")
def pages() -> list[HostPage]:
    """The sample pages of both halves that have words of their own."""
    found = [page for half in ("tuning", "held-back") for page in read_real([SAMPLES], half)]
    return [page for page in found if has_enough(page)]


def test_damages_are_told_from_variations(pages: list[HostPage], tmp_path: Path) -> None:
    """Every damage of a tenth of the page or more raises its flag, no variation any; the tables say so."""
    damaged, honest, fingerprint = measure_all(pages, with_held_back=True, worst=0)
    assert measure_all(pages[:1], with_held_back=True, worst=0)[2] != fingerprint
    for kind, flag in (("a tenth of the page dropped", "words_missing"), ("three numbers changed", "numbers_changed")):
        assert damaged[kind].flagged(flag) == len(damaged[kind].found) > 0
    assert {kind: texts.flagged() for kind, texts in honest.items() if texts.flagged()} == {}
    document = tmp_path / "a.md"
    document.write_text("<!-- figures: written by `python -m bench.agreement` -->\n<!-- end of figures -->\n")
    write_tables(document, [damages_table(damaged, honest), honest_table(honest)], "command", fingerprint)
    assert "| columns swapped |" in document.read_text()


def test_area_and_recall_are_those_of_the_curve() -> None:
    """A tie counts as half; at a rate of 0 only scores above every honest one are found."""
    assert area([1, 2], [0, 1]) == pytest.approx(3.5 / 4)
    assert recall_at([1, 2], [0, 1], 0) == 0.5
