"""Unit tests by the rules of olmOCR-bench: the verdicts of its own code.

`olmocr_bench_cases.json` has 40 pages of a seeded generator with 240 tests of the kinds present, absent, order, table
and baseline; each has the verdict that the code of olmocr 0.4.27 gave. `math` there needs a browser and is not among
them.
"""

import json
from pathlib import Path
from shutil import which

import pytest

from ocrmill.commands.eval.formulas.katex import Katex
from ocrmill.commands.eval.olmocr_bench.checks import CHECKS, UndecidedError, check_baseline, check_math
from ocrmill.commands.eval.olmocr_bench.near_matches import near_starts
from ocrmill.pipeline.errors import InputError

CASES = json.loads(Path(__file__).with_name("olmocr_bench_cases.json").read_text())


@pytest.mark.parametrize("number", range(len(CASES)))
def test_verdicts_are_those_of_their_code(number: int) -> None:
    """Every test of a page passes or fails as theirs does."""
    case = CASES[number]

    given = [CHECKS[test["type"]](test, case["markdown"]) is None for test, _ in case["tests"]]
    assert given == [passed for _, passed in case["tests"]]


def test_a_formula_passes_with_other_blanks() -> None:
    """Blanks between signs are not printed; another spelling could look the same, and only a renderer knows."""
    test = {"math": r"\frac{a}{b} + c"}

    assert check_math(test, r"so \(\frac{a}{b}+c\) it is") is None
    assert check_math(test, "no formula at all") == "no formula"
    with pytest.raises(UndecidedError):
        check_math(test, r"$\frac ab + c$")
    with pytest.raises(UndecidedError):
        check_math({"math": r"\text{a b}"}, r"$\text{ab}$")
    assert check_math({**test, "ignore_dollar_delimited": True}, "$\\frac{a}{b} + c$") == "no formula"


def test_a_loop_at_the_end_fails() -> None:
    """More than 30 times the same one to five signs at the end are a loop."""
    assert check_baseline({}, "text " + "ab " * 30) is None
    assert check_baseline({}, "text " + "ab " * 31) == "ends with 31 times the same 3 signs"
    assert check_baseline({}, "| | |") == "no letters"
    assert check_baseline({}, "中") == "has 中"
    assert check_baseline({"max_length": 3}, "abc.") is None
    assert check_baseline({"max_length": 3}, "abcd") == "4 letters on a page that has none"


def test_a_phrase_is_found_with_edits() -> None:
    """Of overlapping matches the nearest counts."""
    assert near_starts("quick brown", "a quick brown fox, a quack brown fox", 0) == [2]
    assert near_starts("quick brown", "a quick brown fox, a quack brown fox", 1) == [2, 21]
    assert near_starts("quick brown", "nothing", 2) == []


KATEX = """
exports.renderToString = (formula, options) => {
    if (!options.displayMode || options.output !== 'mathml' || formula.includes('bad')) throw new Error('cannot');
    const signs = [...formula.replace(/\\\\,/g, '')].filter((sign) => sign.trim()).map((sign) => `<mi>${sign}</mi>`);
    return `<span class="katex"><math xmlns="http://www.w3.org/1998/Math/MathML"><semantics><mrow> ${signs.join('')}` +
        `</mrow><annotation encoding="application/x-tex">${formula}</annotation></semantics></math></span>`;
};
"""


@pytest.mark.skipif(which("node") is None, reason="node is not installed")
def test_formulas_are_compared_by_their_mathml(tmp_path: Path) -> None:
    """Blanks and KaTeX's copy of the LaTeX do not count; what it cannot read has nothing. By a stand-in for KaTeX."""
    script = tmp_path / "katex.min.js"
    script.write_text(KATEX)
    katex = Katex(script)

    assert katex.looks_alike("a+b", ["x", "a \\, + b"])
    assert not katex.looks_alike("a+b", ["a+c", "bad"])
    assert not katex.looks_alike("bad", ["bad"])
    script.write_text("exports.other = 1")
    with pytest.raises(InputError, match="as KaTeX"):
        katex.looks_alike("a", ["b"])
    with pytest.raises(InputError, match="is not there"):
        Katex(tmp_path / "nothing.js")
