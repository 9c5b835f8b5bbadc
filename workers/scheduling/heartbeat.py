"""The coordinator's heartbeat: it checks every few seconds that the run may still write to its output."""

import asyncio
import logging
from collections.abc import Callable

from ocrmill.pipeline.errors import OutputError

HEARTBEAT_S = 10.0
log = logging.getLogger(__name__)


async def keep_heartbeat(heartbeat: Callable[[], None] | None) -> None:
    """Call `heartbeat` every `HEARTBEAT_S` seconds in a thread, forever; a transient failure is logged.

    Raises:
        OutputError: a failure that is not transient, such as a lost lease.
    """
    while True:
        await asyncio.sleep(HEARTBEAT_S)
        try:
            if heartbeat is not None:
                await asyncio.to_thread(heartbeat)
        except OutputError as error:
            if not error.transient:
                raise
            log.warning("%s. Trying again in %.0f s", error, HEARTBEAT_S)
