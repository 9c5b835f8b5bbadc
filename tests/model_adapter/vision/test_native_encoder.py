"""Transformers' own encoder under our config is the official one: a third opinion beside the golden files."""

import numpy as np
import numpy.typing as npt
import pytest
import torch
from seeded_encoders import Golden, Views

from ocrmill.model_adapter.checkpoint.published_config import ModelSize, published_config
from ocrmill.model_adapter.checkpoint.seeded import seeded_tensor
from ocrmill.model_adapter.checkpoint.weight_names import needed_shapes
from ocrmill.model_adapter.tiling import GLOBAL_SIZE, TILE_SIZE

TOLERANCE = 1e-4  # in float32, as for our encoder
SAM = {"width": 64, "layers": 4, "heads": 4, "global_attn_indexes": [1, 3], "downsample_channels": [512, 1024]}
FLOW = {"dim": 896, "layers": 2, "intermediate_size": 512}


@torch.inference_mode()
@pytest.mark.filterwarnings("ignore")  # transformers' own imports warn
def test_each_stage_is_the_official_one(views: Views, golden: Golden) -> None:
    """With the weights of the golden file, on its views, global and local."""
    transformers = pytest.importorskip("transformers")
    from ocrmill.model_adapter.native.config import native_config
    from ocrmill.model_adapter.native.weights import parameter_slots

    sizes = published_config(ModelSize.TINY) | {
        "vision_config": {"width": {"sam_vit_b": SAM, "qwen2-0-5b": FLOW}},
        "projector_config": {"input_dim": 896, "n_embed": 128},
    }
    language = {"hidden_size": 128, "num_attention_heads": 2, "num_key_value_heads": 2, "vocab_size": 64}
    sizes["language_config"] = sizes["language_config"] | language
    config = transformers.DeepseekOcr2Config(**native_config(sizes), attn_implementation="sdpa")
    model = transformers.DeepseekOcr2ForConditionalGeneration(config).eval()
    names = [name for name in needed_shapes(sizes) if not name.startswith("language_model.")]
    for name, slot in parameter_slots(dict(model.named_parameters()), names).items():
        slot.copy_(torch.from_numpy(seeded_tensor(name, tuple(slot.shape))))
    seen: list[torch.Tensor] = []  # by the second half of the encoder
    trunk = model.model.vision_tower.sam_encoder
    trunk.register_forward_hook(lambda _module, _given, output: seen.append(output.last_hidden_state))
    official = golden("encoder_tiny")
    for kind, (seeds, size) in {"global": ([1], GLOBAL_SIZE), "local": ([2, 3], TILE_SIZE)}.items():
        pixels = ((views(seeds, size).float() / 255 - 0.5) / 0.5).permute(0, 3, 1, 2)
        flow = model.model.vision_tower(pixels).last_hidden_state
        out = model.model.multi_modal_projector(flow)

        assert distance(seen[-1][:, ::8], official[f"{kind}_sam"]) < TOLERANCE
        assert distance(flow[:, ::2, ::2], official[f"{kind}_flow"]) < TOLERANCE
        assert distance(out, official[f"{kind}_out"]) < TOLERANCE


def distance(theirs: torch.Tensor, official: npt.NDArray[np.float32]) -> float:
    return float(np.linalg.norm(theirs.numpy() - official) / np.linalg.norm(official))
