"""The Python of another environment, in which the package of an evaluator is installed with libraries of its own."""

import json
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from shutil import which
from typing import Any

from ocrmill.pipeline.errors import InputError, MissingPackageError


class EvaluatorPython:
    """A Python that has an evaluator's package, and runs programs of ours that import it."""

    def __init__(self, python: Path, package: str, modules: str, installed_by: str) -> None:
        """Look for the program and its package.

        Args:
            python: A program, by its path or name.
            package: The evaluator's.
            modules: What is imported of it and of what it needs, as `a, b.c`.
            installed_by: The arguments of `python -m` that install it.

        Raises:
            InputError: There is no such program.
            MissingPackageError: The package is not installed there.
        """
        if which(str(python)) is None:
            raise InputError(f"{python} is no program: name the Python that has the package {package}")
        self._python = python
        if subprocess.run(self._command("-c", f"import {modules}"), capture_output=True, check=False).returncode:
            raise MissingPackageError(f"{python} cannot import {modules}; install it by: {python} -m {installed_by}")

    def answers(self, program: Path, questions: Sequence[Any], time_limit_s: float) -> list[Any]:
        """Run a program that reads a JSON list from a file, and writes one into another; what it prints is dropped.

        Raises:
            InputError: It failed, did not end, or wrote something else.
        """
        with tempfile.TemporaryDirectory(prefix="ocrmill-eval-") as folder:
            asked, answered = Path(folder) / "questions.json", Path(folder) / "answers.json"
            asked.write_text(json.dumps(questions), encoding="utf-8")
            command = self._command(str(program), str(asked), str(answered))
            try:
                subprocess.run(command, stdout=subprocess.DEVNULL, check=True, timeout=time_limit_s)
                found: list[Any] = json.loads(answered.read_text(encoding="utf-8"))
            except (OSError, ValueError, subprocess.SubprocessError) as error:
                raise InputError(f"{self._python} could not run {program.stem}: {type(error).__name__}") from error
        return found

    def _command(self, *arguments: str) -> list[str]:
        return [str(self._python), "-I", *arguments]
