"""The records in `runs/*.json`: a JSON object for each run, retry and `reflag`, for people and for later commands.

Any version of ocrmill may have written a record, and anybody may have edited it: a value that is missing or of another
type is read as null, and a file that is no JSON object is skipped.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ocrmill.pipeline.errors import OutputError
from ocrmill.pipeline.output.stores.store import Store
from ocrmill.pipeline.printable import printable_line

REFLAG_RECORD = "-reflag"  # ends the name of the record of a `reflag`
LONGEST_WORD = 60  # of a word in a record
_LARGEST_COUNT = 1 << 63
_LONGEST_ERROR = 300


@dataclass(frozen=True, slots=True)
class RunRecord:
    """The record of a run or retry that has ended."""

    run_id: str
    host: str | None
    started: datetime | None
    finished_at: str | None
    wall_s: float | None
    exit_code: int | None
    reads_inputs: bool  # false for a retry, which chooses pages of the output
    stopped: bool  # before all work was done
    in_part: bool  # the command asked for some pages of each document
    error: str | None  # that ended it
    alarms: tuple[str, ...]  # names of measures
    documents: Mapping[str, int]  # by status
    pages: Mapping[str, int]  # by status
    routed_pages: int
    ocr_pages: int | None  # of those with a route
    flagged: int | None  # pages
    engine_pages: int
    degenerate: int  # of the pages from an engine, those whose kept text degenerates


def write_record(store: Store, name: str, record: Mapping[str, Any]) -> None:
    """Write `runs/<name>.json`."""
    store.write(f"runs/{name}.json", json.dumps(record, indent=1, default=str).encode())


def read_records(
    store: Store, most: int | None = None, *, reflags: bool = True
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the name and the content of each record, newest first.

    Args:
        store: The output.
        most: The number of files to look at; by default all.
        reflags: False leaves out records of `reflag`.
    """
    names = [name for name in store.list("runs", ".json") if reflags or not name.endswith(f"{REFLAG_RECORD}.json")]
    for name in reversed(names if most is None else names[-most:]):
        try:
            record = json.loads(store.read(name))
        except (OutputError, ValueError, RecursionError):
            continue
        if isinstance(record, dict):
            yield Path(name).stem, record


def read_runs(store: Store, most: int | None = None) -> Iterator[RunRecord]:
    """Yield the records of runs and retries, newest first; of the last `most` files, if that is given."""
    return (_parse_run(name, record) for name, record in read_records(store, most, reflags=False))


def _parse_run(name: str, record: Mapping[str, Any]) -> RunRecord:
    totals = record.get("totals")
    totals = totals if isinstance(totals, dict) else {}
    numbers = _parse_counts(totals)
    return RunRecord(
        run_id=printable_line(name, LONGEST_WORD),
        host=parse_word(record.get("host")),
        started=_parse_time(record.get("started_at")),
        finished_at=parse_word(record.get("finished_at")),
        wall_s=_parse_seconds(totals.get("wall_s")),
        exit_code=_parse_counts(record).get("exit_code"),
        reads_inputs=bool(record.get("inputs")),
        stopped=totals.get("stopped") is True,
        in_part=bool(numbers.get("documents_in_part")),
        error=parse_word(totals.get("error"), _LONGEST_ERROR),
        alarms=_parse_alarms(totals.get("alarms")),
        documents=_parse_counts(totals.get("documents")),
        pages=_parse_counts(totals.get("pages")),
        routed_pages=sum(_parse_counts(totals.get("routes")).values()),
        ocr_pages=numbers.get("ocr_pages"),
        flagged=numbers.get("flagged"),
        engine_pages=numbers.get("engine_pages", 0),
        degenerate=numbers.get("degenerate", 0),
    )


def parse_word(value: Any, longest: int = LONGEST_WORD) -> str | None:
    """Return a string of a record in printable form; None for any other value."""
    return printable_line(value, longest) if isinstance(value, str) else None


def _parse_counts(value: Any) -> dict[str, int]:
    """Return the counts among the values of an object."""
    counts = value.items() if isinstance(value, dict) else ()
    return {
        printable_line(name, LONGEST_WORD): count
        for name, count in counts
        if isinstance(count, int) and 0 <= count < _LARGEST_COUNT
    }


def _parse_seconds(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and abs(value) < _LARGEST_COUNT else None


def _parse_time(value: Any) -> datetime | None:
    """Return a moment, in UTC if it names no zone."""
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _parse_alarms(value: Any) -> tuple[str, ...]:
    alarms = value if isinstance(value, list) else []
    names = (parse_word(alarm.get("measure")) for alarm in alarms if isinstance(alarm, dict))
    return tuple(name for name in names if name is not None)
