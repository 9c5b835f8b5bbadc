"""Formulas that are drawn in a browser, by olmOCR-bench's own code where that is installed."""

import json
import sys
from pathlib import Path
from shutil import which

import pytest
from written_outputs import add_document, page, writing

from ocrmill.commands.eval.evaluate import evaluate
from ocrmill.commands.eval.formulas.drawn_formulas import DrawnFormulas
from ocrmill.commands.eval.report import Cell, EvalReport
from ocrmill.pipeline.errors import InputError, MissingPackageError, UsageError
from ocrmill.pipeline.output.stores.local import LocalStore

PYTHON = Path(__file__).parents[3] / ".venv/olmocr/bin/python"


@pytest.mark.skipif(not PYTHON.exists() or which("chromium") is None, reason="olmocr or a Chromium is not installed")
def test_tests_that_a_browser_decides_are_decided(tmp_path: Path) -> None:
    """A formula is found however it is written, not with one sign elsewhere or another one; none is left undecided."""
    with writing(tmp_path / "out") as sink:
        add_document(sink, "/in/a.pdf", [page(r"so $a \mathbf{x}$, \({c \over d}\), \(\bad{\) and $$y + 1$$")])
    wanted = [r"a \boldsymbol{x}", "y+1", "y+2", r"\frac{c}{d}", r"\frac{d}{c}"]
    tests = [
        {"pdf": "a.pdf", "page": 1, "id": str(number), "type": "math", "math": math}
        for number, math in enumerate(wanted)
    ]
    truth = tmp_path / "tests.jsonl"
    truth.write_text("\n".join(map(json.dumps, tests)))

    without, drawn = (evaluate(LocalStore(tmp_path / "out"), truth, olmocr=python) for python in (None, PYTHON))

    def failures(report: EvalReport) -> list[tuple[Cell, ...]]:
        return [row for table in report.tables if table.title == "Not passed" for row in table.rows]

    assert [row[:2] for row in failures(without)] == [(name, "undecided") for name in "0234"]
    assert failures(drawn) == [(name, "failed", "no formula looks like it") for name in "24"]


def test_it_is_for_the_tests_of_one_benchmark(tmp_path: Path) -> None:
    """A truth of another form is refused."""
    with writing(tmp_path / "out") as sink:
        add_document(sink, "/in/a.pdf", [page("a")])
    with pytest.raises(UsageError, match="--olmocr is for olmOCR-bench"):
        evaluate(LocalStore(tmp_path / "out"), tmp_path / "truth.json", olmocr=PYTHON)


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    """No such program; a Python without the package."""
    with pytest.raises(InputError, match="is no program"):
        DrawnFormulas(tmp_path / "python")
    with pytest.raises(MissingPackageError, match="olmocr"):
        DrawnFormulas(Path(sys.executable))
