"""Python's import path without the current folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ocrmill.workers.import_path import OWN_FOLDER, leave_out_current_folder, safe_variables


@pytest.mark.parametrize("named", ["", ":", ".", "./", ":/more", "/more:", "/more::.", "/more:."])
def test_children_take_no_module_from_the_current_folder(named: str) -> None:
    """Every way in which PYTHONPATH names the current folder goes, other entries stay."""
    variables = safe_variables({"PYTHONPATH": named})

    assert variables == {"PYTHONSAFEPATH": "1", "PYTHONPATH": "/more" if "more" in named else None}


def test_other_relative_entries_mean_the_same_in_every_folder() -> None:
    """`PYTHONPATH=lib` goes on naming the folder that it named here."""
    assert safe_variables({"PYTHONPATH": "lib:/more"})["PYTHONPATH"] == f"{Path.cwd() / 'lib'}:/more"


@pytest.fixture
def _path_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in ("PYTHONPATH", "PYTHONSAFEPATH"):
        monkeypatch.setenv(name, os.environ.get(name, ""))


@pytest.mark.usefixtures("_path_of_its_own")
def test_the_current_folder_leaves_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`python -m` puts it first: neither this process nor a `python -m` or `-c` below it imports from there."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "numpy.py").write_text("raise SystemExit(9)")
    sys.path[:0] = ["", str(tmp_path)]

    leave_out_current_folder()

    assert not {"", ".", str(tmp_path)} & set(sys.path)
    for way in (["-c", "import numpy"], ["-m", "numpy"]):
        assert subprocess.run([sys.executable, *way], check=False, capture_output=True).returncode != 9


@pytest.mark.usefixtures("_path_of_its_own")
@pytest.mark.parametrize("folder", [OWN_FOLDER, str(Path(os.__file__).parent)])
def test_an_installation_stays_on_the_path(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person who works in the clone, or stands in a folder of Python's own, can still start the program."""
    monkeypatch.chdir(folder)
    if folder not in sys.path:
        sys.path.append(folder)

    leave_out_current_folder()

    assert folder in sys.path
