"""The registry of engines. A new one is a folder beside this file and a line in `ENGINES`, or a package (plugins.py).

Its name goes into `engine.name`, its settings into `engine.options`, which it parses with `own_settings`.
"""

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.metadata import EntryPoint

from pydantic import SecretStr

from ocrmill.configs.engine_settings import EngineSettings
from ocrmill.configs.settings import RunSettings
from ocrmill.configs.tries.rung_settings import other_engines
from ocrmill.pipeline.errors import UsageError
from ocrmill.workers.engines.deepseek_ocr2 import preflight
from ocrmill.workers.engines.engine import Engine
from ocrmill.workers.engines.plugins import find_plugin, make_plugin, plugin_names, plugin_problems
from ocrmill.workers.engines.transformers import preflight as transformers_preflight

Problems = Callable[[EngineSettings], list[str]]
log = logging.getLogger(__name__)


def _none(_settings: EngineSettings) -> list[str]:
    return []


def _endpoint_problems(settings: EngineSettings) -> list[str]:
    from ocrmill.workers.engines.endpoint import preflight as endpoint_preflight  # loads httpx, a sixth of a start

    return endpoint_preflight.check(settings.endpoint)


@dataclass(frozen=True, slots=True)
class EngineEntry:
    """The class of an engine, imported when it is used, and facts that are known before."""

    class_path: str  # module:class; the class is made from `EngineSettings`
    first_page: str = "about half a minute"  # time to the first page, for the log
    obstacles: Problems = _none  # reasons why `auto` does not choose it on this machine
    missing: Problems = _none  # requirements that this machine lacks
    plugin: EntryPoint | None = None  # of another package


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
        missing=_endpoint_problems,
    ),
    "transformers": EngineEntry(
        "ocrmill.workers.engines.transformers.engine:TransformersEngine",
        "a few minutes",
        missing=lambda settings: transformers_preflight.check(settings.transformers),
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
    return _with_key(settings.model_copy(update={"engine": settings.engine.model_copy(update={"name": name})}))


def _with_key(settings: RunSettings) -> RunSettings:
    """Take the key of the endpoint from the environment here: engines may run on other machines."""
    endpoint, key = settings.engine.endpoint, os.environ.get(KEY_VARIABLE)
    names = {settings.engine.name, *(each.name for each in other_engines(settings.engine).values())}
    if "endpoint" not in names or endpoint.api_key is not None or not key:
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
        for engine in other_engines(settings.engine).values():
            preflight.refuse(missing(engine), engine.name)


def missing(settings: EngineSettings) -> list[str]:
    """Return the requirements of the chosen engine that this machine lacks."""
    return entry_of(settings).missing(settings)


def make_engine(settings: EngineSettings) -> Engine:
    """Make the engine in the settings.

    Raises:
        EngineError: it is an engine of another package, and cannot be made.
    """
    entry = entry_of(settings)
    if entry.plugin is not None:
        return make_plugin(entry.plugin, settings)
    module, _, name = entry.class_path.partition(":")
    engine: Engine = getattr(import_module(module), name)(settings)
    return engine


def entry_of(settings: EngineSettings) -> EngineEntry:
    """Return the entry of the engine in the settings; for `auto`, that of the fallback.

    Raises:
        UsageError: no engine has this name.
    """
    if settings.name == "auto":
        return ENGINES[FALLBACK]
    if settings.name in ENGINES:
        return ENGINES[settings.name]
    plugin = find_plugin(settings.name)
    if plugin is not None:
        return EngineEntry(plugin.value, missing=partial(plugin_problems, plugin), plugin=plugin)
    names = ", ".join(("auto", *ENGINES, *plugin_names()))
    raise UsageError(f"engine.name: there is no engine {settings.name!r}; choose {names}")
