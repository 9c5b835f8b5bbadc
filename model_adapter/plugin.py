"""Register our DeepSeek-OCR 2: the `vllm.general_plugins` entry point, which vLLM calls in all its processes.

The model has an architecture name of its own, so that nothing changes for other users of vLLM:

    from vllm.engine.arg_utils import AsyncEngineArgs
    from vllm.v1.engine.async_llm import AsyncLLM

    engine = AsyncLLM.from_engine_args(AsyncEngineArgs(model=directory, **engine_arguments()))
    views = cut_views(page)  # or a PIL image, which the processor cuts
    request = {"prompt": prompt_text("markdown"), "multi_modal_data": {"image": views}}
    sampling = SamplingParams(temperature=0.0, skip_special_tokens=False, max_tokens=7000)
    async for output in engine.generate(request, sampling, request_id="page-1"): ...
"""

from typing import Any

from ocrmill.model_adapter.tiling import MAX_TILES

ARCHITECTURE = "OcrmillDeepseekOCR2ForCausalLM"
MODEL_CLASS = "ocrmill.model_adapter.model:DeepseekOCR2ForCausalLM"


def register() -> None:
    """Register the model with vLLM, the reader of its checkpoints' configs, and the check of engine settings."""
    from transformers import AutoConfig
    from vllm import ModelRegistry
    from vllm.model_executor.models.config import MODELS_CONFIG_MAP

    from ocrmill.model_adapter.checkpoint.hf_config import EngineConfigCheck, ResavedConfig

    ModelRegistry.register_model(ARCHITECTURE, MODEL_CLASS)
    AutoConfig.register(ResavedConfig.model_type, ResavedConfig, exist_ok=True)
    MODELS_CONFIG_MAP[ARCHITECTURE] = EngineConfigCheck


def engine_arguments(max_tiles: int = MAX_TILES) -> dict[str, Any]:
    """Return the arguments that select our model in a vLLM engine and suit reading every page once.

    Args:
        max_tiles: tiles that a page may be cut into. 6 is what the model was trained with; newspapers need more; 0
            leaves the global view only. `PageViews` with more tiles are refused.
    """
    return {
        "hf_overrides": {"architectures": [ARCHITECTURE]},
        "limit_mm_per_prompt": {"image": 1},
        "mm_processor_kwargs": {"max_tiles": max_tiles},
        "mm_processor_cache_gb": 0,  # no page comes twice, and with both caches off vLLM does not hash its pixels
        "enable_prefix_caching": False,
    }
