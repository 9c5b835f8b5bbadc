"""Score an output against a ground truth."""

from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ocrmill.commands.eval.output_pages import read_documents, read_output_pages
from ocrmill.commands.eval.page_names import PageNames
from ocrmill.commands.eval.predictions import write_predictions
from ocrmill.commands.eval.report import EvalReport
from ocrmill.pipeline.errors import MissingPackageError, UsageError
from ocrmill.pipeline.output.stores.store import Store
from ocrmill.pipeline.records import Status

if TYPE_CHECKING:
    from ocrmill.commands.eval.compression import Counted
    from ocrmill.commands.eval.formulas.katex import Katex
    from ocrmill.commands.eval.markdown_truth import MarkdownTruth
    from ocrmill.commands.eval.olmocr_bench.evaluation import OlmocrBench
    from ocrmill.commands.eval.omnidocbench.evaluation import OmniDocBench
    from ocrmill.commands.eval.scored import Scored

_PACKAGES = {
    "bs4": "beautifulsoup4",
    "lxml": "lxml",
    "pylatexenc": "pylatexenc",
    "rapidfuzz": "rapidfuzz",
    "scipy": "scipy",
}


class TruthForm(StrEnum):
    """The form of a ground truth."""

    OMNIDOCBENCH = "omnidocbench"
    OLMOCR_BENCH = "olmocr-bench"
    MARKDOWN = "markdown"


def evaluate(
    store: Store,
    truth: Path,
    *,
    form: TruthForm | None = None,
    predictions: Path | None = None,
    model: Path | None = None,
    katex: Path | None = None,
    cdm: Path | None = None,
    olmocr: Path | None = None,
    plot: Path | None = None,
) -> EvalReport:
    """Score the pages of an output that a ground truth names; a page of the truth without a row counts as empty.

    Args:
        store: The output.
        truth: OmniDocBench's JSON, a file or folder of olmOCR-bench's JSON lines, or a folder of Markdown files.
        form: The form of the truth; by default that of its name.
        predictions: A folder that gets the files that the official evaluator reads.
        model: A folder with the tokenizer that counts text tokens; without one they are estimated.
        katex: KaTeX's katex.min.js, by which formulas are counted, and olmOCR-bench's compared, in node.
        cdm: The Python that has the package omnidocbench, by which CDM is computed for OmniDocBench's form.
        olmocr: The Python that has the package olmocr, by which olmOCR-bench's formulas are drawn and compared.
        plot: An SVG file that gets the plot of the compression study.

    Raises:
        InputError: The truth cannot be read, or a name in it fits several documents.
        MissingPackageError: An optional package is not installed.
        OutputError: The output cannot be read, or a file not written.
        UsageError: The form of the truth is not clear, or the folder of predictions has other files.
    """
    _require_packages()
    from ocrmill.commands.eval.compression import estimated_tokens, token_counter
    from ocrmill.commands.eval.compression_plot import require_plotting
    from ocrmill.commands.eval.formulas.formula_count import formula_table
    from ocrmill.commands.eval.formulas.katex import Katex

    if plot is not None:
        require_plotting()
    form = form or form_of(truth)
    count = estimated_tokens if model is None else token_counter(model)
    renderer = None if katex is None else Katex(katex)
    documents = read_documents(store)
    if cdm is not None and form is not TruthForm.OMNIDOCBENCH:
        raise UsageError("--cdm is for OmniDocBench's truth")
    if olmocr is not None and form is not TruthForm.OLMOCR_BENCH:
        raise UsageError("--olmocr is for olmOCR-bench's truth")
    ground_truth = _read(truth, form, PageNames(documents.values()), renderer, cdm, olmocr)
    output = read_output_pages(store, documents, set(ground_truth.keys()))
    scored = ground_truth.score(output)
    report = EvalReport(store.url, str(truth), form.value, scored.entries, scored.missing)
    report.failed = [page.name for page in output.wanted.values() if page.status == Status.FAILED]
    report.without_truth, report.notes, report.tables = sorted(output.others), scored.notes, scored.tables
    if renderer is not None:
        report.tables.append(formula_table(output.wanted.values(), renderer))
    _add_compression(report, scored, count, plot, is_estimated=model is None)
    if predictions is not None:
        write_predictions(predictions, scored.files)
        report.notes.append(f"{len(scored.files)} files for the official evaluator are in {predictions}")
    return report


def _add_compression(
    report: EvalReport, scored: "Scored", count: "Counted", plot: Path | None, *, is_estimated: bool
) -> None:
    """Add the study of compression, and draw it, if a model has seen some of the pages."""
    from ocrmill.commands.eval.compression import ESTIMATED, compression_table
    from ocrmill.commands.eval.compression_plot import write_plot

    table, left_out = compression_table(scored.compared, count)
    if table.rows:
        report.tables.append(table)
        report.notes += [ESTIMATED] if is_estimated else []
    if left_out:
        why = "no model saw them, or they have no text"
        report.notes.append(f"pages in no table of compression, because {why}: {left_out}")
    if plot is not None and table.rows:
        write_plot(table, plot)
        report.notes.append(f"the plot of compression is in {plot}")
    elif plot is not None:
        report.notes.append("there is no plot of compression: no page with visual tokens was compared")


def form_of(truth: Path) -> TruthForm:
    """Return the form that the name of a ground truth says.

    Raises:
        UsageError: It says none.
    """
    if truth.suffix == ".json":
        return TruthForm.OMNIDOCBENCH
    if truth.suffix == ".jsonl" or (truth.is_dir() and any(truth.glob("*.jsonl"))):
        return TruthForm.OLMOCR_BENCH
    if truth.is_dir():
        return TruthForm.MARKDOWN
    raise UsageError(f"{truth} is no .json, no .jsonl and no folder: name a ground truth that is there, or its --form")


def _read(
    truth: Path,
    form: TruthForm,
    names: PageNames,
    katex: "Katex | None",
    cdm: Path | None,
    olmocr: Path | None,
) -> "OmniDocBench | OlmocrBench | MarkdownTruth":
    """Read the truth; the forms' modules load libraries of their own."""
    if form is TruthForm.OMNIDOCBENCH:
        from ocrmill.commands.eval.formulas.cdm import Cdm
        from ocrmill.commands.eval.omnidocbench.evaluation import OmniDocBench

        return OmniDocBench(truth, names, None if cdm is None else Cdm(cdm))
    if form is TruthForm.OLMOCR_BENCH:
        from ocrmill.commands.eval.formulas.drawn_formulas import DrawnFormulas
        from ocrmill.commands.eval.olmocr_bench.evaluation import OlmocrBench

        return OlmocrBench(truth, names, katex, None if olmocr is None else DrawnFormulas(olmocr))
    from ocrmill.commands.eval.markdown_truth import MarkdownTruth

    return MarkdownTruth(truth, names)


def _require_packages() -> None:
    missing = [package for module, package in _PACKAGES.items() if find_spec(module) is None]
    if missing:
        raise MissingPackageError(f"eval needs {', '.join(missing)}: pip install --editable '.[eval]' in the clone")
