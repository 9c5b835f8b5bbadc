"""The part of a run that the others wait for is named, with what to change."""

import pytest

from ocrmill.commands.nights.bottleneck import LEAST_SAMPLES, Occupancy
from ocrmill.pipeline.run_report import RunReport
from ocrmill.workers.pools.worker_slots import WorkerLoad


def named(*, taken: int, busy: int, write_s: float = 1.0, samples: int = LEAST_SAMPLES) -> str | None:
    """A run of 100 s on 4 rasterizers and one engine of 64 slots; one sample is without any engine."""
    occupancy = Occupancy()
    for _ in range(samples):
        occupancy.sample({"rasterizer": WorkerLoad(4, busy, 16, busy, 0), "engine": WorkerLoad(1, 1, 64, taken, 0)})
    occupancy.sample({"rasterizer": WorkerLoad(4, busy, 16, busy, 0), "engine": WorkerLoad(0, 0, 0, 0, 1)})
    return occupancy.to_text(write_s, 100.0)


@pytest.mark.parametrize(
    ("taken", "busy", "write_s", "part"),
    [
        (63, 4, 1.0, "the engines: engines had 98% of their slots taken, 100% of the rasterizers had work"),
        (10, 4, 1.0, "the rasterizers: engines had 16% of their slots taken, 100% of the rasterizers had work"),
        (10, 1, 1.0, "the source: engines had 16% of their slots taken, 25% of the rasterizers had work"),
        (63, 4, 95.0, "the writer, at work 95% of the time"),
    ],
)
def test_the_last_full_part_is_named(taken: int, busy: int, write_s: float, part: str) -> None:
    """Engines that are full hold up busy rasterizers; only if they are not full, rasterizers or the source do."""
    text = named(taken=taken, busy=busy, write_s=write_s)

    assert text is not None
    assert text.startswith(part)


def test_a_short_run_names_none() -> None:
    """A run of less than a minute is mostly its start, and says nothing."""
    assert named(taken=63, busy=4, samples=LEAST_SAMPLES - 1) is None


def test_the_summary_has_it() -> None:
    """The report of a run shows the sentence, and its record keeps it."""
    report = RunReport(bottleneck="the engines: all full")
    report.documents["complete"] = 1

    assert "bottleneck   the engines: all full\n" in report.to_text("OUT")
    assert report.to_record()["bottleneck"] == "the engines: all full"
