"""Checks of a LoRA adapter by its config and header, before it is loaded; they need neither vLLM nor torch.

Adapters run on the decoder only. vLLM would load one that was trained on the encoder as well, and leave that half out
without a word: the encoder's projections have the decoder's names, `q_proj` to `down_proj`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ocrmill.model_adapter.checkpoint.check import CheckpointError, read_json
from ocrmill.model_adapter.checkpoint.safetensors_header import DamagedFileError, TensorHeader, read_header
from ocrmill.model_adapter.checkpoint.weight_names import DECODER_PREFIX, WeightNamesError, needed_shapes, to_ours

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
LORA_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)  # that vLLM offers
_PREFIX = "base_model.model."
_HALVES = {".lora_A.weight": ".lora_B.weight", ".lora_B.weight": ".lora_A.weight"}
_UNUSABLE = ("use_dora", "lora_bias", "layer_replication", "use_qalora", "use_bdlora", "alora_invocation_tokens")


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
    _check_config(folder, read_json(folder / CONFIG))
    try:
        tensors = read_header(folder / WEIGHTS)
    except DamagedFileError as error:
        raise CheckpointError(str(error)) from error
    _refuse_encoder_tensors(folder, tensors)
    _check_parts(folder, tensors)
    if schema is not None:
        _compare_widths(folder, tensors, schema)


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
    if config.get("modules_to_save"):
        used.append(f"modules_to_save={config['modules_to_save']}")
    if used:
        raise CheckpointError(
            f"the adapter {folder} uses {', '.join(used)}, which vLLM cannot: merge it into the model"
        )
    if least < 1:
        raise CheckpointError(f"the adapter {folder} is damaged: a rank in its {CONFIG} is {least}")
    if rank > LORA_RANKS[-1]:
        raise CheckpointError(f"the adapter {folder} has rank {rank}, and vLLM takes {LORA_RANKS[-1]} at most")


def _refuse_encoder_tensors(folder: Path, tensors: Mapping[str, TensorHeader]) -> None:
    """Refuse tensors for the encoder, and for modules that our model does not have."""
    encoder = []
    for name in sorted(tensors):
        try:
            ours = to_ours(name.removeprefix(_PREFIX))
        except WeightNamesError:
            raise _of_another_model(folder, f"DeepSeek-OCR has no module for {name}") from None
        if ours is None or not ours.startswith(DECODER_PREFIX):
            encoder.append(name)
    if encoder:
        raise CheckpointError(
            f"the adapter {folder} holds {len(encoder)} tensors for the vision encoder (the first is {encoder[0]}), "
            "and ocrmill applies adapters to the decoder only: merge the adapter into the model (PEFT's "
            "merge_and_unload), and name that with --model"
        )


def _check_parts(folder: Path, tensors: Mapping[str, TensorHeader]) -> None:
    """Refuse tensors that are no matrix of LoRA, and matrices without their other half."""
    names = set(tensors)
    for name in sorted(names):
        ending = next((each for each in _HALVES if name.endswith(each)), None)
        if ending is None:
            raise CheckpointError(
                f"the adapter {folder} holds {name}, which vLLM does not apply: merge the adapter into the model"
            )
        if name.removesuffix(ending) + _HALVES[ending] not in names:
            raise CheckpointError(f"the adapter {folder} is damaged: {name} is there without its other half")


def _compare_widths(folder: Path, tensors: Mapping[str, TensorHeader], schema: Mapping[str, Any]) -> None:
    """Refuse an adapter whose matrices do not fit the decoder's: most decoders have modules of these names."""
    shapes = needed_shapes(schema)
    for name, tensor in tensors.items():
        module, _, part = str(to_ours(name.removeprefix(_PREFIX))).partition(".lora_")
        shape = shapes.get(f"{module}.weight")
        if shape is None:
            if ".experts" in module:  # their names differ with the version of transformers; vLLM knows them
                continue
            raise _of_another_model(folder, f"the model has no module for {name}")
        if part in {"A.weight", "B.weight"}:
            axis = 1 if part[0] == "A" else 0
            if tensor.shape[axis : axis + 1] != shape[axis : axis + 1]:
                raise _of_another_model(folder, f"{name} is {tensor.shape}, for weights that are {shape}")


def _of_another_model(folder: Path, why: str) -> CheckpointError:
    return CheckpointError(f"the adapter {folder} was trained on another model: {why}")
