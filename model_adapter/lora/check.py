"""Checks of a LoRA adapter by its config and header, before it is loaded; they need neither vLLM nor torch.

vLLM applies the decoder's half of an adapter, fold.py puts the encoder's half into the weights. What neither could do
is refused by name.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ocrmill.model_adapter.checkpoint.check import CheckpointError, read_json
from ocrmill.model_adapter.checkpoint.safetensors_header import DamagedFileError, TensorHeader, read_header
from ocrmill.model_adapter.checkpoint.weight_names import WeightNamesError, needed_shapes
from ocrmill.model_adapter.lora.tensor_names import CONFIG, PEFT_PREFIX, WEIGHTS, AdapterTensor, parse_name

LORA_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)  # that vLLM offers
_OTHER_HALF = {"A": "B", "B": "A"}
_UNUSABLE = ("use_dora", "lora_bias", "layer_replication", "use_qalora", "use_bdlora", "alora_invocation_tokens")
# Those that leave the model's own weights alone; the others, as PiSSA, change them, and the file does not say how.
_PLAIN_STARTS = {"gaussian", "eva", "orthogonal", "mica", "lora_ga"}
_MERGE = "merge it into the model (PEFT's merge_and_unload), and name that with --model"


def check_adapter(folder: Path, schema: Mapping[str, Any] | None) -> None:
    """Check an adapter in PEFT's layout.

    Args:
        folder: the adapter's.
        schema: of the model's config, as published; without one, widths are not compared.

    Raises:
        CheckpointError: the first thing that is wrong with it.
    """
    if not folder.is_dir():
        raise CheckpointError(f"there is no folder {folder}: name the adapter's folder with --lora")
    missing = [name for name in (CONFIG, WEIGHTS) if not (folder / name).is_file()]
    pickles = [name for name in ("adapter_model.bin", "adapter_model.pt") if (folder / name).is_file()]
    if WEIGHTS in missing and pickles:
        raise CheckpointError(
            f"the adapter {folder} has its weights as a PyTorch pickle ({pickles[0]}), whose tensors cannot be listed "
            "without running it: save it as safetensors, with PEFT's save_pretrained(..., safe_serialization=True)"
        )
    if missing:
        raise CheckpointError(f"the adapter {folder} lacks {', '.join(missing)}")
    config = read_json(folder / CONFIG)
    _check_config(folder, config)
    try:
        tensors = read_header(folder / WEIGHTS)
    except DamagedFileError as error:
        raise CheckpointError(str(error)) from error
    parsed = _parse_names(folder, tensors)
    _check_parts(folder, parsed)
    _check_saved_modules(folder, config, parsed)
    if schema is not None:
        _compare_shapes(folder, parsed, tensors, schema)


def lora_rank(folder: Path) -> int:
    """Return the smallest rank that vLLM offers and the adapter fits in."""
    config = read_json(folder / CONFIG)
    rank = max(_ranks(config))
    return next((offered for offered in LORA_RANKS if offered >= rank), rank)


def _ranks(config: Any) -> list[int]:
    return [config["r"], *(config.get("rank_pattern") or {}).values()]


def _check_config(folder: Path, config: Any) -> None:
    """Refuse now what vLLM would refuse minutes later (vllm/lora/peft_helper.py)."""
    try:
        kind = config.get("peft_type", "LORA")
        rank, least = lora_rank(folder), min(_ranks(config))
    except (LookupError, TypeError, AttributeError) as error:
        raise CheckpointError(f"the adapter {folder} is damaged ({error!r} in its {CONFIG})") from error
    if kind != "LORA":
        raise CheckpointError(f"the adapter {folder} is of type {kind}, and vLLM runs LoRA only")
    used = [name for name in _UNUSABLE if config.get(name)]
    if config.get("bias", "none") != "none":
        used.append(f"bias={config['bias']}")
    start = config.get("init_lora_weights", True)
    if isinstance(start, str) and start.lower() not in _PLAIN_STARTS:
        used.append(f"init_lora_weights={start}")
    if used:
        raise CheckpointError(f"the adapter {folder} uses {', '.join(used)}, which ocrmill and vLLM cannot: {_MERGE}")
    if least < 1:
        raise CheckpointError(f"the adapter {folder} is damaged: a rank in its {CONFIG} is {least}")
    if rank > LORA_RANKS[-1]:
        raise CheckpointError(f"the adapter {folder} has rank {rank}, and vLLM takes {LORA_RANKS[-1]} at most")


def _parse_names(folder: Path, tensors: Mapping[str, TensorHeader]) -> list[AdapterTensor]:
    """Refuse tensors for modules that no layout of our model has."""
    parsed = []
    for name in sorted(tensors):
        try:
            parsed.append(parse_name(name))
        except WeightNamesError:
            raise _of_another_model(folder, f"DeepSeek-OCR has no module for {name}") from None
    return parsed


def _check_parts(folder: Path, tensors: list[AdapterTensor]) -> None:
    """Refuse matrices without their other half, and tensors that are none, unless they replace one of the encoder's."""
    names = {tensor.name for tensor in tensors}
    for tensor in tensors:
        if tensor.part in _OTHER_HALF:
            other = f"{PEFT_PREFIX}{tensor.module}.lora_{_OTHER_HALF[tensor.part]}.weight"
            if not {other, other.removeprefix(PEFT_PREFIX)} & names:
                raise CheckpointError(f"the adapter {folder} is damaged: {tensor.name} is there without its other half")
        elif tensor.part != "whole" or tensor.is_of_decoder:
            raise CheckpointError(
                f"the adapter {folder} holds {tensor.name}, which neither ocrmill nor vLLM applies: {_MERGE}"
            )


def _check_saved_modules(folder: Path, config: Mapping[str, Any], tensors: list[AdapterTensor]) -> None:
    """Refuse modules that were trained whole and are not there whole: an encoder's, in the adapter's file."""
    whole = [f".{tensor.module}." for tensor in tensors if tensor.part == "whole"]
    saved = config.get("modules_to_save") or ()
    if missing := [module for module in saved if not any(f".{module}." in name for name in whole)]:
        raise CheckpointError(
            f"the adapter {folder} uses modules_to_save={missing}, and holds no tensor of the encoder for it: {_MERGE}"
        )


def _compare_shapes(
    folder: Path, parsed: list[AdapterTensor], tensors: Mapping[str, TensorHeader], schema: Mapping[str, Any]
) -> None:
    """Refuse an adapter whose tensors do not fit the model's: most decoders have modules of these names."""
    shapes = needed_shapes(schema)
    for tensor in parsed:
        shape = shapes.get(tensor.weight or "")
        if shape is None:
            # The names of experts differ with the version of transformers; vLLM knows them.
            if tensor.is_of_decoder and ".experts" in tensor.module:
                continue
            raise _of_another_model(folder, f"the model has no module for {tensor.name}")
        given = tensors[tensor.name].shape
        expected = {"A": (given[:1] + shape[1:]), "B": (shape[:1] + given[1:])}.get(tensor.part, shape)
        if given != expected:
            raise _of_another_model(folder, f"{tensor.name} is {given}, for weights that are {shape}")


def _of_another_model(folder: Path, why: str) -> CheckpointError:
    return CheckpointError(f"the adapter {folder} was trained on another model: {why}")
