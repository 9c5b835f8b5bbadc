"""Both published layouts come out under our names, and nothing is missed or let through."""

from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from narrowed import present

from ocrmill.model_adapter.checkpoint.published_config import ModelSize, published_config
from ocrmill.model_adapter.checkpoint.published_weights import published_shapes
from ocrmill.model_adapter.checkpoint.versions import FIRST
from ocrmill.model_adapter.checkpoint.weight_names import WeightNamesError, check_names, split_experts, to_ours

# One name of each kind, as transformers' own conversion table pairs them, and ours.
PAIRS = [
    ("sam_model.pos_embed", "vision_tower.sam_encoder.pos_embed"),
    ("sam_model.patch_embed.proj.weight", "vision_tower.sam_encoder.patch_embed.projection.weight"),
    ("sam_model.blocks.11.norm1.bias", "vision_tower.sam_encoder.layers.11.layer_norm1.bias"),
    ("sam_model.blocks.0.norm2.weight", "vision_tower.sam_encoder.layers.0.layer_norm2.weight"),
    ("sam_model.blocks.2.attn.rel_pos_h", "vision_tower.sam_encoder.layers.2.attn.rel_pos_h"),
    ("sam_model.blocks.2.mlp.lin1.weight", "vision_tower.sam_encoder.layers.2.mlp.lin1.weight"),
    ("sam_model.neck.0.weight", "vision_tower.sam_encoder.neck.conv1.weight"),
    ("sam_model.neck.1.bias", "vision_tower.sam_encoder.neck.layer_norm1.bias"),
    ("sam_model.neck.2.weight", "vision_tower.sam_encoder.neck.conv2.weight"),
    ("sam_model.neck.3.weight", "vision_tower.sam_encoder.neck.layer_norm2.weight"),
    ("sam_model.net_2.weight", "vision_tower.sam_encoder.proj.conv1.weight"),
    ("sam_model.net_3.weight", "vision_tower.sam_encoder.proj.conv2.weight"),
    (
        "qwen2_model.model.model.layers.7.self_attn.k_proj.bias",
        "vision_tower.vision_encoder.layers.7.self_attn.k_proj.bias",
    ),
    ("qwen2_model.model.model.norm.weight", "vision_tower.vision_encoder.norm.weight"),
    ("qwen2_model.query_768.weight", "vision_tower.query_768_resolution.weight"),
    ("qwen2_model.query_1024.weight", "vision_tower.query_1024_resolution.weight"),
    ("projector.layers.weight", "multi_modal_projector.weight"),
    ("view_seperator", "view_separator"),
]
DECODER = ["embed_tokens.weight", "layers.0.mlp.gate.weight", "layers.3.mlp.experts.63.up_proj.weight", "norm.weight"]


@pytest.mark.parametrize(("deepseek", "transformers"), PAIRS)
def test_the_encoder_has_deepseeks_names_without_the_first_model(deepseek: str, transformers: str) -> None:
    """Both layouts give DeepSeek's name without its first `model.`; a later `model.` stays."""
    assert to_ours(f"model.{deepseek}") == to_ours(f"model.{transformers}") == deepseek


@pytest.mark.parametrize("name", DECODER)
def test_the_decoder_has_vllms_names(name: str) -> None:
    """Both layouts give the decoder's names below `language_model.model.`, and the head beside it."""
    assert to_ours(f"model.{name}") == to_ours(f"model.language_model.{name}") == f"language_model.model.{name}"
    assert to_ours("lm_head.weight") == "language_model.lm_head.weight"


@pytest.mark.parametrize("size", [512, 640, 1280])
def test_unpublished_query_tables_are_dropped(size: int) -> None:
    """Query tables for sizes that the model does not have are nobody's."""
    assert to_ours(f"model.qwen2_model.query_{size}.weight") is None


@pytest.mark.parametrize("name", ["model.vision_tower.layers.0.weight", "model.visual.norm", "embed_tokens.weight"])
def test_names_of_another_model_are_refused(name: str) -> None:
    """A name that neither layout can begin with is an error that repeats it."""
    with pytest.raises(WeightNamesError, match=name):
        to_ours(name)


def test_all_published_names_differ_from_each_other() -> None:
    """The 2,707 published names become 2,707 of ours; of the first model's 2,710 one is not used."""
    first = published_shapes(published_config(ModelSize.FULL, FIRST))
    assert (len(first), len({to_ours(name) for name in first} - {None})) == (2710, 2709)
    assert sum(map(prod, first.values())) == 3_336_106_240
    published = published_shapes(published_config(ModelSize.FULL))
    ours = {to_ours(name) for name in published}

    assert len(published) == len(ours - {None}) == 2707


def test_transformers_own_model_is_understood() -> None:
    """Every tensor of transformers' model has our name: together, once the experts are apart, those of DeepSeek's."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    published = published_config(ModelSize.TINY)
    with torch.device("meta"):
        model = transformers.DeepseekOcr2ForConditionalGeneration(native_config(transformers, published))
    ours = {
        name: tuple(part.shape)
        for native, tensor in model.state_dict().items()
        for name, part in split_experts(present(to_ours(native)), tensor)
    }

    assert ours == {to_ours(name): shape for name, shape in published_shapes(published).items()}


def native_config(transformers: Any, published: dict[str, Any]) -> Any:
    """The tiny model in the transformers schema."""
    sam, flow = (published["vision_config"]["width"][part] for part in ("sam_vit_b", "qwen2-0-5b"))
    language = published["language_config"]
    dense = language["first_k_dense_replace"]
    same = ("hidden_size", "intermediate_size", "moe_intermediate_size", "n_routed_experts", "vocab_size")
    return transformers.DeepseekOcr2Config(
        vision_config={
            "sam_config": {
                "hidden_size": sam["width"],
                "num_hidden_layers": sam["layers"],
                "num_attention_heads": sam["heads"],
                "global_attn_indexes": sam["global_attn_indexes"],
                "output_channels": sam["neck_channels"],
                "downsample_channels": [sam["downsample_channels"][0], flow["dim"]],
            },
            "encoder_config": {
                "hidden_size": flow["dim"],
                "num_hidden_layers": flow["layers"],
                "num_attention_heads": flow["heads"],
                "num_key_value_heads": flow["kv_heads"],
                "intermediate_size": flow["intermediate_size"],
            },
        },
        text_config={
            **{key: language[key] for key in (*same, "num_hidden_layers", "num_attention_heads")},
            "mlp_layer_types": ["dense"] * dense + ["sparse"] * (language["num_hidden_layers"] - dense),
        },
    )


class Experts(np.ndarray):
    """An array that is cut like a tensor."""

    def chunk(self, parts: int) -> list[npt.NDArray[Any]]:
        return np.split(self, parts)


def test_fused_experts_come_apart() -> None:
    """Of gates and ups in one tensor the gates are the first half of each expert; other tensors pass as they are."""
    fused = np.arange(2 * 4 * 3).reshape(2, 4, 3).view(Experts)
    parts = dict(split_experts("language_model.model.layers.1.mlp.experts.gate_up_proj", fused))

    assert list(parts) == [
        f"language_model.model.layers.1.mlp.experts.{expert}.{part}_proj.weight"
        for expert in range(2)
        for part in ("gate", "up")
    ]
    assert (parts["language_model.model.layers.1.mlp.experts.1.gate_proj.weight"] == fused[1, :2]).all()
    assert (parts["language_model.model.layers.1.mlp.experts.1.up_proj.weight"] == fused[1, 2:]).all()
    downs = dict(split_experts("m.mlp.experts.down_proj", fused))
    assert (downs["m.mlp.experts.1.down_proj.weight"] == fused[1]).all()
    assert dict(split_experts("m.mlp.down_proj.weight", fused)) == {"m.mlp.down_proj.weight": fused}


def test_everything_missing_and_unknown_is_in_one_error() -> None:
    """One error names all that is missing and all that is unknown, alike names once."""
    expected = ["view_seperator", *(f"sam_model.blocks.{index}.attn.proj.bias" for index in range(12))]

    check_names(expected, expected)
    with pytest.raises(WeightNamesError) as error:
        check_names(["view_seperator", "sam_model.cls_token"], expected)
    assert "lacks sam_model.blocks.0.attn.proj.bias (and 11 like it)" in str(error.value)
    assert "has unknown sam_model.cls_token;" in str(error.value)
