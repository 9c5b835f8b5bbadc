"""Formulas as MathML, by KaTeX in node: which of them it can read, and which are alike.

They are compared in the first of the two ways of olmOCR-bench: a formula of the page is right if its MathML has that of
the truth inside. The second way, the places of the signs in a browser's window, is that of drawn_formulas.py.
"""

import json
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from shutil import which
from typing import Any

from lxml import etree

from ocrmill.pipeline.errors import InputError, MissingPackageError

_TIME_LIMIT_S = 60
_PROGRAM = """
const katex = require(process.argv[1]);
if (typeof katex.renderToString !== 'function') process.exit(1);
const options = {displayMode: true, throwOnError: true, output: 'mathml'};
const render = (formula) => { try { return katex.renderToString(formula, options); } catch (error) { return null; } };
const formulas = JSON.parse(require('fs').readFileSync(0, 'utf8'));
process.stdout.write(JSON.stringify(formulas.map(render)));
"""


class Katex:
    """KaTeX, from a file such as katex.min.js of its npm package."""

    def __init__(self, script: Path) -> None:
        """Look for the file and for node.

        Raises:
            InputError: The file is not there.
            MissingPackageError: node is not installed.
        """
        if not script.is_file():
            raise InputError(f"{script} is not there: name KaTeX's katex.min.js")
        if which("node") is None:
            raise MissingPackageError("comparing formulas needs node, which is not installed")
        self._script = script.resolve()

    def looks_alike(self, wanted: str, formulas: Sequence[str]) -> bool:
        """Tell if a formula has the wanted one inside; one that KaTeX cannot read has nothing.

        Raises:
            InputError: The file is no KaTeX.
        """
        right, *others = self._mathml([wanted, *formulas])
        return right is not None and any(right in other for other in others if other is not None)

    def renders(self, formulas: Sequence[str]) -> list[bool]:
        """Tell of each formula if KaTeX can read it.

        Raises:
            InputError: The file is no KaTeX.
        """
        return [markup is not None for markup in self._run(formulas)]

    def _mathml(self, formulas: Sequence[str]) -> list[str | None]:
        return [None if markup is None else _inner(markup) for markup in self._run(formulas)]

    def _run(self, formulas: Sequence[str]) -> list[str | None]:
        command = ["node", "-e", _PROGRAM, str(self._script)]
        try:
            done = subprocess.run(
                command, input=json.dumps(formulas), capture_output=True, text=True, check=True, timeout=_TIME_LIMIT_S
            )
            rendered: list[str | None] = json.loads(done.stdout)
        except (subprocess.SubprocessError, ValueError) as error:
            raise InputError(f"{self._script} cannot be run by node as KaTeX: {type(error).__name__}") from error
        return rendered


def _inner(markup: str) -> str:
    """Return the MathML without blanks, and without the LaTeX that KaTeX adds to it."""
    root: Any = etree.fromstring(markup)
    meaning = root.find(".//{*}semantics")
    parts = [part for part in meaning if etree.QName(part).localname != "annotation"] if meaning is not None else [root]
    return re.sub(r"\s+", "", "".join(etree.tostring(part, encoding="unicode", with_tail=False) for part in parts))
