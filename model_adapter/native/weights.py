"""The parameters of transformers' own DeepSeek-OCR 2 by our names of them, and an adapter folded into them."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch

from ocrmill.model_adapter.checkpoint.check import CheckpointError
from ocrmill.model_adapter.checkpoint.weight_names import to_native
from ocrmill.model_adapter.lora.fold import Changes

_EXPERT = re.compile(r"^(.*\.mlp\.experts)\.(\d+)\.(gate|up|down)_proj\.weight$")


@torch.no_grad()
def fold_adapter(folder: Path, parameters: Mapping[str, torch.Tensor]) -> None:
    """Fold both halves of an adapter into the weights of a model; without vLLM nobody applies one beside them.

    Raises:
        CheckpointError: it changes a weight that the model does not have, or that has other sizes.
    """
    changes = Changes(folder, lambda _tensor: True)
    try:
        slots = parameter_slots(parameters, sorted(changes.names))
    except ValueError as error:
        raise CheckpointError(f"the adapter {folder} does not fit: {error}") from error
    for name, slot in slots.items():
        slot.copy_(changes.apply(name, slot))


def parameter_slots(parameters: Mapping[str, torch.Tensor], names: Iterable[str]) -> dict[str, torch.Tensor]:
    """Return our name -> the (part of a) parameter that it stands for.

    Raises:
        ValueError: the model has no such parameter.
    """
    slots = {}
    for name in names:
        try:
            slots[name] = _slot(parameters, name)
        except LookupError:
            raise ValueError(f"transformers' DeepSeek-OCR 2 has no {name}") from None
    return slots


def _slot(parameters: Mapping[str, torch.Tensor], name: str) -> torch.Tensor:
    expert = _EXPERT.match(to_native(name))
    if expert is None:
        return parameters[to_native(name)]
    experts, index, part = expert[1], int(expert[2]), expert[3]
    if part == "down":
        return parameters[f"{experts}.down_proj"][index]
    gate, up = parameters[f"{experts}.gate_up_proj"][index].chunk(2)
    return gate if part == "gate" else up
