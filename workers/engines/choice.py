"""Which engine a run uses."""

import logging

from configs.engine_settings import EngineSettings
from configs.settings import RunSettings
from workers.engines.engine import Engine
from workers.engines.preflight import runs_here

log = logging.getLogger("ocrmill")


def with_engine_chosen(settings: RunSettings) -> RunSettings:
    """Put a name in the place of `auto`: `deepseek-ocr2` where a GPU, vLLM and the model are there, else `cpu`."""
    if settings.engine.name != "auto":
        return settings
    name = "deepseek-ocr2" if runs_here(settings.engine.deepseek_ocr2) else "cpu"
    log.info("engine: %s, the best that this machine can run", name)
    return settings.model_copy(update={"engine": settings.engine.model_copy(update={"name": name})})


def make_engine(settings: EngineSettings) -> Engine:
    """Make the engine that the settings name."""
    if settings.name == "deepseek-ocr2":
        from workers.engines.deepseek_ocr2 import DeepseekOcr2Engine

        return DeepseekOcr2Engine(settings)
    from workers.engines.cpu import CpuEngine

    return CpuEngine(settings)
