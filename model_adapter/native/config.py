"""The config of transformers' own DeepSeek-OCR 2, made from one in the published schema.

transformers loads the published weights under such a config: it renames the tensors and stacks the experts itself
(`conversion_mapping.py`), so that no second copy of a checkpoint has to be written.
"""

from collections.abc import Mapping
from typing import Any

from ocrmill.model_adapter.checkpoint.check import CheckpointError
from ocrmill.model_adapter.vision.config import EncoderConfig

_ROPE_THETA = 10_000.0  # of the decoder; the published config leaves it, as the next, to its code
_NORM_EPS = 1e-6
_MOST_POSITIONS = 8192
_COPIED = (
    "bos_token_id",
    "eos_token_id",
    "hidden_size",
    "intermediate_size",
    "moe_intermediate_size",
    "n_group",
    "n_routed_experts",
    "n_shared_experts",
    "num_attention_heads",
    "num_experts_per_tok",
    "num_hidden_layers",
    "num_key_value_heads",
    "topk_group",
    "topk_method",
    "vocab_size",
)


def native_config(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of transformers' `DeepseekOcr2Config`.

    Args:
        schema: `language_config`, `vision_config` and `projector_config`, as published.

    Raises:
        CheckpointError: transformers has no classes for such a decoder.
    """
    language = schema["language_config"]
    if language.get("norm_topk_prob") or language.get("scoring_func", "softmax") != "softmax":
        raise CheckpointError(
            "transformers' DeepSeek-OCR 2 weighs its experts by their softmax, and this model does not"
        )
    encoder = EncoderConfig.from_hf(schema)
    sam, flow = encoder.sam, encoder.flow
    dense = language["first_k_dense_replace"]
    rope = language.get("rope_parameters") or {
        "rope_theta": language.get("rope_theta", _ROPE_THETA),
        "rope_type": "default",
    }
    return {
        "text_config": {
            **{name: language[name] for name in _COPIED if name in language},
            "max_position_embeddings": language.get("max_position_embeddings", _MOST_POSITIONS),
            "mlp_layer_types": ["dense"] * dense + ["sparse"] * (language["num_hidden_layers"] - dense),
            "rms_norm_eps": language.get("rms_norm_eps", _NORM_EPS),
            "rope_parameters": rope,
            "routed_scaling_factor": language.get("routed_scaling_factor", 1.0),
        },
        "vision_config": {
            "sam_config": {
                "hidden_size": sam.width,
                "num_hidden_layers": sam.layers,
                "num_attention_heads": sam.heads,
                "global_attn_indexes": list(sam.global_attn_indexes),
                "window_size": sam.window_size,
                "output_channels": sam.neck_channels,
                "downsample_channels": [sam.downsample_channels, flow.width],
            },
            "encoder_config": {
                "hidden_size": flow.width,
                "intermediate_size": flow.intermediate_size,
                "num_hidden_layers": flow.layers,
                "num_attention_heads": flow.heads,
                "num_key_value_heads": flow.kv_heads,
                "rms_norm_eps": flow.norm_eps,
                "rope_parameters": {"rope_theta": flow.rope_theta, "rope_type": "default"},
            },
        },
    }
