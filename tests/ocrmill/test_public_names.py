"""The public names of the Python API are fixed, light to import, explained, and docs/python.md shows each."""

import inspect
import re
import shutil
import subprocess
import sys
from dataclasses import fields, is_dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest
from forks import run_script
from pdfs import text_pdf

import ocrmill
from ocrmill.pipeline import errors

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs/python.md"
SNIPPETS = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text(), re.DOTALL | re.MULTILINE)
PUBLIC = {
    *("run", "retry", "plan", "verify", "load_settings", "RunSettings", "RunReport", "VerifyReport", "Plan"),
    *("open_output", "Output", "Rows", "__version__", "evaluate", "EvalReport", "reflag", "ReflagReport", "report"),
    *("render_page", "inspect_page", "route_page", "read_text_layer", "count_pages", "PageImage", "InspectedPage"),
    *("measure_repetition", "flag_text", "parse_markdown"),
    *("PageFeatures", "PageGeometry", "PageText", "Block", "RepetitionMeasures", "Route", "RouteDecision"),
    *("Reason", "Status", "BucketError"),
    *errors.__all__,
}


def test_the_public_names_are_these_and_no_others() -> None:
    """`__all__` is the API: a name joins or leaves it on purpose, here too. Each is there, and `dir` shows it."""
    assert set(ocrmill.__all__) == PUBLIC
    assert sorted(ocrmill.__all__) == list(ocrmill.__all__)
    assert all(hasattr(ocrmill, name) for name in ocrmill.__all__)
    assert set(dir(ocrmill)) >= PUBLIC
    with pytest.raises(AttributeError, match="no attribute 'make_plan'"):
        _ = ocrmill.make_plan


def test_types_and_loader_agree_on_the_names() -> None:
    """Type checkers see in `__init__.py` the names that are loaded at run time, from the same modules."""
    source = (ROOT / "ocrmill/__init__.py").read_text()
    seen = {
        (module, name.strip())
        for module, block, line in re.findall(r"^    from (\S+) import (?:\(([^)]*)\)|(.+))$", source, re.MULTILINE)
        for name in (block or line).split(",")
        if name.strip()
    }

    assert seen == {(module, name) for name, module in ocrmill._HOME_OF.items()}
    assert {name for _, name in seen} | {"__version__"} == PUBLIC


def test_importing_it_is_light() -> None:
    """`import ocrmill` loads nothing else of ours and no library; names come on their first use."""
    program = (
        "import sys, ocrmill\n"
        "assert not [name for name in sys.modules if name.startswith('ocrmill.')]\n"
        "assert not {'ray', 'numpy', 'pyarrow', 'pydantic', 'pymupdf'} & set(sys.modules)\n"
        "assert ocrmill.__version__ and ocrmill.OcrmillError\n"
        "assert not {'ray', 'pyarrow', 'pymupdf'} & set(sys.modules)\n"
    )

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize("name", sorted(PUBLIC - {"__version__"}))
def test_every_public_name_says_what_it_is(name: str) -> None:
    """Classes and functions have docstrings, and so have the methods of classes."""
    value = getattr(ocrmill, name)

    assert inspect.getdoc(value)
    if is_dataclass(value):
        assert fields(value)
    if inspect.isclass(value):
        own = [each for name, each in vars(value).items() if inspect.isfunction(each) and not name.startswith("_")]
        assert all(inspect.getdoc(each) for each in own if each.__module__.startswith("ocrmill"))


@pytest.fixture(scope="module")
def output(papers: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output of one of the papers."""
    out = tmp_path_factory.mktemp("output") / "papers-out"
    ocrmill.run(papers / "report.pdf", out, use_ray=False)
    return out


@pytest.mark.parametrize("number", range(len(SNIPPETS)))
def test_the_snippets_of_the_guide_run(number: int, papers: Path, output: Path, tmp_path: Path) -> None:
    """Each ```python block of docs/python.md runs as it stands, in a folder with `papers/` and an output of them.

    One that needs a package which is not installed is skipped; `dev` has all of them.
    """
    snippet = SNIPPETS[number]
    for package in set(re.findall(r"^\s*(?:import|from) (polars|datasets|duckdb|pandas|ray)\b", snippet, re.MULTILINE)):
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    (tmp_path / "papers").symlink_to(papers)
    text_pdf(tmp_path / "report.pdf", pages=2)
    (tmp_path / "mine.toml").write_text("[raster]\ndpi = 150\n")
    (tmp_path / "truth").mkdir()
    (tmp_path / "truth/report.md").write_text("Text of the report.\n")
    shutil.copytree(output, tmp_path / "papers-out")
    script = tmp_path / "snippet.py"
    script.write_text(snippet)
    done = run_script(script, tmp_path)

    assert done.returncode == 0, done.stderr


def test_the_guide_names_everything_public() -> None:
    """docs/python.md tells of each public name."""
    guide = GUIDE.read_text()

    assert not [name for name in ocrmill.__all__ if not re.search(rf"\b{name}\b", guide)]
    assert len(SNIPPETS) >= 8
