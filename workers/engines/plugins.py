"""Engines of other packages: each is an entry point of the group `ocrmill.engines`, named as in `engine.name`.

A package that is broken breaks runs that name its engine, in one sentence, and no other.
"""

from importlib.metadata import EntryPoint, entry_points

from ocrmill.configs.engine_settings import EngineSettings
from ocrmill.pipeline.errors import EngineError, OcrmillError, UsageError
from ocrmill.workers.engines.engine import Engine

GROUP = "ocrmill.engines"
_METHODS = ("describe", "start", "read", "idle_s", "close")


def plugin_names() -> list[str]:
    """Return the names of the engines that other packages bring."""
    return sorted(entry_points(group=GROUP).names)


def find_plugin(name: str) -> EntryPoint | None:
    """Return the entry point of an engine; None if no package has one of this name.

    Raises:
        UsageError: two packages have one.
    """
    found = list({entry.value: entry for entry in entry_points(group=GROUP, name=name)}.values())
    if len(found) > 1:
        raise UsageError(f"engine.name: several packages bring an engine {name!r}: {', '.join(map(_package, found))}")
    return found[0] if found else None


def make_plugin(entry: EntryPoint, settings: EngineSettings) -> Engine:
    """Load an engine of another package, and make it.

    Raises:
        EngineError: it cannot be loaded or made, or is no engine.
    """
    where = f"{entry.value} of {_package(entry)}"
    try:
        engine: Engine = entry.load()(settings)
        missing = [name for name in _METHODS if not callable(getattr(engine, name, None))]
        called = None if missing else engine.describe().name
    except OcrmillError:
        raise
    except Exception as error:  # whatever a foreign package raises
        said = " ".join(str(error).split())
        raise EngineError(f"{where} cannot be used: {type(error).__name__}{f': {said}' if said else ''}") from error
    if missing:
        raise EngineError(f"{where} is no engine: it lacks {', '.join(missing)} (docs/engines.md)")
    if called != entry.name:
        raise EngineError(f"{where} calls itself {called!r}; rows name engines by what chooses them")
    return engine


def plugin_problems(entry: EntryPoint, settings: EngineSettings) -> list[str]:
    """Return the reason why an engine of another package cannot be made, if it cannot.

    Raises:
        UsageError: its options are wrong.
    """
    try:
        make_plugin(entry, settings)
    except EngineError as error:
        return [str(error)]
    return []


def _package(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else "a package without a name"
