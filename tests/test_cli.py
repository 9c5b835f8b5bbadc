"""The commands, as a person at a shell uses them."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import duckdb
import forks
import pytest
from pdfs import blank_pdf, encrypted_pdf, mixed_pdf, text_pdf


def ocrmill(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own, not on a terminal."""
    return forks.ocrmill(*arguments, COLUMNS="120")


def started_by_python(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command as its program does, on Ray too."""
    program = "import sys; from ocrmill import cli; sys.argv[0] = 'ocrmill'; cli.main()"
    line = [sys.executable, "-c", program, *map(str, arguments)]
    environment = {**os.environ, "COLUMNS": "120", **environment}
    return subprocess.run(line, cwd=forks.ROOT, capture_output=True, text=True, check=False, env=environment)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    text_pdf(folder / "report.pdf", pages=3)
    mixed_pdf(folder / "mixed.pdf")
    blank_pdf(folder / "blank.pdf")
    encrypted_pdf(folder / "secret.pdf", "unknown")
    (folder / "notes.docx").write_bytes(b"PK")
    return folder


@pytest.fixture(scope="module")
def out(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output that a run made, on Ray as by default."""
    out = tmp_path_factory.mktemp("run") / "out"
    done = started_by_python("run", inputs, "--out", out, "--workers", "1")
    assert done.returncode == 3, done.stderr
    assert "password_required 1" in done.stdout
    assert "1 files that are not documents" in done.stdout
    return out


def test_every_page_has_one_row(out: Path) -> None:
    """A plain glob read by DuckDB shows each page of each document that opens, once."""
    found = duckdb.sql(
        f"select regexp_extract(source, '[^/]+$'), page_number, status from '{out}/pages/*.parquet' order by all"
    ).fetchall()

    assert found == [
        ("blank.pdf", 1, "blank"),
        ("mixed.pdf", 1, "text_layer"),
        ("mixed.pdf", 2, "ok"),
        ("mixed.pdf", 3, "blank"),
        *(("report.pdf", page, "text_layer") for page in (1, 2, 3)),
    ]


def test_documents_add_up(out: Path) -> None:
    """The counts of a document are those of its pages, and what did not open has its reason."""
    failed = duckdb.sql(
        f"select reason, page_count from '{out}/documents/*.parquet' where status = 'failed'"
    ).fetchall()
    sums = duckdb.sql(
        "select bool_and(page_count = pages_ok + pages_repaired + pages_text_layer + pages_blank + pages_failed) "
        f"from '{out}/documents/*.parquet'"
    ).fetchall()

    assert failed == [("password_required", 0)]
    assert sums == [(True,)]


def test_a_second_run_has_nothing_to_do(inputs: Path, out: Path) -> None:
    """Finished documents are not read again, and the run says so at once, without starting Ray."""
    again = ocrmill("run", inputs, "--out", out)

    assert again.returncode == 0, again.stderr
    assert "nothing to do" in again.stdout


def test_a_first_run_that_finds_nothing_is_a_mistake(out: Path, tmp_path: Path) -> None:
    """A mistyped folder ends with 2 and a sentence; over an output with rows it is a night without news: 0.

    So does a retry for a reason that no row has now.
    """
    (tmp_path / "notes.docx").write_bytes(b"PK")
    (tmp_path / "wanted.txt").write_text("# nothing yet\n")

    first = ocrmill("run", tmp_path, "--out", tmp_path / "out", "--no-ray")
    manifest = ocrmill("run", tmp_path / "wanted.txt", "--out", tmp_path / "out", "--no-ray")
    later = ocrmill("run", tmp_path, "--out", out, "--no-ray")
    retry = ocrmill("retry", out, "--reason", "engine_timeout", "--no-ray")

    assert (2, 2, 0, 0) == (first.returncode, manifest.returncode, later.returncode, retry.returncode)
    assert f"nothing to read: {tmp_path} holds no PDF, image or archive (files passed over: 2 of other" in first.stderr
    assert f"{tmp_path}/wanted.txt is read as a manifest: one source on each line" in manifest.stderr
    assert later.stdout.startswith("nothing to do: no document was found\npassed over: ")
    assert retry.stdout == "nothing to do: no document was found\n"
    assert "no page and no document matches" in retry.stderr


def test_a_text_that_is_taken_for_a_manifest_is_called_one(tmp_path: Path) -> None:
    """Whoever hands in a .txt to be read finds, in the rows of its lines, that it was read as a list of sources."""
    (tmp_path / "letter.txt").write_text("Dear all,\nthis is no list.\n")
    done = ocrmill("run", tmp_path / "letter.txt", "--out", tmp_path / "out", "--no-ray")
    shown = ocrmill("inspect", tmp_path / "out", "--failed")

    assert done.returncode == 3
    assert f"in {tmp_path}/letter.txt, which is read as a manifest (one source on each line), " in done.stderr
    assert shown.stdout.count("which is read as a manifest") == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["inspect", "--status", "foo"], "There are: ok, repaired, text_layer, blank, failed"),
        (["inspect", "--reason", "foo"], "password_required"),
        (["retry", "--reason", "pasword_required"], "did you mean password_required?"),
        (["inspect", "--status", "OK"], "There are: ok"),
    ],
)
def test_a_status_or_reason_that_there_is_not_lists_those_that_there_are(
    out: Path, arguments: list[str], says: str
) -> None:
    """A misspelt word is a mistake in the command, not a query without rows."""
    done = ocrmill(arguments[0], out, *arguments[1:])

    assert done.returncode == 2
    assert says in done.stderr
    assert "no rows match" not in done.stdout


def test_new_files_are_added(inputs: Path, tmp_path: Path) -> None:
    """A later run reads what is new, and a copy of known bytes becomes a second source of its document."""
    out, folder = tmp_path / "out", tmp_path / "in"
    folder.mkdir()
    first = text_pdf(folder / "a.pdf", pages=2)
    assert ocrmill("run", folder, "--out", out, "--no-ray").returncode == 0
    (folder / "copy.pdf").write_bytes(first.read_bytes())
    text_pdf(folder / "b.pdf", pages=1)
    assert ocrmill("run", folder, "--out", out, "--no-ray").returncode == 0

    assert duckdb.sql(f"select count(*) from '{out}/pages/*.parquet'").fetchall() == [(3,)]
    assert duckdb.sql(f"select count(*), count(distinct document_id) from '{out}/sources/*.parquet'").fetchall() == [
        (3, 2)
    ]


def test_a_changed_file_supersedes_what_it_was(tmp_path: Path) -> None:
    """A file with new bytes is a new document that names the one before."""
    out, path = tmp_path / "out", tmp_path / "a.pdf"
    text_pdf(path, pages=1)
    assert ocrmill("run", path, "--out", out, "--no-ray").returncode == 0
    text_pdf(path, pages=2)
    assert ocrmill("run", path, "--out", out, "--no-ray").returncode == 0

    older, newer = duckdb.sql(
        f"select document_id, supersedes from '{out}/documents/*.parquet' order by page_count"
    ).fetchall()
    assert newer[1] == older[0]
    assert older[1] is None


def test_settings_that_give_other_rows_need_a_word(inputs: Path, out: Path) -> None:
    """An output is not mixed silently: the error names the ways out, and one of them works."""
    refused = ocrmill("run", inputs, "--out", out, "--set", "raster.dpi=200", "--no-ray")
    allowed = ocrmill("run", inputs, "--out", out, "--set", "raster.dpi=200", "--no-ray", "--keep-existing")

    assert refused.returncode == 2
    assert "raster.dpi was 144 and is 200 now. Choose" in refused.stderr
    assert "--keep-existing" in refused.stderr
    assert allowed.returncode == 0, allowed.stderr


def test_the_settings_can_be_printed_and_read_back(tmp_path: Path) -> None:
    """--print-config prints TOML that --config takes, with what was set."""
    printed = ocrmill("run", "--print-config", "--set", "raster.dpi=200", "--route", "ocr")
    (tmp_path / "mine.toml").write_text(printed.stdout)
    again = ocrmill("run", "--print-config", "--config", tmp_path / "mine.toml")

    assert "dpi = 200" in printed.stdout
    assert again.stdout == printed.stdout


def test_names_that_look_like_numbers_are_names() -> None:
    """A model's folder may be called 2024."""
    printed = ocrmill("run", "--print-config", "--model", "2024", "--lora", 'a "b"')
    assert (0, "") == (printed.returncode, printed.stderr)
    settings = tomllib.loads(printed.stdout)["engine"]["deepseek_ocr2"]
    assert ("2024", 'a "b"') == (settings["model"], settings["lora"])


def test_a_terminal_that_lacks_letters_gets_escapes() -> None:
    """Names and texts of documents, in any script, are printed on any terminal, with escapes for missing letters."""
    setting = 'input.include=["\u8336.pdf"]'
    done = started_by_python("run", "--print-config", "--set", setting, PYTHONIOENCODING="latin-1")

    assert done.returncode == 0, done.stderr
    assert "\\u8336.pdf" in done.stdout


def test_status_inspect_and_verify_read_the_output(out: Path) -> None:
    """Each reading command finds what the run made."""
    status, verify = ocrmill("status", out), ocrmill("verify", out)
    failed, one = (
        ocrmill("inspect", out, "--failed"),
        ocrmill("inspect", out, "--document", "report.pdf", "--page", "2"),
    )

    assert "password_required" in status.stdout
    assert verify.returncode == 0, verify.stdout
    assert "secret.pdf" in failed.stdout
    assert "settings_fingerprint" in one.stdout, "one page is shown with every column"


def test_a_repair_that_leaves_work_says_so(inputs: Path, tmp_path: Path) -> None:
    """Exit code 75 once documents were withdrawn, though nothing of them is left; 0 when a run has read them again."""
    out = tmp_path / "out"
    assert ocrmill("run", inputs / "blank.pdf", "--out", out, "--no-ray").returncode == 0
    next((out / "pages").iterdir()).unlink()

    assert ocrmill("verify", out).returncode == 3
    assert ocrmill("verify", out, "--repair").returncode == 75
    assert ocrmill("run", inputs / "blank.pdf", "--out", out, "--no-ray").returncode == 0
    assert ocrmill("verify", out, "--repair").returncode == 0


def test_export_writes_markdown_and_json_lines(out: Path, tmp_path: Path) -> None:
    """The text leaves as a tree of Markdown files and as JSON lines."""
    tree, lines = (
        ocrmill("export", out, tmp_path / "tree"),
        ocrmill("export", out, tmp_path / "all.jsonl", "--format", "jsonl"),
    )

    assert tree.returncode == lines.returncode == 0, tree.stderr + lines.stderr
    assert [path.name for path in (tmp_path / "tree").rglob("report*.md")] == ["report.pdf.md"]
    records = [json.loads(line) for line in (tmp_path / "all.jsonl").read_text().splitlines()]
    assert any(record["text"] for record in records)


def test_plan_estimates_without_an_output(inputs: Path) -> None:
    """A plan counts all documents, and says how their pages would be read, by each route, and how long that takes.

    Reading pages by OCR may take minutes: it says meanwhile how far it is.
    """
    plan = ocrmill("plan", inputs)

    assert plan.returncode == 0, plan.stderr
    assert "4 to read" in plan.stdout
    assert "sample: 100%" in plan.stderr
    assert "text_layer" in plan.stdout
    routes = {line[5:10].strip(): line[13:] for line in plan.stdout.splitlines() if line.startswith("with ")}
    assert routes.keys() == {"auto", "fast", "ocr"}
    assert all(re.search(r": \d+ (s|min) of one core$", line) for line in routes.values())
    assert "text_layer" in routes["fast"]
    assert "text_layer" not in routes["ocr"]


def test_logs_can_be_json(inputs: Path, tmp_path: Path) -> None:
    """With --log-json every line on stderr is a JSON object; it names the run, and the document that it is about."""
    done = ocrmill("run", inputs / "secret.pdf", "--out", tmp_path / "out", "--no-ray", "--log-json")

    lines = [json.loads(line) for line in done.stderr.splitlines()]
    begun = next(at for at, line in enumerate(lines) if line.get("event") == "start")
    assert {line["run_id"] for line in lines[begun:]} == {lines[begun]["run_id"]}
    (about,) = [line for line in lines if "password_required" in line["message"]]
    assert about["source"] == str(inputs / "secret.pdf")
    assert re.fullmatch("[0-9a-f]{64}", about["document"])


def test_a_clean_night_in_json_has_its_start_and_its_end(tmp_path: Path) -> None:
    """A run without a warning says what began, and how it ended: exit code, times and totals, as in its record."""
    text_pdf(tmp_path / "a.pdf", pages=2)
    done = ocrmill("run", tmp_path / "a.pdf", "--out", tmp_path / "out", "--no-ray", "--log-json")

    lines = [json.loads(line) for line in done.stderr.splitlines()]
    start, end = (next(line for line in lines if line.get("event") == event) for event in ("start", "end"))
    (record,) = [json.loads(path.read_text()) for path in (tmp_path / "out" / "runs").iterdir()]
    assert [str(tmp_path / "a.pdf")] == start["inputs"]
    assert (start["run_id"], 0, {"text_layer": 2}) == (end["run_id"], end["exit_code"], end["totals"]["pages"])
    assert record.items() <= end.items()
    assert record["started_at"] < record["finished_at"]
    assert record["command"][1:] == ["run", str(tmp_path / "a.pdf"), "--out", str(tmp_path / "out"), *done.args[-2:]]


def test_an_error_in_json_is_a_line_of_json(tmp_path: Path) -> None:
    """An error that ends a run in JSON is JSON, too, with its exit code; its record has both."""
    (tmp_path / "not.pdf").mkdir()
    wrong = ocrmill("run", tmp_path, "--out", tmp_path / "out", "--log-json", "--set", "raster.dpii=1")
    missing = ocrmill("run", tmp_path / "none.pdf", "--out", tmp_path / "out", "--no-ray", "--log-json")

    for done, word in ((wrong, "raster.dpi"), (missing, "none.pdf")):
        *_, last = [json.loads(line) for line in done.stderr.splitlines()]
        assert ("error", 2, True) == (last["event"], last["exit_code"], word in last["message"])


def test_a_run_that_fails_leaves_its_exit_code(out: Path, inputs: Path) -> None:
    """The record of a run has the exit code of its process; this one met a file with a password."""
    first = min((out / "runs").iterdir())
    record = json.loads(first.read_text())

    assert record["exit_code"] == 3
    assert record["command"][1:3] == ["run", str(inputs)]


def test_the_last_of_several_settings_files_wins(tmp_path: Path) -> None:
    """--config may be given more than once; files are merged in their order."""
    (tmp_path / "mine.toml").write_text("[output]\nflush_s = 7.0\n")
    printed = ocrmill("run", "--print-config", "-c", "nightly", "-c", tmp_path / "mine.toml", "--config", "cpu")
    output, engine = (tomllib.loads(printed.stdout)[section] for section in ("output", "engine"))

    assert (7.0, 256, "cpu") == (output["flush_s"], output["shard_mb"], engine["name"])


def test_passwords_stay_out_of_the_output(tmp_path: Path) -> None:
    """A password of the settings opens the document and is written nowhere."""
    encrypted_pdf(tmp_path / "secret.pdf", "sesame-7301")
    (tmp_path / "mine.toml").write_text('[input]\npasswords = ["sesame-7301"]\n')
    command = "run", tmp_path / "secret.pdf", "--out", tmp_path / "out", "--no-ray", "--log-json"
    done = ocrmill(*command, "--config", tmp_path / "mine.toml")
    for option in ('input.passwords=["sesame-7301"]', 'input={passwords=["sesame-7301"]}'):
        again = ocrmill(*command, "--set", option)
        assert again.returncode == 0, again.stderr
        assert "sesame-7301" not in again.stdout + again.stderr

    assert done.returncode == 0, done.stderr
    written = b"".join(path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert b"sesame-7301" not in written
    assert "sesame-7301" not in done.stdout + done.stderr


def test_a_model_can_be_seeded(tmp_path: Path) -> None:
    """`model seed` writes a checkpoint, says how large it is, and does not write over it."""
    done, again = ocrmill("model", "seed", tmp_path / "tiny"), ocrmill("model", "seed", tmp_path / "tiny")

    assert done.returncode == 0, done.stderr
    assert "0.18 GB" in done.stdout
    assert (tmp_path / "tiny" / "model-00001-of-000001.safetensors").exists()
    assert again.returncode == 2
    assert "not empty" in again.stderr
