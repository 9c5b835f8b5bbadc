"""Which engine a run uses."""

from configs.settings import EngineSettings, RunSettings
from workers.recognizer import Engine


def with_engine_chosen(settings: RunSettings) -> RunSettings:
    """Put a name in the place of `auto`: the best engine that this version has for this machine, which is `cpu`."""
    if settings.engine.name != "auto":
        return settings
    return settings.model_copy(update={"engine": settings.engine.model_copy(update={"name": "cpu"})})


def make_engine(settings: EngineSettings) -> Engine:
    """Make the engine that the settings name."""
    from workers.engines.cpu import CpuEngine

    return CpuEngine(settings)
