"""Formulas drawn in a browser, and compared by the places of their signs, by olmOCR-bench's own code.

That is the package `olmocr`. It draws both with KaTeX in a Chromium; a formula is found if its MathML has that of the
truth inside, or if each sign of the truth has its own in it, with the same neighbours above, below, left and right.
"""

from collections.abc import Sequence
from pathlib import Path

from rapidfuzz import fuzz

from ocrmill.commands.eval.formulas.evaluator_python import EvaluatorPython
from ocrmill.pipeline.errors import InputError

_PROGRAM = Path(__file__).with_name("drawn_formulas_program.py")
_MODULES = "bs4, lxml, olmocr.bench.katex.render"
_INSTALLED_BY = "pip install --no-deps olmocr==0.4.27; the same with playwright beautifulsoup4 lxml in its place"
_START_S = 120.0
_MOST_S = 10.0  # of a formula; half a second is usual
_SAMPLE = (r"\frac{a}{b}", [r"{a \over b}"])


class DrawnFormulas:
    """The benchmark's comparison of drawn formulas, made by the Python in whose environment its package is."""

    def __init__(self, python: Path) -> None:
        """Look for what it needs, and draw a sample.

        Raises:
            InputError: There is no such program, or it has no browser.
            MissingPackageError: The package is not installed.
        """
        self._python = EvaluatorPython(python, "olmocr", _MODULES, _INSTALLED_BY)
        try:
            works = self.look_alike([_SAMPLE]) == [True]
        except InputError:
            works = False
        if not works:
            raise InputError(
                f"no formula can be drawn by {python}: what it said is above. It needs a Chromium: that of "
                f"`{python} -m playwright install chromium`, or one on the PATH"
            )

    def look_alike(self, tests: Sequence[tuple[str, Sequence[str]]]) -> list[bool]:
        """Tell of each wanted formula if one of those of its page looks like it.

        Raises:
            InputError: The package's code failed as a whole, or did not end.
        """
        nearest_first = [
            (wanted, sorted(formulas, key=lambda formula: -fuzz.ratio(formula, wanted))) for wanted, formulas in tests
        ]
        drawn = sum(1 + len(formulas) for _, formulas in tests)
        return self._python.answers(_PROGRAM, nearest_first, _START_S + _MOST_S * drawn)
