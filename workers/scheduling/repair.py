"""Retry a page whose OCR output is bad, with different decoding settings."""

from collections.abc import Callable

from ocrmill.configs.settings import QualitySettings
from ocrmill.pipeline.quality.attempts import best_of, find_defect, settled
from ocrmill.pipeline.quality.page_row import better_of_layer
from ocrmill.pipeline.records import ENGINE_FAILURES, Document, RenderedPage
from ocrmill.pipeline.rows import PageRow
from ocrmill.workers.pools.pool import Image, Pool


async def recognize(
    pool: Pool,
    document: Document,
    page: RenderedPage,
    image: Image,
    is_stopping: Callable[[], bool],
    quality: QualitySettings = QualitySettings(),  # noqa: B008 - frozen
) -> PageRow | None:
    """Turn a page image into its row, by as many attempts as it takes and the engine offers; None if the image is lost.

    A further attempt waits behind the pages that wait already. None is made once the run is stopping, nor after an
    engine failed: that says nothing of the page. A good text layer stands if the engine does worse.

    Raises:
        EngineError: if no engine is left.
    """
    row = await pool.recognize(document, page, image)
    if row is None:
        return None
    rows = [row]
    for params in pool.describe().retry_policy:
        if is_stopping() or rows[-1].reason in ENGINE_FAILURES:
            break
        if find_defect(best_of(rows)) in params.handles:
            row = await pool.recognize(document, page, image, params)
            if row is None:
                return None
            rows.append(row)
    return better_of_layer(document, settled(rows), quality)
