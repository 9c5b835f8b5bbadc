"""The interface of engines."""

from typing import Protocol, runtime_checkable

from ocrmill.pipeline.records import (
    RGB,
    EngineDescription,
    EngineDown,
    Failure,
    PageGeometry,
    PageText,
    RetryParams,
)
from ocrmill.workers.rendering.protocol import PageImage


class Engine(Protocol):
    """An engine turns a page image into text. Each has a folder in workers/engines."""

    def describe(self) -> EngineDescription:
        """Return name, model and number of pages in flight. Cheap: loads nothing."""

    async def start(self, memory: float) -> None:
        """Load the model; called once, before the first page.

        Args:
            memory: share of the memory that its settings allow; less than 1 after it ran out of memory.

        Raises:
            EngineError: if it cannot be started; the text says what to do.
        """

    async def read(
        self, image: PageImage, geometry: PageGeometry, params: RetryParams | None, /
    ) -> PageText | Failure | EngineDown:
        """Read one page, as the settings say or with an entry of its own retry policy (`describe`).

        It returns a `Failure` if this page gives no text, and `EngineDown` if it died with all pages that it had.
        """

    def idle_s(self) -> float:
        """Return the seconds since it last made progress with any of its pages."""

    async def close(self) -> None:
        """End its processes and threads."""


@runtime_checkable
class FigureReader(Protocol):
    """An engine that reads single pictures as well."""

    async def read_figure(self, picture: RGB, /) -> PageText | Failure | EngineDown:
        """Read a picture that was cut out of a page, such as a chart; the text is as the model writes it.

        It returns a `Failure` if the picture gives no text, and `EngineDown` if it died.
        """
