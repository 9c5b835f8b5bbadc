"""The interface of engines: one class for each, the same methods."""

from typing import Protocol

from ocrmill.pipeline.records import EngineDescription, EngineDown, Failure, PageGeometry, PageText, RetryParams
from ocrmill.workers.rendering.protocol import PageImage


class Engine(Protocol):
    """An engine turns a page image into text. Each has a folder in workers/engines, all have these methods."""

    def describe(self) -> EngineDescription:
        """Name, model and how many pages it wants in flight. Cheap: loads nothing."""

    async def start(self, memory: float) -> None:
        """Load what it needs; called once, before the first page.

        Args:
            memory: share of the memory that its settings allow: less than 1 after it ran out of it.

        Raises:
            EngineError: if it cannot be started, with what to do about it.
        """

    async def read(
        self, image: PageImage, geometry: PageGeometry, params: RetryParams | None, /
    ) -> PageText | Failure | EngineDown:
        """Read one page, as the settings say or with an entry of its own retry policy (`describe`).

        It returns a `Failure` if this page gives no text, and `EngineDown` if it died with all pages that it had.
        """

    def idle_s(self) -> float:
        """Seconds since it last got on with any of the pages that it has."""

    async def close(self) -> None:
        """End what it started."""
