"""The program that fault tests harm: a run as `ocrmill run` does it, on Ray, with an engine that only takes time.

    python tests/fault_driver.py INPUT OUT READS [SECTION.NAME=VALUE ...]

READS gets one line for each page that an engine has read: the CRC of its image.
"""

import asyncio
import sys
import zlib
from pathlib import Path

import fake_engine
import numpy as np
from ray import cloudpickle

from ocrmill.commands.run import Job, run
from ocrmill.configs.load import load_settings
from ocrmill.pipeline.errors import OcrmillError
from ocrmill.pipeline.records import EngineDescription, PageGeometry, PageText, RetryParams
from ocrmill.workers.logging import start_logging
from ocrmill.workers.pools.ray_pool import RayPool
from ocrmill.workers.rendering.protocol import PageImage

cloudpickle.register_pickle_by_value(fake_engine)  # Ray's workers cannot import files of tests
SLOTS = 2
SECONDS_PER_PAGE = 0.4
SETTINGS = (
    *("engine.name=cpu", "routing.mode=auto", "output.flush_s=0.3", "workers.pages_per_range=3"),
    *("workers.rasterizers=2", "workers.engines=2", "workers.in_flight_mb=64"),
)


class PatientEngine(fake_engine.FakeEngine):
    """Takes its time for a page and says the same of all."""

    def __init__(self, reads: Path) -> None:
        self._reads = reads

    def describe(self) -> EngineDescription:
        return EngineDescription("patient", SLOTS)

    async def read(self, image: PageImage, geometry: PageGeometry, _params: RetryParams | None, /) -> PageText:
        assert isinstance(image, np.ndarray)
        await asyncio.sleep(SECONDS_PER_PAGE)
        with self._reads.open("a") as file:
            file.write(f"{zlib.crc32(image.tobytes())}\n")
        return PageText("Seen and read.", finish_reason="stop")


def main(inputs: str, out: str, reads: str, *overrides: str) -> int:
    start_logging(as_json=False)
    settings = load_settings([], [*SETTINGS, *overrides])
    try:
        report = run(
            Job((inputs,), out, settings),
            lambda job: RayPool(job.settings, lambda _: PatientEngine(Path(reads))),
        )
    except OcrmillError as error:
        print(f"ocrmill: {error}", file=sys.stderr)
        return error.exit_code
    return 75 if report.stopped else 3 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
