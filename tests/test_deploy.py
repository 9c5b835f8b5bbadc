"""The files of deploy/: what they start is a command that we have, with options that it has."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main
import yaml
from narrowed import instance, present
from typer.core import TyperGroup

from ocrmill.cli import app
from ocrmill.configs.load import load_settings

DEPLOY = Path(__file__).parents[1] / "deploy"
DOCKERFILE = (DEPLOY.parent / "Dockerfile").read_text()
SERVICE = (DEPLOY / "systemd/ocrmill.service").read_text()


def systemd_arguments() -> list[str]:
    """The command of the service, with the variables of its example."""
    lines = (DEPLOY / "systemd/night.env").read_text().splitlines()
    values = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    command = present(re.search(r"^ExecStart=\S+ (.*)$", SERVICE, re.MULTILINE))[1]
    return [re.sub(r"\$\{(\w+)\}", lambda name: values[name[1]], word) for word in shlex.split(command)]


def kubernetes_arguments() -> list[str]:
    """The command of the only container."""
    job = yaml.safe_load((DEPLOY / "kubernetes/nightly.yaml").read_text())["spec"]["jobTemplate"]["spec"]
    (container,) = job["template"]["spec"]["containers"]
    return list(container["args"])


@pytest.mark.parametrize(
    ("extras", "compiler"), [("", []), ("[vllm]", ["gcc", "libc6-dev"]), ("[s3,vllm]", ["gcc", "libc6-dev"])]
)
def test_the_image_has_a_compiler_where_it_has_vllm(tmp_path: Path, extras: str, compiler: list[str]) -> None:
    """Triton compiles C at its first kernel; the image for CPUs goes without.

    The real command runs, with an apt-get that only notes what it is asked for.
    """
    command = present(re.search(r"^RUN (apt-get update .*?[^\\])$", DOCKERFILE, re.MULTILINE | re.DOTALL))[1]
    (tmp_path / "apt-get").write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n')
    (tmp_path / "rm").write_text("#!/bin/sh\n")
    for program in ("apt-get", "rm"):
        (tmp_path / program).chmod(0o755)
    subprocess.run(["/bin/sh", "-ec", command], check=True, env={"PATH": str(tmp_path), "EXTRAS": extras})
    update, install = (tmp_path / "asked").read_text().splitlines()
    packages = [word for word in install.split()[1:] if not word.startswith("--")]

    assert update == "update"
    assert packages == ["procps", "libglib2.0-0", "libgl1", *compiler]


@pytest.mark.parametrize("arguments", [systemd_arguments(), kubernetes_arguments()], ids=["systemd", "kubernetes"])
def test_the_command_is_one_that_we_have(arguments: list[str]) -> None:
    """Every option is known and every value of a kind that it takes; settings by name and by hand are valid."""
    name, *options = arguments
    command = instance(TyperGroup, typer.main.get_command(app)).commands[name]
    with command.make_context(name, options) as run:
        assert "run" == name
        assert run.params["inputs"]
        assert run.params["out"]
        load_settings([Path(name) for name in run.params["configs"] or []], run.params["sets"] or [])


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    """Its own checker finds nothing to say."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze")
    (tmp_path / "ocrmill.service").write_text(SERVICE.replace("/opt/ocrmill/bin/ocrmill", sys.executable))
    shutil.copy(DEPLOY / "systemd/ocrmill.timer", tmp_path)
    units = [str(tmp_path / name) for name in ("ocrmill.service", "ocrmill.timer")]
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units], check=False, capture_output=True, text=True
    )

    assert (0, "") == (checked.returncode, "\n".join(line for line in checked.stderr.splitlines() if "ocrmill" in line))


def test_the_image_gets_all_that_it_copies() -> None:
    """No file that the Dockerfile copies is left out of its build context."""
    copied = [name for line in re.findall(r"^COPY (.*) \S+$", DOCKERFILE, re.MULTILINE) for name in line.split()]
    kept = {line[1:] for line in (DEPLOY.parent / ".dockerignore").read_text().splitlines() if line.startswith("!")}

    assert "commands" in copied
    assert set(copied) <= kept
