"""Register our DeepSeek-OCR, both of them: the `vllm.general_plugins` entry point, which vLLM calls in all processes.

The models have architecture names of their own, so that nothing changes for other users of vLLM:

    from vllm.engine.arg_utils import AsyncEngineArgs
    from vllm.v1.engine.async_llm import AsyncLLM

    engine = AsyncLLM.from_engine_args(AsyncEngineArgs(model=directory, **engine_arguments()))
    views = cut_views(page)  # or a PIL image, which the processor cuts
    request = {"prompt": prompt_text("markdown"), "multi_modal_data": {"image": views}}
    sampling = SamplingParams(temperature=0.0, skip_special_tokens=False, max_tokens=7000)
    async for output in engine.generate(request, sampling, request_id="page-1"): ...
"""

from typing import Any

from ocrmill.model_adapter.checkpoint.versions import SECOND, VERSIONS, ModelVersion
from ocrmill.model_adapter.tiling import MAX_TILES

MODEL_CLASS = "ocrmill.model_adapter.model:DeepseekOcrForCausalLM"


def register() -> None:
    """Register the models with vLLM, the readers of their checkpoints' configs, and the check of engine settings."""
    from transformers import AutoConfig
    from vllm import ModelRegistry
    from vllm.model_executor.models.config import MODELS_CONFIG_MAP

    from ocrmill.model_adapter.checkpoint.hf_config import EngineConfigCheck, ResavedConfig, ResavedFirstConfig

    for version in VERSIONS:
        ModelRegistry.register_model(version.architecture, MODEL_CLASS)
        MODELS_CONFIG_MAP[version.architecture] = EngineConfigCheck
    for config in (ResavedConfig, ResavedFirstConfig):
        AutoConfig.register(config.model_type, config, exist_ok=True)


def engine_arguments(
    max_tiles: int = MAX_TILES, version: ModelVersion = SECOND, mode: str | None = None
) -> dict[str, Any]:
    """Return the arguments that select our model in a vLLM engine and suit reading every page once.

    Args:
        max_tiles: tiles that a page may be cut into. 6 is what the models were trained with; newspapers need more; 0
            leaves the global view only. `PageViews` with more tiles are refused.
        version: which of the two.
        mode: of the first model: tiny, small, base, large, gundam, its default, or gundam-master.
    """
    return {
        "hf_overrides": {"architectures": [version.architecture]},
        "limit_mm_per_prompt": {"image": 1},
        "mm_processor_kwargs": {"max_tiles": max_tiles} | ({} if mode is None else {"mode": mode}),
        "mm_processor_cache_gb": 0,  # no page comes twice, and with both caches off vLLM does not hash its pixels
        "enable_prefix_caching": False,
    }
