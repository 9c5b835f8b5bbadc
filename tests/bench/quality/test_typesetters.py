"""Every typesetter that is installed makes PDFs whose own text is that of their ground truth."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench.quality.generator import PLAIN_KINDS
from bench.quality.sources.markdown_source import Truth
from bench.quality.typesetters import TYPESETTERS, find_typesetters, layer_problem, make_pages, read_pages

FOUND = find_typesetters([sys.executable])
# What a typesetter's PDFs are known to get wrong: the layers of some scripts come without or with other characters.
BAD_LAYERS = {("typst", "script-th"), ("weasyprint", "script-hi"), ("weasyprint", "script-th")}


def has_font(kind: str) -> bool:
    """Tell if a font is installed for a kind of one script, such as `script-ja`; others are Latin."""
    head, _, language = kind.partition("-")
    if head not in {"script", "vertical"}:
        return True
    listed = shutil.which("fc-list") and subprocess.check_output(["fc-list", f":lang={language}", "family"], text=True)
    return bool(listed)


@pytest.mark.slow
@pytest.mark.timeout(900)  # a browser starts for each document
@pytest.mark.parametrize("name", [setter.name for setter in TYPESETTERS])
def test_a_pdf_has_the_words_of_its_ground_truth(name: str, tmp_path: Path) -> None:
    """A document of each kind comes out with the characters of its ground truth; a wrong one would be left out.

    So are scripts for which no font is installed.
    """
    if name not in FOUND:
        pytest.skip(f"{name} is not installed")
    make_pages(tmp_path, "tuning/1", 1, {name: FOUND[name]})
    kinds = {page.kind for page in read_pages(tmp_path)}
    wanted = {kind for kind in FOUND[name][0].kinds if has_font(kind)}

    assert set(PLAIN_KINDS) & wanted <= kinds
    assert {(name, kind) for kind in wanted - kinds} <= BAD_LAYERS


def test_a_wrong_ground_truth_is_found() -> None:
    """A PDF whose layer lacks a number, has other words, or spreads footnotes over pages is not scored."""
    truth = Truth("The mill stood from 1990-1995 by the river.\n", header="Head", footer="Folio {n}")
    layer = "Head\nThe mill stood from 1990-\n1995 by the river.\nFolio 1"

    assert layer_problem(layer, truth, 1) == ""
    assert "lacks 1 characters (5)" in layer_problem(layer.replace("1995", "199"), truth, 1)
    assert "has 7 more" in layer_problem(layer + " and more", truth, 1)
    noted = Truth("The mill.[^1]\n\n[^1]: It stood.\n", header="", footer="")
    assert layer_problem("The mill.1\n1 It stood.", noted, 1) == ""
    assert "footnotes" in layer_problem("The mill.1\n1 It stood.", noted, 2)
