"""README and help text say the same as the program."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from ocrmill import cli
from ocrmill.pipeline.records import Reason

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def commands_of(group, words: str = "") -> dict[str, object]:
    """Every command by the words that call it, `model seed` as well as `run`."""
    found = {}
    for name, command in sorted(group.commands.items()):
        found |= commands_of(command, f"{words}{name} ") if hasattr(command, "commands") else {words + name: command}
    return found


COMMANDS = commands_of(get_command(cli.app))


def help_of(*command: str) -> str:
    """What `ocrmill COMMAND --help` prints, 100 columns wide."""
    program = "import sys; from ocrmill import cli; sys.argv[0] = 'ocrmill'; cli.main()"
    environment = {"COLUMNS": "100", "TERMINAL_WIDTH": "100", "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", program, *command, "--help"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return "\n".join(line.rstrip() for line in done.stdout.strip().splitlines())


def help_section() -> str:
    """What the README should hold between its two marks."""
    return "\n".join(f"```\n$ ocrmill {name} --help\n{help_of(*name.split())}\n```\n" for name in COMMANDS)


def test_the_readme_shows_the_help_of_every_command():
    """The help in the README is the program's own; `python tests/test_readme.py` writes it anew."""
    shown = re.search(r"<!-- help.*?-->\n(.*?)<!-- /help -->", README, re.DOTALL).group(1)

    assert shown.strip() == help_section().strip()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_does(name: str):
    """No command and no option is without help."""
    command = COMMANDS[name]

    assert command.help
    assert not [parameter.name for parameter in command.params if not getattr(parameter, "help", None)]


def test_every_reason_is_in_the_readme():
    """Whoever meets a reason in a row finds it in the README."""
    assert not [reason for reason in Reason if f"`{reason}`" not in README]


def test_every_command_line_in_the_readme_parses():
    """The `ocrmill` lines in the README name commands and options that exist."""
    for line in re.findall(r"^ocrmill (.*?)(?:\s+#.*)?$", README, re.MULTILINE):
        name = next(name for name in COMMANDS if f"{line} ".startswith(f"{name} "))
        words = line.removeprefix(name).split()
        known = {option for parameter in COMMANDS[name].params for option in parameter.opts}

        assert not [word for word in words if word.startswith("--") and word not in known], line


def test_every_file_in_the_readme_exists():
    """The layout in the README is the repository's."""
    for name in re.findall(r"^([a-z_]+(?:/|\.py)) {2,}", README, re.MULTILINE):
        assert (ROOT / name).exists(), name


if __name__ == "__main__":
    mark = re.compile(r"(<!-- help.*?-->\n).*?(<!-- /help -->)", re.DOTALL)
    (ROOT / "README.md").write_text(mark.sub(lambda found: found[1] + help_section() + found[2], README))
