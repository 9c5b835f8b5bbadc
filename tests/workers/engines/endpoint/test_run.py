"""A whole run through an endpoint: from the command line in this process, and on Ray."""

import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from model_server import KNOWN_TEXT, Say, model_card, serving_model
from pdfs import scan_pdf
from typer.testing import CliRunner

from ocrmill.cli import app

ROOT = Path(__file__).parents[4]
PROGRAM = Path(sys.executable).with_name("ocrmill")


def ocrmill(*arguments: str, key: str = "") -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", **({"OCRMILL_API_KEY": key} if key else {})}
    return subprocess.run(
        [PROGRAM, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=200
    )


@pytest.mark.parametrize("how", [["--no-ray"], ["--workers", "1"]], ids=["in this process", "on Ray"])
def test_two_flags_point_a_run_at_a_server(how: list[str], tmp_path: Path) -> None:
    """`--url` and `--profile` are all that a run needs; its rows name model and profile, and no record has the key."""
    out = tmp_path / "out"
    text = f"# Read\n\n{KNOWN_TEXT}"
    with serving_model(lambda _: Say(text), key="sk-secret") as server:
        flags = ["--url", server.url, "--profile", "lightonocr-2-1b", "--route", "ocr"]
        flags += ["--set", "engine.endpoint.max_output_tokens=700"]
        done = ocrmill("run", "samples", "--out", str(out), *flags, *how, key="sk-secret")

    assert done.returncode in (0, 3), done.stderr
    rows = pq.read_table(out / "pages").to_pylist()
    read = [row for row in rows if row["engine"] == "endpoint"]
    assert read
    assert {(row["status"], row["markdown"], row["model"], row["prompt"]) for row in read} == {
        ("ok", text, "lightonai/LightOnOCR-2-1B", "lightonocr-2-1b")
    }
    assert {max(row["width_px"], row["height_px"]) for row in read if row["source"].endswith(".pdf")} == {1540}
    assert {asked.body["max_tokens"] for asked in server.asked} == {700}
    written = "".join(path.read_text(errors="replace") for path in out.rglob("*") if path.is_file())
    assert "sk-secret" not in written + done.stdout + done.stderr


def test_a_prompt_of_ones_own_is_sent_and_recorded(tmp_path: Path) -> None:
    """`--prompt FILE` asks for pages with its text, and for the page of known text with the profile's."""
    scan, words = scan_pdf(tmp_path / "scan.pdf"), "List the names on this page."
    (tmp_path / "names.txt").write_text(f"{words}\n")
    with serving_model(lambda _: Say(KNOWN_TEXT), models=[model_card("any")]) as server:
        flags = ["--url", server.url, "--profile", "qwen3-vl", "--prompt", str(tmp_path / "names.txt"), "--no-ray"]
        result = CliRunner().invoke(app, ["run", str(scan), "--out", str(tmp_path / "out"), *flags])

    assert result.exit_code == 0, result.output
    (row,) = pq.read_table(tmp_path / "out" / "pages").to_pylist()
    assert (row["prompt"], row["attempts"][0]["prompt"]) == (f"qwen3-vl: {words}",) * 2
    sent = [[part.get("text") for part in asked.body["messages"][-1]["content"]] for asked in server.asked]
    assert [words in texts for texts in sent] == [False, True]
