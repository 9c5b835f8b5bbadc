"""Ends a run if most pages fail for one reason that is not in the documents.

An engine that is down, credentials that have expired, a file system that is gone: going on would give a million failed
rows. Each step of the pipeline has a window over its last outcomes, so that pages read from their text layer do not
hide an engine that fails at every page.

Not covered: failures for many reasons at once, and fewer pages than a window.
"""

from collections import Counter, deque
from dataclasses import dataclass

from ocrmill.configs.worker_settings import WorkerSettings
from ocrmill.pipeline.errors import TooManyFailuresError
from ocrmill.pipeline.records import ENGINE_FAILURES, Document, Reason, UnreadableDocument
from ocrmill.pipeline.rows import PageRow

# Reasons for which a step may fail without the documents' fault. Damage or a password shows that bytes could be read.
_RENDERING = frozenset({Reason.UNREADABLE, Reason.RENDER_TIMEOUT, Reason.RENDER_CRASH, Reason.RENDER_MEMORY})
SHARE_OF_ONE_DOCUMENT = 0.1  # of a window: a document with 5,000 poisonous pages must not stop the others


@dataclass(frozen=True, slots=True)
class _Outcome:
    document: str
    reason: Reason | None
    example: str


class _Window:
    """The last outcomes of one step."""

    def __init__(self, what: str, settings: WorkerSettings) -> None:
        self._what = what
        self._size = settings.stop_window
        self._share = settings.stop_share
        self._outcomes: deque[_Outcome] = deque()
        self._reasons: Counter[Reason] = Counter()
        self._documents: Counter[str] = Counter()

    def add(self, outcome: _Outcome) -> None:
        """Add an outcome.

        Raises:
            TooManyFailuresError: if the window is full, and too large a share of it failed for this reason.
        """
        if self._documents[outcome.document] >= max(1, int(self._size * SHARE_OF_ONE_DOCUMENT)):
            return
        if len(self._outcomes) == self._size:
            self._forget(self._outcomes.popleft())
        self._outcomes.append(outcome)
        self._documents[outcome.document] += 1
        if outcome.reason is None:
            return
        self._reasons[outcome.reason] += 1
        if len(self._outcomes) == self._size and self._reasons[outcome.reason] > self._share * self._size:
            raise TooManyFailuresError(self._error_text(outcome.reason, outcome.example))

    def _forget(self, outcome: _Outcome) -> None:
        self._documents[outcome.document] -= 1
        if not self._documents[outcome.document]:
            del self._documents[outcome.document]
        if outcome.reason is not None:
            self._reasons[outcome.reason] -= 1

    def _error_text(self, reason: Reason, example: str) -> str:
        return (
            f"stopped: {self._reasons[reason]} of the last {self._size} {self._what} failed with {reason}, which is "
            f"rarely their own fault. The last one: {example}. Finished pages are kept. Fix the cause; then the same "
            f"`ocrmill run` goes on, and `ocrmill retry OUT --reason {reason}` reads these again. "
            "To go on without a fix: --set workers.stop_share=1"
        )


class CircuitBreaker:
    """Watches every outcome of a run."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._opening = _Window("documents", settings)
        self._rendering = _Window("pages", settings)
        self._recognizing = _Window("pages", settings)

    def add_document(self, opened: Document | UnreadableDocument) -> None:
        """Count a document, opened or unreadable.

        Raises:
            TooManyFailuresError: if too many are unreadable.
        """
        reason = opened.reason if isinstance(opened, UnreadableDocument) and opened.reason in _RENDERING else None
        self._opening.add(_Outcome(opened.source.uri, reason, f"{opened.source.uri}: {opened.detail}"))

    def add_page(self, row: PageRow) -> None:
        """Count a page by its outcome.

        Raises:
            TooManyFailuresError: if too many fail.
        """
        example = f"page {row.page_number} of {row.source}: {row.detail}"
        reason = row.reason if row.reason in _RENDERING else None
        self._rendering.add(_Outcome(row.document_id, reason, example))
        if row.reason in ENGINE_FAILURES or row.attempts:
            reason = row.reason if row.reason in ENGINE_FAILURES else None
            self._recognizing.add(_Outcome(row.document_id, reason, example))
