"""The two DeepSeek-OCR models: the facts that tell their checkpoints apart, and the engine that reads each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SAM_KEY = "sam_vit_b"  # of `vision_config.width`, in both


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One of the two models."""

    title: str
    engine: str  # ocrmill's, which reads it
    hub_name: str
    encoder_key: str  # of `vision_config.width`, beside SAM's
    encoder_name: str  # `vision_config.model_name`
    published_architecture: str
    architecture: str  # ours, a name of its own in vLLM
    vllm_type: str  # the model type by which vLLM and transformers choose tokenizer and chat template
    resaved_type: str  # the model type that the published code writes when it saves a model


FIRST = ModelVersion(
    title="the first DeepSeek-OCR",
    engine="deepseek-ocr",
    hub_name="deepseek-ai/DeepSeek-OCR",
    encoder_key="clip-l-14-224",
    encoder_name="deeplip_b_l",
    published_architecture="DeepseekOCRForCausalLM",
    architecture="OcrmillDeepseekOCRForCausalLM",
    vllm_type="deepseek_ocr",
    resaved_type="DeepseekOCR",
)
SECOND = ModelVersion(
    title="DeepSeek-OCR 2",
    engine="deepseek-ocr2",
    hub_name="deepseek-ai/DeepSeek-OCR-2",
    encoder_key="qwen2-0-5b",
    encoder_name="deepencoderv2",
    published_architecture="DeepseekOCR2ForCausalLM",
    architecture="OcrmillDeepseekOCR2ForCausalLM",
    vllm_type="deepseek_ocr2",
    resaved_type="DeepseekOCR2",
)
VERSIONS = (FIRST, SECOND)


def version_of(schema: Mapping[str, Any]) -> ModelVersion | None:
    """Return the model that a config in the published schema describes; None for another model."""
    width = (schema.get("vision_config") or {}).get("width")
    if not isinstance(width, Mapping):
        return None
    return next((version for version in VERSIONS if {SAM_KEY, version.encoder_key} <= set(width)), None)


def version_named(architecture: str) -> ModelVersion:
    """Return the model whose architecture of ours this is."""
    return next(version for version in VERSIONS if version.architecture == architecture)


def version_read_by(engine: str) -> ModelVersion:
    """Return the model that an engine reads."""
    return next(version for version in VERSIONS if version.engine == engine)
