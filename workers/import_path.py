"""Keeps the current folder off Python's import path, in this process and in those that it starts.

Documents come from anywhere: a `pyarrow.py` that lies among them must not be executed because a command was started
there. Python takes modules from the current folder for `-c`, for `-m`, and if PYTHONPATH has an empty entry, as
`PYTHONPATH=$PYTHONPATH:/more` leaves one.

Not covered: what Python itself imports before our first line runs (a `sitecustomize.py` in a folder that PYTHONPATH
names), and `python -m ocrmill.cli`, which takes `ocrmill` from the current folder; `python -P -m ocrmill.cli` does not.
"""

import os
import site
import sys
from collections.abc import Mapping
from pathlib import Path

OWN_FOLDER = str(Path(__file__).parents[2])  # an editable install has it on the path, and may be the current folder


def safe_variables(environment: Mapping[str, str]) -> dict[str, str | None]:
    """Variables for a process that takes no module from the current folder; None stands for one that is not set."""
    entries = environment.get("PYTHONPATH", "").split(os.pathsep)
    absolute = [os.path.abspath(entry) for entry in entries if not _is_here(entry)]  # noqa: PTH100 - keeps links
    return {"PYTHONSAFEPATH": "1", "PYTHONPATH": os.pathsep.join(absolute) or None}


def leave_out_current_folder() -> None:
    """Take the current folder off this process's import path, and off that of its children.

    It stays if it is where this program or Python's own packages are installed.
    """
    installed = {OWN_FOLDER, str(Path(os.__file__).parent), *site.getsitepackages(), site.getusersitepackages()}
    try:
        here = {str(Path.cwd())} - installed
    except FileNotFoundError:  # it was deleted
        here = set()
    sys.path[:] = [entry for entry in sys.path if not _is_here(entry) and entry not in here]
    for name, value in safe_variables(os.environ).items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _is_here(entry: str) -> bool:
    return os.path.normpath(entry or ".") == "."
