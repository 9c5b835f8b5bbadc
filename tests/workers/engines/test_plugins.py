"""The engine of docs/engines.md, installed as a package of its own; and packages that are broken."""

import importlib
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pdfs import scan_pdf
from typer.testing import CliRunner

from ocrmill.cli import app
from ocrmill.configs.engine_settings import EngineSettings
from ocrmill.configs.load import load_settings
from ocrmill.pipeline.errors import EngineError, UsageError
from ocrmill.workers.engines.registry import check_engine, make_engine, with_engine_chosen

GUIDE = Path(__file__).parents[3] / "docs" / "engines.md"
SIZE = "import sys; from PIL import Image; print('The page has', *Image.open(sys.stdin.buffer).size)"


def block(kind: str, start: str) -> str:
    """The code block of the guide that begins so."""
    found: list[str] = re.findall(rf"```{kind}\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    return next(text for text in found if text.startswith(start))


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of packages in which pip has installed the guide's two files."""
    source, site = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("site")
    (source / "pyproject.toml").write_text(block("toml", "[build-system]"))
    (source / "ocrmill_program.py").write_text(block("python", '"""An engine for ocrmill'))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    done = subprocess.run([*pip, "--target", site, source], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return site


@pytest.fixture
def installed(package: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The package on the import path."""
    monkeypatch.syspath_prepend(package)
    importlib.invalidate_caches()
    yield
    sys.modules.pop("ocrmill_program", None)


def install(site: Path, monkeypatch: pytest.MonkeyPatch, code: str, value: str = "broken:Engine") -> None:
    """Put a package of one module on the import path, with an engine called `broken`."""
    (site / "broken.py").write_text(code)
    metadata = site / f"{site.name}_engine-2.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {site.name}-engine\nVersion: 2.0\n")
    (metadata / "entry_points.txt").write_text(f"[ocrmill.engines]\nbroken = {value}\ncpu = {value}\n")
    monkeypatch.syspath_prepend(site)
    monkeypatch.delitem(sys.modules, "broken", raising=False)
    importlib.invalidate_caches()


@pytest.mark.usefixtures("installed")
def test_the_engine_of_the_guide_reads_a_page(tmp_path: Path) -> None:
    """`--engine program` runs it, its options reach it, and its rows name it and its model."""
    scan = scan_pdf(tmp_path / "scan.pdf")
    command = f"{shlex.quote(sys.executable)} -c {shlex.quote(SIZE)}"
    options = ["--engine", "program", "--no-ray", "--set", f"engine.options={json.dumps([f'command={command}'])}"]
    result = CliRunner().invoke(app, ["run", str(scan), "--out", str(tmp_path / "out"), *options])

    assert result.exit_code == 0, result.output
    (row,) = pq.read_table(tmp_path / "out" / "pages").to_pylist()
    assert ("ok", "program", command) == (row["status"], row["engine"], row["model"])
    assert row["markdown"] == f"The page has {row['width_px']} {row['height_px']}"


@pytest.mark.usefixtures("installed")
def test_options_that_do_not_fit_are_refused() -> None:
    """A name that the engine's schema lacks, and a value that is none, end with a sentence that names them."""
    with pytest.raises(UsageError, match=r"engine.options of program: binary: Extra inputs are not permitted"):
        make_engine(EngineSettings(name="program", options=("binary=x",)))
    with pytest.raises(UsageError, match=r"engine.options of program: pages_at_a_time: Input should be a valid int"):
        make_engine(EngineSettings(name="program", options=("pages_at_a_time=many",)))


@pytest.mark.usefixtures("installed")
def test_an_engine_that_is_not_there_is_refused() -> None:
    """The sentence names it, and those that there are, the one of the package among them."""
    with pytest.raises(UsageError, match=r"there is no engine 'third'; choose auto, deepseek-ocr2, .*, program"):
        with_engine_chosen(load_settings([], ["engine.name=third"]))


METHODS = """
    def __init__(self, settings): ...
    def describe(self): ...
    async def start(self, memory): ...
    def idle_s(self): ...
    async def close(self): ...
"""
BROKEN = {
    "a module that it needs": ("import no_such_module", "cannot be used: ModuleNotFoundError: No module named 'no_"),
    "an error": ("raise SystemError('of the\\nmodule')", "cannot be used: SystemError: of the module"),
    "another name": ("Other = 1", "cannot be used: AttributeError: module 'broken' has no attribute 'Engine'"),
    "a number": ("Engine = 1", "cannot be used: TypeError: 'int' object is not callable"),
    "a method": (f"class Engine:{METHODS}", "is no engine: it lacks read (docs/engines.md)"),
    "a description": (
        f"class Engine:{METHODS}    read = start\n",
        "cannot be used: AttributeError: 'NoneType' object has no attribute 'name'",
    ),
    "its name": (
        "from ocrmill.engines import EngineDescription\n"
        f"class Engine:{METHODS}    read = start\n    def describe(self): return EngineDescription('x', 1)\n",
        "calls itself 'x'",
    ),
}


@pytest.mark.parametrize("lacks", BROKEN)
def test_a_package_that_is_broken_is_named(lacks: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check before a run says in one sentence which package it is, its version and what is wrong."""
    code, said = BROKEN[lacks]
    (tmp_path / "one").mkdir()
    install(tmp_path / "one", monkeypatch, code)
    settings = with_engine_chosen(load_settings([], ["engine.name=broken"]))
    with pytest.raises(EngineError) as caught:
        check_engine(settings, use_ray=True)

    assert str(caught.value).startswith(f"the engine broken cannot start: broken:Engine of one-engine 2.0 {said}")
    assert "\n" not in str(caught.value)


def test_a_package_that_is_broken_does_not_matter_to_other_engines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run with the built-in OCR neither imports it nor minds that it has an engine called `cpu`, too."""
    (tmp_path / "one").mkdir()
    install(tmp_path / "one", monkeypatch, "raise SystemError")

    assert "cpu" == make_engine(EngineSettings(name="cpu")).describe().name
    assert "broken" not in sys.modules


def test_a_name_that_two_packages_have_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both packages are named: nothing says which one is meant."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        install(tmp_path / name, monkeypatch, "", f"{name}:Engine")
    with pytest.raises(UsageError, match=r"several packages bring an engine 'broken': two-engine 2.0, one-engine 2.0"):
        with_engine_chosen(load_settings([], ["engine.name=broken"]))
