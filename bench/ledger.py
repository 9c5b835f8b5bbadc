"""Measure the time and memory in which a run sees what is left to do, over an output with a million objects.

    python bench/ledger.py [--sources 1000000] [--resume-shards 1 100 10000] [--repeats 3]

night    a million known sources, 1,000 changed and 1,000 new ones among them in the listing
growth   the same ledger, and a listing of 100,000 or of 1,000,000 sources that it does not know
resume   a million finished pages: documents of 5 pages, 1,000 of them with only 3, in 1, 100 and 10,000 shards a table

Measured from nothing in memory to the last decision: `read_ledger`, the sink, `without_known` over the listing, and the
durable pages of each unfinished document. Each measurement is a process of its own; its memory is the highest RSS that
the kernel saw. Shards are made straight from tables of the contract (columns that no ledger reads are
null) and encoded by the sink's own `encode_shard`; the listing is made up as it is consumed, as a bucket's is.
"""

import argparse
import hashlib
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from ocrmill.configs.settings import OutputSettings
from ocrmill.pipeline.output.ledger import read_ledger
from ocrmill.pipeline.output.schema import TABLES, RunStamp
from ocrmill.pipeline.output.shard import encode_shard
from ocrmill.pipeline.output.sink import Sink
from ocrmill.pipeline.output.stores.local import LocalStore
from ocrmill.pipeline.records import EngineDescription, Source
from ocrmill.pipeline.run_report import RunReport

STAMP = RunStamp(
    "20260101T000000Z-000000", datetime(2026, 1, 1, tzinfo=UTC), "f" * 16, 1, EngineDescription("cpu", 1), "0.1.0"
)
NIGHT_SHARDS = 1_000
PAGES_PER_DOCUMENT = 5
UNFINISHED = 1_000
DURABLE_PAGES = 3  # of an unfinished document
CHANGED = NEW = 1_000


@dataclass(frozen=True, slots=True)
class Measured:
    """One process."""

    read_s: float
    decide_s: float
    cpu_s: float
    listed: int
    left: int  # sources to read
    durable: int  # pages of unfinished documents
    read_mib: float  # highest RSS up to there
    peak_mib: float


def document_id(number: int) -> str:
    """As of bytes."""
    return hashlib.sha256(str(number).encode()).hexdigest()


def source(number: int, version: str = "") -> Source:
    """An object of a bucket, with its etag."""
    uri = f"s3://corpus/crawl-{number // 1000:05d}/document-{number:08d}.pdf"
    return Source(uri, version or document_id(number)[:32], 100_000, uri)


def night(sources: int) -> Iterator[Source]:
    """The listing of a bucket of `sources` known objects, a night later."""
    for number in range(sources):
        yield source(number, "changed" if number % (sources // CHANGED) == 0 else "")
    for number in range(sources, sources + NEW):
        yield source(number)


def unknown(sources: int) -> Iterator[Source]:
    """Objects that are all unknown."""
    for number in range(sources):
        yield source(10**9 + number)


def unchanged(sources: int) -> Iterator[Source]:
    """The listing of the same objects again."""
    for number in range(sources):
        yield source(number)


def write_output(folder: Path, documents: int, pages: int, shards: int, unfinished: int) -> None:
    """Write the shards of an output, `unfinished` of whose documents have only their first pages."""
    store = LocalStore(folder)
    every = max(1, documents // unfinished) if unfinished else documents + 1
    for shard in range(shards):
        numbers = range(shard * documents // shards, (shard + 1) * documents // shards)
        done = [number for number in numbers if number % every != every - 1]
        begun = [number for number in numbers if number % every == every - 1]
        tables = {
            "pages": _pages(done, pages, pages, DURABLE_PAGES, begun),
            "documents": _documents(done, pages),
            "sources": _sources(done),
        }
        for name, table in tables.items():
            if len(table):
                store.write(f"{name}/{STAMP.run_id}-{shard:06d}.parquet", encode_shard(table))


def _pages(done: list[int], pages: int, page_count: int, durable: int, begun: list[int]) -> pa.Table:
    keys = [(document_id(number), page) for number in done for page in range(1, pages + 1)]
    keys += [(document_id(number), page) for number in begun for page in range(1, durable + 1)]
    keys.sort()
    ids, numbers = zip(*keys, strict=True)
    values = {"document_id": ids, "page_number": numbers, "page_count": [page_count] * len(keys)}
    return _table("pages", values, {"status": "ok", "flags": [], "repetition_flag": False}, len(keys))


def _documents(done: list[int], pages: int) -> pa.Table:
    by_id = sorted((document_id(number), number) for number in done)
    sources = [source(number) for _, number in by_id]
    values = {"document_id": [each for each, _ in by_id], **_source_columns(sources)}
    constants = {"status": "complete", "page_count": pages, "pages_ok": pages, "pages_flagged": 0}
    return _table("documents", values, constants, len(by_id))


def _sources(done: list[int]) -> pa.Table:
    values = {"document_id": [document_id(number) for number in done], **_source_columns([source(n) for n in done])}
    return _table("sources", values, {}, len(done))


def _source_columns(sources: list[Source]) -> dict[str, list[Any]]:
    return {
        "source": [each.uri for each in sources],
        "source_version": [each.version for each in sources],
        "bytes": [each.bytes for each in sources],
    }


def _table(name: str, values: dict[str, Any], constants: dict[str, Any], rows: int) -> pa.Table:
    """A table of the contract: `constants` in each row, null in the columns that are not given."""
    stamp = {
        "run_id": STAMP.run_id,
        "ingested_at": STAMP.ingested_at,
        "settings_fingerprint": STAMP.settings_fingerprint,
    }
    columns = {**values, **{column: [value] * rows for column, value in {**stamp, **constants}.items()}}
    schema = TABLES[name]
    return pa.table([pa.array(columns.get(each.name, [None] * rows), each.type) for each in schema], schema=schema)


def decide(folder: Path, listing: Callable[[int], Iterator[Source]], listed: int, begun: int) -> Measured:
    """Decide what is left to do, as a run does before and while it works."""
    started, cpu = time.perf_counter(), time.process_time()
    store = LocalStore(folder)
    ledger = read_ledger(store)
    Sink(store, STAMP, OutputSettings(), ledger)
    read_s, read_mib = time.perf_counter() - started, peak_mib()
    report = RunReport()
    left = sum(1 for _ in ledger.without_known(listing(listed), report))
    every = listed // begun if begun else 0
    durable = sum(len(ledger.unfinished_pages(document_id((n + 1) * every - 1))) for n in range(begun))
    decide_s = time.perf_counter() - started - read_s
    listed = left + report.sources_known
    return Measured(read_s, decide_s, time.process_time() - cpu, listed, left, durable, read_mib, peak_mib())


def peak_mib() -> float:
    """The highest RSS of this process so far: of this program, not of the one that started it, as getrusage would."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def measure(name: str, repeats: int, *arguments: Any) -> None:
    """Decide in fresh processes, and print medians with their spread."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, max_tasks_per_child=1) as processes:
        runs = [processes.submit(decide, *arguments).result() for _ in range(repeats)]
    first = runs[0]
    seconds = [run.read_s + run.decide_s for run in runs]
    each_us = [1e6 * run.decide_s / run.listed for run in runs]
    print(
        f"{name}: {first.listed:,} listed, {first.left:,} to read, {first.durable:,} of their pages are there\n"
        f"    wall {_spread(seconds, '.1f')} s, CPU {_spread([run.cpu_s for run in runs], '.1f')} s: "
        f"reading {_spread([run.read_s for run in runs], '.1f')} s, then {_spread(each_us, '.1f')} us a source\n"
        f"    highest RSS {_spread([run.peak_mib for run in runs], '.0f')} MiB, "
        f"{_spread([run.read_mib for run in runs], '.0f')} MiB of it up to the end of reading",
        flush=True,
    )


def _spread(values: list[float], form: str) -> str:
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sources", type=int, default=1_000_000)
    parser.add_argument("--resume-shards", type=int, nargs="*", default=[1, 100, 10_000])
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    sources, repeats = options.sources, options.repeats
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        write_output(out, sources, 1, NIGHT_SHARDS, 0)
        measure(f"night, {NIGHT_SHARDS} shards", repeats, out, night, sources, 0)
        for listed in (sources // 10, sources):
            measure("growth", repeats, out, unknown, listed, 0)
    for shards in options.resume_shards:
        with tempfile.TemporaryDirectory() as folder:
            documents = sources // PAGES_PER_DOCUMENT
            write_output(Path(folder), documents, PAGES_PER_DOCUMENT, shards, UNFINISHED)
            measure(f"resume, {shards} shards", repeats, Path(folder), unchanged, documents, UNFINISHED)


if __name__ == "__main__":
    main()
