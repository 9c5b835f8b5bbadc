"""Measure stored texts again in processes of their own, as many as there are cores.

A process is this module as a program: batches of rows come in as an Arrow stream, and their measures go out as another.
It ends when its input does, so also when the process that started it is killed.
"""

import os
import subprocess
import sys
from dataclasses import fields
from typing import Any

import pyarrow as pa

from ocrmill.pipeline.errors import OutputError
from ocrmill.pipeline.measures import RepetitionMeasures
from ocrmill.pipeline.output.schema import BLOCK, PAGES
from ocrmill.pipeline.quality.empty_output import is_mostly_empty
from ocrmill.pipeline.quality.flags import EMPTY_MARKUP, UNMAPPED_TEXT, is_unmapped
from ocrmill.pipeline.quality.repetition.measures import measure_repetition
from ocrmill.pipeline.records import Block, PageText
from ocrmill.workers.held_signals import holding_signals, ignore_signals
from ocrmill.workers.import_path import safe_variables

TEXTS = pa.schema([("markdown", pa.string()), ("blocks", pa.list_(BLOCK)), ("is_measured", pa.bool_())])
_NAMES = [each.name for each in fields(RepetitionMeasures)]
MEASURED = pa.schema([*map(PAGES.field, _NAMES), (EMPTY_MARKUP, pa.bool_()), (UNMAPPED_TEXT, pa.bool_())])


class TextMeasuring:
    """A process that measures texts. One thread may use it at a time."""

    def __init__(self) -> None:
        """Start the process."""
        variables = {name: value or "" for name, value in safe_variables(os.environ).items()}
        with holding_signals():
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "ocrmill.commands.reflag.text_measuring"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, **variables},
            )
        assert self._process.stdin is not None
        self._requests = self._process.stdin
        self._writer = pa.ipc.new_stream(self._requests, TEXTS)
        self._reader: Any = None

    def measure(self, texts: pa.Table) -> pa.Table:
        """Measure rows with the columns TEXTS; return the columns MEASURED, null where nothing is to be measured.

        Raises:
            OutputError: The process ended, as one does that the machine has no memory for.
        """
        found = []
        try:
            for batch in texts.cast(TEXTS).to_batches():
                self._writer.write_batch(batch)
                self._requests.flush()
                self._reader = self._reader or pa.ipc.open_stream(self._process.stdout)
                found.append(self._reader.read_next_batch())
        except (OSError, StopIteration, pa.ArrowException) as error:
            raise OutputError(f"the process that measures texts ended (exit code {self._process.poll()})") from error
        return pa.Table.from_batches(found, MEASURED)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()


def measure_texts(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Measure a batch with the columns TEXTS."""
    return pa.RecordBatch.from_pylist([_measure(row) for row in batch.to_pylist()], MEASURED)


def _measure(row: dict[str, Any]) -> dict[str, Any]:
    markdown = row["markdown"]
    if not row["is_measured"] or markdown is None:
        return {}
    measures = measure_repetition(markdown)
    text = PageText(markdown, blocks=tuple(Block(**block) for block in row["blocks"] or ()))
    return {
        **{name: getattr(measures, name) for name in _NAMES},
        EMPTY_MARKUP: is_mostly_empty(text),
        UNMAPPED_TEXT: is_unmapped(markdown),
    }


def main() -> None:
    """Answer each batch of the standard input on the standard output."""
    ignore_signals()
    writer = pa.ipc.new_stream(sys.stdout.buffer, MEASURED)
    for batch in pa.ipc.open_stream(sys.stdin.buffer):
        measured = measure_texts(batch)
        try:
            writer.write_batch(measured)
            sys.stdout.flush()
        except BrokenPipeError:  # nobody reads the answer: the other side was killed
            os._exit(1)


if __name__ == "__main__":
    main()
