"""Retry a page whose OCR output is bad: with other decoding, another image of it, or another reader."""

import logging
from collections.abc import Callable
from contextlib import ExitStack
from typing import Literal

from ocrmill.configs.settings import RunSettings
from ocrmill.pipeline.errors import EngineError, OcrmillError
from ocrmill.pipeline.quality.attempts import best_of, settled
from ocrmill.pipeline.quality.other_image import from_halves, from_turned, of_layer
from ocrmill.pipeline.quality.page_row import better_of_layer
from ocrmill.pipeline.records import ENGINE_FAILURES, Document, PageRange, RenderedPage
from ocrmill.pipeline.rows import PageRow
from ocrmill.workers.logging import about
from ocrmill.workers.pools.pool import Image, Pool
from ocrmill.workers.scheduling.memory_budget import Reservation
from ocrmill.workers.scheduling.tries.steps import Step, asked_flags, make_steps
from ocrmill.workers.scheduling.tries.time_share import TimeShare, seconds_of

log = logging.getLogger(__name__)


class SecondTries:
    """Reads pages, and bad ones again by the rungs of the settings and within their bounds."""

    def __init__(self, pool: Pool, settings: RunSettings) -> None:
        self._pool = pool
        self._settings = settings
        self._steps = make_steps(settings.engine, pool.describe().retry_policy)
        self._asked = asked_flags(self._steps)
        self._lost: set[int] = set()  # rungs whose engine is gone
        self._most = settings.engine.tries.most
        self.share = TimeShare(settings.engine.tries)

    async def recognize(
        self,
        document: Document,
        page: RenderedPage,
        image: Image,
        is_stopping: Callable[[], bool],
        reserved: Reservation | None = None,
    ) -> PageRow | None:
        """Turn a page image into its row, by as many attempts as it takes and the settings allow; None if it is lost.

        A further attempt waits behind the first attempts at other pages. None is made once the run is stopping, nor by
        an engine that failed: that says nothing of the page. A good text layer stands if the engine does worse.

        Raises:
            EngineError: if no engine is left.
        """
        row = await self._pool.recognize(document, page, image)
        if row is None:
            return None
        rows = [row]
        self.share.add_first(row)
        guess_s = seconds_of(row)
        engine_failed = row.reason in ENGINE_FAILURES
        for step in self._steps:
            if is_stopping() or len(rows) > self._most or not self.share.allows(guess_s):
                break
            is_elsewhere = step.rung is not None and (step.rung.engine is not None or step.rung.layer)
            if (engine_failed and not is_elsewhere) or not step.answers(best_of(rows, self._asked)):
                continue
            with self.share.under_way(guess_s):
                if step.rung is None:
                    row = await self._pool.recognize(document, page, image, step.params)
                    if row is None:
                        return None
                else:
                    row = await self._read_again(step, document, page, reserved)
            if row is not None:
                rows.append(row)
                self.share.add_further(row)
                engine_failed |= not is_elsewhere and row.reason in ENGINE_FAILURES
        return better_of_layer(document, settled(rows, self._asked), self._settings.quality)

    async def _read_again(
        self, step: Step, document: Document, page: RenderedPage, reserved: Reservation | None
    ) -> PageRow | None:
        """Make an attempt with another image, engine or source; None if it cannot be made: those before it stand.

        Raises:
            OcrmillError: The run cannot go on.
        """
        rung, quality = step.rung, self._settings.quality
        assert rung is not None
        if step.at in self._lost or (rung.layer and page.layer_text is None):
            return None
        try:
            if rung.halves:
                top = await self._read_part(step, document, page, reserved, "top")
                bottom = None if top is None else await self._read_part(step, document, page, reserved, "bottom")
                return None if top is None or bottom is None else from_halves(document, page, top, bottom, quality)
            row = await self._read_part(step, document, page, reserved)
        except EngineError as error:
            if rung.engine is None:
                raise
            self._lost.add(step.at)
            log.warning("engine.tries.rungs[%d] is left out from now on: %s", step.at, error)
            return None
        except OcrmillError:
            raise
        except Exception:  # the attempts before this one stand
            said = about(document.source.uri, document.document_id, page.page_number)
            log.exception("%s, page %d: a further attempt failed", document.source.uri, page.page_number, extra=said)
            return None
        if row is None or rung.layer or not rung.turn:
            return row
        return from_turned(document, page, row, rung.turn, quality)

    async def _read_part(
        self,
        step: Step,
        document: Document,
        page: RenderedPage,
        reserved: Reservation | None,
        half: Literal["top", "bottom"] | None = None,
    ) -> PageRow | None:
        """Have a page, or a half of it, rendered again and read; None if there is no image of it, or it is lost.

        Meanwhile the bytes of its first image are free for others. Else the pages in flight could all wait for
        rasterizers that wait for room themselves.
        """
        pages = PageRange(document, (page.page_number,), step.at, half)
        with ExitStack() as at_end:
            if reserved is not None:
                reserved.resize(0)
                at_end.callback(reserved.resize, page.image_bytes)
            found = [each async for each in self._pool.read(pages)]
            if not found:
                return None
            if isinstance(found[0], PageRow):
                is_read = step.rung is not None and step.rung.layer
                return of_layer(found[0]) if is_read else None
            again, image = found[0]
            if step.rung is not None and step.rung.layer:
                return None  # the layer cannot be trusted
            if reserved is not None:
                reserved.resize(page.image_bytes + again.image_bytes)
            return await self._pool.recognize(document, again, image, step.params)
