"""The registry of engines. A new engine is a folder beside this file and a line in `ENGINES`.

Its name goes into `engine.name`, its settings into `engine.options`, which it parses with `own_settings`.
"""

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TypeVar

from pydantic import SecretStr, ValidationError

from ocrmill.configs.engine_settings import EngineSettings
from ocrmill.configs.section import Settings
from ocrmill.configs.settings import RunSettings
from ocrmill.pipeline.errors import UsageError
from ocrmill.workers.engines.deepseek_ocr2 import preflight
from ocrmill.workers.engines.endpoint import preflight as endpoint_preflight
from ocrmill.workers.engines.engine import Engine

OwnSettings = TypeVar("OwnSettings", bound=Settings)
Problems = Callable[[EngineSettings], list[str]]
log = logging.getLogger(__name__)


def _none(_settings: EngineSettings) -> list[str]:
    return []


@dataclass(frozen=True, slots=True)
class EngineEntry:
    """The class of an engine, imported when it is used, and facts that are known before."""

    class_path: str  # module:class; the class is made from `EngineSettings`
    first_page: str = "about half a minute"  # time to the first page, for the log
    obstacles: Problems = _none  # reasons why `auto` does not choose it on this machine
    missing: Problems = _none  # requirements that this machine lacks


ENGINES: Mapping[str, EngineEntry] = {  # `auto` takes the first one without obstacles
    "deepseek-ocr2": EngineEntry(
        "ocrmill.workers.engines.deepseek_ocr2.engine:DeepseekOcr2Engine",
        "a few minutes",
        lambda settings: preflight.obstacles(settings.deepseek_ocr2),
        lambda settings: preflight.check(settings.deepseek_ocr2),
    ),
    "cpu": EngineEntry("ocrmill.workers.engines.rapidocr.engine:CpuEngine"),
    "deepseek-ocr": EngineEntry(
        "ocrmill.workers.engines.deepseek_ocr.engine:DeepseekOcrEngine",
        "a few minutes",
        missing=lambda settings: preflight.check(settings.deepseek_ocr),
    ),
    "endpoint": EngineEntry(
        "ocrmill.workers.engines.endpoint.engine:EndpointEngine",
        "a few seconds",
        missing=lambda settings: endpoint_preflight.check(settings.endpoint),
    ),
}
FALLBACK = "cpu"
KEY_VARIABLE = "OCRMILL_API_KEY"


def with_engine_chosen(settings: RunSettings) -> RunSettings:
    """Replace `auto` by a name: `deepseek-ocr2` if there are a GPU, vLLM and the model, else `cpu`.

    Raises:
        UsageError: no engine has the name in the settings.
    """
    if settings.engine.name != "auto":
        entry_of(settings.engine)
        return _with_key(settings)
    passed_over: list[str] = []
    for name, entry in ENGINES.items():
        if not (found := entry.obstacles(settings.engine)):
            break
        passed_over.append(f"not {name}: {'; '.join(found)}")
    why = f" ({'; '.join(passed_over)})" if passed_over else ""
    log.info("engine: %s, the best that this machine can run%s", name, why)
    return settings.model_copy(update={"engine": settings.engine.model_copy(update={"name": name})})


def _with_key(settings: RunSettings) -> RunSettings:
    """Take the key of the endpoint from the environment here: engines may run on other machines."""
    endpoint, key = settings.engine.endpoint, os.environ.get(KEY_VARIABLE)
    if settings.engine.name != "endpoint" or endpoint.api_key is not None or not key:
        return settings
    endpoint = endpoint.model_copy(update={"api_key": SecretStr(key)})
    return settings.model_copy(update={"engine": settings.engine.model_copy(update={"endpoint": endpoint})})


def check_engine(settings: RunSettings, *, use_ray: bool) -> None:
    """Check that the engine can start on this machine, before anything is started.

    On a cluster the engines run on other machines; ray_cluster.py checks one of them once the cluster is joined.

    Raises:
        EngineError: with all that is missing.
    """
    if not use_ray or settings.workers.ray_address is None:
        preflight.refuse(missing(settings.engine), settings.engine.name)


def missing(settings: EngineSettings) -> list[str]:
    """Return the requirements of the engine in the settings that this machine lacks."""
    return entry_of(settings).missing(settings)


def make_engine(settings: EngineSettings) -> Engine:
    """Make the engine in the settings."""
    module, _, name = entry_of(settings).class_path.partition(":")
    engine: Engine = getattr(import_module(module), name)(settings)
    return engine


def own_settings(settings: EngineSettings, schema: type[OwnSettings]) -> OwnSettings:
    """Parse `engine.options` by the schema of an engine that has no section in configs.

    Raises:
        UsageError: an option is unknown, or its value does not fit.
    """
    pairs = (option.partition("=") for option in settings.options)
    try:
        return schema.model_validate({name.strip(): value.strip() for name, _, value in pairs})
    except ValidationError as error:
        found = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise UsageError(f"engine.options of {settings.name}: {found}") from error


def entry_of(settings: EngineSettings) -> EngineEntry:
    """Return the entry of the engine in the settings; for `auto`, that of the fallback.

    Raises:
        UsageError: no engine has this name.
    """
    if settings.name == "auto":
        return ENGINES[FALLBACK]
    if settings.name not in ENGINES:
        raise UsageError(f"engine.name: there is no engine {settings.name!r}; choose {', '.join(('auto', *ENGINES))}")
    return ENGINES[settings.name]
