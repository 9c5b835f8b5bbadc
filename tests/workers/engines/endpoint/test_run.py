"""A whole run through an endpoint: from the command line in this process, and on Ray."""

import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from model_server import KNOWN_TEXT, Say, serving_model

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
