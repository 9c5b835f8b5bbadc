"""Commands and Python of docs/export.md and docs/reading-results.md run as they stand, one after the other.

Spark (pyspark, needs Java), DataTrove and NeMo Curator (datatrove, nemo_curator) are no dependencies of the tests:
their snippets run where these are installed. Run by hand to their ends: on 2026-11-29 those of pyspark 4.3.0 and
datatrove 0.10.1, on 2026-11-30 that of nemo-curator 1.4.0. Dolma's mixer 1.2.1 took the export and its attributes, TRL
1.16.0 the pairs.
"""

import os
import re
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from typer.testing import CliRunner

import ocrmill
from ocrmill.cli import app

ROOT = Path(__file__).parents[1]
PAGES = [(ROOT / "docs" / name).read_text() for name in ("export.md", "reading-results.md")]
HEAVY = ("pyspark", "datatrove", "nemo_curator")
SNIPPETS = [each for page in PAGES for each in re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)]
COMMANDS = re.findall(r"^ocrmill (export .*?)(?:\s+#.*)?$", PAGES[0], re.MULTILINE)


def is_light(snippet: str) -> bool:
    return not any(f"from {library}" in snippet for library in HEAVY)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an output of a real document, and what the commands of the export page made of it."""
    folder = tmp_path_factory.mktemp("exports")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        settings = ocrmill.load_settings("cpu")
        ocrmill.run(ROOT / "samples/text.pdf", "papers-out", settings=settings, use_ray=False)
        for command in COMMANDS:
            done = CliRunner().invoke(app, shlex.split(command))
            assert done.exit_code == 0, (command, done.output, done.exception)
    return folder


def run_python(folder: Path, text: str, path: str) -> subprocess.CompletedProcess[str]:
    (folder / "snippets.py").write_text(text)
    environment = {"HF_HOME": str(folder / "cache"), "HF_HUB_OFFLINE": "1", "PATH": path, "HOME": str(folder)}
    command = [sys.executable, "-P", "snippets.py"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_commands_and_snippets_run(written: Path) -> None:
    """Each command of the export page works, and each snippet on what they wrote, one after the other."""
    light = [snippet for snippet in SNIPPETS if is_light(snippet)]
    done = run_python(written, "\n".join(light), "")

    assert done.returncode == 0, done.stderr
    assert (len(COMMANDS) > 8, len(light), len(SNIPPETS) - len(light)) == (True, 7, len(HEAVY))


@pytest.mark.slow
@pytest.mark.parametrize("library", HEAVY)
def test_snippets_of_heavy_libraries_run(library: str, written: Path) -> None:
    """The snippet of a library works where that is installed."""
    if find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    (snippet,) = (each for each in SNIPPETS if f"from {library}" in each)
    done = run_python(written, snippet, f"{Path(sys.executable).parent}:{os.environ['PATH']}")

    assert done.returncode == 0, done.stderr
