"""The report of an output: it says what the rows say, stands alone, and comes at the end of a run, too."""

import json
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest
from pdfs import text_pdf
from s3_server import S3Server
from typer.testing import CliRunner
from written_outputs import add_document, add_failed_document, failed_page, page, writing

import ocrmill
from ocrmill import cli
from ocrmill.commands.presentation.page_index import PageIndex
from ocrmill.commands.report.advice import ADVICE
from ocrmill.commands.report.contents import Report
from ocrmill.commands.report.flag_meanings import LITTLE, MEANINGS
from ocrmill.commands.report.report import BEGINS, write_report
from ocrmill.commands.report.suspicion import MOST_OF_A_DOCUMENT, most_suspicious
from ocrmill.commands.terminal.files_of_runs import report_at_end
from ocrmill.configs.settings import RunSettings
from ocrmill.pipeline.errors import UsageError
from ocrmill.pipeline.output.schema import PAGES
from ocrmill.pipeline.output.stores.local import LocalStore
from ocrmill.pipeline.output.stores.open import open_output
from ocrmill.pipeline.output.stores.store import Store
from ocrmill.pipeline.records import Reason

ROOT = Path(__file__).parents[3]
MOST_BYTES = 3_000_000
HOSTILE = "</pre><script>alert(1)</script><img src=https://evil.example/x onerror=alert(2)> \x1b[2J \u202e"


class Page(HTMLParser):
    """The tags of a page, and every address in it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.addresses: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href", "xlink:href", "data"}]
        assert not [name for name, _ in attrs if name.startswith("on")]


def reported(store: Store, folder: Path, settings: RunSettings | None = None) -> tuple[Report, str]:
    """The JSON and the HTML of a report, which is looked at for what every report promises."""
    write_report(store, settings or RunSettings(), folder / "report.html")
    html = (folder / "report.html").read_text()
    looked_at = Page(html)
    assert len(html) < MOST_BYTES
    assert html.startswith(BEGINS.decode())
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in html
    assert not looked_at.tags.keys() & {"script", "iframe", "link", "object", "form"}
    assert all(address.startswith(("data:image/webp", "#")) for address in looked_at.addresses)
    return Report.model_validate_json((folder / "report.json").read_bytes()), html


def test_it_says_what_the_rows_say(nights: LocalStore, tmp_path: Path) -> None:
    """Counts, failures and rates are those of the rows that count; the file is small and loads nothing."""
    report, html = reported(nights, tmp_path)
    rows = ocrmill.open_output(nights.url).pages.select("status", "flags", "reason").to_arrow().to_pylist()
    statuses = Counter(row["status"] for row in rows)

    assert report.totals.pages == len(rows) == 2100
    assert report.totals.flagged == sum(bool(row["flags"]) for row in rows)
    assert {count.value: count.pages for count in report.counts["status"]} == statuses
    assert sum(failure.count for failure in report.failures) == statuses["failed"] == report.totals.failed > 0
    for failure in report.failures:
        assert len(failure.examples) == min(3, failure.count)
        assert len({example.document_id for example in failure.examples}) == len(failure.examples)
    kept = report.repetition.rates[0]
    assert kept.low < kept.share == kept.pages / report.repetition.answered < kept.high
    assert [rate.share for rate in report.repetition.published] == [0.0288, 0.0369]
    suspicions = [suspect.suspicion for suspect in report.suspicious_pages]
    assert len(suspicions) == 20
    assert suspicions == sorted(suspicions, reverse=True)
    assert html.count("No picture: its source is missing") == 20
    assert html.count("<svg") >= 4


def test_the_order_of_suspicion_is_that_of_the_measures(tmp_path: Path) -> None:
    """Flags doubt together as if independent, most first; at most three pages of a document, none that failed."""
    loops = page("text", flags=("repetition", "loop"))  # no measure of the loop: half of it
    with writing(tmp_path) as sink:
        add_document(sink, "/a.pdf", [page(), page(flags=("figure_text",)), page(flags=("truncated",)), failed_page()])
        add_document(sink, "/b.pdf", [page(flags=("truncated", "script_differs")), page(flags=("of_a_plugin",))])
        add_document(
            sink, "/c.pdf", [loops, page(flags=("repetition", "truncated", "dense_text")), loops, loops, loops]
        )
    index = PageIndex(LocalStore(tmp_path))
    index.refresh()
    found = most_suspicious(index.cursor())
    index.close()
    little = float(LITTLE)

    assert [round(suspect.suspicion, 3) for suspect in found] == [0.875, 0.75, 0.5, 0.5, 0.5, little, little]
    assert max(Counter(suspect.document_id for suspect in found).values()) == MOST_OF_A_DOCUMENT
    assert [suspect.page_number for suspect in found if suspect.suspicion == 0.875] == [2]


def test_a_run_reports_at_its_end(tmp_path: Path) -> None:
    """`run --report` writes pictures of suspicious pages beside their escaped text; a missing source is said to be."""
    source = text_pdf(tmp_path / "in.pdf", pages=2, text=HOSTILE)
    out, file = tmp_path / "out", tmp_path / "report.html"
    flag_all = ("--set", "quality.compressible_chars=1", "--set", "quality.compression_ratio=1.01")
    done = CliRunner().invoke(
        cli.app, ["run", str(source), "-o", str(out), "--no-ray", "--route", "fast", *flag_all, "--report", str(file)]
    )
    assert done.exit_code == 0, done.output
    assert f"2 pages are reported in {file}" in done.output
    html = file.read_text()
    run = Report.model_validate_json((tmp_path / "report.json").read_bytes()).runs[0]
    assert html.count('src="data:image/webp;base64,') == 2
    assert "&lt;script&gt;alert(1)" in html
    assert not Page(html).tags["script"]
    assert (run.pages, run.exit_code) == (2, 0)

    source.unlink()
    report, html = reported(LocalStore(out), tmp_path)
    assert 'src="data:' not in html
    assert [suspect.no_picture is None for suspect in report.suspicious_pages] == [False, False]
    assert set(report.suspicious_pages[0].begins) & set("\x1b\u202e") == set()


def test_files_of_a_run_are_no_others(tmp_path: Path) -> None:
    """Before the run it is refused to write a report or a trace over the output, or a trace over the report."""
    out, page = tmp_path / "out", tmp_path / "page.html"
    for options, said in (
        (["--report", str(out)], f"--report {out}: that is the output"),
        (["--trace", str(out)], f"--trace {out}: that is the output"),
        (["--report", str(page), "--trace", str(page)], f"--trace {page}: that is written by --report"),
        (["--report", str(page), "--trace", str(page.with_suffix(".json"))], "page.json: that is written by --report"),
    ):
        with pytest.raises(UsageError, match=re.escape(said)):
            CliRunner().invoke(cli.app, ["run", str(tmp_path), "-o", str(out), *options], catch_exceptions=False)
    assert not list(tmp_path.iterdir())


def test_python_gets_the_path_of_the_json(nights: LocalStore, tmp_path: Path) -> None:
    """`ocrmill.report` writes both files and returns the one with a schema."""
    written = ocrmill.report(nights.url, tmp_path / "r.html")

    assert (written, (tmp_path / "r.html").exists()) == (tmp_path / "r.json", True)
    assert Report.model_validate_json(written.read_bytes()).totals.pages == 2100


def test_a_report_that_fails_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever is wrong with the report of a run, a message says so and nothing is raised."""
    with writing(tmp_path / "out") as sink:
        add_document(sink, "/a.pdf", [page()])
    report_at_end(str(tmp_path / "out"), RunSettings(), tmp_path / "no-such-folder/report.html")
    report_at_end(str(tmp_path / "nothing"), RunSettings(), tmp_path / "report.html")

    assert capsys.readouterr().err.count("the report could not be written") == 2


@pytest.mark.parametrize("option", ["--trace", "--report"])
def test_a_file_without_its_folder_is_refused_before_the_run(tmp_path: Path, option: str) -> None:
    """Nothing is read, and no output begun, if a file beside it could not be written."""
    source, file = text_pdf(tmp_path / "in.pdf", pages=1), tmp_path / "no-such-folder" / "file"
    done = CliRunner().invoke(cli.app, ["run", str(source), "-o", str(tmp_path / "out"), option, str(file)])

    assert isinstance(done.exception, UsageError)
    assert str(done.exception).endswith("no-such-folder is not a folder: make it first")
    assert not (tmp_path / "out").exists()


def test_an_output_in_a_bucket_is_reported(s3: S3Server, tmp_path: Path) -> None:
    """A bucket's output comes out as a folder's does; failed documents have their reasons, and messages no escapes."""
    with writing(tmp_path / "out") as sink:
        add_document(sink, "/a.pdf", [page(flags=("truncated",)), failed_page(detail="bad \x1b[2J page")])
        add_failed_document(sink, "/b.pdf")
    bucket = s3.bucket()
    for path in (tmp_path / "out").rglob("*.parquet"):
        s3.put(bucket, f"out/{path.relative_to(tmp_path / 'out')}", path.read_bytes())
    store = open_output(f"s3://{bucket}/out", s3.settings)
    report, _ = reported(store, tmp_path, RunSettings(storage=s3.settings))

    said = [(failure.of, failure.reason, failure.count) for failure in report.failures]
    assert said == [("documents", "password_required", 1), ("pages", "render_timeout", 1)]
    assert report.failures[1].examples[0].detail == r"bad \x1b[2J page"
    assert report.failures[1].advice.endswith("`ocrmill retry OUT --reason render_timeout` reads these pages again")


def test_the_schema_is_the_documented_one() -> None:
    """docs/report.schema.json is the JSON Schema of report.json: a change shows here."""
    written = json.dumps(Report.model_json_schema(), indent=1) + "\n"

    assert (ROOT / "docs/report.schema.json").read_text() == written


def test_every_reason_and_flag_is_explained() -> None:
    """There is advice on each reason, and a meaning for each flag of docs/output-format.md with columns that exist."""
    flags = re.findall(
        r"^\| `(\w+)` \| (?:columns|text|run) \|", (ROOT / "docs/output-format.md").read_text(), re.MULTILINE
    )

    assert ADVICE.keys() == set(Reason)
    assert list(MEANINGS) == flags != []
    assert {name for meaning in MEANINGS.values() for name in meaning.measures} <= set(PAGES.names)


@pytest.mark.parametrize("kind", ["folder", "foreign HTML", "foreign JSON", "JSON", "URL"])
def test_it_overwrites_only_its_own(kind: str, tmp_path: Path) -> None:
    """A folder, a URL and files of others are refused before the output is looked at."""
    destination = {"folder": tmp_path, "JSON": tmp_path / "r.json", "URL": Path("s3://b/r.html")}.get(
        kind, tmp_path / "r.html"
    )
    if kind.startswith("foreign"):
        (tmp_path / f"r.{kind.split()[1].lower()}").write_text("mine")

    with pytest.raises(UsageError):
        write_report(LocalStore(tmp_path / "out"), RunSettings(), destination)
