"""DeepSeek-OCR checkpoints with weights that are a function of names and shapes alone.

For tests and benchmarks where the real weights are not at hand: same files, names and code paths, but what such a
model writes means nothing. The same size gives the same bytes every time.
"""

import errno
import json
import math
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ocrmill.model_adapter.checkpoint.published_config import ModelSize, processor_config, published_config
from ocrmill.model_adapter.checkpoint.published_weights import Shape, published_shapes
from ocrmill.model_adapter.checkpoint.seeded_tokenizer import special_tokens_map, tokenizer_config, tokenizer_json
from ocrmill.model_adapter.checkpoint.versions import SECOND, ModelVersion
from ocrmill.model_adapter.errors import ModelFilesError

Floats = npt.NDArray[np.float32]

WEIGHTS_FILE = "model-00001-of-000001.safetensors"  # six digits in the second number, as published
_PARTIAL = ".partial"  # ends the name of a file until all of them are complete
_BYTES_PER_PARAMETER = 2  # bfloat16
_OTHER_FILES_BYTES = 10_000_000  # at most; the tokenizer takes most of it
_BLOCK = 1 << 15  # values made at once, so that they stay in the cache


class SeedError(ModelFilesError):
    """A checkpoint cannot be written; the text says why, and what to do."""


class OccupiedError(SeedError):
    """The folder that was named holds something else."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class SeededCheckpoint:
    """The result of writing a checkpoint."""

    directory: Path
    num_tensors: int
    num_parameters: int
    num_bytes: int
    seconds: float

    def to_text(self) -> str:
        """One line for a person."""
        return (
            f"{self.directory}: {self.num_tensors:,} tensors, {self.num_parameters:,} parameters, "
            f"{self.num_bytes / 1e9:.2f} GB in {self.seconds:.1f} s"
        )


def seeded_tensor(name: str, shape: Shape) -> Floats:
    """The float32 weight that belongs to a checkpoint tensor.

    `name` is the published one, with or without its leading `model.`. Norm weights are 1 + 0.1 n, biases and the view
    separator 0.1 n, embeddings, queries, ends of rows and position tables 0.2 n, all others n / sqrt(fan_in), where n
    is standard normal, drawn from PCG64 seeded by the first 8 bytes of the name's SHA-256, and fan_in is the product
    of all dimensions but the first.
    """
    return np.concatenate(list(_seeded_blocks(name, shape))).reshape(shape)


def seed_checkpoint(directory: Path, size: ModelSize, version: ModelVersion = SECOND) -> SeededCheckpoint:
    """Write a checkpoint in the published layout, in bfloat16, into a new or empty folder.

    Files get their names when all are complete, `config.json` last: a broken-off folder is not taken for a
    checkpoint, and may be seeded again.

    Raises:
        OccupiedError: the folder holds something else.
        SeedError: it cannot be written, or the disk is full.
    """
    started = time.perf_counter()
    config = published_config(size, version)
    shapes = published_shapes(config)
    num_parameters = sum(map(math.prod, shapes.values()))
    texts = _texts(config, shapes)
    partial = {name: directory / (name + _PARTIAL) for name in (WEIGHTS_FILE, *texts)}
    _require_vacant(directory, set(partial.values()))
    require_room(directory, num_parameters * _BYTES_PER_PARAMETER + _OTHER_FILES_BYTES)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            partial[name].write_text(text, encoding="utf-8")
        write_seeded_weights(partial[WEIGHTS_FILE], shapes)
        for name, path in partial.items():
            path.rename(directory / name)
    except OSError as error:
        for path in filter(Path.exists, partial.values()):
            path.unlink()
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        reason = "the disk is full; make room, or name a folder on another one" if full else str(error)
        raise SeedError(f"{directory}: no checkpoint could be written: {reason}") from error
    num_bytes = sum((directory / name).stat().st_size for name in partial)
    return SeededCheckpoint(directory, len(shapes), num_parameters, num_bytes, time.perf_counter() - started)


def require_room(directory: Path, num_bytes: int) -> None:
    """Check that so many bytes fit on the disk of a folder that need not exist yet.

    Raises:
        SeedError: they do not.
    """
    existing = next(path for path in (directory.absolute(), *directory.absolute().parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if free < num_bytes:
        raise SeedError(
            f"{directory}: the checkpoint takes {num_bytes / 1e9:.1f} GB and {free / 1e9:.1f} GB are free; "
            "make room, or name a folder on another disk"
        )


def write_seeded_weights(path: Path, shapes: Mapping[str, Shape]) -> None:
    """Write a safetensors file of seeded bfloat16 tensors, with no more than a block a thread in memory."""
    header = safetensors_header(shapes)
    offsets = _data_offsets(shapes)
    largest_first = sorted(shapes, key=lambda name: math.prod(shapes[name]), reverse=True)
    with path.open("wb", buffering=0) as file, ThreadPoolExecutor(os.cpu_count()) as pool:
        _write_at(file.fileno(), 0, header)
        writes = [
            pool.submit(_write_tensor, file.fileno(), len(header) + offsets[name][0], name, shapes[name])
            for name in largest_first
        ]
        try:
            for write in writes:
                write.result()
        finally:
            pool.shutdown(cancel_futures=True)


def safetensors_header(shapes: Mapping[str, Shape]) -> bytes:
    """Return the header of the file; the tensors follow in alphabetical order, row by row.

    8 bytes, little-endian, say how many more there are; those are JSON, padded with spaces to a multiple of 8:

        {"__metadata__":{"format":"pt"},"lm_head.weight":{"dtype":"BF16","shape":[2,3],"data_offsets":[0,12]}}
    """
    entries: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    for name, data_offsets in _data_offsets(shapes).items():
        entries[name] = {"dtype": "BF16", "shape": shapes[name], "data_offsets": data_offsets}
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def _data_offsets(shapes: Mapping[str, Shape]) -> dict[str, tuple[int, int]]:
    """Return where each tensor begins and ends, in bytes from the end of the header."""
    names = sorted(shapes)
    ends = list(accumulate(math.prod(shapes[name]) * _BYTES_PER_PARAMETER for name in names))
    return dict(zip(names, zip([0, *ends], ends, strict=False), strict=True))


def _write_tensor(descriptor: int, offset: int, name: str, shape: Shape) -> None:
    for block in _seeded_blocks(name, shape):
        _write_at(descriptor, offset, _bfloat16_bits(block).tobytes())
        offset += block.size * _BYTES_PER_PARAMETER


def _write_at(descriptor: int, offset: int, data: bytes) -> None:
    while data:
        written = os.pwrite(descriptor, data, offset)
        data, offset = data[written:], offset + written


def _seeded_blocks(name: str, shape: Shape) -> Iterator[Floats]:
    """The values of a seeded tensor in order, some at a time."""
    name = name.removeprefix("model.")
    digest = sha256(name.encode()).digest()
    random = np.random.Generator(np.random.PCG64(int.from_bytes(digest[:8], "little")))
    for start in range(0, math.prod(shape), _BLOCK):
        normals = random.standard_normal(min(_BLOCK, math.prod(shape) - start), dtype=np.float32)
        yield _scaled(name, shape, normals)


def _scaled(name: str, shape: Shape, normals: Floats) -> Floats:
    module = name.rpartition(".")[0]
    if name.endswith(".bias") or name == "view_seperator":
        return np.float32(0.1) * normals
    if "norm" in module.rpartition(".")[2] or module.endswith(("neck.1", "neck.3")):
        return np.float32(1) + np.float32(0.1) * normals
    if len(shape) == 1 or any(
        part in name for part in ("pos_embed", "rel_pos", "query_", "embed_tokens", "position_embedding")
    ):
        return np.float32(0.2) * normals
    return normals / np.float32(math.sqrt(math.prod(shape[1:])))


def _bfloat16_bits(values: Floats) -> npt.NDArray[np.uint16]:
    """The upper halves of float32 values, rounded to nearest, halves to even."""
    bits = values.view(np.uint32)
    return ((bits + (0x7FFF + (bits >> 16 & 1))) >> 16).astype("<u2")


def _require_vacant(directory: Path, ours: set[Path]) -> None:
    if directory.exists() and not directory.is_dir():
        raise OccupiedError(f"{directory}: there is a file of this name; name a folder that does not exist yet")
    others = sorted(set(directory.iterdir()) - ours) if directory.exists() else []
    if others:
        raise OccupiedError(f"{directory}: not empty ({others[0].name} ...); name another folder, or empty this one")


def _texts(config: dict[str, Any], shapes: Mapping[str, Shape]) -> dict[str, str]:
    """All files but the weights by name, `config.json` last."""
    num_bytes = sum(map(math.prod, shapes.values())) * _BYTES_PER_PARAMETER
    index = {"metadata": {"total_size": num_bytes}, "weight_map": dict.fromkeys(shapes, WEIGHTS_FILE)}
    return {
        "model.safetensors.index.json": _json(index),
        "processor_config.json": _json(processor_config()),
        "tokenizer.json": json.dumps(tokenizer_json(), ensure_ascii=False),
        "tokenizer_config.json": _json(tokenizer_config()),
        "special_tokens_map.json": _json(special_tokens_map()),
        "config.json": _json(config),
    }


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
