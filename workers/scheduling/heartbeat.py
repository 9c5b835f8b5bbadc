"""The coordinator's heartbeat: it looks every few seconds whether the run may still write to its output."""

import asyncio
import logging
from collections.abc import Callable

from ocrmill.pipeline.errors import OutputError

BEAT_S = 10.0
log = logging.getLogger(__name__)


async def keep_beating(beat: Callable[[], None] | None) -> None:
    """Call `beat` every `BEAT_S` seconds in a thread, for ever; a failure that may pass is logged.

    Raises:
        OutputError: a failure that stays, as a lease that another run took.
    """
    while True:
        await asyncio.sleep(BEAT_S)
        try:
            if beat is not None:
                await asyncio.to_thread(beat)
        except OutputError as error:
            if not error.transient:
                raise
            log.warning("%s. Trying again in %.0f s", error, BEAT_S)
