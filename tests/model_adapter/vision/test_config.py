"""Sizes come from config.json, in either layout."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from ocrmill.model_adapter.checkpoint.published_config import ModelSize, published_config
from ocrmill.model_adapter.vision.config import EncoderConfig, FlowConfig, SamConfig

NATIVE: dict[str, dict[str, Any]] = {
    "vision_config": {
        "sam_config": {
            "hidden_size": 64,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "global_attn_indexes": [2],
            "window_size": 7,
            "output_channels": 32,
            "downsample_channels": [48, 128],
        },
        "encoder_config": {
            "hidden_size": 128,
            "num_hidden_layers": 5,
            "num_attention_heads": 8,
            "num_key_value_heads": 4,
            "intermediate_size": 256,
            "rms_norm_eps": 1e-5,
            "rope_parameters": {"rope_theta": 1e4, "rope_type": "default"},
        },
    },
    "text_config": {"hidden_size": 320},
}


def test_the_published_file_gives_the_published_sizes() -> None:
    """The published config.json, which leaves most of them out, gives the default sizes; its stale 1024 is ignored."""
    assert EncoderConfig.from_hf(published_config(ModelSize.FULL)) == EncoderConfig()
    assert EncoderConfig().flow.head_width == 64


def test_every_size_can_be_named() -> None:
    """Keys that the published file leaves out are read where they are."""
    tiny = EncoderConfig.from_hf(published_config(ModelSize.TINY))
    sam = published_config(ModelSize.TINY)["vision_config"]["width"]["sam_vit_b"]

    assert dataclasses.asdict(tiny.sam) == {
        "width": sam["width"],
        "layers": sam["layers"],
        "heads": sam["heads"],
        "global_attn_indexes": tuple(sam["global_attn_indexes"]),
        "window_size": 14,
        "neck_channels": sam["neck_channels"],
        "downsample_channels": sam["downsample_channels"][0],
    }
    assert tiny.flow == FlowConfig(width=128, layers=2, heads=4, kv_heads=2, intermediate_size=256)
    assert tiny.embedding_width == published_config(ModelSize.TINY)["projector_config"]["n_embed"]


def test_the_transformers_layout_is_read() -> None:
    """The schema of transformers names all sizes; SAM's absent ones are the published ones."""
    expected = EncoderConfig(
        SamConfig(64, 3, 4, (2,), window_size=7, neck_channels=32, downsample_channels=48),
        FlowConfig(128, 5, 8, 4, 256, rope_theta=1e4, norm_eps=1e-5),
        320,
    )

    assert EncoderConfig.from_hf(NATIVE) == expected
    bare = {**NATIVE, "vision_config": {**NATIVE["vision_config"], "sam_config": {}}}
    assert EncoderConfig.from_hf(bare).sam == SamConfig()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "no DeepSeek-OCR 2 encoder"),
        ({"vision_config": {"width": {"sam_vit_b": {}}}}, "no qwen2-0-5b"),
        (
            {"vision_config": {"width": {"sam_vit_b": {}, "qwen2-0-5b": {}}}, "projector_config": {"input_dim": 2048}},
            "input_dim 2048 is not the flow width 896",
        ),
        ({"vision_config": {"sam_config": {}}, "text_config": {"hidden_size": 9}}, "lacks 'hidden_size'"),
    ],
)
def test_configs_of_other_models_are_refused(config: dict[str, Any], message: str) -> None:
    """A config that does not describe this encoder is an error that says what is wrong with it."""
    with pytest.raises(ValueError, match=message):
        EncoderConfig.from_hf(config)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SamConfig(heads=5), "sam heads 5 do not divide sam width 768"),
        (lambda: SamConfig(layers=0), "layers must be positive"),
        (lambda: SamConfig(global_attn_indexes=(2, 12)), r"\[12\] are not among 12 sam layers"),
        (lambda: SamConfig(window_size=65), "more than the patches of a view"),
        (lambda: FlowConfig(heads=13), "flow heads 13 do not divide flow width 896"),
        (lambda: FlowConfig(kv_heads=4), "flow kv_heads 4 do not divide flow heads 14"),
        (lambda: FlowConfig(width=14), "width 1 cannot be rotated"),
        (lambda: EncoderConfig(embedding_width=0), "embedding_width must be positive"),
    ],
)
def test_sizes_that_do_not_divide_are_refused(make: Callable[[], object], message: str) -> None:
    """Sizes that make no model are refused with both numbers."""
    with pytest.raises(ValueError, match=message):
        make()
