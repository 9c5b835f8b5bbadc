"""A model that cannot be used ends in one sentence, soon, before Ray starts."""

import json
import os
import re
import socket
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from made_checkpoints import (
    FIRST_DEEPSEEK_OCR,
    INDEX,
    LLAMA,
    folder_with,
    make_checkpoint,
    write_safetensors,
)
from refusals import Cases, Refusal

from ocrmill.model_adapter.checkpoint.published_config import ModelSize


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
    "our tensors under another name": (
        partial(changed, architectures=["LlamaForCausalLM"]),
        r"model calls itself LlamaForCausalLM \(model type deepseek_vl_v2\) and has the parts of DeepSeek-OCR 2: if it",
    ),
    "our tensors under another type": (
        partial(changed, model_type="llama"),
        r"model calls itself DeepseekOCR2ForCausalLM \(model type llama\) .* set .* model_type to deepseek_vl_v2",
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
        r"more.safetensors is another model's: transformer.h.0.attn.weight is no tensor of DeepSeek-OCR, neither",
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
    """With 2,707 tensors as published and one byte too few, the whole command takes seconds."""
    model = make_checkpoint(tmp_path / "model", ModelSize.FULL)
    last = model / "model-2.safetensors"
    os.truncate(last, last.stat().st_size - 1)

    assert "model-2.safetensors is cut off" in refusal("--model", model, fresh=True)


@pytest.mark.parametrize("option", ["--model", "--lora"])
def test_a_model_for_the_engine_that_has_its_own(refusal: Refusal, option: str) -> None:
    """The last engine that is named counts; a model that it would leave aside is wrong usage."""
    assert "are for --engine deepseek-ocr2" in refusal("--engine", "cpu", option, "somewhere", code=2)
