"""Measure how long a command takes that has nothing to do.

    python bench/startup.py [--documents 10000] [--repeats 5]

Times `ocrmill --help`, and `ocrmill run` over a folder all of whose documents are done already (as a night finds it):
the output is written by the real sink, the run lists the folder, reads the ledger and compares.
"""

import argparse
import hashlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from ocrmill.configs.settings import RunSettings
from ocrmill.pipeline.output.ledger import read_ledger
from ocrmill.pipeline.output.schema import RunStamp
from ocrmill.pipeline.output.sink import Sink
from ocrmill.pipeline.output.stores.local import LocalStore
from ocrmill.pipeline.quality.flags import QUALITY_VERSION
from ocrmill.pipeline.quality.page_row import finished_row
from ocrmill.pipeline.records import (
    Document,
    EngineDescription,
    PageGeometry,
    PageText,
    Route,
    RouteDecision,
    TextLayerPage,
)
from ocrmill.pipeline.rows import DocumentRow, SourceRow
from ocrmill.pipeline.sources.discovery import Discovery
from ocrmill.workers.engines.registry import with_engine_chosen

DOCUMENTS_PER_SHARD = 500


def finish(folder: Path, out: Path) -> None:
    """Write rows for every file in a folder, without reading it."""
    settings = with_engine_chosen(RunSettings())
    store = LocalStore(out)
    stamp = RunStamp(
        "20260101T000000Z-000000",
        datetime.now(UTC),
        settings.fingerprint(),
        QUALITY_VERSION,
        EngineDescription("cpu", 1),
        "0.1.0",
    )
    sink = Sink(store, stamp, settings.output, read_ledger(store))
    for number, source in enumerate(Discovery([str(folder)], settings.input, settings.storage)):
        document = Document(hashlib.sha256(source.uri.encode()).hexdigest(), source, 1)
        page = TextLayerPage(
            1, PageGeometry(612, 792, 0), RouteDecision(Route.TEXT_LAYER, "good_text"), text=PageText(source.uri)
        )
        sink.add_page(finished_row(document, page, settings.quality))
        row = DocumentRow(document.document_id, source, 1, "complete", pages_text_layer=1)
        sink.finish_document(row, [SourceRow(source, document.document_id)])
        if number % DOCUMENTS_PER_SHARD == 0:
            sink.flush()
    sink.close()


def timed(command: Sequence[str], repeats: int) -> list[float]:
    """Wall seconds of a command, several times, sorted."""
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        seconds.append(time.perf_counter() - started)
    return sorted(seconds)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    program = str(Path(sys.executable).with_name("ocrmill"))
    with tempfile.TemporaryDirectory() as temporary:
        folder, out = Path(temporary) / "in", Path(temporary) / "out"
        folder.mkdir()
        for number in range(options.documents):
            (folder / f"{number:06d}.pdf").write_bytes(b"%PDF-1.7 never opened")
        finish(folder, out)
        for name, command in {
            "--help": [program, "--help"],
            f"run, {options.documents} documents done": [program, "run", str(folder), "--out", str(out)],
        }.items():
            seconds = timed(command, options.repeats)
            print(f"{name}: {statistics.median(seconds):.2f} s ({seconds[0]:.2f} to {seconds[-1]:.2f})")


if __name__ == "__main__":
    main()
