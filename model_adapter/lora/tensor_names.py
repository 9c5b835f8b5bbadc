"""The names of an adapter's tensors, and which half of the model each belongs to.

PEFT names a pair of matrices for the module that they change, as the model names it that was trained (either layout of
weight_names.py), and a tensor that replaces one of the model's (`modules_to_save`) as that one:

    base_model.model.model.qwen2_model.model.model.layers.0.self_attn.q_proj.lora_A.weight
    base_model.model.model.projector.layers.bias
"""

from dataclasses import dataclass
from typing import Literal

from ocrmill.model_adapter.checkpoint.weight_names import DECODER_PREFIX, to_ours

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
PEFT_PREFIX = "base_model.model."
_LORA = ".lora_"
_PARTS: dict[str, Literal["A", "B"]] = {".lora_A.weight": "A", ".lora_B.weight": "B"}


@dataclass(frozen=True, slots=True)
class AdapterTensor:
    """A tensor by its name."""

    name: str  # in the file
    module: str  # as PEFT's patterns name it
    weight: str | None  # our name of the weight that it changes or replaces; None for one that nothing needs
    part: Literal["A", "B", "whole", "unknown"]

    @property
    def is_of_decoder(self) -> bool:
        """Tell if vLLM applies it; the encoder's are folded in."""
        return self.weight is not None and self.weight.startswith(DECODER_PREFIX)


def parse_name(name: str) -> AdapterTensor:
    """Return what a tensor's name says.

    Raises:
        WeightNamesError: no layout of the model has a name that begins like this.
    """
    published = name.removeprefix(PEFT_PREFIX)
    ending = next((ending for ending in _PARTS if published.endswith(ending)), None)
    if ending is not None:
        module = published.removesuffix(ending)
        return AdapterTensor(name, module, to_ours(f"{module}.weight"), _PARTS[ending])
    if _LORA in published:
        return AdapterTensor(name, published.partition(_LORA)[0], to_ours(published), "unknown")
    return AdapterTensor(name, published.rpartition(".")[0], to_ours(published), "whole")
