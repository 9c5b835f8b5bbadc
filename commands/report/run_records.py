"""The last runs of an output, by their records in `runs/*.json`; one that cannot be read is left out."""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from ocrmill.commands.report.contents import Run
from ocrmill.pipeline.errors import OutputError
from ocrmill.pipeline.output.stores.store import Store
from ocrmill.pipeline.printable import printable_line
from ocrmill.pipeline.records import Status

REPORTED_RUNS = 30
_LONGEST = 300


def read_runs(store: Store) -> tuple[Run, ...]:
    """Return the last runs that read pages, the last first; their names sort by time."""
    found: list[Run] = []
    for name in sorted(store.list("runs", ".json"), reverse=True):
        with suppress(OutputError, ValueError, RecursionError, LookupError, TypeError, AttributeError):
            found += _runs(json.loads(store.read(name)))
        if len(found) == REPORTED_RUNS:
            break
    return tuple(found)


def _runs(record: dict[str, Any]) -> Iterator[Run]:
    """Yield the run of a record, if it read pages; anybody may have written the record."""
    totals = record["totals"]
    pages = sum(totals["pages"].values())
    if not pages:
        return
    wall_s = float(totals["wall_s"])
    yield Run(
        run_id=_line(record["run_id"]),
        started_at=record["started_at"],
        pages=pages,
        pages_failed=totals["pages"].get(Status.FAILED, 0),
        wall_s=wall_s,
        pages_per_s=pages / max(wall_s, 1e-9),
        exit_code=record.get("exit_code"),
        settings_fingerprint=_line(record["settings_fingerprint"]),
        bottleneck=_line(totals["bottleneck"]) if totals.get("bottleneck") else None,
        alarms=tuple(_line(alarm["measure"]) for alarm in totals.get("alarms") or ()),
        versions={_line(name): _line(version) for name, version in record.get("versions", {}).items()},
    )


def _line(text: Any) -> str:
    return printable_line(str(text), _LONGEST)
