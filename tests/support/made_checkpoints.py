"""Checkpoints and adapters with real configs and headers; the weights are holes in sparse files and take no room."""

import json
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

from ocrmill.model_adapter.checkpoint.published_config import ModelSize, published_config
from ocrmill.model_adapter.checkpoint.published_weights import published_shapes
from ocrmill.model_adapter.checkpoint.versions import SECOND, ModelVersion

INDEX = "model.safetensors.index.json"
BYTES_OF = {"BF16": 2, "F16": 2, "F32": 4, "U8": 1, "I32": 4, "I64": 8, "F8_E4M3": 1}
TOKENIZER = {"added_tokens": [{"id": 128815, "content": "<image>"}]}
LLAMA = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 4096}
FIRST_DEEPSEEK_OCR = {
    "architectures": ["DeepseekOCRForCausalLM"],
    "model_type": "deepseek_vl_v2",
    "vision_config": {"width": {"clip-l-14-224": {"layers": 24}, "sam_vit_b": {"layers": 12}}},
}


def write_safetensors(path: Path, tensors: Mapping[str, tuple[str, tuple[int, ...]]]) -> None:
    """A whole file by its header, with zeros for weights."""
    header, end = {}, 0
    for name, (dtype, shape) in tensors.items():
        start, end = end, end + BYTES_OF[dtype] * prod(shape)
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + end)


def make_checkpoint(
    folder: Path,
    size: ModelSize = ModelSize.TINY,
    version: ModelVersion = SECOND,
    further: Mapping[str, tuple[str, tuple[int, ...]]] | None = None,
    **changes: Any,
) -> Path:
    """A whole checkpoint in two shards, and `further` tensors; `changes` go into its config."""
    folder.mkdir(parents=True)
    config = published_config(size, version)
    tensors = {name: ("BF16", shape) for name, shape in published_shapes(config).items()} | dict(further or {})
    names = list(tensors)
    shards = {"model-1.safetensors": names[: len(names) // 2], "model-2.safetensors": names[len(names) // 2 :]}
    for file, held in shards.items():
        write_safetensors(folder / file, {name: tensors[name] for name in held})
    weight_map = {name: file for file, held in shards.items() for name in held}
    for name, content in {
        "config.json": config | changes,
        "tokenizer.json": TOKENIZER,
        INDEX: {"weight_map": weight_map},
    }.items():
        (folder / name).write_text(json.dumps(content))
    return folder


def make_adapter(folder: Path, modules: Mapping[str, tuple[int, int]], **config: Any) -> Path:
    """An adapter of rank 4 in PEFT's layout, by module and its widths in and out."""
    folder.mkdir(parents=True)
    tensors = {}
    for module, (width_in, width_out) in modules.items():
        tensors[f"base_model.model.{module}.lora_A.weight"] = ("F32", (4, width_in))
        tensors[f"base_model.model.{module}.lora_B.weight"] = ("F32", (width_out, 4))
    write_safetensors(folder / "adapter_model.safetensors", tensors)
    targets = sorted({module.rpartition(".")[2] for module in modules})
    fields = {"peft_type": "LORA", "r": 4, "lora_alpha": 4, "target_modules": targets, "bias": "none", **config}
    (folder / "adapter_config.json").write_text(json.dumps(fields))
    return folder


def folder_with(folder: Path, *names: str) -> None:
    """Make a folder of empty files."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
