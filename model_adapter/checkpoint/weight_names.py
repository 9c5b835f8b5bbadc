"""Checkpoint tensor names to ours, from both published layouts.

| DeepSeek (`deepseek-ai`) | transformers (`deepseek-community`) | ours |
| --- | --- | --- |
| `model.sam_model.blocks.0.norm1.bias` | `model.vision_tower.sam_encoder.layers.0.layer_norm1.bias` | `sam_model...` |
| `model.qwen2_model.model.model.norm.weight` | `model.vision_tower.vision_encoder.norm.weight` | `qwen2_model...` |
| `model.layers.0.mlp.up_proj.weight` | `model.language_model.layers...` | `language_model.model.layers...` |

The first DeepSeek-OCR is published in DeepSeek's layout only, with `model.vision_model.` and `model.image_newline` in
place of `model.qwen2_model.`. Ours are, for the encoder, DeepSeek's without their first `model.`; for the decoder,
those of vLLM's DeepSeek-V2 below `language_model.`. The transformers layout may hold the experts of a layer in one
tensor: `split_experts` takes them apart.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from ocrmill.model_adapter.checkpoint.published_weights import Shape, published_shapes
from ocrmill.model_adapter.errors import ModelFilesError

DECODER_PREFIX = "language_model."  # of our names: the decoder's own follow
_SAM = "model.vision_tower.sam_encoder."

_DEEPSEEK_PREFIXES = {
    "model.sam_model.": "sam_model.",
    "model.qwen2_model.": "qwen2_model.",
    "model.vision_model.": "vision_model.",
    "model.image_newline": "image_newline",
    "model.projector.layers.": "projector.layers.",
    "model.view_seperator": "view_seperator",
    "model.embed_tokens.": f"{DECODER_PREFIX}model.embed_tokens.",
    "model.layers.": f"{DECODER_PREFIX}model.layers.",
    "model.norm.": "language_model.model.norm.",
    "lm_head.": "language_model.lm_head.",
}
_NATIVE_PREFIXES = {
    f"{_SAM}pos_embed": "sam_model.pos_embed",
    f"{_SAM}patch_embed.projection.": "sam_model.patch_embed.proj.",
    f"{_SAM}layers.": "sam_model.blocks.",
    f"{_SAM}neck.conv1.": "sam_model.neck.0.",
    f"{_SAM}neck.layer_norm1.": "sam_model.neck.1.",
    f"{_SAM}neck.conv2.": "sam_model.neck.2.",
    f"{_SAM}neck.layer_norm2.": "sam_model.neck.3.",
    f"{_SAM}proj.conv1.": "sam_model.net_2.",
    f"{_SAM}proj.conv2.": "sam_model.net_3.",
    "model.vision_tower.vision_encoder.": "qwen2_model.model.model.",
    "model.vision_tower.query_768_resolution.": "qwen2_model.query_768.",
    "model.vision_tower.query_1024_resolution.": "qwen2_model.query_1024.",
    "model.multi_modal_projector.": "projector.layers.",
    "model.view_separator": "view_seperator",
    "model.language_model.": "language_model.model.",
    "lm_head.": "language_model.lm_head.",
}
# The first prefix that matches counts, so that `model.` falls once, however often it follows.
_PREFIXES = _DEEPSEEK_PREFIXES | _NATIVE_PREFIXES

# Query tables for view sizes that were never published; some copies of the checkpoint still hold them. Of CLIP, the
# embedding of its own patches, in whose place come SAM's features, and a row of numbers that re-saved copies have.
_DROPPED = {
    *(f"qwen2_model.query_{size}.weight" for size in (512, 640, 1280)),
    "vision_model.embeddings.patch_embedding.weight",
    "vision_model.embeddings.position_ids",
}

_BLOCK_NORM = re.compile(r"^(sam_model\.blocks\.\d+\.)layer_(norm[12]\.)")
_NATIVE_BLOCK_NORM = re.compile(r"^(model\.vision_tower\.sam_encoder\.layers\.\d+\.)(norm[12]\.)")
_FUSED_AXES = 3  # experts, then a matrix
_FUSED_EXPERTS = re.compile(r"^(.*\.mlp\.experts\.)(gate_up_proj|down_proj)$")


class WeightNamesError(ModelFilesError, ValueError):
    """A checkpoint lacks tensors, or has tensors that are not of this model."""


def to_ours(name: str) -> str | None:
    """Our name of a checkpoint tensor; None for one that nothing needs.

    Only the prefix is judged; `check_names` tells if the model has such a tensor.

    Raises:
        WeightNamesError: neither layout has a name that begins like this.
    """
    for prefix, ours in _PREFIXES.items():
        if name.startswith(prefix):
            renamed = _BLOCK_NORM.sub(r"\1\2", ours + name.removeprefix(prefix))
            return None if renamed in _DROPPED else renamed
    raise WeightNamesError(f"{name} is no tensor of DeepSeek-OCR, neither in DeepSeek's layout nor in transformers'")


def to_native(name: str) -> str:
    """Return transformers' name of a tensor under one of our names; the experts of a layer stay apart.

    Raises:
        ValueError: the model of transformers has none that begins like this.
    """
    for native, ours in _NATIVE_PREFIXES.items():
        if name.startswith(ours):
            renamed = native + name.removeprefix(ours)
            return _NATIVE_BLOCK_NORM.sub(r"\1layer_\2", renamed)
    raise ValueError(f"transformers' DeepSeek-OCR 2 has no {name}")


def needed_shapes(config: Mapping[str, Any]) -> dict[str, Shape]:
    """Return our name -> shape of the tensors that the model needs, for a config in the published schema.

    Raises:
        KeyError, ValueError: as from `published_shapes`.
    """
    named = ((to_ours(name), shape) for name, shape in published_shapes(config).items())
    return {name: shape for name, shape in named if name is not None}


def split_experts(name: str, tensor: Any) -> Iterator[tuple[str, Any]]:
    """Yield a tensor under our name as it is, or expert by expert if it holds all experts of a layer.

    `gate_up_proj` is (experts, 2 * I, C), gates first, and `down_proj` (experts, C, I).
    """
    fused = _FUSED_EXPERTS.match(name)
    if fused is None:
        yield name, tensor
        return
    experts, projection = fused.groups()
    for index in range(len(tensor)):
        if projection == "down_proj":
            yield f"{experts}{index}.down_proj.weight", tensor[index]
            continue
        gate, up = tensor[index].chunk(2)
        yield f"{experts}{index}.gate_proj.weight", gate
        yield f"{experts}{index}.up_proj.weight", up


def split_shapes(name: str, shape: tuple[int, ...]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Give the names and shapes that `split_experts` makes of a tensor of this shape."""
    fused = _FUSED_EXPERTS.match(name)
    if fused is None or len(shape) != _FUSED_AXES:
        yield name, shape
        return
    experts, projection = fused.groups()
    number, rows, columns = shape
    for index in range(number):
        if projection == "down_proj":
            yield f"{experts}{index}.down_proj.weight", (rows, columns)
        else:
            yield f"{experts}{index}.gate_proj.weight", (rows // 2, columns)
            yield f"{experts}{index}.up_proj.weight", (rows // 2, columns)


def check_names(given: Collection[str], expected: Collection[str]) -> None:
    """Compare the names of a checkpoint with those that the model needs; all are ours.

    Raises:
        WeightNamesError: naming all that are missing and all that are unknown; of names that differ in numbers only,
            the first stands for the others.
    """
    missing, unknown = set(expected) - set(given), set(given) - set(expected)
    complaints = [f"lacks {_listed(missing)}"] if missing else []
    complaints += [f"has unknown {_listed(unknown)}"] if unknown else []
    if complaints:
        raise WeightNamesError(f"the checkpoint {' and '.join(complaints)}; is it complete, and of this config.json?")


def _listed(names: Iterable[str]) -> str:
    alike = defaultdict(list)
    for name in sorted(names):
        alike[re.sub(r"\d+", "*", name)].append(name)
    return ", ".join(
        first if not others else f"{first} (and {len(others)} like it)" for first, *others in alike.values()
    )
