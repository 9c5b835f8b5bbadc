"""Read a checkpoint's `config.json`, in any of its three forms.

- Published (`deepseek-ai/DeepSeek-OCR-2`): `language_config`, `vision_config.width`, `projector_config`; model type
  `deepseek_vl_v2`, which vLLM knows.
- Re-saved by the published code, as fine-tuned models are: the same, but model type `DeepseekOCR2`, which neither vLLM
  nor transformers knows. Unknown, it also costs the text its spaces: transformers then trusts `tokenizer_class` in
  `tokenizer_config.json`, which names a tokenizer that splits at blanks.
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

from ocrmill.model_adapter.checkpoint.config_schema import NATIVE_MODEL_TYPE, to_published_schema
from ocrmill.model_adapter.tiling import MAX_TILES, Tiling


class ResavedConfig(DeepseekVLV2Config):  # type: ignore[misc]
    """The published schema under the model type that the published code writes.

    Its instances carry the type by which transformers chooses the right tokenizer and vLLM the right chat template.
    """

    model_type = "DeepseekOCR2"

    def __init__(self, **fields: Any) -> None:
        super().__init__(**fields)
        self.model_type = NATIVE_MODEL_TYPE


class EngineConfigCheck(VerifyAndUpdateConfig):  # type: ignore[misc]
    """Refuses, before any process is started, what could only fail later and less clearly."""

    @staticmethod
    def verify_and_update_config(vllm_config: VllmConfig) -> None:
        """Check model and settings against each other, and have images come as they are.

        Raises:
            ValueError: where the checkpoint is another model, it would run data parallel, the tensor parallel size
                does not divide it, adapters could not run, or a page of `max_tiles` would not fit into the context.
        """
        model_config = vllm_config.model_config
        language = published_schema(model_config.hf_config)["language_config"]
        _refuse_data_parallel(vllm_config.parallel_config.data_parallel_size)
        _check_tensor_parallel(language, vllm_config.parallel_config.tensor_parallel_size)
        if vllm_config.lora_config is not None and not HAS_TRITON and _has_experts(language):
            raise ValueError("LoRA on a model with experts needs Triton, which vLLM's CPU build lacks: use a GPU")
        max_tiles = configured_max_tiles(model_config.multimodal_config.mm_processor_kwargs or {})
        tokens = Tiling(max_tiles, 1).num_visual_tokens
        if tokens >= model_config.max_model_len:
            raise ValueError(
                f"a page of {max_tiles} tiles takes {tokens} tokens, and max_model_len is "
                f"{model_config.max_model_len}: lower max_tiles in mm_processor_kwargs or raise max_model_len"
            )
        # vLLM would convert images to RGB and clip 16-bit greys to white; PageProcessor converts them itself.
        model_config.multimodal_config.media_io_kwargs.setdefault("image", {}).setdefault("image_mode", None)


def configured_max_tiles(mm_processor_kwargs: Mapping[str, object]) -> int:
    """The setting `max_tiles`, which is the only one.

    Raises:
        ValueError: for any other setting, and for what is not a number of tiles.
    """
    unknown = sorted(set(mm_processor_kwargs) - {"max_tiles"})
    if unknown:
        raise ValueError(f"mm_processor_kwargs has {', '.join(unknown)}, but max_tiles is the only setting")
    max_tiles = mm_processor_kwargs.get("max_tiles", MAX_TILES)
    if isinstance(max_tiles, bool) or not isinstance(max_tiles, int) or max_tiles < 0:
        raise ValueError(f"max_tiles in mm_processor_kwargs must be a number of tiles, 0 or more, not {max_tiles!r}")
    return max_tiles


def published_schema(config: PreTrainedConfig) -> dict[str, Any]:
    """`language_config`, `vision_config` and `projector_config` of a checkpoint, in the published schema.

    Raises:
        ValueError: where this is not the config of a DeepSeek-OCR 2.
    """
    fields = config.to_dict()
    fields.pop("architectures", None)  # it names our model, as plugin.py has vLLM put there
    return to_published_schema(fields, config.name_or_path or "this checkpoint")


def decoder_config(config: PreTrainedConfig) -> PreTrainedConfig:
    """The config that vLLM's DeepSeek-V2 takes, with plain multi-head attention.

    On GPUs experts are chosen by float32 logits, as the authors' code does: rounded to bfloat16, near ties choose
    others. vLLM's CPU build rounds them first where the model is in bfloat16 (the last tier of its gate_linear.py).
    """
    if isinstance(config, DeepseekVLV2Config):
        decoder = config.text_config
    else:
        decoder = DeepseekVLV2TextConfig(**published_schema(config)["language_config"])
    decoder.moe_router_dtype = "float32"
    return decoder


def _refuse_data_parallel(size: int) -> None:
    """Refuse what vLLM makes of data parallelism for a model with experts: their columns are divided over all ranks."""
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
