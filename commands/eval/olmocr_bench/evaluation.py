"""An output against a ground truth in olmOCR-bench's form: JSON lines, one test each; a folder has several files.

The score is the mean over the files of the share of tests that pass; a page without a row fails its tests. Each PDF
without a `baseline` test gets one for its first page, in a group of its own: the PDFs of the folder `pdfs` beside the
files, or without that those that the tests name.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from statistics import fmean
from typing import Any, NamedTuple

from ocrmill.commands.eval.formulas.drawn_formulas import DrawnFormulas
from ocrmill.commands.eval.formulas.katex import Katex
from ocrmill.commands.eval.olmocr_bench.checks import CHECKS, UndecidedError
from ocrmill.commands.eval.output_pages import OutputPages
from ocrmill.commands.eval.page_names import Key, PageNames
from ocrmill.commands.eval.report import Cell, ScoreTable
from ocrmill.commands.eval.scored import Scored
from ocrmill.configs.errors import words_of
from ocrmill.pipeline.errors import InputError

_NEEDED = {
    "present": ("text",),
    "absent": ("text",),
    "order": ("before", "after"),
    "table": ("cell",),
    "math": ("math",),
    "baseline": (),
}
PASSED, FAILED, UNDECIDED = "passed", "failed", "undecided"
_COLUMNS = ("tests", PASSED, FAILED, UNDECIDED, "share passed")


@dataclass(frozen=True, slots=True)
class BenchTest:
    """A test, and the file that it is in."""

    group: str
    values: dict[str, Any]

    @property
    def page(self) -> tuple[str, int]:
        """The PDF, as the test names it, and the page number."""
        return self.values["pdf"], self.values["page"]


class Verdict(NamedTuple):
    """The result of a test; an undecided one has the formulas that may look like the wanted one."""

    result: str
    why: str = ""
    formulas: Sequence[str] = ()


_PASSED, _NOTHING_ALIKE = Verdict(PASSED), Verdict(FAILED, "no formula looks like it")


class OlmocrBench:
    """The tests, each with its page of the output."""

    def __init__(
        self, path: Path, names: PageNames, katex: Katex | None = None, drawn: DrawnFormulas | None = None
    ) -> None:
        """Read the tests, and find their pages; `katex` compares formulas by their MathML, `drawn` by a browser.

        Raises:
            InputError: A file cannot be read, there is no test, one lacks something, or two have the same id.
        """
        files = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
        tests = [test for file in files for test in _read(file)]
        if not tests:
            raise InputError(f"{path} has no test: a ground truth of olmOCR-bench is a .jsonl with one in each line")
        if twice := [name for name, count in Counter(test.values["id"] for test in tests).items() if count > 1]:
            raise InputError(f"{path} has several tests with the id {twice[0]}")
        self._unknown = Counter(test.values["type"] for test in tests if test.values["type"] not in CHECKS)
        self._tests = [test for test in tests if test.values["type"] in CHECKS]
        self._tests += _baselines(path, self._tests)
        self._katex, self._drawn = katex, drawn
        self._keys: dict[tuple[str, int], Key | None] = {}
        for pdf, number in {test.page for test in self._tests}:
            document = names.document(pdf)
            self._keys[pdf, number] = None if document is None else (document.document_id, number)

    def keys(self) -> Iterable[Key]:
        """Return the pages of the output that the tests name."""
        return (key for key in self._keys.values() if key is not None)

    def score(self, output: OutputPages) -> Scored:
        """Run the tests."""
        texts = {page: output.text(key) for page, key in self._keys.items()}
        results = self._with_drawings([(test, _verdict(test, texts[test.page], self._katex)) for test in self._tests])
        groups = _table("olmOCR-bench", "file", [(test.group, verdict.result) for test, verdict in results])
        overall = fmean([float(row[-1] or 0) for row in groups.rows]) if groups.rows else None
        kinds = _table("By kind of test", "kind", [(test.values["type"], verdict.result) for test, verdict in results])
        scored = Scored(
            len(texts), sorted(f"{pdf} page {page}" for (pdf, page), text in texts.items() if text is None), []
        )
        summary = ScoreTable("Overall: the mean over files", ("score", "share passed"), [("overall", overall)])
        failures = [
            (test.values["id"], verdict.result, verdict.why) for test, verdict in results if verdict.result != PASSED
        ]
        scored.tables = [groups, summary, kinds]
        if failures:
            scored.tables.append(ScoreTable("Not passed", ("id", "result", "why"), failures))
        if any(verdict.result == UNDECIDED for _, verdict in results):
            scored.notes.append(
                "Undecided tests count as failed: their evaluator draws formulas in a browser, as --olmocr PYTHON does"
            )
        for kind, count in sorted(self._unknown.items()):
            scored.notes.append(f"tests of the kind {kind}, which is not known and not scored: {count}")
        scored.files = {_file_name(*page): text or "" for page, text in texts.items()}
        return scored

    def _with_drawings(self, results: list[tuple[BenchTest, Verdict]]) -> list[tuple[BenchTest, Verdict]]:
        """Decide by a browser, if there is one, what is undecided; all at once, since it takes seconds to start."""
        if self._drawn is None:
            return results
        asked = [(test.values["math"], verdict.formulas) for test, verdict in results if verdict.result == UNDECIDED]
        found = iter(self._drawn.look_alike(asked) if asked else ())
        return [
            (test, verdict if verdict.result != UNDECIDED else _PASSED if next(found) else _NOTHING_ALIKE)
            for test, verdict in results
        ]


def _read(path: Path) -> list[BenchTest]:
    tests = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {words_of(error)}") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
            needed = ("pdf", "page", "id", "type", *_NEEDED.get(values["type"], ()))
            lacking = [name for name in needed if not values.get(name)]
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise InputError(f"{path} line {number} is no test: {error!r}") from error
        if lacking:
            raise InputError(f"{path} line {number} lacks {', '.join(lacking)}")
        tests.append(BenchTest(path.name, values))
    return tests


def _baselines(path: Path, tests: Iterable[BenchTest]) -> list[BenchTest]:
    folder = path / "pdfs"
    pdfs = {test.values["pdf"] for test in tests}
    if folder.is_dir():
        pdfs = {file.relative_to(folder).as_posix() for file in folder.rglob("*.pdf")}
    tested = {test.values["pdf"] for test in tests if test.values["type"] == "baseline"}
    added = ({"pdf": pdf, "page": 1, "id": f"{pdf}_baseline", "type": "baseline"} for pdf in sorted(pdfs - tested))
    return [BenchTest("baseline", values) for values in added]


def _verdict(test: BenchTest, text: str | None, katex: Katex | None) -> Verdict:
    if text is None:
        return Verdict(FAILED, "no row")
    try:
        why = CHECKS[test.values["type"]](test.values, text)
    except UndecidedError as error:
        if katex is not None and katex.looks_alike(test.values["math"], error.formulas):
            return _PASSED
        return Verdict(UNDECIDED, str(error), error.formulas)
    except ValueError as error:  # a table that cannot be read; their evaluator counts it as failed, too
        return Verdict(FAILED, str(error))
    return _PASSED if why is None else Verdict(FAILED, why)


def _table(title: str, first: str, results: Iterable[tuple[str, str]]) -> ScoreTable:
    counts: dict[str, Counter[str]] = {}
    for name, result in results:
        counts.setdefault(name, Counter())[result] += 1
    rows: list[tuple[Cell, ...]] = []
    for name, count in sorted(counts.items()):
        numbers = (count[PASSED], count[FAILED], count[UNDECIDED])
        rows.append((name, count.total(), *numbers, count[PASSED] / count.total()))
    return ScoreTable(title, (first, *_COLUMNS), rows)


def _file_name(pdf: str, page: int) -> str:
    return f"{PurePosixPath(pdf).with_suffix('')}_pg{page}_repeat1.md"
