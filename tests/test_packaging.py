"""Packages that are built from this repository install into a fresh environment, and work there."""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]
LINKS = ("cli.py", "commands", "configs", "model_adapter", "pipeline", "workers")
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "tests", "out", "dist", "*.egg-info")


def build(folder: Path, target: str, into: Path) -> Path:
    """Build a wheel or an sdist of a checkout, as `pip` and `python -m build` have hatchling do it."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(into)]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)
    return next(into.glob("*.whl" if target == "wheel" else "*.tar.gz"))


def unpacked(sdist: Path, into: Path) -> Path:
    with tarfile.open(sdist) as archive:
        archive.extractall(into, filter="data")
    return next(into.iterdir())


def contents(wheel: Path) -> dict[str, str]:
    """The sha256 of each file."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist()}


def checkout(into: Path) -> Path:
    """A copy of what a checkout holds, with its links."""
    shutil.copytree(ROOT, into, symlinks=True, ignore=LEFT_OUT)
    return into


def with_text_for_links(folder: Path) -> Path:
    """Replace the links as git without symbolic links, or a zip download, does: by files that hold where they lead."""
    for name in LINKS:
        link = folder / "ocrmill" / name
        leads_to = link.readlink()
        link.unlink()
        link.write_text(str(leads_to))
    return folder


class FreshEnvironment:
    """An environment that has nothing of its own; it borrows the running one's packages, pip too, without ours."""

    def __init__(self, folder: Path) -> None:
        subprocess.run(
            [sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, capture_output=True, timeout=120
        )
        self.programs = folder / "bin"
        borrowed = [entry for entry in sys.path if entry.endswith("site-packages")]
        next(folder.glob("lib/python*/site-packages")).joinpath("borrowed.pth").write_text("\n".join(borrowed))

    def call(self, *command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
        program, *arguments = command
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        return subprocess.run(
            [self.programs / program, *arguments],
            cwd=cwd,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
        )

    def install(self, *what: str | Path) -> subprocess.CompletedProcess[str]:
        options = ("--no-deps", "--no-index", "--no-build-isolation", "--ignore-installed", "--quiet")
        return self.call("python", "-m", "pip", "install", *options, *what, cwd=ROOT)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A wheel and an sdist of this repository."""
    folder = tmp_path_factory.mktemp("built")
    return {target: build(ROOT, target, folder / target) for target in ("wheel", "sdist")}


def test_a_wheel_from_the_sdist_is_the_same(built: dict[str, Path], tmp_path: Path) -> None:
    """Sdist and repository give the same wheel, file by file; it is typed and holds no byte code."""
    again = build(unpacked(built["sdist"], tmp_path / "unpacked"), "wheel", tmp_path / "again")
    files = contents(built["wheel"])

    assert contents(again) == files
    assert {"ocrmill/py.typed", "ocrmill/runs.py", "ocrmill/cli.py", "ocrmill/configs/cpu.toml"} <= files.keys()
    assert {f"ocrmill/commands/view/{name}" for name in ("templates/frame.html", "static/frame.css")} <= files.keys()
    assert not [name for name in files if name.endswith(".pyc") or not name.startswith("ocrmill")]


def test_a_checkout_without_links_builds_the_same_wheel(built: dict[str, Path], tmp_path: Path) -> None:
    """A zip download, or a clone where there are no links, has text files for them; its wheel is whole."""
    folder = with_text_for_links(checkout(tmp_path / "checkout"))

    assert contents(build(folder, "wheel", tmp_path / "wheel")) == contents(built["wheel"])


def test_an_editable_install_without_links_is_refused(tmp_path: Path) -> None:
    """There it would install and not import: it ends with a sentence that says what to do."""
    folder = with_text_for_links(checkout(tmp_path / "checkout"))
    done = FreshEnvironment(tmp_path / "venv").install("--editable", folder)

    assert done.returncode != 0
    assert (
        "needs symbolic links, and ocrmill/cli.py is none: clone the repository with git" in done.stdout + done.stderr
    )


@pytest.mark.parametrize("kind", ["wheel", "sdist", "folder", "editable"])
def test_it_installs_and_runs(kind: str, built: dict[str, Path], tmp_path: Path) -> None:
    """After `pip install` of each kind the command runs, and importing us takes nothing from the current folder."""
    environment = FreshEnvironment(tmp_path / "venv")
    folder = checkout(tmp_path / "checkout")
    what: dict[str, list[str | Path]] = {
        "wheel": [built["wheel"]],
        "sdist": [built["sdist"]],
        "folder": [folder],
        "editable": ["--editable", folder],
    }
    installed = environment.install(*what[kind])
    assert installed.returncode == 0, installed.stdout + installed.stderr

    here = tmp_path / "here"
    for name in ("pipeline", "configs", "commands", "workers", "model_adapter"):
        (here / name).mkdir(parents=True)
        (here / name / "__init__.py").write_text(f"open('executed-{name}', 'w').close()\nraise ImportError\n")
    version = environment.call("ocrmill", "--version", cwd=here)
    run = environment.call("ocrmill", "run", ROOT / "samples/text.pdf", "--out", "out", "--no-ray", cwd=here)
    program = (
        "import ocrmill; print(ocrmill.__file__); ocrmill.RunSettings(); "
        "print(ocrmill.open_output('out').pages.select('status').to_arrow()['status'].to_pylist())"
    )
    imported = environment.call("python", "-c", program, cwd=here)

    assert version.stdout.startswith("ocrmill "), version.stderr
    assert run.returncode == 0, run.stderr
    assert imported.returncode == 0, imported.stderr
    place, statuses = imported.stdout.splitlines()
    assert Path(place).is_relative_to(folder if kind == "editable" else tmp_path / "venv")
    assert set(statuses[2:-2].split("', '")) == {"text_layer"}
    assert list(here.glob("executed-*")) == []
