"""The choice of the engine that a run uses."""

import logging

from ocrmill.configs.engine_settings import EngineSettings
from ocrmill.configs.settings import RunSettings
from ocrmill.workers.engines.deepseek_ocr2.preflight import check, obstacles, refuse
from ocrmill.workers.engines.engine import Engine

log = logging.getLogger(__name__)


def with_engine_chosen(settings: RunSettings) -> RunSettings:
    """Put a name in the place of `auto`: `deepseek-ocr2` where a GPU, vLLM and the model are there, else `cpu`."""
    if settings.engine.name != "auto":
        return settings
    found = obstacles(settings.engine.deepseek_ocr2)
    name = "cpu" if found else "deepseek-ocr2"
    why = f" (not deepseek-ocr2: {'; '.join(found)})" if found else ""
    log.info("engine: %s, the best that this machine can run%s", name, why)
    return settings.model_copy(update={"engine": settings.engine.model_copy(update={"name": name})})


def check_engine(settings: RunSettings, *, use_ray: bool) -> None:
    """Check that the engine can start on this machine, before anything is started.

    On a cluster the engines run elsewhere; there ray_cluster.py has it checked once the cluster is joined.

    Raises:
        EngineError: with all that is missing.
    """
    is_here = not use_ray or settings.workers.ray_address is None
    if settings.engine.name == "deepseek-ocr2" and is_here:
        refuse(check(settings.engine.deepseek_ocr2))


def make_engine(settings: EngineSettings) -> Engine:
    """Make the engine that the settings name."""
    if settings.name == "deepseek-ocr2":
        from ocrmill.workers.engines.deepseek_ocr2.engine import DeepseekOcr2Engine

        return DeepseekOcr2Engine(settings)
    from ocrmill.workers.engines.rapidocr.engine import CpuEngine

    return CpuEngine(settings)
