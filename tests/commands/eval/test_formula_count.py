"""Formulas are counted by KaTeX itself, and none that it reads is called broken."""

from collections.abc import Iterator
from pathlib import Path
from shutil import which

import pytest

from ocrmill.commands.eval.formulas.formula_count import formula_table
from ocrmill.commands.eval.formulas.katex import Katex
from ocrmill.commands.eval.output_pages import OutputPage
from ocrmill.pipeline.quality.signals.broken_formulas import is_broken

SCRIPT = Path(__file__).parents[3] / ".venv/katex/node_modules/katex/dist/katex.min.js"
FORMULAS = (
    r"\frac{a}{b}+\sqrt[3]{x^2}",
    r"\left( \sum_{i=1}^{n} x_i \right)^2 = \int_{0}^{\infty} e^{-t} \, d t",
    r"\begin{pmatrix} a & b \\ c & d \end{pmatrix} \mathbf{v} = \lambda \mathbf{v}",
    r"f(x) = \begin{cases} 1 & x > 0 \\ 0 & \text{otherwise} \end{cases}",
    r"A^{T}_{ij} = \left. \frac{d f}{d x} \right|_{x=0}",
    r"\hat{\theta} = \operatorname{argmax}_{\theta} \prod_{k} p(x_k \mid \theta) \tag{3}",
    r"\overline{A \cup B} \subseteq \{ x \in \mathbb{R} : \lVert x \rVert \leq 1 \}",
)


@pytest.fixture(scope="module")
def katex() -> Katex:
    """KaTeX of the npm package."""
    if which("node") is None or not SCRIPT.is_file():
        pytest.skip("no KaTeX: `make venv` fetches it by npm")
    return Katex(SCRIPT)


def damaged(latex: str) -> Iterator[str]:
    """Each formula that is a sign, or a piece between blanks, short; and those that are cut off."""
    pieces = latex.split(" ")
    for at in range(len(latex)):
        yield latex[:at] + latex[at + 1 :]
        yield latex[:at]
    for at in range(len(pieces)):
        yield " ".join(pieces[:at] + pieces[at + 1 :])


def test_katex_counts_the_formulas_of_pages(katex: Katex) -> None:
    """By who read the page: all four delimiters, those that KaTeX reads, those that are called broken."""
    pages = [
        OutputPage("a", "ok", "cpu", r"\(x^2\) and \[\frac{a}{b}\] and $$\left( y$$ cost $5", None),
        OutputPage("b", "text_layer", None, r"$a_{1}$ `$a_$`", None),
    ]

    assert formula_table(pages, katex).rows == [("cpu", 3, 2, 2 / 3, 1, 0), ("text layer", 1, 1, 1.0, 0, 0)]


def test_katex_agrees_that_formulas_are_broken(katex: Katex) -> None:
    """Of formulas that lack a piece, 95 % of those that KaTeX refuses are called broken, and none that it reads."""
    formulas = sorted({*FORMULAS, *(each for latex in FORMULAS for each in damaged(latex) if each.strip())})
    judged = list(zip(map(is_broken, formulas), katex.renders(formulas), strict=True))
    refused = [broken for broken, is_read in judged if not is_read]

    assert len(refused) > 300
    assert sum(refused) >= 0.95 * len(refused)
    assert [latex for latex, (broken, is_read) in zip(formulas, judged, strict=True) if broken and is_read] == []
