"""Promises of docs/architecture.md about the code, checked."""

import ast
import re
import subprocess
import sys
import zipfile
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("commands", "configs", "pipeline", "model_adapter", "workers")
SOURCES = [
    ROOT / "cli.py",
    *sorted((ROOT / "ocrmill").glob("*.py")),
    *(path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))),
]
TESTS = sorted((ROOT / "tests").rglob("*.py"))
FOLDERS = sorted({path.parent for path in SOURCES if path.parent != ROOT})
DRAWERS = {"utils", "util", "helpers", "helper", "common", "misc", "base", "core"}
# Who may import a heavy library, wherever in the file.
OWNERS = {
    "ray": {
        f"workers/pools/{name}.py" for name in ("cluster_check", "ray_actors", "ray_cluster", "ray_pool", "ray_session")
    },
    "rapidocr": {"workers/engines/rapidocr/line_reader.py"},
    "torch": {
        *(f"model_adapter/{name}.py" for name in ("encoder_graphs", "model", "processor")),
        *(f"model_adapter/decoding/{name}.py" for name in ("device_ngram_ban", "ngram_ban")),
        "model_adapter/lora/fold.py",
        *(f"model_adapter/native/{name}.py" for name in ("decoding", "model", "weights")),
        *(str(path.relative_to(ROOT)) for path in (ROOT / "model_adapter/vision").rglob("*.py")),
        "workers/engines/deepseek_ocr2/preflight.py",
    },
    "vllm": {
        *(f"model_adapter/{name}.py" for name in ("encoder_graphs", "model", "page_groups", "plugin", "processor")),
        "model_adapter/checkpoint/hf_config.py",
        *(f"model_adapter/decoding/{name}.py" for name in ("device_ngram_ban", "ngram_ban", "ngram_rule")),
        "workers/engines/deepseek_ocr2/engine.py",
    },
    "transformers": {
        *(f"model_adapter/{name}.py" for name in ("checkpoint/hf_config", "plugin", "processor")),
        *(f"model_adapter/native/{name}.py" for name in ("decoding", "model")),
    },
}


def module_of(path: Path) -> str:
    """The name by which a file is imported."""
    relative = path.relative_to(ROOT)
    parts = (
        relative.with_suffix("").parts
        if relative.parts[0] == "ocrmill"
        else ("ocrmill", *relative.with_suffix("").parts)
    )
    return ".".join(parts).removesuffix(".__init__")


@cache
def imports(path: Path, *, at_import_only: bool = False, for_types: bool = True) -> set[str]:
    """Full names of the modules that a file imports, by `if TYPE_CHECKING` too unless `for_types` is false."""
    tree = ast.parse(path.read_text())
    names = set()
    if not for_types:
        tree.body = [
            node for node in tree.body if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
        ]
    for node in tree.body if at_import_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def libraries(path: Path, *, at_import_only: bool) -> set[str]:
    """Top-level names of the modules that a file imports."""
    return {name.split(".")[0] for name in imports(path, at_import_only=at_import_only)}


@pytest.mark.parametrize("path", SOURCES + TESTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_holds_one_thing(path: Path) -> None:
    """No file, of tests too, is over 400 lines, and none is a drawer."""
    assert len(path.read_text().splitlines()) <= 400
    assert path.stem not in DRAWERS


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_folder_is_small_enough_to_read(folder: Path) -> None:
    """No package folder holds more than twelve modules beside `__init__.py`, and each says what is in it."""
    modules = [path for path in folder.glob("*.py") if path.name != "__init__.py"]

    assert len(modules) <= 12
    assert ast.get_docstring(ast.parse((folder / "__init__.py").read_text()))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_function_fits_on_a_screen(path: Path) -> None:
    """No function is over 60 lines, its signature and docstring counted. Commands of cli.py list their options."""
    functions = [
        node
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    limit = 80 if path.name == "cli.py" else 60

    assert {node.name for node in functions if (node.end_lineno or 0) - node.lineno >= limit} == set()


def test_no_module_imports_itself_in_a_circle() -> None:
    """The imports between our modules have no circle, those inside functions counted, those for types only left out."""
    modules = {module_of(path): path for path in SOURCES}
    edges = {name: imports(path, for_types=False) & modules.keys() - {name} for name, path in modules.items()}
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " -> ".join((*way[way.index(name) :], name))
        if name not in done:
            for other in sorted(edges[name]):
                visit(other, (*way, name))
            done.add(name)

    for name in modules:
        visit(name, ())


@pytest.mark.parametrize("library", OWNERS)
def test_heavy_libraries_have_owners(library: str) -> None:
    """A heavy library is imported only by the files that own it."""
    users = {str(path.relative_to(ROOT)) for path in SOURCES if library in libraries(path, at_import_only=False)}

    assert users <= OWNERS[library]


def test_there_is_one_import_name() -> None:
    """No file imports a folder of ours by another name than `ocrmill`: it would be loaded twice."""
    files = [*SOURCES, *(path for name in ("bench", "samples", "tests") for path in (ROOT / name).rglob("*.py"))]
    bare = {"cli", *PACKAGES}

    assert not [path for path in files if libraries(path, at_import_only=False) & bare]


def test_nothing_imports_the_command_line() -> None:
    """cli.py is on top: it imports the packages, never the other way round; the program alone starts it."""
    assert [path for path in SOURCES if "ocrmill.cli" in imports(path)] == [ROOT / "ocrmill/program.py"]


def test_the_command_line_starts_light() -> None:
    """Importing cli loads none of our packages and no heavy library; `--help` must be quick."""
    program = (
        "import sys; from ocrmill import cli\n"
        "heavy = {'ray', 'numpy', 'pyarrow', 'pydantic', 'pymupdf'} & set(sys.modules)\n"
        "ours = [name for name in sys.modules if name.startswith('ocrmill.') and not name.startswith(('ocrmill.cli', "
        "'ocrmill.commands'))]\n"
        "sys.exit(', '.join([*heavy, *ours]) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_everything_else_imports_without_ray_torch_and_vllm() -> None:
    """With the heavy libraries missing, all modules import but those that own one at import."""
    modules = [
        module_of(path)
        for path in SOURCES
        if path.name != "__init__.py" and not libraries(path, at_import_only=True) & OWNERS.keys()
    ]
    program = (
        f"import sys, importlib\nfor name in {list(OWNERS)!r}: sys.modules[name] = None\n"
        f"for module in {modules!r}: importlib.import_module(module)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "ocrmill.commands.run" in modules


def test_a_run_starts_without_what_only_some_runs_need() -> None:
    """Clients of clouds and model servers, OCR and renderers are loaded by the runs and processes that use them."""
    some = {"aiohttp", "boto3", "httpx", "obstore", "onnxruntime", "pymupdf", "rapidocr"}
    program = f"import sys, ocrmill.commands.run; print(*({some!r} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout.split() == []


CONTRACTS = re.findall(
    r'^name = "(.+)"$', (ROOT / "pyproject.toml").read_text().split("[tool.importlinter]")[1], re.MULTILINE
)
FORBIDDEN = {
    "Imports point downwards": ("pipeline/records.py", "ocrmill.workers.scheduling.progress"),
    "The rooms of workers, from the loop down to the process border": (
        "workers/pools/machine.py",
        "ocrmill.workers.scheduling.preemption",
    ),
    "The rooms of pipeline, from the output back to the sources": (
        "pipeline/sources/globs.py",
        "ocrmill.pipeline.output.schema",
    ),
    "configs and model_adapter import nothing else of ours": ("model_adapter/tiling.py", "ocrmill.pipeline.records"),
    "pipeline imports nothing of model_adapter but the tiling arithmetic": (
        "pipeline/records.py",
        "ocrmill.model_adapter.vision.config",
    ),
}


@pytest.mark.parametrize("contract", CONTRACTS)
def test_a_contract_can_fail(contract: str, tmp_path: Path) -> None:
    """Each import contract breaks when an import that it forbids is planted."""
    for name in ("pyproject.toml", "cli.py", *PACKAGES, "ocrmill"):
        copy_with_links(ROOT / name, tmp_path / name)
    file, planted = FORBIDDEN[contract]
    path = tmp_path / file
    path.write_text(f"{path.read_text()}\nimport {planted}\n")
    program = "import sys; sys.path.insert(0, '.'); from importlinter.cli import lint_imports_command as c; c()"
    done = subprocess.run(
        [sys.executable, "-P", "-c", program, "--no-cache"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert re.search(rf"{re.escape(contract)} BROKEN", done.stdout), done.stdout + done.stderr


def copy_with_links(source: Path, target: Path) -> None:
    """Copy a file or a folder; links stay links."""
    import shutil

    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


def test_no_other_distribution_owns_our_name() -> None:
    """`ocrmill` is the only name that our distribution takes in an environment, and nobody else takes it."""
    owners = packages_distributions()

    assert set(owners.get("ocrmill", ["ocrmill"])) == {"ocrmill"}
    assert not [name for name in ("cli", *PACKAGES) if "ocrmill" in owners.get(name, [])]


def test_tests_shadow_no_package() -> None:
    """An `__init__.py` below tests would hide the real package of that name."""
    assert not list((ROOT / "tests").rglob("__init__.py"))


def test_tests_mirror_the_tree() -> None:
    """A folder of tests is named for a folder of the code; what tests share is in tests/support."""
    folders = {path.relative_to(ROOT / "tests") for path in (ROOT / "tests").rglob("*") if list(path.glob("test_*.py"))}
    own = {Path("faults"), Path("fuzz"), Path("samples")}

    assert not [folder for folder in folders - own if not (ROOT / folder).is_dir()]
    assert {path.name for path in (ROOT / "tests").glob("*.py") if not path.name.startswith("test_")} <= {"conftest.py"}


def test_the_wheel_holds_what_runs_and_nothing_else(tmp_path: Path) -> None:
    """A built wheel has the package `ocrmill` with its rooms and the shipped settings, and no tests."""
    from hatchling.builders.wheel import WheelBuilder

    built = next(WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"]))
    names = {name for name in zipfile.ZipFile(built).namelist() if ".dist-info/" not in name}

    assert {name.split("/")[0] for name in names} == {"ocrmill"}
    assert {"ocrmill/cli.py", "ocrmill/py.typed", "ocrmill/configs/default.toml"} <= names
    assert {f"ocrmill/{path.relative_to(ROOT)}" for path in SOURCES if path.parts[-2] != "ocrmill"} <= names


def test_numbers_have_one_value() -> None:
    """Module constants in capitals that share a name share their value."""
    values: dict[str, set[str]] = {}
    for path in SOURCES:
        for node in ast.parse(path.read_text()).body:
            if (
                isinstance(node, ast.Assign)
                and isinstance(node.value, ast.Constant)
                and isinstance(node.targets[0], ast.Name)
            ):
                name = node.targets[0].id
                if name.isupper() and not name.startswith("_"):
                    values.setdefault(name, set()).add(repr(node.value.value))

    assert {name: found for name, found in values.items() if len(found) > 1} == {}
