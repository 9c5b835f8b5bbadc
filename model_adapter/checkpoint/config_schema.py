"""`config.json` of a checkpoint as plain values, brought to the published schema; needs neither vLLM nor torch.

hf_config.py names the three forms in which it comes.
"""

from collections.abc import Mapping
from typing import Any

from ocrmill.model_adapter.checkpoint.published_config import MODEL_TYPE
from ocrmill.model_adapter.checkpoint.versions import FIRST, SAM_KEY, SECOND, ModelVersion, version_of
from ocrmill.model_adapter.errors import ModelFilesError

NATIVE_MODEL_TYPE = SECOND.vllm_type  # transformers' own, which is of the second model only
_SHARED_LANGUAGE_FIELDS = (
    "bos_token_id",
    "eos_token_id",
    "hidden_act",
    "hidden_size",
    "intermediate_size",
    "max_position_embeddings",
    "moe_intermediate_size",
    "n_group",
    "n_routed_experts",
    "n_shared_experts",
    "num_attention_heads",
    "num_experts_per_tok",
    "num_hidden_layers",
    "num_key_value_heads",
    "rms_norm_eps",
    "rope_parameters",
    "routed_scaling_factor",
    "topk_group",
    "topk_method",
    "vocab_size",
)

_NAMES = {
    FIRST: {"DeepseekOCRForCausalLM", "DeepseekOCR", "deepseek_ocr", "DeepseekOcrForConditionalGeneration"},
    SECOND: {"DeepseekOCR2ForCausalLM", "DeepseekOCR2", "deepseek_ocr2", "DeepseekOcr2ForConditionalGeneration"},
}
_GONE = "bitsandbytes"  # vLLM 0.32.0 has neither its loader nor its layers


class ForeignConfigError(ModelFilesError, ValueError):
    """A config.json of another model than the wanted DeepSeek-OCR, or of one that cannot be loaded here."""


def to_published_schema(fields: Mapping[str, Any], name: str, version: ModelVersion = SECOND) -> dict[str, Any]:
    """Return `language_config`, `vision_config` and `projector_config` in the published schema.

    Args:
        fields: the content of `config.json`, or what transformers makes of it.
        name: the folder or hub name, for the message.
        version: the model that it has to be.

    Raises:
        ForeignConfigError: naming the model that it is instead.
        LookupError, TypeError, AttributeError: a part is missing or of another type.
    """
    vision = fields.get("vision_config") or {}
    is_native = "sam_config" in vision and ("encoder_config" in vision or fields.get("model_type") == NATIVE_MODEL_TYPE)
    if is_native and version is SECOND:
        return _from_native(fields)
    width = vision.get("width")
    if not isinstance(width, Mapping) or not {SAM_KEY, version.encoder_key} <= set(width):
        raise ForeignConfigError(_foreign_sentence(fields, name, version, SECOND if is_native else version_of(fields)))
    return {
        "language_config": fields["text_config"] if "text_config" in fields else fields["language_config"],
        "vision_config": vision,
        "projector_config": fields["projector_config"],
    }


def refuse_other_names(fields: Mapping[str, Any], name: str, version: ModelVersion = SECOND) -> None:
    """Refuse a config of the right schema that calls itself another model, as vLLM goes by these names.

    Raises:
        ForeignConfigError: naming the model.
    """
    architectures = {str(architecture) for architecture in fields.get("architectures") or ()}
    model_type = fields.get("model_type")
    own = _NAMES[version] | {MODEL_TYPE}
    if (architectures and architectures.isdisjoint(own)) or (model_type and model_type not in own):
        raise ForeignConfigError(
            f"{name} calls itself {_model_in(fields)} and has the parts of {version.title}: if it is one, set "
            f'architectures to ["{version.published_architecture}"] and model_type to {MODEL_TYPE} in its '
            f"config.json, else name the folder or the hub name of {version.title} with --model"
        )


def refuse_quantized(fields: Mapping[str, Any], name: str, version: ModelVersion = SECOND) -> None:
    """Refuse a checkpoint whose config says that its weights are quantized.

    Raises:
        ForeignConfigError: naming the method.
    """
    parts = [fields, *(fields.get(part) or {} for part in ("text_config", "language_config"))]
    found = [part[key] for part in parts for key in ("quantization_config", "quantization") if part.get(key)]
    if found:
        method = found[0].get("quant_method") or "MLX" if isinstance(found[0], Mapping) else str(found[0])
        raise ForeignConfigError(quantized_sentence(name, f"{method}{_bits(found[0])}", version))


def quantized_sentence(name: str, how: str, version: ModelVersion = SECOND) -> str:
    """Say that a checkpoint is quantized, and what to take instead."""
    nobody = ", as Unsloth's 4-bit checkpoints are, which vLLM itself no longer loads" if _GONE in how else ""
    return (
        f"{name} is quantized ({how}){nobody}, and ocrmill reads weights in bfloat16, float16 or float32 only: take "
        f"the checkpoint as published, {version.hub_name}"
    )


def _bits(quantization: Any) -> str:
    if not isinstance(quantization, Mapping):
        return ""
    given = quantization.get("bits") or quantization.get("w_bit")
    bits = given or (4 if quantization.get("load_in_4bit") else 8 if quantization.get("load_in_8bit") else None)
    for group in (quantization.get("config_groups") or {}).values():  # of compressed-tensors
        bits = bits or (group.get("weights") or {}).get("num_bits")
    return f", {bits} bits" if bits else ""


def _names(fields: Mapping[str, Any]) -> set[str]:
    """Return the architectures and the model type that a config names."""
    architectures = fields.get("architectures") or []
    return {str(name) for name in (*architectures, fields.get("model_type")) if name}


def _foreign_sentence(fields: Mapping[str, Any], name: str, wanted: ModelVersion, found: ModelVersion | None) -> str:
    """Say which model this is instead of the wanted one, and which engine reads it if it is the other DeepSeek-OCR."""
    found = found or next((version for version, names in _NAMES.items() if names & _names(fields)), None)
    take = f"name the folder or the hub name of {wanted.title} with --model"
    if found is None:
        return f"{name} holds {_model_in(fields)}, not {wanted.title}: {take}"
    if found is wanted:
        return f"{name} calls itself {wanted.title}, and its config.json has not that model's sizes: {take}"
    return f"{name} holds {found.title}, not {wanted.title}: read it with --engine {found.engine}, or {take}"


def _model_in(fields: Mapping[str, Any]) -> str:
    architectures = ", ".join(map(str, fields.get("architectures") or []))
    model_type = fields.get("model_type")
    if not architectures:
        return f"a model of type {model_type}" if model_type else "no model that its config.json names"
    return f"{architectures} (model type {model_type})" if model_type else architectures


def _from_native(fields: Mapping[str, Any]) -> dict[str, Any]:
    sam, flow = fields["vision_config"]["sam_config"], fields["vision_config"]["encoder_config"]
    text = fields["text_config"]
    return {
        "language_config": {
            **{key: text[key] for key in _SHARED_LANGUAGE_FIELDS if key in text},
            "first_k_dense_replace": text["mlp_layer_types"].count("dense"),
            "kv_lora_rank": None,
            "norm_topk_prob": False,
            "q_lora_rank": None,
            "qk_nope_head_dim": 0,
            "qk_rope_head_dim": 0,
            "v_head_dim": 0,
        },
        "vision_config": {
            "width": {
                "sam_vit_b": {
                    "width": sam["hidden_size"],
                    "layers": sam["num_hidden_layers"],
                    "heads": sam["num_attention_heads"],
                    "global_attn_indexes": list(sam["global_attn_indexes"]),
                    "downsample_channels": list(sam["downsample_channels"]),
                    "neck_channels": sam["output_channels"],
                    **_present(sam, "window_size"),
                },
                "qwen2-0-5b": {
                    "dim": flow["hidden_size"],
                    "layers": flow["num_hidden_layers"],
                    "heads": flow["num_attention_heads"],
                    "kv_heads": flow["num_key_value_heads"],
                    "intermediate_size": flow["intermediate_size"],
                    # Not in the published files, which leave these two to the code; another checkpoint may differ.
                    **_present(flow.get("rope_parameters") or {}, "rope_theta"),
                    **_present(flow, "rms_norm_eps"),
                },
            }
        },
        "projector_config": {"input_dim": flow["hidden_size"], "n_embed": text["hidden_size"]},
    }


def _present(fields: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {name: fields[name]} if name in fields else {}
