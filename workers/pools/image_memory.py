"""Bytes of page images: what one page may take, and how many may be in flight on this machine."""

import logging
import shutil
from pathlib import Path

from ocrmill.configs.engine_settings import EngineSettings
from ocrmill.configs.settings import RunSettings
from ocrmill.model_adapter.tiling import GLOBAL_SIZE, MIN_TILES, TILE_SIZE
from ocrmill.workers.pools.machine import usable_memory

IMAGE_BYTES = 6 << 20  # a Letter page at 144 dpi
SPARE = 1.25  # pages beside those that engines hold: rendered while others are read
LEAST_BYTES = 768 << 20
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where Ray keeps its objects
log = logging.getLogger(__name__)


def page_bytes(settings: EngineSettings) -> int:
    """Return the bytes to reserve for an unrendered page: the most its views can take, or a Letter page's image."""
    if settings.max_tiles is None:
        return IMAGE_BYTES
    tiles = settings.max_tiles if settings.max_tiles >= MIN_TILES else 0
    return 3 * (GLOBAL_SIZE**2 + tiles * TILE_SIZE**2)


def in_flight_bytes(settings: RunSettings, pages_in_engines: int, limit: int) -> int:
    """Room for the pages that all engines hold at once, and a quarter more, as far as `limit` goes.

    `workers.in_flight_mb` is taken as it is. Less room than the engines want costs speed, and that is said.
    """
    if settings.workers.in_flight_mb:
        return settings.workers.in_flight_mb << 20
    wanted = max(LEAST_BYTES, int(SPARE * pages_in_engines * page_bytes(settings.engine)))
    if wanted > (room := max(LEAST_BYTES, limit)):
        log.warning(
            "the engines want %d MiB of page images in flight and there is memory for %d: they will wait for pages. "
            "Give more shared memory (docker run --shm-size), or set workers.in_flight_mb",
            wanted >> 20,
            room >> 20,
        )
    return min(wanted, room)


def image_memory() -> int:
    """Bytes that page images may take on this machine: of half its memory and of /dev/shm, half.

    The other half is for pages that are rendered ahead.
    """
    memory = usable_memory()
    shared = shutil.disk_usage(_SHARED_MEMORY).free if _SHARED_MEMORY.is_dir() else memory
    return int(min(memory // 2, shared) // 2)
