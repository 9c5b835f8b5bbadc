"""An engine with what comes after it: the page image goes in, the finished row comes out, whatever happens."""

import asyncio
import time
from typing import Protocol

from configs.settings import RunSettings
from pipeline.errors import PageError
from pipeline.records import (
    RGB,
    Attempt,
    Document,
    EngineDescription,
    PageGeometry,
    PageRow,
    PageText,
    Reason,
    RenderedPage,
)
from pipeline.rows import failed_row, recognized_row


class Engine(Protocol):
    """What turns a page image into text: one class each in workers/engines, the same two methods."""

    def describe(self) -> EngineDescription:
        """Name, model and how many pages it wants in flight. Cheap: loads nothing."""

    async def read(self, image: RGB, geometry: PageGeometry) -> PageText:
        """Read one page.

        Raises:
            PageError: if this page gives no text; other pages are not concerned.
        """


class Recognizer:
    """Reads page images with one engine."""

    def __init__(self, engine: Engine, settings: RunSettings) -> None:
        self._engine = engine
        self._name = engine.describe().name
        self._quality = settings.quality

    async def read(self, document: Document, page: RenderedPage, image: RGB) -> PageRow:
        """Read one page image; an engine's failure is a row with its reason."""
        assert page.geometry is not None
        started = time.perf_counter()
        try:
            text = await self._engine.read(image, page.geometry)
        except PageError as error:
            reason, detail = error.reason, error.detail
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever an engine raises concerns this page only
            reason, detail = Reason.ENGINE_ERROR, f"{type(error).__name__}: {error}"
        else:
            attempt = Attempt(self._name, time.perf_counter() - started, finish_reason=text.finish_reason)
            return recognized_row(document, page, text, attempt, self._quality)
        attempt = Attempt(self._name, time.perf_counter() - started, reason=reason)
        return failed_row(document, page, reason, detail, attempt)
