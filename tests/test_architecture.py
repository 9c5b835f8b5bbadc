"""What design and style promise about the code, checked."""

import ast
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("commands", "configs", "pipeline", "model_adapter", "workers")
TOP_LEVEL = ("cli", *PACKAGES)
SOURCES = [ROOT / "cli.py", *(path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")))]
DRAWERS = {"utils", "util", "helpers", "helper", "common", "misc", "base", "core"}
# Who may import a heavy library, wherever in the file.
OWNERS = {
    "ray": {f"workers/{name}.py" for name in ("actors", "cluster_check", "ray_pool", "ray_session", "ray_start")},
    "rapidocr": {"workers/engines/line_reader.py"},
    "torch": {
        *(f"model_adapter/{name}.py" for name in ("model", "processor", "ngram_ban")),
        *(str(path.relative_to(ROOT)) for path in (ROOT / "model_adapter/vision").glob("*.py")),
    },
    "vllm": {
        *(f"model_adapter/{name}.py" for name in ("hf_config", "model", "ngram_ban", "plugin", "processor")),
        "workers/engines/deepseek_ocr2.py",
    },
    "transformers": {f"model_adapter/{name}.py" for name in ("hf_config", "plugin", "processor")},
}


def imported(path: Path, *, at_import_only: bool) -> set[str]:
    """Top-level names of the modules that a file imports."""
    tree = ast.parse(path.read_text())
    nodes = tree.body if at_import_only else ast.walk(tree)
    names = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_holds_one_thing(path: Path):
    """No file is over 400 lines, and none is a drawer."""
    assert len(path.read_text().splitlines()) <= 400
    assert path.stem not in DRAWERS


@pytest.mark.parametrize("library", OWNERS)
def test_heavy_libraries_have_owners(library: str):
    """A heavy library is imported only by the files that own it."""
    users = {str(path.relative_to(ROOT)) for path in SOURCES if library in imported(path, at_import_only=False)}

    assert users <= OWNERS[library]


def test_nothing_imports_the_command_line():
    """cli.py is on top: it imports the packages, never the other way round."""
    assert not [path for path in SOURCES if "cli" in imported(path, at_import_only=False)]


def test_the_command_line_starts_light():
    """Importing cli loads none of our packages and no heavy library; `--help` must be quick."""
    program = (
        "import sys, cli; heavy = {'ray', 'numpy', 'pyarrow', 'pydantic', 'pymupdf', 'pipeline', 'workers', 'configs'};"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_everything_else_imports_without_ray_torch_and_vllm():
    """With the heavy libraries missing, all modules import but those that own one at import."""
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in SOURCES
        if path.name != "__init__.py" and not imported(path, at_import_only=True) & OWNERS.keys()
    ]
    program = (
        f"import sys, importlib\nfor name in {list(OWNERS)!r}: sys.modules[name] = None\n"
        f"for module in {modules!r}: importlib.import_module(module)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "workers.run" in modules


def test_no_other_distribution_owns_our_names():
    """`pipeline`, `workers`, `configs`, `cli` are common words: nobody else in this environment may install them."""
    owners = packages_distributions()

    assert {name: owners.get(name, ["ocrmill"]) for name in TOP_LEVEL} == {name: ["ocrmill"] for name in TOP_LEVEL}


def test_tests_shadow_no_package():
    """An `__init__.py` below tests would hide the real package of that name."""
    assert not list((ROOT / "tests").rglob("__init__.py"))


def test_the_wheel_holds_what_runs_and_nothing_else(tmp_path: Path):
    """A built wheel has cli.py, the five packages and the shipped settings, and no tests."""
    import zipfile

    from hatchling.builders.wheel import WheelBuilder

    built = next(WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"]))
    names = {name for name in zipfile.ZipFile(built).namelist() if ".dist-info/" not in name}

    assert {name.split("/")[0].removesuffix(".py") for name in names} == set(TOP_LEVEL)
    assert {"cli.py", "configs/default.toml", "workers/render_child.py"} <= names
