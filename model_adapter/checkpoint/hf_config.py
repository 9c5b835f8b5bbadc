"""Read a checkpoint's `config.json`, in any of its three forms; only DeepSeek-OCR 2 has the last one.

- Published (`deepseek-ai/DeepSeek-OCR-2`): `language_config`, `vision_config.width`, `projector_config`; model type
  `deepseek_vl_v2`, which vLLM knows.
- Re-saved by the published code, as fine-tuned models are: the same, but model type `DeepseekOCR2` (or `DeepseekOCR`),
  which neither vLLM nor transformers knows. Unknown, it also costs the text its spaces: transformers then trusts
  `tokenizer_class` in `tokenizer_config.json`, which names a tokenizer that splits at blanks.
- Native to transformers (`deepseek-community/DeepSeek-OCR-2`): `text_config`, `vision_config.sam_config` and
  `vision_config.encoder_config`.

All are brought to the published schema.
"""

from collections.abc import Mapping
from typing import Any

from transformers import PreTrainedConfig
from vllm.config import VllmConfig
from vllm.model_executor.models.config import VerifyAndUpdateConfig
from vllm.transformers_utils.configs.deepseek_vl2 import DeepseekVLV2Config, DeepseekVLV2TextConfig
from vllm.triton_utils import HAS_TRITON

from ocrmill.model_adapter.checkpoint.config_schema import to_published_schema
from ocrmill.model_adapter.checkpoint.versions import FIRST, SECOND, ModelVersion, version_named
from ocrmill.model_adapter.tiling import DEFAULT_MODE, FIRST_MODES, MAX_TILES, SECOND_MODEL, ViewLayout, layout_of


class ResavedConfig(DeepseekVLV2Config):  # type: ignore[misc]
    """The published schema under the model type that the published code of DeepSeek-OCR 2 writes.

    Its instances carry the type by which transformers chooses the right tokenizer and vLLM the right chat template.
    """

    model_type = SECOND.resaved_type

    def __init__(self, **fields: Any) -> None:
        super().__init__(**fields)
        self.model_type = SECOND.vllm_type


class ResavedFirstConfig(DeepseekVLV2Config):  # type: ignore[misc]
    """The first DeepSeek-OCR under its re-saved model type, in the same way."""

    model_type = FIRST.resaved_type

    def __init__(self, **fields: Any) -> None:
        super().__init__(**fields)
        self.model_type = FIRST.vllm_type


class EngineConfigCheck(VerifyAndUpdateConfig):  # type: ignore[misc]
    """Refuses, before any process is started, what could only fail later and less clearly."""

    @staticmethod
    def verify_and_update_config(vllm_config: VllmConfig) -> None:
        """Check model and settings against each other, and have images come as they are.

        Raises:
            ValueError: the checkpoint is another model, it would run data parallel, the tensor parallel size
                does not divide it, adapters could not run, or a page of `max_tiles` would not fit into the context.
        """
        model_config = vllm_config.model_config
        language = published_schema(model_config.hf_config)["language_config"]
        _refuse_data_parallel(vllm_config.parallel_config.data_parallel_size)
        _check_tensor_parallel(language, vllm_config.parallel_config.tensor_parallel_size)
        if vllm_config.lora_config is not None and not HAS_TRITON and _has_experts(language):
            raise ValueError("LoRA on a model with experts needs Triton, which vLLM's CPU build lacks: use a GPU")
        settings = model_config.multimodal_config.mm_processor_kwargs or {}
        layout = configured_layout(settings, version_in(model_config.hf_config))
        tokens = layout.most_visual_tokens
        if tokens >= model_config.max_model_len:
            raise ValueError(
                f"a page of {layout.max_tiles} tiles takes {tokens} tokens, and max_model_len is "
                f"{model_config.max_model_len}: lower max_tiles in mm_processor_kwargs or raise max_model_len"
            )
        # vLLM would convert images to RGB and clip 16-bit greys to white; PageProcessor converts them itself.
        model_config.multimodal_config.media_io_kwargs.setdefault("image", {}).setdefault("image_mode", None)


def configured_layout(mm_processor_kwargs: Mapping[str, object], version: ModelVersion) -> ViewLayout:
    """Return the layout of views by `max_tiles` and, for the first model, `mode`; there are no other settings.

    Raises:
        ValueError: there is another setting, the mode is unknown, or the number of tiles is none.
    """
    settings = ["max_tiles"] if version is SECOND else ["max_tiles", "mode"]
    unknown = sorted(set(mm_processor_kwargs) - set(settings))
    if unknown:
        only = f"{settings[0]} is the only setting" if len(settings) == 1 else f"{' and '.join(settings)} are all"
        raise ValueError(f"mm_processor_kwargs has {', '.join(unknown)}, but {only}")
    max_tiles = mm_processor_kwargs.get("max_tiles", MAX_TILES)
    if isinstance(max_tiles, bool) or not isinstance(max_tiles, int) or max_tiles < 0:
        raise ValueError(f"max_tiles in mm_processor_kwargs must be a number of tiles, 0 or more, not {max_tiles!r}")
    mode = mm_processor_kwargs.get("mode", DEFAULT_MODE)
    if mode not in FIRST_MODES:
        raise ValueError(f"mode in mm_processor_kwargs must be one of {', '.join(FIRST_MODES)}, not {mode!r}")
    return layout_of(SECOND_MODEL if version is SECOND else str(mode), max_tiles)


def version_in(config: PreTrainedConfig) -> ModelVersion:
    """Return the model that was asked for, by the architecture that plugin.py has vLLM put there."""
    return version_named(config.architectures[0])


def published_schema(config: PreTrainedConfig) -> dict[str, Any]:
    """`language_config`, `vision_config` and `projector_config` of a checkpoint, in the published schema.

    Raises:
        ValueError: this is not the config of the model that was asked for.
    """
    fields = config.to_dict()
    version = version_in(config)
    fields.pop("architectures", None)  # it names our model, as plugin.py has vLLM put there
    return to_published_schema(fields, config.name_or_path or "this checkpoint", version)


def decoder_config(config: PreTrainedConfig) -> PreTrainedConfig:
    """The config that vLLM's DeepSeek-V2 takes, with plain multi-head attention.

    On GPUs experts are chosen by float32 logits, as the authors' code does: rounded to bfloat16, near ties choose
    others. vLLM's CPU build rounds them first if the model is in bfloat16 (the last tier of its gate_linear.py).
    """
    if isinstance(config, DeepseekVLV2Config):
        decoder = config.text_config
    else:
        decoder = DeepseekVLV2TextConfig(**published_schema(config)["language_config"])
    decoder.moe_router_dtype = "float32"
    return decoder


def _refuse_data_parallel(size: int) -> None:
    """Refuse data parallelism: for a model with experts vLLM divides their columns over all ranks."""
    if size > 1:
        raise ValueError(
            f"data_parallel_size is {size}, which would divide every expert over all ranks and have them go in step: "
            "start one server for each GPU (CUDA_VISIBLE_DEVICES) without --data-parallel-size"
        )


def _check_tensor_parallel(language: Mapping[str, Any], size: int) -> None:
    expert_width = language["moe_intermediate_size"]
    parts = {
        "attention heads": language["num_attention_heads"],
        "columns of the dense layer": language["intermediate_size"],
        "columns of an expert": expert_width,
        "columns of the shared experts": expert_width * language["n_shared_experts"],
    }
    undivided = [f"{number} {part}" for part, number in parts.items() if number % size]
    if undivided:
        legal = [n for n in range(1, parts["attention heads"] + 1) if not any(number % n for number in parts.values())]
        raise ValueError(
            f"tensor_parallel_size {size} does not divide {', '.join(undivided)}; "
            f"possible sizes: {', '.join(map(str, legal))}"
        )


def _has_experts(language: Mapping[str, Any]) -> bool:
    return bool(language["num_hidden_layers"] > language["first_k_dense_replace"])
