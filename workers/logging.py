"""Log lines on stderr: plain for people, JSON for machines, above the progress bar where there is one."""

import json
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from tqdm import tqdm

PACKAGE = "ocrmill"  # every logger of ours is named after its module, below this


class _AboveTheBar(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        tqdm.write(self.format(record), file=sys.stderr)


class _JsonLines(logging.Formatter):
    run_id: str | None = None  # of the run that is going on

    def format(self, record: logging.LogRecord) -> str:
        run = {} if self.run_id is None else {"run_id": self.run_id}
        fields = run | dict(getattr(record, "fields", {}))
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return as_json_line(record.levelname.lower(), record.getMessage(), fields, record.created)


def as_json_line(level: str, message: str, fields: Mapping[str, Any], created: float | None = None) -> str:
    """One log line as a JSON object: `time`, `level`, `message`, and what else there is to say."""
    time = datetime.now(UTC) if created is None else datetime.fromtimestamp(created, UTC)
    line = {"time": time.isoformat(timespec="milliseconds"), "level": level, "message": message}
    return json.dumps(line | dict(fields), default=str)


def about(source: str, document: str | None = None, page: int | None = None) -> dict[str, Any]:
    """Return the `extra` of a message about a document or a page: what JSON lines say of it beside the words."""
    fields = {"source": source, "document": document, "page": page}
    return {"fields": {name: value for name, value in fields.items() if value is not None}}


@contextmanager
def naming_run(run_id: str) -> Iterator[None]:
    """Have each JSON line name the run."""
    lines = [
        handler.formatter
        for handler in logging.getLogger(PACKAGE).handlers
        if isinstance(handler.formatter, _JsonLines)
    ]
    for line in lines:
        line.run_id = run_id
    try:
        yield
    finally:
        for line in lines:
            line.run_id = None


def start_logging(*, as_json: bool) -> None:
    """Send the messages of ocrmill, from INFO up, to stderr."""
    handler = _AboveTheBar()
    handler.setFormatter(_JsonLines() if as_json else logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    logger = logging.getLogger(PACKAGE)
    logger.handlers[:] = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False


def log_errors_of(*libraries: str) -> None:
    """Send the errors of these libraries where our messages go; what they only warn of is left out."""
    for name in libraries:
        logger = logging.getLogger(name)
        logger.handlers[:] = logging.getLogger(PACKAGE).handlers
        logger.setLevel(logging.ERROR)
        logger.propagate = False


def logs_json() -> bool:
    """Say whether log lines are JSON: nothing else may then be written to stderr."""
    return any(isinstance(handler.formatter, _JsonLines) for handler in logging.getLogger(PACKAGE).handlers)
