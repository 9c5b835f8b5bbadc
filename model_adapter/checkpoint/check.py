"""Checks of a checkpoint's folder by its JSON files and headers; they need neither vLLM nor torch.

Not covered: the weights' bytes themselves, which only loading them reads.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ocrmill.model_adapter.checkpoint.config_schema import (
    NATIVE_MODEL_TYPE,
    ForeignConfigError,
    quantized_sentence,
    refuse_other_names,
    refuse_quantized,
    to_published_schema,
)
from ocrmill.model_adapter.checkpoint.published_weights import Shape
from ocrmill.model_adapter.checkpoint.safetensors_header import DamagedFileError, TensorHeader, read_header
from ocrmill.model_adapter.checkpoint.versions import SECOND, ModelVersion
from ocrmill.model_adapter.checkpoint.weight_names import (
    WeightNamesError,
    check_names,
    needed_shapes,
    split_shapes,
    to_ours,
)
from ocrmill.model_adapter.errors import ModelFilesError

WEIGHTS_INDEX = "model.safetensors.index.json"
IMAGE_TOKEN_ID = 128815
_FETCH = "fetch the checkpoint again"
# What each method keeps beside or instead of a weight; the first that fits.
_QUANTIZED_NAMES = {
    "bitsandbytes": re.compile(r"\.(absmax|quant_map|nested_absmax|nested_quant_map|SCB|quant_state\.\w+)$"),
    "GPTQ": re.compile(r"\.g_idx$"),
    "AWQ": re.compile(r"\.(qweight|qzeros)$"),
    "compressed-tensors": re.compile(r"\.(weight_packed|weight_zero_point)$"),
    "fp8": re.compile(r"\.(weight_scale_inv|weight_scale|input_scale)$"),
    "scales beside the weights": re.compile(r"\.scales$"),
}
_QUANTIZED_TYPE = re.compile(r"F[468]_|[UI](8|32)$")
_TAKE_SAFETENSORS = "fetch the checkpoint with its *.safetensors files, which are what ocrmill reads"
_OTHER_FORMATS = {
    "*.gguf": "a GGUF file (llama.cpp's format)",
    "pytorch_model*.bin": "weights as PyTorch pickles",
    "*.pth": "weights as PyTorch pickles",
}


class CheckpointError(ModelFilesError, ValueError):
    """A checkpoint cannot be loaded; the text names the folder or file and says what to do."""


class MissingFilesError(CheckpointError):
    """A checkpoint lacks files; those that it has were not looked at."""


def check_checkpoint(folder: Path, version: ModelVersion = SECOND) -> dict[str, Any] | None:
    """Check a checkpoint's files against each other and against what the model needs; return as `check_config`.

    Raises:
        CheckpointError: the first thing that is wrong.
    """
    _check_kind(folder)
    try:
        fields = read_json(folder / "config.json") if (folder / "config.json").is_file() else None
        schema = None if fields is None else check_config(fields, str(folder), version)
        weights = _weight_files(folder)
        _check_tokenizer(folder)
        for path in weights:
            _refuse_quantized_tensors(path, read_header(path), version)
        if schema is not None:
            _check_weights(folder, weights, schema)
    except (DamagedFileError, WeightNamesError) as error:
        raise CheckpointError(str(error)) from error
    return schema


def check_config(fields: Any, name: str, version: ModelVersion = SECOND) -> dict[str, Any] | None:
    """Return the published schema of a config.json's content; None if transformers has to add its defaults first.

    Raises:
        CheckpointError: it is another model's, quantized, or lacks something.
    """
    try:
        schema = to_published_schema(fields, name, version)
        refuse_other_names(fields, name, version)
        refuse_quantized(fields, name, version)
        needed_shapes(schema)  # which needs every size
    except ForeignConfigError as error:
        raise CheckpointError(str(error)) from error
    except (LookupError, TypeError, AttributeError, ZeroDivisionError, ValueError) as error:
        if isinstance(error, LookupError) and fields.get("model_type") == NATIVE_MODEL_TYPE:
            return None
        raise CheckpointError(f"{name}: its config.json is not as published ({error!r}): {_FETCH}") from error
    return schema


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        CheckpointError: it is not there, cannot be read, or holds no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is damaged (no JSON: {error}): {_FETCH}") from error


def _check_kind(folder: Path) -> None:
    """Recognize folders that hold something else than a model.

    Raises:
        CheckpointError: naming what it is, or that it has no config.json.
    """
    if (folder / "config.json").is_file():
        return
    if (folder / "snapshots").is_dir():
        raise CheckpointError(f"{folder} is a folder of the hub's cache: name {folder}/snapshots/COMMIT with --model")
    if (folder / "adapter_config.json").is_file():
        raise CheckpointError(f"{folder} is a LoRA adapter, not a model: name it with --lora")
    for pattern, what in _OTHER_FORMATS.items():
        if any(folder.glob(pattern)):
            raise CheckpointError(f"{folder} holds {what} and no config.json: {_TAKE_SAFETENSORS}")
    below = sorted(path.parent.name for path in folder.glob("*/config.json"))
    if below:
        raise CheckpointError(f"{folder} is no model, but holds some: name one with --model ({', '.join(below)})")
    if not any(folder.iterdir()):
        raise MissingFilesError(f"{folder} is empty: fetch the checkpoint into it, or name another with --model")


def _weight_files(folder: Path) -> list[Path]:
    """List the files that hold the weights.

    Raises:
        CheckpointError: naming all files that are missing.
    """
    names: set[str] = set()
    if (folder / WEIGHTS_INDEX).is_file():
        index = read_json(folder / WEIGHTS_INDEX)
        try:
            names = {str(name) for name in index["weight_map"].values()}
        except (LookupError, TypeError, AttributeError) as error:
            raise CheckpointError(f"{folder / WEIGHTS_INDEX} is damaged (it has no weight_map): {_FETCH}") from error
        if not names:
            raise CheckpointError(f"{folder / WEIGHTS_INDEX} is damaged (its weight_map is empty): {_FETCH}")
    names = names or {path.name for path in folder.glob("*.safetensors")}
    missing = sorted(name for name in ("config.json", "tokenizer.json", *names) if not (folder / name).is_file())
    if not names:
        for pattern, what in _OTHER_FORMATS.items():
            if any(folder.glob(pattern)):
                raise CheckpointError(f"{folder} holds {what}: {_TAKE_SAFETENSORS}")
        missing.append("*.safetensors")
    if missing:
        raise MissingFilesError(f"{folder} lacks {', '.join(missing)}: {_FETCH}")
    return [folder / name for name in sorted(names)]


def _check_tokenizer(folder: Path) -> None:
    path = folder / "tokenizer.json"
    content = read_json(path)
    try:
        ids = {token["content"]: token["id"] for token in content["added_tokens"]}
    except (LookupError, TypeError) as error:
        raise CheckpointError(f"{path} is damaged (it has no added_tokens): {_FETCH}") from error
    if ids.get("<image>") != IMAGE_TOKEN_ID:
        raise CheckpointError(f"{path} is another model's (no <image> with id {IMAGE_TOKEN_ID}): {_FETCH}")


def _check_weights(folder: Path, files: list[Path], schema: Mapping[str, Any]) -> None:
    expected = needed_shapes(schema)
    given: set[str] = set()
    for path in files:
        for name, shape in _under_our_names(path, read_header(path)):
            given.add(name)
            if name in expected and shape != expected[name]:
                raise CheckpointError(
                    f"{path}: {name} is {shape}, but {expected[name]} by config.json: are both of one checkpoint?"
                )
    try:
        check_names(given, expected)
    except WeightNamesError as error:
        raise CheckpointError(f"{folder}: {error}") from error


def _under_our_names(path: Path, tensors: Mapping[str, TensorHeader]) -> Iterator[tuple[str, Shape]]:
    for published, tensor in tensors.items():
        try:
            name = to_ours(published)
        except WeightNamesError as error:
            raise CheckpointError(f"{path} is another model's: {error}") from error
        if name is not None:
            yield from split_shapes(name, tensor.shape)


def _refuse_quantized_tensors(path: Path, tensors: Mapping[str, TensorHeader], version: ModelVersion) -> None:
    for method, pattern in _QUANTIZED_NAMES.items():
        for name in filter(pattern.search, tensors):
            raise CheckpointError(quantized_sentence(str(path), f"{method}, by its tensor {name}", version))
    if types := sorted({tensor.dtype for tensor in tensors.values() if _QUANTIZED_TYPE.match(tensor.dtype)}):
        raise CheckpointError(quantized_sentence(str(path), f"tensors of type {', '.join(types)}", version))
