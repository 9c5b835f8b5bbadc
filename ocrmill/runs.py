"""The commands as functions: they take settings as objects and return reports.

A call restores the caller's signal handlers, current folder and environment, and does not touch its logging: messages
go to the logger `ocrmill` and those below it. In the main thread SIGTERM and SIGINT stop a run as they stop the
command. Inside a running event loop (a notebook) the run has a thread of its own, and an interrupt of the waiting
caller stops it. In any other thread, which gets no signals from Python, `stop` stops it.

Not covered: importing Ray adds a folder of its own to `sys.path` permanently. While Ray starts, all threads of the
process have another current folder; give absolute paths to code that runs beside it.
"""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import tomli_w
from packaging.version import InvalidVersion, Version

from ocrmill.commands.eval.evaluate import TruthForm
from ocrmill.commands.eval.evaluate import evaluate as evaluate_store
from ocrmill.commands.eval.report import EvalReport
from ocrmill.commands.inspect.query import PageQuery
from ocrmill.commands.plan import Plan, make_plan
from ocrmill.commands.reflag.reflag import ReflagReport
from ocrmill.commands.reflag.reflag import reflag as reflag_store
from ocrmill.commands.report.report import check_report, json_beside, write_report
from ocrmill.commands.retry import retry as retry_job
from ocrmill.commands.run import Job
from ocrmill.commands.run import run as run_job
from ocrmill.commands.verify import verify as verify_store
from ocrmill.commands.verify_report import VerifyReport
from ocrmill.configs.load import load_settings as load_from_files
from ocrmill.configs.part import MachineShare, PageChoice
from ocrmill.configs.settings import RunSettings
from ocrmill.pipeline.errors import UsageError
from ocrmill.pipeline.output.journal import read_again
from ocrmill.pipeline.output.stores.open import open_output as open_store
from ocrmill.pipeline.run_report import RunReport

Input = str | os.PathLike[str]
"""A path or a URL."""

_Result = TypeVar("_Result")
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def load_settings(*files: Input, overrides: Mapping[str, Any] | None = None) -> RunSettings:
    """Load settings: the defaults, then each file in its order, then the overrides; later wins.

    Args:
        files: Paths of TOML files, or names of those that come with ocrmill: "cpu", "nightly", "demo" ...
        overrides: Single settings by their dotted names: {"raster.dpi": 200, "engine.name": "cpu"}.

    Raises:
        SettingsError: A file cannot be read, or a name or value is wrong.
    """
    lines = [f"{name}={_to_toml(value)}" for name, value in (overrides or {}).items()]
    return load_from_files([Path(file) for file in files], lines)


def run(
    inputs: Input | Iterable[Input],
    out: Input,
    *,
    settings: RunSettings | None = None,
    use_ray: bool = True,
    keep_existing: bool = False,
    max_documents: int | None = None,
    time_budget_s: float | None = None,
    pages: str | None = None,
    sample: int | None = None,
    shard: str | None = None,
    stop: threading.Event | None = None,
) -> RunReport:
    """Read every page that `out` does not have yet, and write one row for each. Call it again to go on.

    Args:
        inputs: What `ocrmill run` takes: files, folders, globs, archives, manifests, URLs of buckets and servers.
        out: A folder, or the URL of a bucket.
        settings: By default the defaults.
        use_ray: Read on all cores through Ray; if false, one page at a time in this process.
        keep_existing: Add to an output that was made with other settings.
        max_documents: Begin no more documents than this.
        time_budget_s: Seconds after which the run stops; `report.stopped` is then true.
        pages: A trial: only these pages of each document, as "1-3,7,10-".
        sample: A trial: only so many documents, the same ones each time.
        shard: Only this machine's share, as "2/4".
        stop: An event that another thread sets to stop the run as SIGTERM does. It takes effect once workers are up.

    Returns:
        The totals. Pages and documents that fail are counted there and have rows; they raise nothing.

    Raises:
        OcrmillError: The run cannot start or go on. What was finished is durable.
    """
    job = Job(
        inputs=_to_texts(inputs),
        output=os.fspath(out),
        settings=settings or RunSettings(),
        use_ray=use_ray,
        keep_existing=keep_existing,
        max_documents=max_documents,
        time_budget_s=time_budget_s,
        pages=None if pages is None else PageChoice.parse(pages),
        sample=sample,
        share=None if shard is None else MachineShare.parse(shard),
        stop=stop or threading.Event(),
    )
    if not job.inputs:
        raise UsageError("there is no input: name at least one file, folder or URL")
    return _call(lambda: run_job(job), job.stop)


def retry(
    out: Input,
    *,
    reason: str | None = None,
    flagged: bool = False,
    failed: bool = False,
    document: str | None = None,
    page: int | None = None,
    older_than: str | None = None,
    settings: RunSettings | None = None,
    use_ray: bool = True,
    keep_existing: bool = False,
    time_budget_s: float | None = None,
    stop: threading.Event | None = None,
) -> RunReport:
    """Read pages of `out` again, and replace their rows. All conditions must hold.

    Args:
        out: A folder, or the URL of a bucket.
        reason: Only what failed, was repaired or stayed bad for this reason.
        flagged: Only pages with a quality flag.
        failed: Only what failed.
        document: Only this document: the start of its id, or a part of its source.
        page: Only this page, from 1; together with another condition.
        older_than: Only what an ocrmill before this version has read, as "0.2.0".
        settings: By default the defaults.
        use_ray: As for `run`.
        keep_existing: Accept settings other than those of `out`.
        time_budget_s: As for `run`.
        stop: As for `run`.

    Raises:
        UsageError: No condition is given, or one that no row can meet.
        OcrmillError: It cannot start or go on. What was finished is durable, the rest as it was.
    """
    if not (reason or flagged or failed or document or older_than):
        raise UsageError("say what to read again: reason, flagged, failed, document or older_than")
    query = PageQuery(flagged, failed, None, reason, document, page, _version(older_than))
    job = Job(
        inputs=(),
        output=os.fspath(out),
        settings=settings or RunSettings(),
        use_ray=use_ray,
        keep_existing=keep_existing,
        time_budget_s=time_budget_s,
        stop=stop or threading.Event(),
    )
    return _call(lambda: retry_job(job, query), job.stop)


def plan(
    inputs: Input | Iterable[Input], *, out: Input | None = None, settings: RunSettings | None = None, sample: int = 30
) -> Plan:
    """Estimate what a run would do, from a sample of documents that are opened.

    Args:
        inputs: As for `run`.
        out: An output whose documents are left out.
        settings: By default the defaults.
        sample: Documents that are opened.

    Raises:
        OcrmillError: An input cannot be listed, or `out` cannot be read.
    """
    output = None if out is None else os.fspath(out)
    return _call(lambda: make_plan(_to_texts(inputs), settings or RunSettings(), output=output, sample=sample))


def reflag(
    out: Input, *, remeasure: bool = False, dry_run: bool = False, settings: RunSettings | None = None
) -> ReflagReport:
    """Judge every page of `out` again by the thresholds of `settings`: flags, and what follows from them.

    Args:
        out: A folder, or the URL of a bucket.
        remeasure: Measure the stored texts again first, in processes of their own.
        dry_run: Count pages by flag before and after, and change nothing.
        settings: Only those of quality and storage matter. By default the defaults.

    Raises:
        LeaseHeldError: A run is writing there.
        OutputError: There is no such output, or it cannot be read or written. What was done until then holds.
    """
    chosen = settings or RunSettings()
    store = open_store(os.fspath(out), chosen.storage)
    return read_again(lambda: reflag_store(store, chosen.quality, remeasure=remeasure, dry_run=dry_run))


def verify(out: Input, *, repair: bool = False, settings: RunSettings | None = None) -> VerifyReport:
    """Check that every page has exactly one row, that the sums are right, and that every shard can be read.

    Args:
        out: A folder, or the URL of a bucket.
        repair: Mend what can be mended; the next run reads what is missing.
        settings: Only those of storage matter.

    Raises:
        OutputError: There is no such output, or it cannot be listed or repaired.
    """
    store = open_store(os.fspath(out), (settings or RunSettings()).storage)
    return read_again(lambda: verify_store(store, repair=repair))


def evaluate(
    out: Input,
    truth: Input,
    *,
    form: str | None = None,
    predictions: Input | None = None,
    model: Input | None = None,
    katex: Input | None = None,
    cdm: Input | None = None,
    plot: Input | None = None,
    settings: RunSettings | None = None,
) -> EvalReport:
    """Score the pages of an output that a ground truth names; a page of the truth without a row counts as empty.

    Args:
        out: A folder, or the URL of a bucket.
        truth: OmniDocBench's JSON, a file or folder of olmOCR-bench's JSON lines, or a folder of Markdown files.
        form: "omnidocbench", "olmocr-bench" or "markdown"; by default what the name of the truth says.
        predictions: A folder that gets the files that the official evaluator reads.
        model: A folder with the tokenizer that counts text tokens; without one they are estimated.
        katex: KaTeX's katex.min.js, by which formulas are counted, and olmOCR-bench's compared, in node.
        cdm: The Python that has the package omnidocbench, by which CDM is computed for OmniDocBench's form.
        plot: An SVG file that gets the plot of the compression study.
        settings: Only those of storage matter.

    Raises:
        InputError: The truth cannot be read, or a name in it fits several documents.
        MissingPackageError: An optional package is not installed.
        OutputError: There is no such output, or it cannot be read.
        UsageError: The form of the truth is not clear.
    """
    store = open_store(os.fspath(out), (settings or RunSettings()).storage)
    if form is not None and form not in list(TruthForm):
        raise UsageError(f"form {form!r}: there are {', '.join(TruthForm)}")
    return read_again(
        lambda: evaluate_store(
            store,
            Path(truth),
            form=None if form is None else TruthForm(form),
            predictions=None if predictions is None else Path(predictions),
            model=None if model is None else Path(model),
            katex=None if katex is None else Path(katex),
            cdm=None if cdm is None else Path(cdm),
            plot=None if plot is None else Path(plot),
        )
    )


def report(out: Input, destination: Input = "report.html", *, settings: RunSettings | None = None) -> Path:
    """Write an output as one HTML file to send to somebody, and as JSON beside it; an earlier report is replaced.

    Args:
        out: A folder, or the URL of a bucket.
        destination: The HTML file, in a folder that is there. The JSON file is named like it.
        settings: Sources are opened with them, for the pictures of pages.

    Returns:
        The path of the JSON file; docs/report.schema.json has its schema.

    Raises:
        MissingPackageError: A package of the extra `view` is not installed.
        OutputError: There is no such output, it cannot be read, or a file not written; older files are kept.
        UsageError: The destination is a folder, a pipe, a device, a URL or somebody's file, or its JSON file is.
    """
    settings, file = settings or RunSettings(), Path(destination)
    check_report(file)
    write_report(open_store(os.fspath(out), settings.storage), settings, file)
    return json_beside(file)


def _call(work: Callable[[], _Result], stop: threading.Event | None = None) -> _Result:
    """Call a function that starts an event loop: here, or in a thread if a loop runs here already."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        with _restore_handlers(), _restore_environment():
            return work()
    return _call_in_thread(work, stop)


def _call_in_thread(work: Callable[[], _Result], stop: threading.Event | None) -> _Result:
    results: list[_Result] = []
    failures: list[BaseException] = []

    def call() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - it is raised again, where the caller waits
            failures.append(error)
        finally:
            ended.set()

    ended = threading.Event()  # an interrupted `Thread.join` takes the thread for ended before Python 3.13
    thread = threading.Thread(target=call, name="ocrmill-run")
    thread.start()
    try:
        ended.wait()
    except KeyboardInterrupt:
        if stop is None:
            raise
        stop.set()
        ended.wait()
    thread.join()
    if failures:
        raise failures[0]
    return results[0]


@contextmanager
def _restore_handlers() -> Iterator[None]:
    """Restore the signal handlers of the main thread, which event loops and Ray replace."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None:  # None: it was not set from Python, which cannot set it either
                signal.signal(number, handler)


@contextmanager
def _restore_environment() -> Iterator[None]:
    """Remove the environment variables and the exception hook that Ray leaves in a process."""
    before, hook = _variables_of_ray(), sys.excepthook
    try:
        yield
    finally:
        sys.excepthook = hook
        for name in _variables_of_ray():
            del os.environ[name]
        os.environ.update(before)


def _variables_of_ray() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith("RAY_") or name == "PYTHONBREAKPOINT"}


def _to_texts(inputs: Input | Iterable[Input]) -> tuple[str, ...]:
    return (os.fspath(inputs),) if isinstance(inputs, str | os.PathLike) else tuple(os.fspath(each) for each in inputs)


def _version(text: str | None) -> Version | None:
    try:
        return None if text is None else Version(text)
    except InvalidVersion as error:
        raise UsageError(f"older_than={text!r} is not a version: write it like 0.2.0") from error


def _to_toml(value: Any) -> str:
    return tomli_w.dumps({"value": value}).partition("=")[2].strip()
