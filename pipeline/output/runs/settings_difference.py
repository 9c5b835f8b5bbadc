"""The settings by which the rows of an output were made, as the records of its runs have them."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ocrmill.configs.section import AS_BEFORE, Settings, performance
from ocrmill.configs.settings import RunSettings
from ocrmill.pipeline.output.runs.records import read_records
from ocrmill.pipeline.output.stores.store import Store
from ocrmill.pipeline.printable import printable_line
from ocrmill.pipeline.redaction import redacted

MOST_RECORDS = 200  # of the last runs, that are searched
MOST_NAMED = 8
JUDGED_SETTINGS = "settings_by_fingerprint"  # in the record of a `reflag`: those of the rows that it judged
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


def read_settings(store: Store, fingerprint: str) -> RunSettings | None:
    """Return the settings of this fingerprint; None if no record has them, or has them in a form that is not known."""
    recorded = _record_of(store, fingerprint)
    if not recorded:
        return None
    try:
        settings = RunSettings.model_validate(_known(RunSettings(), recorded))
    except ValueError:
        return None
    return settings if settings.fingerprint() == fingerprint else None


def _known(defaults: Settings, recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Return recorded settings without those that were removed, and with the effect of those that came later."""
    values: dict[str, Any] = {}
    for name, field in type(defaults).model_fields.items():
        inner, mark = getattr(defaults, name), field.json_schema_extra
        if isinstance(inner, Settings):
            part = recorded.get(name)
            values[name] = _known(inner, part if isinstance(part, dict) else {})
        elif name in recorded:
            values[name] = recorded[name]
        elif isinstance(mark, dict) and AS_BEFORE in mark:
            values[name] = mark[AS_BEFORE]
    return values


def _settings_of(store: Store, fingerprint: str) -> dict[str, Any]:
    return dict(_flat(_record_of(store, fingerprint)))


def _record_of(store: Store, fingerprint: str) -> dict[str, Any]:
    """Return the settings of the last run or `reflag` with this fingerprint, as its record has them; empty if none."""
    for _, record in read_records(store, MOST_RECORDS):
        if record.get("settings_fingerprint") == fingerprint:
            settings = record.get("settings")
            return settings if isinstance(settings, dict) else {}
        judged = record.get(JUDGED_SETTINGS)
        if isinstance(judged, dict) and isinstance(judged.get(fingerprint), dict):
            found: dict[str, Any] = judged[fingerprint]
            return found
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
