"""The registry of engines. A new engine is a folder beside this file and a line in `ENGINES`.

Its name goes into `engine.name`, its settings into `engine.options`, which it parses with `own_settings`.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TypeVar

from pydantic import ValidationError

from ocrmill.configs.engine_settings import EngineSettings
from ocrmill.configs.section import Settings
from ocrmill.configs.settings import RunSettings
from ocrmill.pipeline.errors import UsageError
from ocrmill.workers.engines.deepseek_ocr2 import preflight
from ocrmill.workers.engines.engine import Engine

OwnSettings = TypeVar("OwnSettings", bound=Settings)
Problems = Callable[[EngineSettings], list[str]]
log = logging.getLogger(__name__)


def _none(_settings: EngineSettings) -> list[str]:
    return []


@dataclass(frozen=True, slots=True)
class EngineEntry:
    """The class of an engine, imported when it is used, and what is known of it before."""

    class_path: str  # module:class; the class is made from `EngineSettings`
    first_page: str = "about half a minute"  # time to the first page, for the log
    obstacles: Problems = _none  # reasons for which `auto` passes it over on this machine
    missing: Problems = _none  # what it cannot start without


ENGINES: Mapping[str, EngineEntry] = {  # `auto` takes the first one without obstacles
    "deepseek-ocr2": EngineEntry(
        "ocrmill.workers.engines.deepseek_ocr2.engine:DeepseekOcr2Engine",
        "a few minutes",
        lambda settings: preflight.obstacles(settings.deepseek_ocr2),
        lambda settings: preflight.check(settings.deepseek_ocr2),
    ),
    "cpu": EngineEntry("ocrmill.workers.engines.rapidocr.engine:CpuEngine"),
}
FALLBACK = "cpu"


def with_engine_chosen(settings: RunSettings) -> RunSettings:
    """Put a name in the place of `auto`: `deepseek-ocr2` where a GPU, vLLM and the model are there, else `cpu`.

    Raises:
        UsageError: no engine has the name in the settings.
    """
    if settings.engine.name != "auto":
        entry_of(settings.engine)
        return settings
    passed_over: list[str] = []
    for name, entry in ENGINES.items():
        if not (found := entry.obstacles(settings.engine)):
            break
        passed_over.append(f"not {name}: {'; '.join(found)}")
    why = f" ({'; '.join(passed_over)})" if passed_over else ""
    log.info("engine: %s, the best that this machine can run%s", name, why)
    return settings.model_copy(update={"engine": settings.engine.model_copy(update={"name": name})})


def check_engine(settings: RunSettings, *, use_ray: bool) -> None:
    """Check that the engine can start on this machine, before anything is started.

    On a cluster the engines run elsewhere; there ray_cluster.py has it checked once the cluster is joined.

    Raises:
        EngineError: with all that is missing.
    """
    if not use_ray or settings.workers.ray_address is None:
        preflight.refuse(missing(settings.engine))


def missing(settings: EngineSettings) -> list[str]:
    """Return what the engine that the settings name cannot start without on this machine."""
    return entry_of(settings).missing(settings)


def make_engine(settings: EngineSettings) -> Engine:
    """Make the engine that the settings name."""
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
    """Return the line of the engine that the settings name; before one is chosen, `auto` is the one that always runs.

    Raises:
        UsageError: there is none.
    """
    if settings.name == "auto":
        return ENGINES[FALLBACK]
    if settings.name not in ENGINES:
        raise UsageError(f"engine.name: there is no engine {settings.name!r}; take {', '.join(('auto', *ENGINES))}")
    return ENGINES[settings.name]
