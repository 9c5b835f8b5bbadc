"""An output against a truth in each form: names, what is missing, files for other evaluators, compression."""

import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made_rows import made_id, made_reading
from typer.testing import CliRunner
from written_outputs import PageContent, add_document, add_pages, failed_page, page, page_row, writing

from ocrmill.cli import app
from ocrmill.commands.eval.compression import compression_table, estimated_tokens, token_counter
from ocrmill.commands.eval.evaluate import TruthForm, evaluate, form_of
from ocrmill.commands.eval.output_pages import read_documents, read_output_pages
from ocrmill.commands.eval.page_names import PageNames
from ocrmill.commands.eval.report import EvalReport
from ocrmill.commands.eval.scored import ComparedText
from ocrmill.pipeline.errors import InputError, MissingPackageError, UsageError
from ocrmill.pipeline.output.stores.local import LocalStore
from ocrmill.pipeline.records import PageText, Status

ROOT = Path(__file__).parents[3]
GUIDE = ROOT / "docs/evaluation.md"
TABLE = "<table><tr><td>1</td><td>2</td></tr></table>"


def output(root: Path, documents: dict[str, list[PageContent]]) -> LocalStore:
    """An output of these documents."""
    with writing(root) as sink:
        for uri, pages in documents.items():
            add_document(sink, uri, pages)
    return LocalStore(root)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    """A report of three pages (the last one failed), a scan, and two documents of one name."""
    return output(
        tmp_path / "out",
        {
            "/in/2024/report.pdf": [page("# Report\n\nfirst page"), page(f"second page\n\n{TABLE}"), failed_page()],
            "/in/scan.png": [page("dear sir")],
            "/in/a/same.pdf": [page("one")],
            "/in/b/same.pdf": [page("two")],
        },
    )


def omnidocbench(path: Path, **pages: str) -> Path:
    """A truth with one text block a page."""
    entries = [
        {
            "layout_dets": [{"anno_id": 1, "category_type": "text_block", "order": 1, "text": text}],
            "page_info": {"image_path": f"{name}.jpg", "page_attribute": {"language": "english"}},
        }
        for name, text in pages.items()
    ]
    path.write_text(json.dumps(entries))
    return path


def row(report: EvalReport, title: str, at: int = 0) -> dict[str, Any]:
    """A row of a table of a report."""
    [table] = [table for table in report.tables if table.title == title]
    return table.records()[at]


@pytest.mark.parametrize(
    ("name", "document", "number"),
    [
        ("scan", "/in/scan.png", 1),
        ("scan.png", "/in/scan.png", 1),
        ("report_2", "/in/2024/report.pdf", 2),
        ("2024/report.pdf_page_002", "/in/2024/report.pdf", 2),
        ("report_pg3", "/in/2024/report.pdf", 3),
        ("a/same", "/in/a/same.pdf", 1),
    ],
)
def test_a_page_is_found_by_its_name(store: LocalStore, name: str, document: str, number: int) -> None:
    """The name of a document finds its only page, a number at the end that page, and folders choose among documents."""
    assert PageNames(read_documents(store).values()).page(name) == (made_id(document), number)


def test_other_names_find_nothing_and_ambiguous_ones_are_refused(store: LocalStore) -> None:
    """A number beyond the last page, a document of several pages and a part of a name find nothing."""
    names = PageNames(read_documents(store).values())

    assert [names.page(name) for name in ("report_4", "report", "ort_1", "b2024/report_1", "scan_2")] == [None] * 5
    with pytest.raises(InputError, match=r"'same' in the ground truth fits 2 documents .*/in/a/same\.pdf"):
        names.page("same")
    with pytest.raises(InputError, match="fits 2 documents"):
        names.document("same.pdf")


def test_nothing_is_passed_over(store: LocalStore, tmp_path: Path) -> None:
    """A page without a row and one that failed count as empty, and rows without truth are listed."""
    truth = omnidocbench(tmp_path / "truth.json", report_1="Report first page", report_3="third", lost="never read")
    report = evaluate(store, truth, predictions=tmp_path / "predictions")

    assert report.pages == 3
    assert report.missing == ["lost.jpg"]
    assert report.failed == ["/in/2024/report.pdf page 3"]
    assert report.without_truth == [
        *("/in/2024/report.pdf page 2", "/in/a/same.pdf page 1", "/in/b/same.pdf page 1", "/in/scan.png page 1"),
    ]
    assert row(report, "OmniDocBench")["text edit"] == pytest.approx((0 + 1 + 1) / 3)
    files = {path.name: path.read_text() for path in (tmp_path / "predictions").iterdir()}
    assert files == {"report_1.md": "# Report\n\nfirst page", "report_3.md": "", "lost.md": ""}
    assert "CDM is not computed" in report.to_text()


def test_tests_of_olmocr_bench(store: LocalStore, tmp_path: Path) -> None:
    """The score is the mean over files, with a baseline test for each PDF; its files have olmOCR's names."""
    folder = tmp_path / "truth"
    folder.mkdir()
    tests: list[dict[str, Any]] = [
        {"pdf": "2024/report.pdf", "page": 1, "id": "1", "type": "present", "text": "first page"},
        {"pdf": "2024/report.pdf", "page": 2, "id": "2", "type": "table", "cell": "2", "left": "1"},
        {"pdf": "2024/report.pdf", "page": 3, "id": "3", "type": "absent", "text": "first page"},
        {"pdf": "lost.pdf", "page": 1, "id": "4", "type": "absent", "text": "anything"},
    ]
    (folder / "a.jsonl").write_text("\n".join(map(json.dumps, tests)))
    maths = {"pdf": "2024/report.pdf", "page": 1, "id": "5", "type": "math", "math": "x"}
    (folder / "b.jsonl").write_text("\n".join(map(json.dumps, [maths, {**maths, "id": "6", "type": "footnote"}])))
    report = evaluate(store, folder, predictions=tmp_path / "predictions")

    assert row(report, "olmOCR-bench") == {
        "file": "a.jsonl",
        "tests": 4,
        "passed": 3,
        "failed": 1,
        "undecided": 0,
        "share passed": 0.75,
    }
    assert row(report, "olmOCR-bench", 2)["share passed"] == 0.5  # report.pdf has letters, lost.pdf no row
    assert row(report, "Overall: the mean over files")["share passed"] == pytest.approx((0.75 + 0 + 0.5) / 3)
    assert report.missing == ["lost.pdf page 1"]
    assert "tests of the kind footnote, which is not known and not scored: 1" in report.notes
    assert (tmp_path / "predictions/2024/report_pg1_repeat1.md").read_text() == "# Report\n\nfirst page"
    assert (tmp_path / "predictions/lost_pg1_repeat1.md").read_text() == ""


def test_markdown_files_of_documents_and_pages(store: LocalStore, tmp_path: Path) -> None:
    """A file is the truth of a document or of a page; one word of four is lost, and the table is whole."""
    folder = tmp_path / "truth"
    folder.mkdir()
    (folder / "report.md").write_text(
        "<!-- page: 1 status: ok -->\n# Report\n\nfirst page second\n\n| 1 | 2 |\n|-|-|\n"
    )
    (folder / "scan.md").write_text("Dear old Sir, yours")
    report = evaluate(store, folder)

    assert row(report, "Markdown", 2) == {
        "file": "scan",
        "edit": pytest.approx(1 - 8 / 18),
        "recall": 0.5,
        "precision": 1.0,
        "TEDS": None,
    }
    assert row(report, "Markdown", 1)["TEDS"] == 1.0
    assert row(report, "Markdown", 1)["precision"] == pytest.approx(6 / 7)  # `page` of the second page is too much
    assert report.missing == []


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("none.json", "[]", "has no page"),
        ("none.jsonl", "", "has no test"),
        ("missing.jsonl", None, "cannot be read: No such file or directory"),
        ("folder", None, "has no Markdown file"),
    ],
)
def test_a_truth_of_nothing_is_refused(
    name: str, content: str | None, says: str, store: LocalStore, tmp_path: Path
) -> None:
    """A ground truth without a page or a test is a mistake in its path, and no evaluation that went well."""
    truth = tmp_path / name
    if content is not None:
        truth.write_text(content)
    elif not truth.suffix:
        truth.mkdir()

    with pytest.raises(InputError, match=says):
        evaluate(store, truth)


def test_compression_by_ratio() -> None:
    """Pages are grouped by visual tokens and ratio; pages that no model saw are counted."""
    pages = [ComparedText("a b c d " * 32, "a b c d " * 24, 16), ComparedText("word", "word", None)]
    table, left_out = compression_table(pages, lambda text: len(text.split()))

    assert left_out == 1
    [values] = table.rows
    assert values[:-1] == ("8 to 9", 16, 1, 128, 8.0, 1.0, 0.75)
    assert values[-1] == pytest.approx(64 / 255)


def test_tokens_are_estimated_or_counted(tmp_path: Path) -> None:
    """An estimate takes four Latin characters, or one and a half of Han, for a token; a tokenizer file counts."""
    tokenizers = pytest.importorskip("tokenizers")
    vocabulary = {"[UNK]": 0, "dear": 1, "sir": 2}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer.save(str(tmp_path / "tokenizer.json"))

    assert (estimated_tokens("dear sir"), estimated_tokens("茶与纸")) == (2, 2)
    assert token_counter(tmp_path)("dear dear sir") == 3
    with pytest.raises(InputError, match=r"tokenizer\.json is not there"):
        token_counter(tmp_path / "other")


def test_pages_come_with_their_text(tmp_path: Path) -> None:
    """A page that failed has none."""
    store = output(tmp_path / "out", {"/in/a.pdf": [page("text"), failed_page()]})
    keys = {(made_id("/in/a.pdf"), number) for number in (1, 2)}
    found = read_output_pages(store, read_documents(store), keys)

    assert {key[1]: (some.status, some.markdown) for key, some in found.wanted.items()} == {
        1: (Status.OK, "text"),
        2: (Status.FAILED, ""),
    }
    assert (found.text((made_id("/in/a.pdf"), 3)), found.text(None)) == (None, None)


def test_pages_of_a_trial_are_scored(tmp_path: Path) -> None:
    """Some pages of a document that is not finished (`run --pages`) are rows like others."""
    with writing(tmp_path / "out") as sink:
        add_pages(sink, "/in/book.pdf", [page("chapter two")], count=9, first=2)
    truth = omnidocbench(tmp_path / "truth.json", book_2="chapter two", book_3="chapter three")
    report = evaluate(LocalStore(tmp_path / "out"), truth)

    assert report.missing == ["book_3.jpg"]
    assert row(report, "OmniDocBench")["text edit"] == 0.5


def test_compression_of_an_output(tmp_path: Path) -> None:
    """Visual tokens are those of the rows."""
    seen = page_row("/in/a.pdf", 1, 1, page())
    with writing(tmp_path / "out") as sink:
        sink.add_page(replace(seen, content=made_reading(PageText("one two three four", visual_tokens=2))))
    truth = omnidocbench(tmp_path / "truth.json", a="one two three five")
    plot = tmp_path / "plot.svg"
    report = evaluate(LocalStore(tmp_path / "out"), truth, plot=plot)

    assert "2 visual tokens, ratio 2.0: precision 0.750, 1 pages" in plot.read_text()
    values = row(report, "Compression: text tokens for each visual token")
    assert (values["ratio range"], values["visual tokens"], values["text tokens"]) == ("2 to 3", 2, 4)  # 18 characters
    assert (values["precision"], values["recall"]) == (0.75, 0.75)
    assert any(note.startswith("Text tokens are estimated") for note in report.notes)


def test_there_is_no_plot_without_visual_tokens(store: LocalStore, tmp_path: Path) -> None:
    """The report says so, and no file is written."""
    truth = omnidocbench(tmp_path / "truth.json", scan="dear sir")
    report = evaluate(store, truth, plot=tmp_path / "plot.svg")

    assert any("no plot of compression" in note for note in report.notes)
    assert not (tmp_path / "plot.svg").exists()


def test_the_form_is_that_of_the_name(tmp_path: Path) -> None:
    """Endings tell the forms apart; what is not there is refused."""
    (tmp_path / "tests.jsonl").touch()
    (tmp_path / "texts").mkdir()

    assert form_of(Path("a.json")) is TruthForm.OMNIDOCBENCH
    assert form_of(tmp_path) is TruthForm.OLMOCR_BENCH
    assert form_of(tmp_path / "texts") is TruthForm.MARKDOWN
    with pytest.raises(UsageError, match="name a ground truth that is there"):
        form_of(tmp_path / "nothing")


@pytest.mark.parametrize("pdf", ["../../etc/passwd.pdf", "/etc/passwd.pdf"])
def test_no_file_leaves_the_folder(store: LocalStore, tmp_path: Path, pdf: str) -> None:
    """A truth cannot have files written elsewhere."""
    path = tmp_path / "tests.jsonl"
    path.write_text(json.dumps({"pdf": pdf, "page": 1, "id": "1", "type": "absent", "text": "x"}))

    with pytest.raises(InputError, match="no name of a file"):
        evaluate(store, path, predictions=tmp_path / "predictions")
    assert not (tmp_path / "predictions").exists()


def test_a_folder_with_other_files_is_refused(store: LocalStore, tmp_path: Path) -> None:
    """The official evaluator would read the files of another evaluation, too."""
    truth = omnidocbench(tmp_path / "truth.json", scan="dear sir")
    (tmp_path / "predictions").mkdir()
    (tmp_path / "predictions/older.md").touch()

    with pytest.raises(UsageError, match=r"has other files, e\.g\. older\.md"):
        evaluate(store, truth, predictions=tmp_path / "predictions")


def test_a_missing_package_is_named(store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the optional packages the command says how to install them."""
    monkeypatch.setattr(sys, "path", [])
    for name in [name for name in sys.modules if name.split(".")[0] == "scipy"]:
        monkeypatch.delitem(sys.modules, name)

    with pytest.raises(MissingPackageError, match=r"eval needs .*scipy.*: pip install --editable '.\[eval\]'"):
        evaluate(store, tmp_path)


def test_the_example_of_the_docs_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands of docs/evaluation.md run on the samples, and print the table that it shows."""
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    monkeypatch.chdir(tmp_path)
    guide = GUIDE.read_text()
    [example] = re.findall(r"^```sh\n(ocrmill run samples.*?)^```", guide, re.MULTILINE | re.DOTALL)
    [shown] = re.findall(r"^```text\n(OmniDocBench.*?)^```", guide, re.MULTILINE | re.DOTALL)
    printed = ""
    for line in example.splitlines():
        command = line.partition("#")[0].split()[1:]
        result = CliRunner().invoke(app, [*command, "--no-ray"] if command[0] == "run" else command)
        assert result.exit_code == 0, result.output
        printed += result.stdout

    assert shown in printed
    assert json.loads((tmp_path / "scores.json").read_text())["missing"] == ["scan.png"]
