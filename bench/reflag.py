"""Measure `ocrmill reflag` over an output of a million pages: the rows of a corpus, judged by other thresholds.

    python bench/reflag.py [--pages 1000000] [--remeasured 5000]

judged       every row gets another fingerprint of settings, so that every shard is rewritten, text and all
unchanged    the same thresholds again: only stored measures are read
remeasured   the texts of some of the pages are measured again, on all cores

Texts are stretches of our own docs, their pieces of twelve words in random order, so that none is in a shard twice; a
third of the pages keep them as their raw output, too. The measures are true ones, of other such texts.
"""

import argparse
import hashlib
import json
import random
import resource
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from ocrmill.commands.reflag.reflag import ReflagReport, reflag
from ocrmill.configs.settings import QualitySettings, RunSettings
from ocrmill.pipeline.output.schema import PAGES, RunStamp, pages_table
from ocrmill.pipeline.output.shard import encode_shard
from ocrmill.pipeline.output.stores.local import LocalStore
from ocrmill.pipeline.quality.flags import QUALITY_VERSION
from ocrmill.pipeline.quality.page_row import recognized_row
from ocrmill.pipeline.records import (
    Attempt,
    Block,
    Document,
    EngineDescription,
    PageGeometry,
    PageText,
    RenderedPage,
    Route,
    RouteDecision,
    Source,
)
from ocrmill.workers.pools.machine import usable_cores

DOCS = Path(__file__).parents[1] / "docs"
SHARD_ROWS = 20_000
PAGES_PER_DOCUMENT = 10
MEASURED = 1_000  # texts whose measures the rows have
PIECE = 12  # words
SETTINGS = RunSettings()
OTHER = QualitySettings(longest_run=500)
GEOMETRY, DECISION = PageGeometry(612, 792, 0, 1224, 1584, 144), RouteDecision(Route.OCR, "no_text")


def shard_rows(rows: int) -> pa.Table:
    """Make the rows of a shard: documents of ten pages, each page with its measures."""
    stamp = RunStamp(
        "20260101T000000Z-000000",
        datetime(2026, 1, 1, tzinfo=UTC),
        SETTINGS.fingerprint(),
        QUALITY_VERSION,
        EngineDescription("cpu", 1),
        "0.1.0",
    )
    drawn = random.Random(0)
    document = Document("0" * 64, Source("/in/a.pdf", "1", 1, "/in/a.pdf"), PAGES_PER_DOCUMENT)
    texts = made_texts(drawn)
    made = []
    for number, markdown in enumerate(islice(texts, min(rows, MEASURED))):
        size = max(1, len(markdown) // 12)
        blocks = [Block("text", 72, 72, 500, 90, at, at + size) for at in range(0, len(markdown) - size, size)]
        text = PageText(markdown, markdown if number % 3 == 0 else None, tuple(blocks), finish_reason="stop")
        page = RenderedPage(1, GEOMETRY, DECISION)
        made.append(recognized_row(document, page, text, Attempt("cpu", 1.0, finish_reason="stop"), SETTINGS.quality))
    table = pages_table(made, stamp)
    table = table.take(pa.array([drawn.randrange(len(table)) for _ in range(rows)]))
    markdown = pa.array(list(islice(texts, rows)))
    raw = pc.if_else(pc.is_valid(table["raw"]), markdown, None)
    for name, values in {"markdown": markdown, "raw": raw}.items():
        table = table.set_column(table.column_names.index(name), name, values)
    return table.cast(table.schema.with_metadata(PAGES.metadata)).combine_chunks()


def made_texts(drawn: random.Random) -> Iterator[str]:
    """Yield texts of 100 to 700 words."""
    words = " ".join(path.read_text() for path in sorted(DOCS.glob("*.md"))).split(" ")
    while True:
        start, length = drawn.randrange(len(words) - 1_000), drawn.randrange(100, 700)
        pieces = [" ".join(words[at : at + PIECE]) for at in range(start, start + length, PIECE)]
        drawn.shuffle(pieces)
        yield " ".join(pieces)


def with_keys(table: pa.Table, shard: int) -> pa.Table:
    """Give the rows of a shard the keys of pages of their own."""
    ids = sorted(hashlib.sha256(f"{shard} {n}".encode()).hexdigest() for n in range(0, len(table), PAGES_PER_DOCUMENT))
    keys = {
        "document_id": [ids[row // PAGES_PER_DOCUMENT] for row in range(len(table))],
        "page_number": [1 + row % PAGES_PER_DOCUMENT for row in range(len(table))],
    }
    for name, values in keys.items():
        field = table.schema.field(name)
        table = table.set_column(table.column_names.index(name), field, pa.array(values, field.type))
    return table


def write_output(folder: Path, pages: int) -> LocalStore:
    """Write shards of so many pages, and the record of the run that has their settings."""
    store = LocalStore(folder)
    record = {"settings": SETTINGS.model_dump(mode="json"), "settings_fingerprint": SETTINGS.fingerprint()}
    store.write("runs/20260101T000000Z-000000.json", json.dumps(record).encode())
    table = shard_rows(min(pages, SHARD_ROWS))
    for shard in range(-(-pages // SHARD_ROWS)):
        store.write(f"pages/20260101T000000Z-{shard:06d}.parquet", encode_shard(with_keys(table, shard)))
    return store


def measure(name: str, store: LocalStore, work: Callable[[], ReflagReport]) -> None:
    """Time one reflag, and print what it did."""
    size = sum(store.sizes("pages").values())
    started, cpu = time.perf_counter(), cpu_seconds()
    report = work()
    seconds, cpu_s = time.perf_counter() - started, cpu_seconds() - cpu
    rewritten = f"{report.changed_shards} of {report.shards} shards of {size / 1e6:,.0f} MB rewritten"
    rate = f"{report.pages / seconds:,.0f} pages/s, {cpu_s:.1f} s of CPU on {usable_cores()} cores"
    print(f"{name}: {report.pages:,} pages in {seconds:.1f} s, {rate}; {rewritten}", flush=True)


def cpu_seconds() -> float:
    """CPU seconds of this process and of those that it has ended."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=1_000_000)
    parser.add_argument("--remeasured", type=int, default=5_000)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        store = write_output(Path(folder), options.pages)
        measure("judged", store, lambda: reflag(store, OTHER))
        measure("unchanged", store, lambda: reflag(store, OTHER))
    with tempfile.TemporaryDirectory() as folder:
        store = write_output(Path(folder), options.remeasured)
        measure("remeasured", store, lambda: reflag(store, SETTINGS.quality, remeasure=True))


if __name__ == "__main__":
    main()
