"""Names and shapes of the tensors in a published checkpoint of either DeepSeek-OCR, for any sizes in its config.

The published sizes of the second model give the 2,707 names of the published index, one to one, and 3,389,119,360
parameters; those of the first one 2,710 and 3,336,106,240.
"""

from collections.abc import Iterator, Mapping
from itertools import chain, islice
from typing import Any

from ocrmill.model_adapter.checkpoint.versions import FIRST, SAM_KEY, SECOND
from ocrmill.model_adapter.tiling import GLOBAL_SIZE, GLOBAL_TOKENS, PATCH_SIZE, TILE_TOKENS
from ocrmill.model_adapter.vision.config import CLIP_GRID, MLP_RATIO

MOST_TENSORS = 100_000  # 37 times the published model's: a damaged number of layers ends here
Shape = tuple[int, ...]
NamedShape = tuple[str, Shape]

_CLIP_PATCH = 14  # px, of a convolution that nothing uses
_GRID = GLOBAL_SIZE // PATCH_SIZE  # 64 patches a side, the size of the position tables


def published_shapes(config: Mapping[str, Any]) -> dict[str, Shape]:
    """Tensor name -> shape, for the content of a `config.json` in the published schema.

    Raises:
        KeyError: a size is missing.
        ValueError: with sizes that no model has: more than MOST_TENSORS.
    """
    widths = config["vision_config"]["width"]
    projector, language = config["projector_config"], config["language_config"]
    shapes = chain(
        _encoder_shapes(widths, projector),
        [
            ("model.projector.layers.weight", (projector["n_embed"], projector["input_dim"])),
            ("model.projector.layers.bias", (projector["n_embed"],)),
            ("model.view_seperator", (projector["n_embed"],)),
            ("lm_head.weight", (language["vocab_size"], language["hidden_size"])),
        ],
        _decoder_shapes("model.", language),
    )
    named = dict(islice(shapes, MOST_TENSORS + 1))
    if len(named) > MOST_TENSORS:
        raise ValueError(f"by its sizes the model has more than {MOST_TENSORS:,} tensors")
    return named


def _encoder_shapes(widths: Mapping[str, Any], projector: Mapping[str, Any]) -> Iterator[NamedShape]:
    clip = widths.get(FIRST.encoder_key)
    if clip is None:
        flow_encoder = widths[SECOND.encoder_key]
        yield from _sam_shapes("model.sam_model.", widths[SAM_KEY], flow_encoder["dim"])
        yield from _flow_encoder_shapes("model.qwen2_model.", flow_encoder)
        return
    yield from _sam_shapes("model.sam_model.", widths[SAM_KEY], clip["width"])
    yield from _clip_shapes("model.vision_model.", clip)
    yield "model.image_newline", (projector["n_embed"],)


def _sam_shapes(prefix: str, sam: Mapping[str, Any], output_width: int) -> Iterator[NamedShape]:
    width, neck = sam["width"], sam.get("neck_channels", 256)
    middle = sam["downsample_channels"][0]
    yield f"{prefix}pos_embed", (1, _GRID, _GRID, width)
    yield from _linear(f"{prefix}patch_embed.proj", (width, 3, PATCH_SIZE, PATCH_SIZE), bias=True)
    for index in range(sam["layers"]):
        block = f"{prefix}blocks.{index}."
        attended = _GRID if index in sam["global_attn_indexes"] else sam.get("window_size", 14)
        yield from _linear(f"{block}norm1", (width,), bias=True)
        yield from _linear(f"{block}norm2", (width,), bias=True)
        yield from _linear(f"{block}attn.qkv", (3 * width, width), bias=True)
        yield from _linear(f"{block}attn.proj", (width, width), bias=True)
        for axis in "hw":
            yield f"{block}attn.rel_pos_{axis}", (2 * attended - 1, width // sam["heads"])
        yield from _linear(f"{block}mlp.lin1", (MLP_RATIO * width, width), bias=True)
        yield from _linear(f"{block}mlp.lin2", (width, MLP_RATIO * width), bias=True)
    yield f"{prefix}neck.0.weight", (neck, width, 1, 1)
    yield from _linear(f"{prefix}neck.1", (neck,), bias=True)
    yield f"{prefix}neck.2.weight", (neck, neck, 3, 3)
    yield from _linear(f"{prefix}neck.3", (neck,), bias=True)
    yield f"{prefix}net_2.weight", (middle, neck, 3, 3)
    yield f"{prefix}net_3.weight", (output_width, middle, 3, 3)


def _clip_shapes(prefix: str, clip: Mapping[str, Any]) -> Iterator[NamedShape]:
    width = clip["width"]
    yield f"{prefix}embeddings.class_embedding", (width,)
    yield f"{prefix}embeddings.patch_embedding.weight", (width, 3, _CLIP_PATCH, _CLIP_PATCH)
    yield f"{prefix}embeddings.position_embedding.weight", (CLIP_GRID**2 + 1, width)
    yield from _linear(f"{prefix}pre_layrnorm", (width,), bias=True)
    for index in range(clip["layers"]):
        layer = f"{prefix}transformer.layers.{index}."
        yield from _linear(f"{layer}layer_norm1", (width,), bias=True)
        yield from _linear(f"{layer}layer_norm2", (width,), bias=True)
        yield from _linear(f"{layer}self_attn.qkv_proj", (3 * width, width), bias=True)
        yield from _linear(f"{layer}self_attn.out_proj", (width, width), bias=True)
        yield from _linear(f"{layer}mlp.fc1", (MLP_RATIO * width, width), bias=True)
        yield from _linear(f"{layer}mlp.fc2", (width, MLP_RATIO * width), bias=True)


def _flow_encoder_shapes(prefix: str, flow_encoder: Mapping[str, Any]) -> Iterator[NamedShape]:
    width, inner = flow_encoder["dim"], flow_encoder.get("intermediate_size", 4864)
    kv_width = width // flow_encoder.get("heads", 14) * flow_encoder.get("kv_heads", 2)
    yield f"{prefix}query_768.weight", (TILE_TOKENS, width)
    yield f"{prefix}query_1024.weight", (GLOBAL_TOKENS, width)
    for index in range(flow_encoder.get("layers", 24)):
        layer = f"{prefix}model.model.layers.{index}."
        yield from _layer_norms(layer, width)
        yield from _linear(f"{layer}self_attn.q_proj", (width, width), bias=True)
        yield from _linear(f"{layer}self_attn.k_proj", (kv_width, width), bias=True)
        yield from _linear(f"{layer}self_attn.v_proj", (kv_width, width), bias=True)
        yield from _linear(f"{layer}self_attn.o_proj", (width, width))
        yield from _gated_mlp(f"{layer}mlp.", width, inner)
    yield f"{prefix}model.model.norm.weight", (width,)


def _decoder_shapes(prefix: str, language: Mapping[str, Any]) -> Iterator[NamedShape]:
    width, expert_width = language["hidden_size"], language["moe_intermediate_size"]
    kv_width = width // language["num_attention_heads"] * language["num_key_value_heads"]
    yield f"{prefix}embed_tokens.weight", (language["vocab_size"], width)
    for index in range(language["num_hidden_layers"]):
        layer = f"{prefix}layers.{index}."
        yield from _layer_norms(layer, width)
        yield from _linear(f"{layer}self_attn.q_proj", (width, width))
        yield from _linear(f"{layer}self_attn.k_proj", (kv_width, width))
        yield from _linear(f"{layer}self_attn.v_proj", (kv_width, width))
        yield from _linear(f"{layer}self_attn.o_proj", (width, width))
        if index < language["first_k_dense_replace"]:
            yield from _gated_mlp(f"{layer}mlp.", width, language["intermediate_size"])
            continue
        yield from _linear(f"{layer}mlp.gate", (language["n_routed_experts"], width))
        for expert in range(language["n_routed_experts"]):
            yield from _gated_mlp(f"{layer}mlp.experts.{expert}.", width, expert_width)
        yield from _gated_mlp(f"{layer}mlp.shared_experts.", width, language["n_shared_experts"] * expert_width)
    yield f"{prefix}norm.weight", (width,)


def _linear(module: str, shape: Shape, *, bias: bool = False) -> Iterator[NamedShape]:
    """Weight and, as wide as the first dimension, bias; of norms and convolutions, too."""
    yield f"{module}.weight", shape
    if bias:
        yield f"{module}.bias", shape[:1]


def _layer_norms(layer: str, width: int) -> Iterator[NamedShape]:
    yield f"{layer}input_layernorm.weight", (width,)
    yield f"{layer}post_attention_layernorm.weight", (width,)


def _gated_mlp(prefix: str, width: int, inner: int) -> Iterator[NamedShape]:
    yield f"{prefix}gate_proj.weight", (inner, width)
    yield f"{prefix}up_proj.weight", (inner, width)
    yield f"{prefix}down_proj.weight", (width, inner)
