"""An adapter's half for the encoder: the encoder with it is the one of a merged checkpoint."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

import torch

from ocrmill.model_adapter.checkpoint.check import CheckpointError
from ocrmill.model_adapter.checkpoint.published_config import ModelSize, published_config
from ocrmill.model_adapter.checkpoint.seeded import seeded_tensor
from ocrmill.model_adapter.checkpoint.versions import FIRST, SECOND, ModelVersion
from ocrmill.model_adapter.lora.fold import fold_encoder_half
from ocrmill.model_adapter.lora.halves import split_adapter
from ocrmill.model_adapter.tiling import LAYOUTS
from ocrmill.model_adapter.vision.config import ClipEncoderConfig, EncoderConfig
from ocrmill.model_adapter.vision.encoder import DeepEncoder, DeepEncoderV1, DeepEncoderV2

RANK, ALPHA = 4, 6
DECODER = "model.layers.0.self_attn.q_proj"
FLOW = "model.model.layers.1"
# Modules as the trained model names them, and the encoder's weight that each changes.
RECIPES: dict[str, tuple[ModelVersion, dict[str, str]]] = {
    "published": (
        SECOND,
        {
            f"model.qwen2_model.{FLOW}.self_attn.k_proj": f"qwen2_model.{FLOW}.self_attn.k_proj.weight",
            f"model.qwen2_model.{FLOW}.mlp.gate_proj": f"qwen2_model.{FLOW}.mlp.gate_proj.weight",
            "model.sam_model.blocks.0.attn.qkv": "sam_model.blocks.0.attn.qkv.weight",
            "model.sam_model.neck.2": "sam_model.neck.2.weight",
            "model.projector.layers": "projector.layers.weight",
        },
    ),
    "transformers": (
        SECOND,
        {
            "model.vision_tower.vision_encoder.layers.0.self_attn.o_proj": (
                "qwen2_model.model.model.layers.0.self_attn.o_proj.weight"
            ),
            "model.vision_tower.sam_encoder.layers.1.mlp.lin2": "sam_model.blocks.1.mlp.lin2.weight",
            "model.vision_tower.sam_encoder.patch_embed.projection": "sam_model.patch_embed.proj.weight",
            "model.multi_modal_projector": "projector.layers.weight",
        },
    ),
    "first": (
        FIRST,
        {
            "model.vision_model.transformer.layers.0.self_attn.qkv_proj": (
                "vision_model.transformer.layers.0.self_attn.qkv_proj.weight"
            ),
            "model.vision_model.transformer.layers.1.mlp.fc2": "vision_model.transformer.layers.1.mlp.fc2.weight",
            "model.sam_model.blocks.1.attn.proj": "sam_model.blocks.1.attn.proj.weight",
            "model.projector.layers": "projector.layers.weight",
        },
    ),
}


def make_encoder(version: ModelVersion) -> DeepEncoder:
    config = published_config(ModelSize.TINY, version)
    if version is SECOND:
        return DeepEncoderV2(EncoderConfig.from_hf(config)).requires_grad_(False)
    return DeepEncoderV1(ClipEncoderConfig.from_hf(config), layout=LAYOUTS["tiny"]).requires_grad_(False)


def seeded_weights(version: ModelVersion) -> dict[str, torch.Tensor]:
    """In bfloat16, as published."""
    slots = make_encoder(version).checkpoint_slots()
    tensors = {name: torch.from_numpy(seeded_tensor(name, tuple(slot.shape))) for name, slot in slots.items()}
    return {name: tensor.to(torch.bfloat16) for name, tensor in tensors.items()}


def encoded(encoder: DeepEncoder) -> torch.Tensor:
    """Embeddings of a view of noise."""
    side = encoder.layout.global_px
    view = torch.randint(0, 256, (1, side, side, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        return encoder.encode(view)


def write_adapter(
    folder: Path, shapes: Mapping[str, tuple[int, ...]], whole: Mapping[str, torch.Tensor] | None = None, **config: Any
) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """An adapter in PEFT's layout on modules whose weights have these shapes; returns the pair of each."""
    from safetensors.torch import save_file

    folder.mkdir()
    random = torch.Generator().manual_seed(0)
    tensors = {f"base_model.model.{name}": tensor for name, tensor in (whole or {}).items()}
    pairs = {}
    for module, shape in shapes.items():
        a = torch.randn(RANK, *shape[1:], generator=random) / 10
        b = torch.randn(shape[0], RANK, *(1 for _ in shape[2:]), generator=random)
        pairs[module] = (a, b)
        tensors |= {
            f"base_model.model.{module}.lora_{part}.weight": matrix for part, matrix in zip("AB", (a, b), strict=True)
        }
    save_file(tensors, folder / "adapter_model.safetensors")
    fields = {"peft_type": "LORA", "r": RANK, "lora_alpha": ALPHA, "target_modules": sorted(shapes), **config}
    (folder / "adapter_config.json").write_text(json.dumps(fields))
    return pairs


def merged(weight: torch.Tensor, pair: tuple[torch.Tensor, torch.Tensor], scale: float) -> torch.Tensor:
    """The weight as PEFT merges it, in float32."""
    a, b = pair
    if a.ndim == 2:
        return weight.float() + scale * (b @ a)
    product = torch.nn.functional.conv2d(a.transpose(0, 1), b).transpose(0, 1)
    return weight.float() + scale * product


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_encoder_is_that_of_the_merged_checkpoint(tmp_path: Path, recipe: str) -> None:
    """Linear layers, fused ones and convolutions, as either layout names them, of both models."""
    version, modules = RECIPES[recipe]
    weights = seeded_weights(version)
    shapes = {module: tuple(weights[name].shape) for module, name in modules.items()}
    pairs = write_adapter(tmp_path / "adapter", {**shapes, DECODER: (320, 320)})
    by_hand = {name: tensor.float() for name, tensor in weights.items()}
    for module, name in modules.items():
        by_hand[name] = merged(weights[name], pairs[module], ALPHA / RANK)
    plain, expected, folded = (make_encoder(version) for _ in range(3))
    plain.load_weights(weights.items())
    expected.load_weights(by_hand.items())
    folded.load_weights(fold_encoder_half(tmp_path / "adapter", weights))

    for name, slot in folded.checkpoint_slots().items():
        torch.testing.assert_close(slot, expected.checkpoint_slots()[name], rtol=1e-6, atol=1e-7)
        assert (name in modules.values()) == (not torch.equal(slot, plain.checkpoint_slots()[name]))
    if version is FIRST:  # the smaller view; tests/model_adapter/test_model.py has the second model in vLLM
        torch.testing.assert_close(encoded(folded), encoded(expected), rtol=1e-4, atol=1e-5)
        assert not torch.allclose(encoded(folded), encoded(plain), atol=1e-3)


@pytest.mark.parametrize(
    ("config", "scale"),
    [
        ({}, ALPHA / RANK),
        ({"use_rslora": True}, ALPHA / math.sqrt(RANK)),
        ({"alpha_pattern": {"qwen2": 1, r"layers\.1\.self_attn\.k_proj": 2, "k_proj": 3}}, 2 / RANK),
        ({"alpha_pattern": {"v_proj": 2}, "use_rslora": True}, ALPHA / math.sqrt(RANK)),
    ],
    ids=["plain", "rank-stabilized", "pattern", "other pattern"],
)
def test_the_scale_is_pefts(tmp_path: Path, config: dict[str, Any], scale: float) -> None:
    """Alpha by the rank or its root; the first pattern that ends the module's name has its own alpha."""
    weight, (module, name) = torch.ones(8, 6), next(iter(RECIPES["published"][1].items()))
    pairs = write_adapter(tmp_path / "adapter", {module: (8, 6)}, **config)
    folded = dict(fold_encoder_half(tmp_path / "adapter", {name: weight}))

    torch.testing.assert_close(folded[name], merged(weight, pairs[module], scale))


def test_the_sum_is_rounded_once(tmp_path: Path) -> None:
    """An encoder in bfloat16 has the nearest number to the sum in float32: changes below its steps add up."""
    weights = seeded_weights(SECOND)
    module, name = "model.projector.layers", "projector.layers.weight"
    pairs = write_adapter(tmp_path / "adapter", {module: tuple(weights[name].shape)})
    encoder = make_encoder(SECOND).to(torch.bfloat16)
    encoder.load_weights(fold_encoder_half(tmp_path / "adapter", weights))

    expected = merged(weights[name], pairs[module], ALPHA / RANK).to(torch.bfloat16)
    assert torch.equal(encoder.checkpoint_slots()[name], expected)


def test_a_module_that_was_trained_whole_replaces_the_models(tmp_path: Path) -> None:
    """The projector's weight and bias come from the adapter, a pair elsewhere is folded."""
    weights = seeded_weights(SECOND)
    shapes = {f"projector.layers.{part}": weights[f"projector.layers.{part}"].shape for part in ("weight", "bias")}
    whole = {f"model.{name}": torch.randn(shape) for name, shape in shapes.items()}
    module, name = next(iter(RECIPES["published"][1].items()))
    write_adapter(tmp_path / "adapter", {module: tuple(weights[name].shape)}, whole, modules_to_save=["projector"])
    folded = dict(fold_encoder_half(tmp_path / "adapter", weights))

    for published, tensor in whole.items():
        assert torch.equal(folded.pop(published.removeprefix("model.")), tensor)
    assert [name] == [each for each, tensor in folded.items() if not torch.equal(tensor.float(), weights[each].float())]


@pytest.mark.parametrize(
    ("module", "shape", "said"),
    [
        ("model.qwen2_model.model.model.layers.99.mlp.up_proj", (8, 6), r"has no weight qwen2_model\S*layers\.99"),
        ("model.projector.layers", (8, 6), r"does not fit projector\.layers\.weight, which is \(320, 128\)"),
    ],
)
def test_what_fits_nowhere_is_refused(tmp_path: Path, module: str, shape: tuple[int, int], said: str) -> None:
    """Also where the check before had no config to compare with."""
    write_adapter(tmp_path / "adapter", {module: shape})
    with pytest.raises(CheckpointError, match=said):
        dict(fold_encoder_half(tmp_path / "adapter", seeded_weights(SECOND)))


def test_vllm_gets_the_decoders_half_only(tmp_path: Path) -> None:
    """Taken out into a folder of its own, without the modules that were trained whole, which are the encoder's."""
    from safetensors.torch import load_file

    projector = "model.projector.layers"
    whole = {f"{projector}.bias": torch.zeros(320)}
    pairs = write_adapter(tmp_path / "both", {DECODER: (320, 320), projector: (320, 128)}, whole, modules_to_save=["x"])
    write_adapter(tmp_path / "decoder", {DECODER: (320, 320)})
    write_adapter(tmp_path / "encoder", {projector: (320, 128)})
    halves = split_adapter(tmp_path / "both")
    assert halves.encoder == tmp_path / "both"
    assert halves.decoder is not None
    held = load_file(halves.decoder / "adapter_model.safetensors")
    config = json.loads((halves.decoder / "adapter_config.json").read_text())
    halves.close()

    assert {f"base_model.model.{DECODER}.lora_{part}.weight" for part in "AB"} == set(held)
    assert torch.equal(held[f"base_model.model.{DECODER}.lora_B.weight"], pairs[DECODER][1])
    assert (config["lora_alpha"], config["modules_to_save"]) == (ALPHA, None)
    assert not halves.decoder.exists()
    only_decoder, only_encoder = split_adapter(tmp_path / "decoder"), split_adapter(tmp_path / "encoder")
    assert (only_decoder.encoder, only_decoder.decoder) == (None, tmp_path / "decoder")
    assert (only_encoder.encoder, only_encoder.decoder) == (tmp_path / "encoder", None)
