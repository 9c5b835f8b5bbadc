"""Adapters that can be loaded pass; others are refused at once, in a sentence that says what is wrong."""

from pathlib import Path
from typing import Any

import pytest
from made_checkpoints import make_adapter, make_checkpoint, write_safetensors

from ocrmill.model_adapter.checkpoint.check import CheckpointError, check_checkpoint
from ocrmill.model_adapter.lora.check import check_adapter, lora_rank

LAYER = "model.layers.0"
DECODER_ONLY = {f"{LAYER}.self_attn.q_proj": (320, 320), f"{LAYER}.mlp.up_proj": (320, 640)}


@pytest.mark.parametrize(
    "modules",
    [
        DECODER_ONLY,
        {name.replace("model.", "model.language_model."): width for name, width in DECODER_ONLY.items()},
        {"model.layers.1.mlp.experts.3.down_proj": (160, 320), "model.layers.1.mlp.shared_experts.up_proj": (320, 320)},
        {"model.layers.1.mlp.experts.base_layer": (320, 160)},
        {"lm_head": (320, 129280)},
        {"model.qwen2_model.model.model.layers.0.mlp.up_proj": (128, 256), "model.projector.layers": (128, 320)},
        {"model.vision_tower.vision_encoder.layers.0.self_attn.q_proj": (128, 128)},
        {**DECODER_ONLY, "model.sam_model.blocks.0.attn.qkv": (64, 192)},
    ],
    ids=[
        *("published", "transformers", "experts", "fused experts", "head"),
        *("encoder", "encoder in transformers", "both halves"),
    ],
)
def test_an_adapter_passes(tmp_path: Path, modules: dict[str, tuple[int, int]]) -> None:
    """On attention, dense layers, experts, head, encoder and projector, by either naming."""
    schema = check_checkpoint(make_checkpoint(tmp_path / "model"))

    check_adapter(make_adapter(tmp_path / "adapter", modules), schema)
    check_adapter(tmp_path / "adapter", None)


def test_an_adapter_with_a_layer_too_many_is_refused(tmp_path: Path) -> None:
    """Trained on a deeper model."""
    schema = check_checkpoint(make_checkpoint(tmp_path / "model"))
    folder = make_adapter(tmp_path / "adapter", {"model.layers.99.self_attn.q_proj": (320, 320)})

    with pytest.raises(CheckpointError, match=r"another model: the model has no module for \S*layers.99"):
        check_adapter(folder, schema)


@pytest.mark.parametrize(("config", "rank"), [({"r": 4}, 8), ({"r": 4, "rank_pattern": {"q_proj": 33}}, 64)])
def test_the_rank_covers_every_module(tmp_path: Path, config: dict[str, Any], rank: int) -> None:
    """The smallest rank that vLLM offers, for the module that takes most."""
    assert rank == lora_rank(make_adapter(tmp_path / "adapter", DECODER_ONLY, **config))


MODULES = {"model.layers.0.self_attn.q_proj": (320, 320)}
MATRIX = "base_model.model.model.layers.0.self_attn.q_proj"


@pytest.mark.parametrize("config", [{"r": 0}, {"r": 4, "rank_pattern": {"q_proj": -1}}])
def test_an_adapter_without_a_rank_is_damaged(tmp_path: Path, config: dict[str, Any]) -> None:
    """A rank under one leaves no matrix."""
    with pytest.raises(CheckpointError, match=r"a rank in its adapter_config\.json is (0|-1)"):
        check_adapter(make_adapter(tmp_path / "adapter", MODULES, **config), None)


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        ([f"{MATRIX}.lora_A.weight"], "lora_A.weight is there without its other half"),
        ([f"{MATRIX}.lora_B.weight"], "lora_B.weight is there without its other half"),
        ([f"{MATRIX}.lora_magnitude_vector"], "lora_magnitude_vector, which neither ocrmill nor vLLM applies"),
        (
            ["base_model.model.model.embed_tokens.lora_embedding_A"],
            "lora_embedding_A, which neither ocrmill nor",
        ),
    ],
)
def test_what_is_no_pair_of_matrices_is_refused(tmp_path: Path, tensors: list[str], said: str) -> None:
    """Halves of a pair, and what DoRA or embeddings add, would be left out without a word."""
    folder = make_adapter(tmp_path / "adapter", MODULES)
    write_safetensors(folder / "adapter_model.safetensors", dict.fromkeys(tensors, ("F32", (4, 320))))

    with pytest.raises(CheckpointError, match=said):
        check_adapter(folder, None)


@pytest.mark.parametrize(
    ("saved", "tensors", "said"),
    [
        (["projector"], {"model.projector.layers.weight": (320, 128), "model.projector.layers.bias": (320,)}, None),
        (["projector"], {"model.projector.layers.weight": (320, 64)}, r"projector.layers.weight is \(320, 64\)"),
        (["lm_head"], {"lm_head.weight": (129280, 320)}, "lm_head.weight, which neither ocrmill nor vLLM applies"),
        (["projector", "lm_head"], {"model.projector.layers.weight": (320, 128)}, r"modules_to_save=\['lm_head'\]"),
    ],
    ids=["of the encoder", "of other sizes", "of the decoder", "without the tensor"],
)
def test_modules_may_be_trained_whole_in_the_encoder(
    tmp_path: Path, saved: list[str], tensors: dict[str, tuple[int, ...]], said: str | None
) -> None:
    """PEFT's `modules_to_save`: the encoder's replace the model's, the decoder's are refused by name."""
    schema = check_checkpoint(make_checkpoint(tmp_path / "model"))
    folder = make_adapter(tmp_path / "adapter", MODULES, modules_to_save=saved)
    pair = {f"{MATRIX}.lora_A.weight": (4, 320), f"{MATRIX}.lora_B.weight": (320, 4)}
    whole = {f"base_model.model.{name}": shape for name, shape in tensors.items()}
    held = {name: ("F32", shape) for name, shape in {**pair, **whole}.items()}
    write_safetensors(folder / "adapter_model.safetensors", held)

    if said is None:
        check_adapter(folder, schema)
        return
    with pytest.raises(CheckpointError, match=said):
        check_adapter(folder, schema)
