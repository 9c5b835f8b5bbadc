"""The one place where the workers and the sink of a run are put together."""

import logging
from datetime import UTC, datetime
from importlib.metadata import version

from ocrmill.configs.settings import RunSettings
from ocrmill.pipeline.output.ledger import Ledger
from ocrmill.pipeline.output.schema import RunStamp
from ocrmill.pipeline.output.sink import Sink
from ocrmill.pipeline.output.stores.store import Store
from ocrmill.pipeline.quality.flags import QUALITY_VERSION
from ocrmill.pipeline.records import EngineDescription
from ocrmill.workers.engines.registry import entry_of, make_engine
from ocrmill.workers.pools.pool import Pool, SerialPool

log = logging.getLogger(__name__)


def build_pool(settings: RunSettings, *, use_ray: bool, until: float) -> Pool:
    """Start the workers that the settings ask for: Ray's, or this process alone.

    Args:
        settings: with the engine chosen.
        use_ray: False for this process alone.
        until: the time of `time.monotonic` at which the time budget ends.

    Raises:
        StoppedEarlyError: the time budget ended before they were up.
        EngineError: they cannot be started.
    """
    if not use_ray:
        return SerialPool(settings)
    where = "Ray here" if settings.workers.ray_address is None else "work on the Ray cluster"
    first_page = entry_of(settings.engine).first_page
    log.info("starting %s, then the engine (%s): the first page follows in %s", where, settings.engine.name, first_page)
    from ocrmill.workers.pools.ray_pool import RayPool  # importing Ray takes more than a second

    pool = RayPool(settings, make_engine, until=until)
    log.info("the workers are up: %d rasterizers, %d engines", pool.rasterizers, pool.engines)
    return pool


def build_sink(store: Store, run_id: str, pool: Pool, settings: RunSettings, ledger: Ledger) -> Sink:
    """Make the sink of a run, which stamps every row with what read it."""
    return Sink(store, build_stamp(run_id, pool.describe(), settings), settings.output, ledger)


def build_stamp(run_id: str, engine: EngineDescription, settings: RunSettings) -> RunStamp:
    """Make the stamp of rows that are made from now on."""
    return RunStamp(run_id, datetime.now(UTC), settings.fingerprint(), QUALITY_VERSION, engine, version("ocrmill"))
