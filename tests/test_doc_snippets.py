"""Commands and Python of docs/export.md and docs/reading-results.md run as they stand, one after the other.

Not run here, because their libraries are no dependencies of the tests: Spark (pyspark, needs Java), DataTrove and NeMo
Curator (datatrove, nemo_curator). Run by hand on 2026-11-29: those of pyspark 4.3.0 and datatrove 0.10.1 to their end;
Curator's, with nemo-curator 1.4.0, waited for the Ray that it starts and was ended. Dolma's mixer 1.2.1 took the export
and its attributes, TRL 1.16.0 the pairs.
"""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import ocrmill
from ocrmill.cli import app

ROOT = Path(__file__).parents[1]
PAGES = [(ROOT / "docs" / name).read_text() for name in ("export.md", "reading-results.md")]
NOT_RUN = ("pyspark", "datatrove", "nemo_curator")
SNIPPETS = [each for page in PAGES for each in re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)]
COMMANDS = re.findall(r"^ocrmill (export .*?)(?:\s+#.*)?$", PAGES[0], re.MULTILINE)


def is_run(snippet: str) -> bool:
    return not any(f"from {library}" in snippet for library in NOT_RUN)


@pytest.mark.slow
def test_commands_and_snippets_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command of the export page works on an output of a real document, and each snippet on what they wrote."""
    monkeypatch.chdir(tmp_path)
    settings = ocrmill.load_settings("cpu")
    ocrmill.run(ROOT / "samples/text.pdf", "papers-out", settings=settings, use_ray=False)
    for command in COMMANDS:
        done = CliRunner().invoke(app, shlex.split(command))
        assert done.exit_code == 0, (command, done.output, done.exception)
    run = [snippet for snippet in SNIPPETS if is_run(snippet)]
    (tmp_path / "snippets.py").write_text("\n".join(run))
    environment = {"HF_HOME": str(tmp_path / "cache"), "HF_HUB_OFFLINE": "1", "PATH": ""}
    done_by = subprocess.run(
        [sys.executable, "-P", "snippets.py"], env=environment, capture_output=True, text=True, check=False
    )

    assert done_by.returncode == 0, done_by.stderr
    assert (len(COMMANDS) > 8, len(run), len(SNIPPETS) - len(run)) == (True, 7, len(NOT_RUN))
