"""Fold an adapter into weights while they are loaded: `W + scale * B A`, in float32.

The encoder has no place for adapters beside its weights, and needs none: it is the same for every page. The sum is left
in float32, so that it is rounded once, to the dtype that the model runs in.

`fan_in_fan_out` in an adapter's config says nothing here: PEFT turns it off for linear layers and convolutions, and the
model has no others.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from ocrmill.model_adapter.checkpoint.check import CheckpointError, read_json
from ocrmill.model_adapter.lora.tensor_names import CONFIG, WEIGHTS, AdapterTensor, parse_name

_DEFAULT_ALPHA = 8  # PEFT's

Wanted = Callable[[AdapterTensor], bool]


def fold_encoder_half(folder: Path, weights: Mapping[str, torch.Tensor]) -> Iterator[tuple[str, torch.Tensor]]:
    """Give the encoder's weights, by our names, with the adapter's half for it in them.

    Raises:
        CheckpointError: the adapter changes a weight that is not among them, or that has other sizes.
    """
    return Changes(folder, lambda tensor: not tensor.is_of_decoder).fold(weights)


class Changes:
    """The changes to weights by an adapter that passed its check."""

    def __init__(self, folder: Path, wanted: Wanted) -> None:
        """Read those of its tensors that are wanted."""
        self._folder = folder
        self._config: dict[str, Any] = read_json(folder / CONFIG)
        self._whole: dict[str, torch.Tensor] = {}
        self._pairs: dict[str, dict[str, torch.Tensor]] = {}
        self._modules: dict[str, str] = {}
        with safe_open(folder / WEIGHTS, framework="pt") as file:
            for tensor in filter(wanted, map(parse_name, file.keys())):
                if tensor.weight is None:
                    continue
                if tensor.part == "whole":
                    self._whole[tensor.weight] = file.get_tensor(tensor.name)
                else:
                    self._pairs.setdefault(tensor.weight, {})[tensor.part] = file.get_tensor(tensor.name)
                    self._modules[tensor.weight] = tensor.module

    @property
    def names(self) -> set[str]:
        """Our names of the weights that change."""
        return {*self._whole, *self._pairs}

    def fold(self, weights: Mapping[str, torch.Tensor]) -> Iterator[tuple[str, torch.Tensor]]:
        """Give all of the weights, one at a time, those that change in float32.

        Raises:
            CheckpointError: a weight that changes is not among them, or has other sizes.
        """
        if lacking := sorted(self.names - weights.keys()):
            raise CheckpointError(
                f"the adapter {self._folder} was trained on another model: the model has no weight {lacking[0]}"
            )
        return ((name, self.apply(name, weight)) for name, weight in weights.items())

    def apply(self, name: str, weight: torch.Tensor) -> torch.Tensor:
        """Return the weight of this name with the adapter in it; itself if the adapter leaves it alone.

        Raises:
            CheckpointError: the adapter's matrices are for a weight of other sizes.
        """
        try:
            if name in self._whole:
                return self._whole[name].to(weight.device).view(weight.shape)
            if name not in self._pairs:
                return weight
            a, b = (self._pairs[name][part].to(weight.device, torch.float32).flatten(1) for part in "AB")
            return weight.float() + self._scale(name, len(a)) * (b @ a).view(weight.shape)
        except RuntimeError as error:
            raise CheckpointError(
                f"the adapter {self._folder} was trained on another model: it does not fit {name}, which is "
                f"{tuple(weight.shape)}"
            ) from error

    def _scale(self, name: str, rank: int) -> float:
        patterns: Mapping[str, float] = self._config.get("alpha_pattern") or {}
        usual: float = self._config.get("lora_alpha", _DEFAULT_ALPHA)
        module = self._modules[name]  # matched as PEFT matches: by its last parts, the first pattern that fits
        alpha = next((alpha for key, alpha in patterns.items() if re.match(rf"(.*\.)?({key})$", module)), usual)
        return alpha / (math.sqrt(rank) if self._config.get("use_rslora") else rank)
