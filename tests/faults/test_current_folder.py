"""Commands are run in folders that anybody may have filled."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hostile_folder import hostile_folder, marks

OCRMILL = Path(sys.executable).with_name("ocrmill")
COMMANDS = (
    ("plan", "docs"),
    ("run", "docs", "--out", "out", "--engine", "cpu", "--workers", "1", "--set", "raster.dpi=72"),
    ("run", "docs/text.pdf", "--out", "serial", "--engine", "cpu", "--no-ray"),
    ("retry", "out", "--document", "text.pdf", "--engine", "cpu", "--workers", "1", "--set", "raster.dpi=72"),
    ("status", "out"),
    ("inspect", "out"),
    ("inspect", "out", "--html", "pages.html"),
    ("export", "out", "texts"),
    ("compact", "out"),
    ("reflag", "out", "--remeasure"),
    ("verify", "out"),
    ("model", "seed", "tiny"),
)


@pytest.mark.fault
def test_nothing_in_the_current_folder_is_executed(tmp_path: Path) -> None:
    """Modules called pyarrow, ray, configs ... lie among the documents: no command executes one, each does its work."""
    folder = hostile_folder(tmp_path / "hostile")
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONSAFEPATH"}}
    for command in COMMANDS:
        done = subprocess.run(
            [OCRMILL, *command], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=200
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        assert marks(folder) == [], command

    assert list((folder / "out/pages").glob("*.parquet"))
    assert list((folder / "texts").rglob("*.md"))
