"""`config.json` of either DeepSeek-OCR as published, and of smaller models in the same schema.

The schema is the published one, key for key, so that whatever reads a seeded checkpoint can read the real one. Two
things differ. There is no `auto_map`: it names Python files of the hub repository, and a loader that finds it asks for
them. And if an encoder is not of the published size, `vision_config.width` carries keys that the published file
leaves to code: `neck_channels` of `sam_vit_b`, and `layers`, `heads`, `kv_heads` and `intermediate_size` of
`qwen2-0-5b`.
"""

from enum import StrEnum
from typing import Any

from ocrmill.model_adapter.checkpoint.versions import FIRST, SAM_KEY, SECOND, ModelVersion

MODEL_TYPE = "deepseek_vl_v2"
CANDIDATE_RESOLUTIONS = [[1024, 1024]]


class ModelSize(StrEnum):
    """Sizes of seeded models."""

    TINY = "tiny"
    ENCODER = "encoder"
    FULL = "full"


_LANGUAGE: dict[str, Any] = {
    "bos_token_id": 0,
    "eos_token_id": 1,
    "first_k_dense_replace": 1,
    "hidden_size": 1280,
    "intermediate_size": 6848,
    "kv_lora_rank": None,
    "lm_head": True,
    "max_position_embeddings": 8192,
    "moe_intermediate_size": 896,
    "n_group": 1,
    "n_routed_experts": 64,
    "n_shared_experts": 2,
    "num_attention_heads": 10,
    "num_experts_per_tok": 6,
    "num_hidden_layers": 12,
    "num_key_value_heads": 10,
    "q_lora_rank": None,
    "qk_nope_head_dim": 0,
    "qk_rope_head_dim": 0,
    "rm_head": False,
    "topk_group": 1,
    "topk_method": "greedy",
    "torch_dtype": "bfloat16",
    "use_mla": False,
    "v_head_dim": 0,
    "vocab_size": 129280,
}

_SAM = {
    "downsample_channels": [
        512,
        1024,
    ],  # the last one is stale in DeepSeek-OCR 2: the flow encoder's width, 896, counts
    "global_attn_indexes": [2, 5, 8, 11],
    "heads": 12,
    "layers": 12,
    "width": 768,
}

_FLOW_ENCODER = {"dim": 896}
_CLIP = {"heads": 16, "image_size": 224, "layers": 24, "patch_size": 14, "width": 1024}

# 10 heads of 32: tensor parallel 2 and 5 stay legal, and vLLM has no attention kernel for narrower heads on CPUs. All
# special ids need the whole vocabulary, so that embedding and lm_head are nearly all of it.
_TINY_LANGUAGE = {
    **_LANGUAGE,
    "hidden_size": 320,
    "intermediate_size": 640,
    "moe_intermediate_size": 160,
    "n_routed_experts": 16,
    "num_hidden_layers": 3,
}

_TINY_SAM = {
    "downsample_channels": [64, 128],
    "global_attn_indexes": [1],
    "heads": 2,
    "layers": 2,
    "neck_channels": 32,
    "width": 64,
}

_TINY_FLOW_ENCODER = {"dim": 128, "heads": 4, "intermediate_size": 256, "kv_heads": 2, "layers": 2}
_TINY_CLIP = {**_CLIP, "heads": 4, "layers": 2, "width": 128}

# Published sizes, but only the dense layer and one of the eleven layers of experts.
_ENCODER_LANGUAGE = {**_LANGUAGE, "num_hidden_layers": 2}


def published_config(size: ModelSize, version: ModelVersion = SECOND) -> dict[str, Any]:
    """The content of `config.json`, every language field at the top level as well."""
    if size is ModelSize.TINY:
        return _config(version, _TINY_LANGUAGE, _TINY_SAM, _TINY_CLIP if version is FIRST else _TINY_FLOW_ENCODER)
    language = _LANGUAGE if size is ModelSize.FULL else _ENCODER_LANGUAGE
    return _config(version, language, _SAM, _CLIP if version is FIRST else _FLOW_ENCODER)


def processor_config() -> dict[str, Any]:
    """The content of `processor_config.json`, the same for every size."""
    return {
        "add_special_token": False,
        "candidate_resolutions": CANDIDATE_RESOLUTIONS,
        "downsample_ratio": 4,
        "ignore_id": -100,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
        "image_token": "<image>",
        "mask_prompt": False,
        "normalize": True,
        "pad_token": "<｜▁pad▁｜>",  # noqa: RUF001
        "patch_size": 16,
        "processor_class": "DeepseekVLV2Processor",
        "sft_format": "deepseek",
    }


def _config(
    version: ModelVersion, language: dict[str, Any], sam: dict[str, Any], encoder: dict[str, Any]
) -> dict[str, Any]:
    return {
        **language,
        "_name_or_path": version.hub_name,
        "architectures": [version.published_architecture],
        "candidate_resolutions": CANDIDATE_RESOLUTIONS,
        "global_view_pos": "head",  # wrong in the published file: the global view comes after the tiles
        "language_config": {**language, "architectures": ["DeepseekV2ForCausalLM"]},
        "model_type": MODEL_TYPE,
        "projector_config": {
            "input_dim": 2 * encoder["width"] if version is FIRST else encoder["dim"],
            "model_type": "mlp_projector",
            "n_embed": language["hidden_size"],
            "projector_type": "linear",
        },
        "tile_tag": "2D",
        "transformers_version": "4.46.3",
        "vision_config": {
            "image_size": 1024,
            "mlp_ratio": 3.7362,
            "model_name": version.encoder_name,
            "model_type": "vision",
            "width": {version.encoder_key: encoder, SAM_KEY: sam},
        },
    }
