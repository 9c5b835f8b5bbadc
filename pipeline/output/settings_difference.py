"""The differences between the settings of an output and those of a run that would add to it."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ocrmill.configs.section import Settings, performance
from ocrmill.configs.settings import RunSettings
from ocrmill.pipeline.errors import OutputError
from ocrmill.pipeline.output.stores.store import Store
from ocrmill.pipeline.printable import printable_line
from ocrmill.pipeline.redaction import redacted

MOST_RECORDS = 200  # of the last runs, that are searched
MOST_NAMED = 8
_LONGEST_VALUE = 60


def describe_difference(store: Store, fingerprint: str, settings: RunSettings) -> str:
    """Name the settings that differ from those of this fingerprint, each with both values.

    The old ones come from the record of a run of that fingerprint; without one, both fingerprints are named.
    """
    before = _settings_of(store, fingerprint)
    now, defaults = dict(_affecting_rows(settings)), dict(_affecting_rows(RunSettings()))
    # The record of an earlier version lacks later settings; their defaults applied.
    was = {key: before.get(key, defaults.get(key)) for key in now} if before else now
    changes = [f"{key} was {_shown(was[key])} and is {_shown(now[key])} now" for key in now if was[key] != now[key]]
    if not changes:
        return f"fingerprint {printable_line(fingerprint, _LONGEST_VALUE)}, now {settings.fingerprint()}"
    more = f"; and {len(changes) - MOST_NAMED} more" if len(changes) > MOST_NAMED else ""
    return "; ".join(changes[:MOST_NAMED]) + more


def _settings_of(store: Store, fingerprint: str) -> dict[str, Any]:
    for name in reversed(store.list("runs", ".json")[-MOST_RECORDS:]):
        try:
            record = json.loads(store.read(name))
        except (OutputError, ValueError, RecursionError):
            continue
        if isinstance(record, dict) and record.get("settings_fingerprint") == fingerprint:
            settings = record.get("settings")
            return dict(_flat(settings)) if isinstance(settings, dict) else {}
    return {}


def _affecting_rows(settings: RunSettings) -> Iterator[tuple[str, Any]]:
    """Yield each setting that can change a row, by its dotted name, including those that the fingerprint leaves out."""
    for section in settings.row_settings():
        yield from _fields(getattr(settings, section), f"{section}.")


def _fields(section: Settings, above: str) -> Iterator[tuple[str, Any]]:
    values = section.model_dump(mode="json")
    for name, field in type(section).model_fields.items():
        inner = getattr(section, name)
        if isinstance(inner, Settings):
            yield from _fields(inner, f"{above}{name}.")
        elif field.json_schema_extra != performance():
            yield f"{above}{name}", values[name]


def _flat(settings: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each setting by its dotted name."""
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def _shown(value: Any) -> str:
    return printable_line(redacted(json.dumps(value, ensure_ascii=False)), _LONGEST_VALUE)
