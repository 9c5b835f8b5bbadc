"""`status --since` shows the nights from their records, and says what differs beyond chance."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ocrmill.commands.nights.drifts import Night, drifts, nights_text, read_nights, since
from ocrmill.configs.errors import SettingsError
from ocrmill.configs.settings import StorageSettings
from ocrmill.pipeline.output.runs.records import write_record
from ocrmill.pipeline.output.stores.open import open_store
from ocrmill.pipeline.output.stores.store import Store

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path), StorageSettings())


def write_night(
    store: Store,
    days_ago: int,
    *,
    pages: int = 10_000,
    failed: int = 50,
    degenerate: int = 144,
    unread: int = 0,
    wall_s: float = 1000.0,
    inputs: tuple[str, ...] = ("/in",),
    alarms: tuple[str, ...] = (),
) -> None:
    started = NOW - timedelta(days=days_ago)
    totals = {
        "documents": {"complete": 100, "failed": unread},
        "pages": {"ok": pages - failed, "failed": failed},
        "routes": {"no_text_layer": pages // 2, "good_text": pages // 2},
        "flagged": degenerate,
        "ocr_pages": pages // 2,
        "engine_pages": pages // 2,
        "degenerate": degenerate,
        "wall_s": wall_s,
        "alarms": [{"measure": name} for name in alarms],
    }
    run_id = f"{started:%Y%m%dT%H%M%SZ}-aaaaaa"
    values = {"run_id": run_id, "started_at": started.isoformat(), "inputs": inputs, "exit_code": 0, "totals": totals}
    write_record(store, run_id, values)


def nights(store: Store, when: str = "30d") -> list[Night]:
    return read_nights(store, since(when, NOW))


def test_nights_stand_side_by_side(store: Store) -> None:
    """Each run since then is a line with its rates; retries and records that cannot be read are left out."""
    for days in (9, 3, 2):
        write_night(store, days, alarms=("failure_rate",) if days == 3 else ())
    write_night(store, 1, inputs=())
    store.write("runs/20261128T000000Z-broken.json", b"{")
    store.write("runs/20261128T000001Z-other.json", json.dumps({"totals": {"pages": [1]}}).encode())

    lines = nights_text(nights(store, "7d")).splitlines()
    assert [line.split()[0] for line in lines] == ["run", "20261126T120000Z-aaaaaa", "20261127T120000Z-aaaaaa", "no"]
    assert lines[1].endswith(
        "10,000     10.00    0.50%    1.44%   50.00%       2.88%  exit code 0, alarms: failure_rate"
    )


def test_a_drift_is_more_than_chance(store: Store) -> None:
    """A night like the earlier ones drifts in nothing; one whose loops double, or that takes twice as long, does."""
    for days in (5, 4, 3):
        write_night(store, days, degenerate=144 + 10 * (days - 4))
    write_night(store, 2, degenerate=160)
    assert drifts(nights(store)) == []
    write_night(store, 1, degenerate=288, failed=0, wall_s=2000.0)

    assert drifts(nights(store)) == [
        "failed fell from 0.50% to 0.00%",
        "flagged rose from 1.48% to 2.88%",
        "repetition rose from 2.96% to 5.76%",
        "5.00 pages/s, the slowest night before had 10.00",
    ]
    assert "drift: repetition rose from 2.96% to 5.76%" in nights_text(nights(store))


def test_documents_that_could_not_be_read_are_a_drift(store: Store) -> None:
    """Documents without pages count as one failed page each; a night of nothing else is a night, too."""
    for days in (4, 3):
        write_night(store, days)
    write_night(store, 2, unread=500)
    assert "failed rose from 0.50% to 5.24%" in drifts(nights(store))
    write_night(store, 1, pages=0, failed=0, degenerate=0, unread=300)

    assert "failed rose from 2.13% to 100.00%" in drifts(nights(store))


def test_records_of_older_versions_have_gaps(store: Store) -> None:
    """A record without the newer totals shows a dash for what it lacks, and no drift comes of it."""
    for days in (2, 1):
        write_night(store, days)
    first = min(name for name in store.list("runs", ".json"))
    record = json.loads(store.read(first))
    for name in ("ocr_pages", "degenerate", "engine_pages", "alarms"):
        del record["totals"][name]
    store.write(first, json.dumps(record).encode())

    assert "0.50%    1.44%        -           -" in nights_text(nights(store))
    assert drifts(nights(store)) == []


def test_since_reads_days_hours_and_dates() -> None:
    """A duration counts back from now; a date without a zone is UTC; anything else is refused with the forms."""
    assert since("7d", NOW) == NOW - timedelta(days=7)
    assert since("1d12h", NOW) == NOW - timedelta(hours=36)
    assert since("2026-11-20", NOW) == datetime(2026, 11, 20, tzinfo=UTC)
    assert since("2026-11-20T18:00+02:00", NOW) == datetime(2026, 11, 20, 16, tzinfo=UTC)
    for wrong in ("", "7", "0d", "yesterday", "7 weeks"):
        with pytest.raises(SettingsError, match="7d, 36h or 2026-11-20"):
            since(wrong, NOW)
