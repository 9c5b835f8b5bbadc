"""Bytes of page images: the most for one page, and for all in flight on this machine."""

import logging
import shutil
from pathlib import Path

from ocrmill.configs.engine_settings import EngineSettings
from ocrmill.configs.settings import RunSettings
from ocrmill.model_adapter.tiling import layout_of
from ocrmill.model_adapter.views import views_bytes
from ocrmill.workers.pools.machine import usable_memory

IMAGE_BYTES = 6 << 20  # a Letter page at 144 dpi
ENCODED_BYTES = 2 << 20  # a page of 1,540 px as PNG: the median has 0.4 MiB, the largest of 40 has 2.4
SPARE = 1.25  # factor for pages that are rendered while engines read others
LEAST_BYTES = 768 << 20
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where Ray keeps its objects
log = logging.getLogger(__name__)


def page_bytes(settings: EngineSettings) -> int:
    """Return the bytes to reserve for an unrendered page: of its views the most, a file, or a Letter page's image."""
    if settings.image_format is not None:
        return ENCODED_BYTES
    if settings.views is None:
        return IMAGE_BYTES
    layout = layout_of(*settings.views)
    return views_bytes(layout.most_tiles, layout)


def in_flight_bytes(settings: RunSettings, pages_in_engines: int, limit: int) -> int:
    """Return the bytes for the pages that all engines hold at once and a quarter more, at most `limit`.

    `workers.in_flight_mb` replaces it. With less memory than the engines need a warning is logged: it costs speed.
    """
    if settings.workers.in_flight_mb:
        return settings.workers.in_flight_mb << 20
    needed = int(SPARE * pages_in_engines * page_bytes(settings.engine))
    if needed > limit:
        log.warning(
            "the engines need %d MiB of page images in flight and there is memory for %d: they will wait for pages, or "
            "for a disk. Give more shared memory (docker run --shm-size), or set workers.in_flight_mb",
            needed >> 20,
            limit >> 20,
        )
    return min(max(LEAST_BYTES, needed), max(LEAST_BYTES, limit))


def image_memory() -> int:
    """Return the bytes for page images on this machine: half of /dev/shm, or a quarter of the memory if that is less.

    As much again is for pages that are rendered ahead.
    """
    memory = usable_memory()
    shared = shutil.disk_usage(_SHARED_MEMORY).free if _SHARED_MEMORY.is_dir() else memory
    return int(min(memory // 2, shared) // 2)
