"""A machine with a driver, a torch and one document, and the command that is refused on it."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from forks import ROOT, Forks, forking
from pdfs import text_pdf
from refusals import DRIVER, FOR_GPUS, FRESH, LACKING, LIMIT_S, Refusal, Versions


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a libcuda.so.1 that says what the environment tells it: by default one GPU of capability 9.5."""
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc")
    folder = tmp_path_factory.mktemp("driver")
    (folder / "cuda.c").write_text(DRIVER)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", folder / "libcuda.so.1", folder / "cuda.c"], check=True)
    return folder


@pytest.fixture(scope="module")
def torch_for_cuda(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a torch for CUDA 13 that raises when it is imported."""
    folder = tmp_path_factory.mktemp("packages")
    (folder / "torch").mkdir()
    (folder / "torch/__init__.py").write_text("raise AssertionError('torch was imported')")
    (folder / "torch/version.py").write_text("from typing import Optional\ncuda: Optional[str] = '13.0'\n")
    return folder


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    text_pdf(folder / "report.pdf", pages=1)
    return folder


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    """A process that has imported the command."""
    with forking(LACKING, "prepare()", renders=False) as forks:
        yield forks


@pytest.fixture
def refusal(driver: Path, torch_for_cuda: Path, inputs: Path, tmp_path: Path, forks: Forks) -> Refusal:
    """Run `ocrmill run --engine deepseek-ocr2` with options, and give the only sentence that it said."""

    def call(command: list[str], variables: dict[str, str], *, fresh: bool) -> "subprocess.CompletedProcess[str]":
        if not fresh:
            return forks.run(command, tmp_path, variables)
        python = [sys.executable, "-c", FRESH, *command]
        return subprocess.run(
            python, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60, env=variables
        )

    def run(
        *options: str | Path,
        versions: Versions = FOR_GPUS,
        code: int = 1,
        retry: bool = False,
        fresh: bool = False,
        **environment: str | None,
    ) -> str:
        variables = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("CUDA_", "HF_", "VLLM_"))},
            "HF_HOME": str(tmp_path / "hub"),
            "LD_LIBRARY_PATH": str(driver),
            "NOT_IMPORTABLE": json.dumps(["ray", "vllm", *([] if "torch" not in versions else ["torch"])]),
            "PYTHONPATH": f"{ROOT}{os.pathsep}{torch_for_cuda}",
            "SEEMING_VERSIONS": json.dumps(versions),
            **environment,
        }
        command = ["retry", tmp_path / "out", "--failed"] if retry else ["run", inputs, "--out", tmp_path / "out"]
        command += ["--engine", "deepseek-ocr2", *options]
        started = time.monotonic()
        given = {name: value for name, value in variables.items() if value is not None}
        done = call([*map(str, command)], given, fresh=fresh)
        seconds = time.monotonic() - started

        assert (code, "") == (done.returncode, done.stdout), done.stderr
        assert re.fullmatch(r"ocrmill: .+\n", done.stderr), done.stderr
        assert seconds < LIMIT_S
        assert not (tmp_path / "out").exists()
        return done.stderr

    return run
