"""README, docs and help text say the same as the program.

`PYTHONPATH=tests/support python tests/test_readme.py` writes the help again.
"""

import ast
import importlib
import re
import subprocess
import sys
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import duckdb
import pytest
from doc_pages import TEXTS, fences
from narrowed import instance, present
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from ocrmill import cli
from ocrmill.configs.load import load_settings
from ocrmill.configs.settings import RunSettings
from ocrmill.pipeline.output.schema import TABLES
from ocrmill.pipeline.quality import flags
from ocrmill.pipeline.records import Reason, Status

ROOT = Path(__file__).parents[1]
COMMANDS_PAGE = ROOT / "docs/commands.md"
FORMAT = TEXTS["docs/output-format.md"]
every_page = pytest.mark.parametrize("page", TEXTS)


def commands_of(group: TyperGroup, words: str = "") -> dict[str, TyperCommand]:
    """Every command by the words that call it, `model seed` as well as `run`."""
    found: dict[str, TyperCommand] = {}
    for name, command in sorted(group.commands.items()):
        if isinstance(command, TyperGroup):
            found |= commands_of(command, f"{words}{name} ")
        else:
            found[words + name] = instance(TyperCommand, command)
    return found


COMMANDS = commands_of(instance(TyperGroup, get_command(cli.app)))


EACH_HELP = """
import sys
from ocrmill import cli
for words in sys.argv[1:]:
    sys.argv = ["ocrmill", *words.split(), "--help"]
    try:
        cli.main()
    except SystemExit:
        print("\\0")
"""


def help_section() -> str:
    """The text that docs/commands.md should hold between its two marks: each help, 100 columns wide."""
    environment = {"COLUMNS": "100", "TERMINAL_WIDTH": "100", "PATH": ""}
    command = [sys.executable, "-c", EACH_HELP, *COMMANDS]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    shown = done.stdout.split("\0")[:-1]
    texts = ["\n".join(line.rstrip() for line in text.strip().splitlines()) for text in shown]
    named = zip(COMMANDS, texts, strict=True)
    return "\n".join(f"```\n$ ocrmill {name} --help\n{text}\n```\n" for name, text in named)


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    headings = re.findall(
        r"^#+ (.*)$", re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL), re.MULTILINE
    )
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_docs_show_the_help_of_every_command() -> None:
    """The help in docs/commands.md is the program's own."""
    shown = present(re.search(r"<!-- help.*?-->\n(.*?)<!-- /help -->", TEXTS["docs/commands.md"], re.DOTALL))[1]

    assert shown.strip() == help_section().strip()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_does(name: str) -> None:
    """No command and no option is without help."""
    command = COMMANDS[name]

    assert command.help
    assert not [parameter.name for parameter in command.params if not getattr(parameter, "help", None)]


def test_every_word_of_a_row_is_explained() -> None:
    """Every reason, status and flag that a row may have is in docs/output-format.md."""
    raised = {value for name, value in vars(flags).items() if name.isupper() and isinstance(value, str)}

    assert not [word for word in {*Reason, *Status, *raised} if f"`{word}`" not in FORMAT]


def test_the_origin_of_each_flag_is_named() -> None:
    """The table of flags says which `reflag` raises again, from columns or from the text."""
    section = FORMAT.partition("\n## Flags\n")[2].partition("\n## ")[0]
    shown = dict(re.findall(r"^\| `(\w+)` \| (columns|text|run) \|", section, re.MULTILINE))

    assert {flag for flag, origin in shown.items() if origin == "columns"} == flags.JUDGED
    assert {flag for flag, origin in shown.items() if origin == "text"} == flags.OF_THE_TEXT


@pytest.mark.parametrize("table", TABLES)
def test_every_column_is_explained(table: str) -> None:
    """docs/output-format.md has the columns of each table, in their order, with their types."""
    section = present(re.search(rf"^## {table}\n(.*?)^## ", FORMAT, re.MULTILINE | re.DOTALL))[1]
    shown = dict(re.findall(r"^\| `(\w+)` \| ([\w ]+) \|", section, re.MULTILINE))

    assert list(shown) == TABLES[table].names
    for field in TABLES[table]:
        kind = re.sub(r"<.*|\[.*", "", str(field.type)).replace("dictionary", "word").replace("float", "float32")
        assert shown[field.name].split()[0] == {"float3232": "float32"}.get(kind, kind), field


@every_page
def test_every_command_line_parses(page: str) -> None:
    """The `ocrmill` lines of a page name commands, options and settings that exist."""
    for line in re.findall(r"^ocrmill (.*?)(?:\s+#.*)?$", "\n".join(fences(page, ".*")), re.MULTILINE):
        name = next(name for name in COMMANDS if f"{line} ".startswith(f"{name} "))
        words = line.removeprefix(name).split()
        known = {
            option for parameter in COMMANDS[name].params for option in [*parameter.opts, *parameter.secondary_opts]
        }

        assert not [word for word in words if word.startswith("--") and word not in known], line
        load_settings([], [value for option, value in pairwise(words) if option == "--set"])


@every_page
def test_every_setting_that_is_named_exists(page: str) -> None:
    """A word such as `raster.dpi` names a setting."""
    sections = "|".join(RunSettings.model_fields)
    for name in re.findall(rf"(?:`|--set )((?:{sections})\.[a-z_0-9.]+)", TEXTS[page]):
        if name.endswith((".py", ".md", ".toml")):
            continue
        found: Any = RunSettings
        for part in name.rstrip(".").split("."):
            assert part in found.model_fields, name
            found = found.model_fields[part].annotation


@every_page
def test_every_snippet_of_settings_is_valid(page: str, tmp_path: Path) -> None:
    """A TOML snippet is a settings file that loads; on the page of endpoints a profile, and one may be a package's."""
    for snippet in fences(page, "toml"):
        if "project" in tomllib.loads(snippet):
            continue
        path = tmp_path / "mine.toml"
        path.write_text(snippet)
        load_settings(*(([], [f"engine.endpoint.profile={path}"]) if page == "docs/endpoint.md" else ([path], [])))


@every_page
def test_every_python_snippet_imports_what_there_is(page: str) -> None:
    """A Python snippet parses, and what it imports from ocrmill is there."""
    for snippet in fences(page, "python"):
        for node in ast.walk(ast.parse(snippet)):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("ocrmill"):
                module = importlib.import_module(node.module)
                assert not [alias.name for alias in node.names if not hasattr(module, alias.name)], node.module


@every_page
def test_every_query_runs(page: str) -> None:
    """An SQL snippet runs in DuckDB over an output, that of the first release as well as any."""
    output = str(ROOT / "tests/older_outputs/first_release")
    for snippet in fences(page, "sql"):
        for statement in snippet.replace("papers-out", output).replace("/data/out-*", output).split(";"):
            if statement.strip():
                assert duckdb.sql(statement).columns


@every_page
def test_every_link_leads_somewhere(page: str) -> None:
    """A link to a file or a heading of the repository leads to one."""
    for target in re.findall(r"\]\(([^)\s]+)\)", TEXTS[page]):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        name, _, anchor = unquote(target).partition("#")
        path = (ROOT / page).parent / name if name else ROOT / page

        assert path.exists(), target
        assert not anchor or anchor in anchors(path), target


@every_page
def test_every_file_and_target_that_is_named_exists(page: str) -> None:
    """A path of the repository that a page names is there, and so is each make target."""
    text = TEXTS[page]
    folders = "bench|commands|configs|deploy|docs|model_adapter|pipeline|samples|tests|workers"
    if page == "CHANGELOG.md":
        return  # it names what there was
    for name in re.findall(rf"(?:`|`python )((?:{folders})/[\w/.*-]*)(?:`| )", text):
        assert list(ROOT.glob(name.rstrip("/"))), name
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for target in re.findall(r"(?:`|^)make ([a-z-]+)", text, re.MULTILINE):
        assert target in targets, target


if __name__ == "__main__":
    mark = re.compile(r"(<!-- help.*?-->\n).*?(<!-- /help -->)", re.DOTALL)
    page = COMMANDS_PAGE.read_text()
    COMMANDS_PAGE.write_text(mark.sub(lambda found: found[1] + help_section() + found[2], page))
