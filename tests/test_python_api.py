"""The public Python API: what docs/python.md shows works, and the caller's process is as it was before."""

import asyncio
import inspect
import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import fields, is_dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hostile_folder import hostile_folder, marks
from pdfs import blank_pdf, encrypted_pdf, mixed_pdf, scan_pdf, text_pdf, truncated_pdf
from s3_server import S3Server

import ocrmill
from ocrmill.pipeline import errors
from ocrmill.pipeline.output.forgotten import Forgetting
from ocrmill.pipeline.output.journal import Change, Replacement, Withdrawal, begin
from ocrmill.pipeline.output.stores.local import LocalStore

ROOT = Path(__file__).parents[1]
GUIDE = ROOT / "docs/python.md"
SNIPPETS = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text(), re.DOTALL | re.MULTILINE)
PUBLIC = {
    *("run", "retry", "plan", "verify", "load_settings", "RunSettings", "RunReport", "VerifyReport", "Plan"),
    *("open_output", "Output", "Rows", "__version__", "evaluate", "EvalReport"),
    *("render_page", "inspect_page", "route_page", "read_text_layer", "count_pages", "PageImage", "InspectedPage"),
    *("measure_repetition", "flag_text", "parse_markdown"),
    *("PageFeatures", "PageGeometry", "PageText", "Block", "RepetitionMeasures", "Route", "RouteDecision"),
    *("Reason", "Status", "BucketError"),
    *errors.__all__,
}


def test_the_public_names_are_these_and_no_others() -> None:
    """`__all__` is the API: a name joins or leaves it on purpose, here too. Each is there, and `dir` shows it."""
    assert set(ocrmill.__all__) == PUBLIC
    assert sorted(ocrmill.__all__) == list(ocrmill.__all__)
    assert all(hasattr(ocrmill, name) for name in ocrmill.__all__)
    assert set(dir(ocrmill)) >= PUBLIC
    with pytest.raises(AttributeError, match="no attribute 'make_plan'"):
        _ = ocrmill.make_plan


def test_types_and_loader_agree_on_the_names() -> None:
    """Type checkers see in `__init__.py` the names that are loaded at run time, from the same modules."""
    source = (ROOT / "ocrmill/__init__.py").read_text()
    seen = {
        (module, name.strip())
        for module, block, line in re.findall(r"^    from (\S+) import (?:\(([^)]*)\)|(.+))$", source, re.MULTILINE)
        for name in (block or line).split(",")
        if name.strip()
    }

    assert seen == {(module, name) for name, module in ocrmill._HOME_OF.items()}
    assert {name for _, name in seen} | {"__version__"} == PUBLIC


def test_importing_it_is_light() -> None:
    """`import ocrmill` loads nothing else of ours and no library; names come on their first use."""
    program = (
        "import sys, ocrmill\n"
        "assert not [name for name in sys.modules if name.startswith('ocrmill.')]\n"
        "assert not {'ray', 'numpy', 'pyarrow', 'pydantic', 'pymupdf'} & set(sys.modules)\n"
        "assert ocrmill.__version__ and ocrmill.OcrmillError\n"
        "assert not {'ray', 'pyarrow', 'pymupdf'} & set(sys.modules)\n"
    )

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize("name", sorted(PUBLIC - {"__version__"}))
def test_every_public_name_says_what_it_is(name: str) -> None:
    """Classes and functions have docstrings, and so have the methods of classes."""
    value = getattr(ocrmill, name)

    assert inspect.getdoc(value)
    if is_dataclass(value):
        assert fields(value)
    if inspect.isclass(value):
        own = [each for name, each in vars(value).items() if inspect.isfunction(each) and not name.startswith("_")]
        assert all(inspect.getdoc(each) for each in own if each.__module__.startswith("ocrmill"))


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("papers")
    text_pdf(folder / "report.pdf", pages=2)
    blank_pdf(folder / "blank.pdf")
    truncated_pdf(folder / "cut.pdf")
    encrypted_pdf(folder / "secret.pdf", "unknown")
    return folder


@pytest.fixture(scope="module")
def out(papers: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output that the API made, in which one document has taken another's place."""
    out = tmp_path_factory.mktemp("api") / "out"
    changed = papers / "changed.pdf"
    text_pdf(changed, pages=2, text="The old text of a report that changes. ")
    ocrmill.run(papers, out, use_ray=False)
    text_pdf(changed, pages=3, text="The new text of a report that has changed. ")
    os.utime(changed, (1, 1))
    report = ocrmill.run(papers, out, use_ray=False)
    assert report.pages.total() == 3
    return out


def names(rows: list[str]) -> list[str]:
    return sorted(Path(row).name for row in rows)


def test_rows_are_those_of_current_documents(out: Path) -> None:
    """A document that its source does not hold any more is in the shards, and not in `open_output`."""
    output = ocrmill.open_output(out)
    shards = duckdb.sql(f"select count(*) from '{out}/pages/*.parquet' where source like '%changed.pdf'").fetchall()
    pages = output.pages.select("source", "page_number", "markdown").to_arrow()
    texts = [row["markdown"] for row in pages.to_pylist() if row["source"].endswith("changed.pdf")]

    assert shards == [(5,)]
    assert len(texts) == 3
    assert all("has changed" in text for text in texts)
    assert names(output.documents.to_arrow()["source"].to_pylist()).count("changed.pdf") == 1
    assert names(output.sources.to_arrow()["source"].to_pylist()).count("changed.pdf") == 1
    documents = output.documents.select("document_id", "reason").to_arrow().to_pylist()
    assert "password_required" in {row["reason"] for row in documents}


def test_rows_have_the_columns_of_the_contract(out: Path) -> None:
    """Every column is there with its type; a selection has its own in its order, and a misspelt one is refused."""
    output = ocrmill.open_output(out)

    assert output.pages.to_arrow().schema.equals(output.pages.schema)
    assert output.documents.to_arrow().schema.equals(output.documents.schema)
    assert output.sources.to_arrow().schema.equals(output.sources.schema)
    assert output.pages.select("flags", "source").to_arrow().column_names == ["flags", "source"]
    with pytest.raises(ocrmill.UsageError, match="no column sourcex: there are document_id, source"):
        output.pages.select("sourcex")


def test_pandas_duckdb_and_arrow_show_the_same_rows(out: Path) -> None:
    """Each form has the same pages; a relation of DuckDB can be asked twice."""
    rows = ocrmill.open_output(out).pages.select("source", "page_number", "status")
    table = rows.to_arrow()
    relation = rows.to_duckdb(duckdb.connect())

    assert rows.to_pandas()["page_number"].tolist() == table["page_number"].to_pylist()
    assert relation.aggregate("count(*)").fetchall() == [(len(table),)]
    assert relation.filter("status = 'blank'").fetchall() == relation.filter("status = 'blank'").fetchall() != []
    assert sum(len(batch) for batch in rows.batches()) == len(table) == len(pa.table(rows))


def test_an_optional_package_that_is_missing_is_named(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pandas or duckdb the error says what to install; it is ours and an ImportError."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    rows = ocrmill.open_output(out).sources

    with pytest.raises(ocrmill.MissingPackageError, match="pip install pandas") as error:
        rows.to_pandas()
    with pytest.raises(ImportError, match="pip install duckdb"):
        rows.to_duckdb()
    assert isinstance(error.value, ocrmill.OcrmillError)


def test_rows_that_are_being_taken_out_are_not_shown(papers: Path, tmp_path: Path) -> None:
    """Withdrawn and forgotten documents vanish when the journal names them, and replaced pages are seen once."""
    ocrmill.run(papers / "report.pdf", tmp_path / "out", use_ray=False)
    store, output = LocalStore(tmp_path / "out"), ocrmill.open_output(tmp_path / "out")
    document = output.documents.to_arrow()["document_id"].to_pylist()[0]
    old = tuple(name for folder in ("pages", "documents", "sources") for name in store.list(folder))
    assert len(output.pages.to_arrow()) == 2

    changes: tuple[Change, ...] = (
        Withdrawal((document,), old),
        Forgetting((document,), (document,), (), (), {}, old),
        Replacement(("pages/not-there-yet.parquet", old[0]), ()),
    )
    for number, change in enumerate(changes):
        begin(store, f"change-{number}", change)
        assert len(output.pages.to_arrow()) == 0, change
        store.delete(f"_journal/change-{number}.json")
    copy = "pages/20990101-000000-000001.parquet"
    store.write(copy, store.read(old[0]))
    assert len(output.pages.to_arrow()) == 4
    begin(store, "retry", Replacement((copy,), (old[0],)))
    assert len(output.pages.to_arrow()) == 2


def test_pages_of_unfinished_documents_are_shown_on_demand(papers: Path, tmp_path: Path) -> None:
    """A trial reads one page of two: it is there with `unfinished`, and only then."""
    report = ocrmill.run(papers / "report.pdf", tmp_path / "out", use_ray=False, pages="1")

    assert (report.exit_code, report.documents_in_part) == (75, 1)
    assert len(ocrmill.open_output(tmp_path / "out").pages.to_arrow()) == 0
    assert len(ocrmill.open_output(tmp_path / "out", unfinished=True).pages.to_arrow()) == 1


def test_a_bucket_reads_like_a_folder(papers: Path, s3: S3Server) -> None:
    """Run, verify and rows work with a bucket, by the settings of storage."""
    out = f"s3://{s3.bucket()}/corpus"
    settings = ocrmill.RunSettings(storage=s3.settings)
    ocrmill.run(papers / "report.pdf", out, settings=settings, use_ray=False)
    rows = ocrmill.open_output(out, settings=settings).pages.select("page_number")

    assert ocrmill.verify(out, settings=settings).sound
    assert sorted(rows.to_arrow()["page_number"].to_pylist()) == [1, 2]
    assert rows.to_duckdb(duckdb.connect()).aggregate("max(page_number)").fetchall() == [(2,)]


def test_retry_plan_and_verify_take_objects(papers: Path, out: Path) -> None:
    """The other commands work as functions, and refuse what the command line refuses."""
    planned = ocrmill.plan([papers / "report.pdf", papers / "blank.pdf"], out=out)
    settings = ocrmill.load_settings("cpu", overrides={"raster.dpi": 100, "input.passwords": ["a", "b"]})

    assert (planned.documents, planned.known) == (0, 2)
    assert ocrmill.verify(out).sound
    assert (settings.raster.dpi, len(settings.input.passwords), settings.engine.name) == (100, 2, "cpu")
    assert ocrmill.retry(out, document="report.pdf", page=1, use_ray=False).pages.total() == 1
    with pytest.raises(ocrmill.UsageError, match="say what to read again"):
        ocrmill.retry(out)
    with pytest.raises(ocrmill.UsageError, match=r"write it like 0\.2\.0"):
        ocrmill.retry(out, older_than="yesterday")
    with pytest.raises(ocrmill.SettingsError, match="did you mean"):
        ocrmill.load_settings(overrides={"raster.dpii": 100})
    with pytest.raises(ocrmill.UsageError, match="no input"):
        ocrmill.run([], out)
    with pytest.raises(ocrmill.OutputError, match="is not an output"):
        ocrmill.open_output(papers)


def test_the_process_is_as_it_was(papers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a run, one that fails too, folder, handlers, environment, import path and loggers are the caller's own."""
    monkeypatch.chdir(tmp_path)

    def own(*_: object) -> None:
        raise AssertionError("nobody sent a signal")

    handlers = {number: signal.signal(number, own) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        before = _state()
        ocrmill.run(papers / "blank.pdf", "out", use_ray=False)
        ocrmill.plan(papers / "blank.pdf")
        with pytest.raises(ocrmill.InputError):
            ocrmill.run("none.pdf", "out", use_ray=False)
        assert _state() == before
        assert before[0] is own
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _state() -> tuple[object, ...]:
    logger = logging.getLogger("ocrmill")
    return (
        signal.getsignal(signal.SIGTERM),
        signal.getsignal(signal.SIGINT),
        Path.cwd(),
        dict(os.environ),
        list(sys.path),
        list(sys.argv),
        (logger.level, logger.propagate, list(logger.handlers)),
        (logging.root.level, list(logging.root.handlers)),
    )


@pytest.mark.slow
def test_the_process_is_as_it_was_after_ray(papers: Path, tmp_path: Path) -> None:
    """Ray sets a handler of its own; the process is as it was even so, in a program that knows `ocrmill` alone."""
    program = f"""
import logging, os, signal, sys, ocrmill
def own(*_): raise SystemExit(9)
signal.signal(signal.SIGTERM, own); signal.signal(signal.SIGINT, own)
os.chdir({str(tmp_path)!r})
def state():
    handlers = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT), sys.excepthook
    path = [each for each in sys.path if "/ray/" not in each]  # importing Ray adds its own
    return handlers, os.getcwd(), sys.argv, path, dict(os.environ), logging.root.handlers[:]
before = state()
settings = ocrmill.load_settings(overrides={{"workers.rasterizers": 1, "workers.engines": 1}})
report = ocrmill.run({str(papers / "report.pdf")!r}, "out", settings=settings)
assert report.pages["text_layer"] == 2, report
differing = [pair for pair in zip(before, state()) if pair[0] != pair[1]]
assert not differing, differing
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=200)

    assert done.returncode == 0, done.stderr


def test_it_runs_in_a_thread(papers: Path, tmp_path: Path) -> None:
    """A run in a thread that is not the main one needs no signals, and its result comes out."""
    reports = []
    thread = threading.Thread(
        target=lambda: reports.append(ocrmill.run(papers / "report.pdf", tmp_path / "out", use_ray=False))
    )
    thread.start()
    thread.join(120)

    assert reports[0].pages["text_layer"] == 2


def test_it_runs_inside_an_event_loop(papers: Path, tmp_path: Path) -> None:
    """In a notebook, where a loop runs already, `run` and `plan` work and their errors come out."""

    async def cell() -> tuple[ocrmill.RunReport, ocrmill.Plan]:
        report = ocrmill.run(papers / "report.pdf", tmp_path / "out", use_ray=False)
        with pytest.raises(ocrmill.InputError):
            ocrmill.run("none.pdf", tmp_path / "out", use_ray=False)
        return report, ocrmill.plan(papers / "report.pdf")

    report, plan = asyncio.run(cell())

    assert (report.pages["text_layer"], plan.documents) == (2, 1)


def test_another_thread_can_stop_it(tmp_path: Path) -> None:
    """`stop` ends a run as SIGTERM does: what is in flight is finished, work is left, and the next call goes on."""
    (tmp_path / "in").mkdir()
    for number in range(12):
        text_pdf(tmp_path / f"in/{number}.pdf", pages=4, text=f"Document number {number} says this. ")
    stop, out = threading.Event(), tmp_path / "out"
    settings = ocrmill.load_settings(overrides={"output.flush_s": 0.2})
    reports: list[ocrmill.RunReport] = []
    thread = threading.Thread(
        target=lambda: reports.append(ocrmill.run(tmp_path / "in", out, settings=settings, use_ray=False, stop=stop))
    )
    thread.start()
    until = time.monotonic() + 60
    while not list(out.glob("pages/*.parquet")) and time.monotonic() < until:
        time.sleep(0.02)
    stop.set()
    thread.join(120)
    first = reports[0]
    rest = ocrmill.run(tmp_path / "in", out, settings=settings, use_ray=False)

    assert first.stopped
    assert first.exit_code == 75
    assert 0 < first.pages.total() < 48
    assert first.pages.total() + rest.pages.total() == 48


def test_an_interrupt_in_a_notebook_stops_it(tmp_path: Path) -> None:
    """Ctrl-C while a cell waits for a run stops it as it stops the command: the report says so."""
    (tmp_path / "in").mkdir()
    for number in range(40):
        text_pdf(tmp_path / f"in/{number}.pdf", pages=8, text=f"Document number {number} says this. ")
    program = f"""
import asyncio, pathlib, signal, threading, time, os, ocrmill
out = pathlib.Path({str(tmp_path / "out")!r})
signal.signal(signal.SIGINT, signal.default_int_handler)
def interrupt():
    while not list(out.glob("pages/*.parquet")): time.sleep(0.02)
    os.kill(os.getpid(), signal.SIGINT)
async def cell():
    settings = ocrmill.load_settings(overrides={{"output.flush_s": 0.2}})
    threading.Thread(target=interrupt, daemon=True).start()
    report = ocrmill.run({str(tmp_path / "in")!r}, out, settings=settings, use_ray=False)
    print(report.stopped, 0 < report.pages.total() < 320)
loop = asyncio.new_event_loop()  # no asyncio.run: a notebook leaves SIGINT to Python
loop.run_until_complete(cell())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120)

    assert done.stdout == "True True\n", done.stderr


def test_a_program_configures_our_loggers(papers: Path, tmp_path: Path) -> None:
    """Messages go to loggers named after modules below `ocrmill`; the program decides about level and handlers."""
    program = f"""
import logging, ocrmill
records = []
class Keep(logging.Handler):
    def emit(self, record): records.append(record.name)
logging.getLogger("ocrmill").addHandler(Keep())
logging.getLogger("ocrmill").setLevel(logging.INFO)
ocrmill.run({str(papers / "blank.pdf")!r}, {str(tmp_path / "out")!r}, use_ray=False)
assert "ocrmill.commands.run" in records, records
seen = len(records)
logging.getLogger("ocrmill").setLevel(logging.ERROR)
ocrmill.run({str(papers / "blank.pdf")!r}, {str(tmp_path / "out")!r}, use_ray=False)
assert len(records) == seen
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120)

    assert done.returncode == 0, done.stderr
    assert done.stdout == ""


def test_a_page_goes_through_the_functions(tmp_path: Path) -> None:
    """Bytes of a document give a picture in the asked size, features, a route and text; Reason names what is wrong."""
    text = text_pdf(tmp_path / "text.pdf", pages=2).read_bytes()
    scan = scan_pdf(tmp_path / "scan.pdf").read_bytes()
    image = ocrmill.render_page(text, 2, dpi=72)
    inspected = ocrmill.inspect_page(text, 2)

    assert ocrmill.count_pages(text) == 2
    assert image.pixels.shape == (image.geometry.height_px, image.geometry.width_px, 3)
    assert image.pixels.dtype == np.uint8
    assert abs(image.geometry.width_px - image.geometry.width_pt) <= 1
    assert max(ocrmill.render_page(text, dpi=600, max_side_px=300).pixels.shape) <= 301
    assert (inspected.page_number, inspected.page_count) == (2, 2)
    assert inspected.features.script == "latin"
    assert ocrmill.route_page(inspected) == ocrmill.RouteDecision(ocrmill.Route.TEXT_LAYER, "good_text")
    assert ocrmill.route_page(ocrmill.inspect_page(scan)).route is ocrmill.Route.OCR
    assert inspected.layer_text.split()[0] in ocrmill.read_text_layer(text, 2).markdown


def test_page_functions_say_what_is_wrong(tmp_path: Path) -> None:
    """A page that cannot be read is a PageError with its Reason, a wrong argument a UsageError."""
    text = text_pdf(tmp_path / "text.pdf", pages=2).read_bytes()
    secret = encrypted_pdf(tmp_path / "secret.pdf", "open sesame").read_bytes()

    for document, reason in ((b"", "empty_file"), (b"hello", "unsupported_type"), (secret, "password_required")):
        with pytest.raises(ocrmill.PageError) as error:
            ocrmill.render_page(document)
        assert error.value.reason == ocrmill.Reason(reason)
    assert ocrmill.count_pages(secret, password="open sesame") == 2
    wrong_arguments: list[dict[str, Any]] = [
        {"page_number": 3},
        {"page_number": 0},
        {"dpi": 0},
        {"dpi": 601},
        {"max_side_px": 10},
    ]
    for wrong in wrong_arguments:
        with pytest.raises(ocrmill.UsageError, match=r"out of range|there is no page"):
            ocrmill.render_page(text, **wrong)


def test_page_functions_and_a_run_agree(tmp_path: Path) -> None:
    """Routes and Markdown from the functions are those in the rows of a run over the same document."""
    path = mixed_pdf(tmp_path / "mixed.pdf")
    data = path.read_bytes()
    ocrmill.run(path, tmp_path / "out", use_ray=False)
    rows = ocrmill.open_output(tmp_path / "out").pages.to_arrow().to_pylist()

    for row in rows:
        decision = ocrmill.route_page(ocrmill.inspect_page(data, row["page_number"]))
        assert (decision.route, decision.reason) == (row["route"], row["route_reason"])
        if row["status"] == "text_layer":
            assert ocrmill.read_text_layer(data, row["page_number"]).markdown == row["markdown"]
            assert ocrmill.measure_repetition(row["markdown"]).longest_run == row["longest_run"]
            assert list(ocrmill.flag_text(row["markdown"])) == row["flags"]
    assert {"text_layer", "ocr"} <= {row["route"] for row in rows}


def test_page_functions_leave_pymupdf_as_it_was(tmp_path: Path) -> None:
    """A program may import PyMuPDF's layout library afterwards, and its messages are shown or not as before."""
    path = text_pdf(tmp_path / "text.pdf")
    program = f"""
import ocrmill
data = open({str(path)!r}, "rb").read()
ocrmill.inspect_page(data)
import pymupdf
pymupdf.TOOLS.mupdf_display_errors(True); pymupdf.TOOLS.mupdf_display_warnings(True)
ocrmill.inspect_page(data)
assert pymupdf.TOOLS.mupdf_display_errors() and pymupdf.TOOLS.mupdf_display_warnings()
import pymupdf4llm
assert len(pymupdf4llm.to_markdown({str(path)!r})) > 100
print("read")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120)

    assert done.stdout.endswith("read\n"), done.stderr


def test_page_functions_may_be_called_from_many_threads(tmp_path: Path) -> None:
    """A lock keeps MuPDF to one thread: sixteen calls at once give what one gives."""
    from concurrent.futures import ThreadPoolExecutor

    data = mixed_pdf(tmp_path / "mixed.pdf").read_bytes()
    expected = ocrmill.inspect_page(data)
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: ocrmill.inspect_page(data), range(16)))

    assert found == [expected] * 16


def test_model_output_becomes_markdown_with_boxes() -> None:
    """Boxes on the model's grid of 999 come out in points of the page; text flags are those of rows."""
    raw = "<|ref|>sub_title<|/ref|><|det|>[[0, 0, 999, 111]]<|/det|>\n## Method\n"
    parsed = ocrmill.parse_markdown(raw, width_pt=600, height_pt=900)

    assert (parsed.markdown, parsed.raw) == ("## Method", raw)
    assert parsed.blocks == (ocrmill.Block("heading", 0, 0, 600, 100, 0, 9),)
    looped = "the same sentence comes again and again. " * 400
    assert ocrmill.flag_text("An honest sentence.") == ()
    assert "repetition" in ocrmill.flag_text(looped)
    assert "truncated" in ocrmill.flag_text("An honest sent", finish_reason="length")
    assert ocrmill.measure_repetition(looped).repetition_period == 41


def test_nothing_from_the_current_folder_is_imported(tmp_path: Path) -> None:
    """A program in a folder that holds `pipeline/`, `configs/` and `pyarrow.py` takes none of them through us."""
    folder = hostile_folder(tmp_path / "folder")
    program = "import ocrmill; print(ocrmill.run('docs/text.pdf', 'out', use_ray=False).pages['text_layer'])"
    done = subprocess.run(
        [sys.executable, "-P", "-c", program], cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )

    assert done.stdout.strip() == "2", done.stderr
    assert marks(folder) == []


@pytest.mark.parametrize("number", range(len(SNIPPETS)))
def test_the_snippets_of_the_guide_run(number: int, papers: Path, tmp_path: Path) -> None:
    """Each ```python block of docs/python.md runs as it stands, in a folder with `papers/` and an output of them.

    One that needs a package which is not installed is skipped; `dev` has all of them.
    """
    snippet = SNIPPETS[number]
    for package in set(re.findall(r"^\s*(?:import|from) (polars|datasets|duckdb|pandas|ray)\b", snippet, re.MULTILINE)):
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    (tmp_path / "papers").symlink_to(papers)
    text_pdf(tmp_path / "report.pdf", pages=2)
    (tmp_path / "mine.toml").write_text("[raster]\ndpi = 150\n")
    (tmp_path / "truth").mkdir()
    (tmp_path / "truth/report.md").write_text("Text of the report.\n")
    ocrmill.run(tmp_path / "report.pdf", tmp_path / "papers-out", use_ray=False)
    script = tmp_path / "snippet.py"
    script.write_text(snippet)
    done = subprocess.run(
        [sys.executable, "-P", script], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=240
    )

    assert done.returncode == 0, done.stderr


def test_the_guide_names_everything_public() -> None:
    """docs/python.md tells of each public name."""
    guide = GUIDE.read_text()

    assert not [name for name in ocrmill.__all__ if not re.search(rf"\b{name}\b", guide)]
    assert len(SNIPPETS) >= 8
