"""CDM of formulas: by the evaluator's own code where that is installed, and what is said where it is not."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from shutil import which
from typing import Any

import pytest

from ocrmill.commands.eval.formulas.cdm import Cdm
from ocrmill.commands.eval.omnidocbench.page_scores import PageScores, score_page
from ocrmill.commands.eval.omnidocbench.summary import summarize
from ocrmill.commands.eval.omnidocbench.truth import read_truth
from ocrmill.pipeline.errors import InputError, MissingPackageError

PYTHON = Path(__file__).parents[3] / ".venv/cdm/bin/python"
needs_cdm = pytest.mark.skipif(not PYTHON.exists(), reason="CDM is not installed: make cdm")


def scores_of(tmp_path: Path, truths: list[list[str]], markdown: list[str]) -> list[PageScores]:
    """Scores of pages with a paragraph and these formulas."""
    entries: list[dict[str, Any]] = []
    for number, formulas in enumerate(truths):
        text: dict[str, Any] = {"anno_id": 0, "category_type": "text_block", "order": 1, "text": "the tide is late"}
        blocks = [
            {"anno_id": n, "category_type": "equation_isolated", "order": n + 1, "latex": f"$${formula}$$"}
            for n, formula in enumerate(formulas, start=1)
        ]
        page = {"image_path": f"{number}.jpg", "page_attribute": {"language": "english"}}
        entries.append({"layout_dets": [text, *blocks], "page_info": page})
    path = tmp_path / "truth.json"
    path.write_text(json.dumps(entries))
    return [score_page(page, text) for page, text in zip(read_truth(path), markdown, strict=True)]


def test_pairs_are_the_formulas_with_what_was_found_for_them(tmp_path: Path) -> None:
    """LaTeX is kept as it is, blanks too; a formula without a match has nothing beside it."""
    scores = scores_of(tmp_path, [["a + b", "x ^ 2"]], ["the tide is late\n\n$$a + b$$\n"])

    assert sorted(scores[0].formula_pairs) == [("$$a + b$$", r"\[a + b\]"), ("$$x ^ 2$$", "")]


def test_the_mean_is_of_pages_and_in_the_overall_score(tmp_path: Path) -> None:
    """Formulas of a page first, then pages; a page without formulas does not count."""
    truths, text = [["a + b", "c"], ["d"], []], "the tide is late"
    pages = scores_of(tmp_path, truths, [f"{text}\n\n$$a + b$$\n\n$$c$$", f"{text}\n\n$$d$$", text])
    with_cdm = [replace(page, cdm=scores) for page, scores in zip(pages, [(1.0, 0.5), (0.25,), ()], strict=True)]

    first, _, overall, *_ = summarize(with_cdm)
    assert first.columns[-1] == "formula CDM"
    assert {row[0]: row[-1] for row in first.rows}["all pages"] == pytest.approx((0.75 + 0.25) / 2)
    assert overall.rows == [("all pages", None)], "no page has a table"
    assert all("CDM" not in table.columns[-1] for table in summarize(pages))


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    """No such program; a Python without the package."""
    with pytest.raises(InputError, match="is no program"):
        Cdm(tmp_path / "python")
    with pytest.raises(MissingPackageError, match="omnidocbench"):
        Cdm(Path(sys.executable))


@needs_cdm
def test_formulas_are_drawn_and_compared() -> None:
    """Other LaTeX for the same drawing is the same, one sign of five is a fifth, and nothing is read from files."""
    pairs = [
        (r"\sum_{i=1}^n i^2", r"\sum_{i=1}^{n} i^{2}"),
        (r"\frac{a}{b}+c", r"\frac{a}{b}+d"),
        ("E=mc^2", ""),
        ("x", r"\input{/etc/hostname}"),
        (r"\unknowncommand", "x"),
    ]

    assert Cdm(PYTHON).scores(pairs) == [1.0, 0.8, 0.0, 0.0, 0.0]


@needs_cdm
def test_tools_that_are_not_there_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each of them."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert which("node") is None

    with pytest.raises(MissingPackageError, match="xelatex, node, ImageMagick, Ghostscript"):
        Cdm(PYTHON)
