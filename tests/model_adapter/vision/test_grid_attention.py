"""The attention kernel, under each Triton that is here: interpreted, and compiled for three GPUs."""

import json
import os
import subprocess
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import pytest
import torch

from ocrmill.model_adapter.vision.attention.grid_attention import has_kernel_for
from ocrmill.model_adapter.vision.attention_choice import choose_attention
from ocrmill.model_adapter.vision.config import EncoderConfig
from ocrmill.model_adapter.vision.sam_vit import SamVit

ROOT = Path(__file__).parents[3]
COMPILERS = ("3.6.0", "3.7.1")  # those of torch 2.11 and 2.13; `make .venv/.triton` puts them beside the environment
SPILLS = {("3.6.0", "sm_100a"): 64}  # of the 4 x 16 rectangle; the Triton of the pinned torch, 3.7.1, spills nothing
REGISTERS = {"sm_80": 255, "sm_90a": 200, "sm_100a": 200}  # 168 would be three programs on a multiprocessor, 255 two
SHARED_BYTES = 99 * 1024  # the least that a multiprocessor from compute capability 8.0 on gives to a program


def environment_of(name: str) -> dict[str, str]:
    """The environment that finds this Triton first, or a skip."""
    if name == "installed":
        try:
            return dict(os.environ, EXPECTED_TRITON=version("triton"))
        except PackageNotFoundError:
            pytest.skip("no Triton is installed")
    folder = Path(sys.prefix) / f"triton-{name}"
    if not (folder / "triton").is_dir():
        pytest.skip(f"there is no {folder}: `make .venv/.triton` fetches it")
    return dict(os.environ, EXPECTED_TRITON=name, PYTHONPATH=str(folder))


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", [*COMPILERS, "installed"])
def test_the_interpreted_kernel_is_right(name: str) -> None:
    """Every test of interpreted_kernel.py passes in a process with the pinned torch's Triton as interpreter.

    Under the others the kernel is held against the reference in a third of the examples, with padded windows in both
    number formats. The rest, which takes two thirds of the time, is of our code and not of Triton's: the formula of its
    operations, whether it is taken, the grids without windows, and the whole encoder.
    """
    tests = Path(__file__).with_name("interpreted_kernel.py")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tests)]
    is_pinned = name == COMPILERS[-1]
    command += [] if is_pinned else ["-k", "wanted or reference or overflow or 48-14"]
    examples = {"KERNEL_EXAMPLES": "15" if is_pinned else "5"}
    environment = environment_of(name) | {"TRITON_INTERPRET": "1"} | examples
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


@cache
def resources(name: str) -> list[dict[str, Any]]:
    command = [sys.executable, "bench/kernel_resources.py", "--json"]
    environment = environment_of(name)
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", COMPILERS)
def test_the_kernel_compiles_for_gpus_that_are_not_here(name: str) -> None:
    """For Ampere, Hopper and Blackwell: products on tensor cores, wide copies, no spills, and room on every GPU."""
    for found in resources(name):
        print(found)
        assert found["triton"] == environment_of(name)["EXPECTED_TRITON"]
        assert found["spilled_bytes"] <= SPILLS.get((found["triton"], found["target"]), 0), found
        assert found["registers"] <= REGISTERS[found["target"]], found
        assert found["shared_bytes"] <= SHARED_BYTES, found
        assert found["matrix"] > 0, found
        assert found["copies"] > 0, found
        assert found["narrow_copies"] == 0, found
    assert {found["target"] for found in resources(name)} == REGISTERS.keys()


@pytest.mark.parametrize(
    ("tensor", "width"),
    [(torch.empty(1), 64), (torch.empty(1, dtype=torch.bfloat16), 64), (torch.empty(1, device="meta"), 64)],
)
def test_the_kernel_is_for_cuda(tensor: torch.Tensor, width: int) -> None:
    """Nothing that is not on a CUDA GPU goes to the kernel."""
    assert not has_kernel_for(tensor, width)


@pytest.mark.parametrize("choice", ["auto", "torch"])
def test_a_cpu_takes_torch_without_a_word(
    small_config: EncoderConfig, caplog: pytest.LogCaptureFixture, choice: Literal["auto", "torch"]
) -> None:
    """`auto` says nothing if the kernel is for another device."""
    trunk = SamVit(small_config.sam, small_config.flow.width)
    choose_attention(trunk, choice)

    assert not trunk.has_kernel
    assert not caplog.records


def test_who_insists_on_the_kernel_is_told(small_config: EncoderConfig) -> None:
    """`triton` on a CPU is an error that says what the kernel is for."""
    with pytest.raises(RuntimeError, match="it is for CUDA, 16 bits and heads 64 wide, not for cpu, float32, 32"):
        choose_attention(SamVit(small_config.sam, small_config.flow.width), "triton")


def test_the_module_needs_no_triton() -> None:
    """The CPU's path imports none: Triton is loaded by the kernel's first run."""
    code = "import sys; sys.modules['triton'] = None; import ocrmill.model_adapter.vision.encoder"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
