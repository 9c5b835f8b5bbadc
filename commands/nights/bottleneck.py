"""The bottleneck of a run: samples of how busy its parts are, taken at each heartbeat, and what to change.

A rasterizer that waits for room keeps the range that it reads, so busy rasterizers alone tell nothing. The parts are
looked at from the end of a page's way to its beginning: all others wait for the first one that is full.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ocrmill.workers.pools.worker_slots import WorkerLoad

FULL = 0.85  # mean share of the slots, of the workers or of the time from which a part counts as full
LEAST_SAMPLES = 6  # a minute: a shorter run is mostly its start


@dataclass(slots=True)
class Occupancy:
    """Sums over samples."""

    samples: int = 0
    engine_slots: float = 0.0  # share of the slots of engines that were taken
    rasterizers: float = 0.0  # share of the rasterizers that had work

    def sample(self, loads: Mapping[str, WorkerLoad]) -> None:
        """Add a sample; one of a moment at which all workers of a kind are down is left out."""
        engine, rasterizer = loads.get("engine"), loads.get("rasterizer")
        if engine is None or rasterizer is None or not engine.slots or not rasterizer.up:
            return
        self.samples += 1
        self.engine_slots += engine.taken / engine.slots
        self.rasterizers += rasterizer.busy / rasterizer.up

    def to_text(self, write_s: float, wall_s: float) -> str | None:
        """Return a sentence with the part that was full, and what to change. None for a run of less than a minute.

        `write_s` are the seconds that the writer was at work, of the `wall_s` of the run.
        """
        if self.samples < LEAST_SAMPLES:
            return None
        engines, rasterizers = self.engine_slots / self.samples, self.rasterizers / self.samples
        writing = write_s / max(wall_s, 1e-9)
        measured = f"engines had {engines:.0%} of their slots taken, {rasterizers:.0%} of the rasterizers had work"
        if writing >= FULL:
            return f"the writer, at work {writing:.0%} of the time: a faster disk or bucket, or fewer, larger shards"
        if engines >= FULL:
            return f"the engines: {measured}. More GPUs or engines read faster, more rasterizers do not"
        if rasterizers >= FULL:
            return f"the rasterizers: {measured}. More cores or machines read faster, more engines do not"
        return f"the source: {measured}. Listing, downloads and the opening of many small files set the pace"
