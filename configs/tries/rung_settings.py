"""The settings of a run as a rung of its further attempts changes them."""

from typing import Any

from ocrmill.configs.engine_settings import EndpointSettings, EngineSettings
from ocrmill.configs.settings import RunSettings
from ocrmill.configs.tries.rung import Rung


def settings_of_rung(settings: RunSettings, rung: Rung) -> RunSettings:
    """Return the settings by which a page is rendered, and read, for a rung."""
    engine = engine_of_rung(settings.engine, rung)
    new: dict[str, Any] = {"engine": engine}
    if rung.dpi is not None:
        new["raster"] = settings.raster.model_copy(update={"dpi": rung.dpi})
    if rung.layer and settings.routing.mode == "ocr":
        new["routing"] = settings.routing.model_copy(update={"mode": "auto"})
    return settings if new == {"engine": settings.engine} else settings.model_copy(update=new)


def engine_of_rung(settings: EngineSettings, rung: Rung) -> EngineSettings:
    """Return the settings of the engine that reads a page for a rung."""
    new: dict[str, Any] = {}
    endpoint = settings.endpoint
    if rung.urls or rung.profile:
        given = {"urls": rung.urls, "profile": rung.profile}
        own = {name: value for name, value in given.items() if value}
        endpoint = EndpointSettings.model_validate({**{name: getattr(endpoint, name) for name in _FIELDS}, **own})
    if rung.dpi is not None and endpoint.profile is not None:
        image = endpoint.profile.image.model_copy(update={"dpi": rung.dpi, "longest_side": None})
        profile = endpoint.profile.model_copy(update={"image": image})
        endpoint = endpoint.model_copy(update={"profile": profile})
    if endpoint is not settings.endpoint:
        new["endpoint"] = endpoint
    if rung.engine is not None:
        new["name"] = rung.engine
    if rung.max_tiles is not None:
        model = settings.deepseek or settings.deepseek_ocr2
        new[model.engine.replace("-", "_")] = model.model_copy(update={"max_tiles": rung.max_tiles})
    return settings.model_copy(update=new) if new else settings


def other_engines(settings: EngineSettings) -> dict[int, EngineSettings]:
    """Return the settings of the engines that rungs name, by the rung."""
    rungs = enumerate(settings.tries.rungs)
    return {at: engine_of_rung(settings, rung) for at, rung in rungs if rung.engine is not None}


_FIELDS = tuple(EndpointSettings.model_fields)
