"""An output of many nights, made up: for what is measured and shown of large outputs without reading a PDF.

Every row is one that `schema.pages_table` makes. Its words and numbers are then drawn by the shares below, so that the
columns that people filter by hold what a corpus holds. Texts are stretches of our own docs.
"""

import hashlib
import random
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ocrmill.configs.settings import RunSettings
from ocrmill.pipeline.output.schema import DOCUMENTS, PAGES, SOURCES, RunStamp, pages_table
from ocrmill.pipeline.output.shard import encode_shard
from ocrmill.pipeline.output.stores.local import LocalStore
from ocrmill.pipeline.quality.flags import QUALITY_VERSION
from ocrmill.pipeline.quality.page_row import recognized_row
from ocrmill.pipeline.records import (
    Attempt,
    Document,
    EngineDescription,
    PageFeatures,
    PageGeometry,
    PageText,
    RenderedPage,
    Route,
    RouteDecision,
    Source,
)

DOCS = Path(__file__).parents[1] / "docs"
PAGES_PER_DOCUMENT = 10
DIFFERENT_ROWS = 400
FIRST_NIGHT = datetime(2026, 1, 1, 2, tzinfo=UTC)
LANGUAGES = {"latin": ("en", "de", "fr", "es"), "cyrillic": ("ru", "uk"), "han": ("zh",), "arabic": ("ar",)}
SHARES: dict[str, dict[str | None, float]] = {
    "status": {"ok": 0.62, "text_layer": 0.29, "repaired": 0.03, "blank": 0.04, "failed": 0.02},
    "text_script": {"latin": 0.7, "cyrillic": 0.12, "han": 0.12, "arabic": 0.06},
}
FAILURES = ("render_timeout", "render_crash", "page_damaged", "undecodable")
FLAGS = (("repetition",), ("truncated",), ("low_agreement",), ("repetition", "truncated"))
_OF_ENGINE = ("output_tokens", "engine_ms", "engine_confidence", "finish_reason", "model", "prompt_tokens")


def write_nights(
    folder: Path, pages: int, nights: int = 14, shard_rows: int = 50_000, different: int = DIFFERENT_ROWS
) -> LocalStore:
    """Write an output of so many pages, in shards of at most `shard_rows`, each of one night."""
    store = LocalStore(folder)
    rows = min(shard_rows, -(-pages // nights))
    rows += -rows % PAGES_PER_DOCUMENT
    base = _base_rows(rows, different)
    count = -(-pages // rows)
    for shard in range(count):
        night = shard * nights // count
        table = _night(base, shard, night, min(rows, pages - shard * rows))
        name = f"{table['run_id'][0].as_py()}-{shard:06d}.parquet"
        store.write(f"pages/{name}", encode_shard(table))
        documents = _documents(table, shard * rows)
        store.write(f"documents/{name}", encode_shard(documents))
        sources = {field.name: documents[field.name] for field in SOURCES}
        store.write(f"sources/{name}", encode_shard(pa.table(sources, schema=SOURCES)))
    return store


def _base_rows(rows: int, different: int) -> pa.Table:
    """Make rows of pages that an engine has read, each with its measures."""
    drawn = random.Random(0)
    stamp = RunStamp("", FIRST_NIGHT, RunSettings().fingerprint(), QUALITY_VERSION, _engine(), "0.1.0")
    document = Document("0" * 64, Source("/in/a.pdf", "1", 1, "/in/a.pdf"), PAGES_PER_DOCUMENT)
    geometry = PageGeometry(612, 792, 0, 1224, 1584, 144)
    features = PageFeatures(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, "latin", 0, 0, 1, 0.1, 0.1, 0)
    page = RenderedPage(1, geometry, RouteDecision(Route.OCR, "no_text"), features=features)
    made = [
        recognized_row(
            document,
            page,
            PageText(text, None, (), finish_reason="stop", output_tokens=len(text) // 4),
            Attempt("deepseek-ocr2", 1.0, finish_reason="stop", output_tokens=len(text) // 4),
            RunSettings().quality,
        )
        for text in islice(_texts(drawn), different)
    ]
    table = pages_table(made, stamp)
    return table.take(pa.array([drawn.randrange(len(table)) for _ in range(rows)])).combine_chunks()


def _engine() -> EngineDescription:
    return EngineDescription("deepseek-ocr2", 1, "deepseek-ai/DeepSeek-OCR-2", "main")


def _texts(drawn: random.Random) -> Any:
    words = " ".join(path.read_text() for path in sorted(DOCS.glob("*.md"))).split(" ")
    while True:
        start, length = drawn.randrange(len(words) - 400), drawn.randrange(40, 300)
        yield " ".join(words[start : start + length])


def _night(base: pa.Table, shard: int, night: int, rows: int) -> pa.Table:
    """Return rows of their own documents, with words and numbers of their own."""
    drawn = np.random.default_rng(shard)
    began = FIRST_NIGHT + timedelta(days=night)
    status = _words(drawn, SHARES["status"], rows)
    script = _words(drawn, SHARES["text_script"], rows)
    is_engine, is_failed = np.isin(status, ["ok", "repaired"]), status == "failed"
    is_flagged = is_engine & (drawn.random(rows) < 0.02 + 0.002 * (night % 5))
    ids = sorted(hashlib.sha256(f"{shard} {n}".encode()).hexdigest() for n in range(0, rows, PAGES_PER_DOCUMENT))
    numbers = np.arange(rows)
    flags = [list(FLAGS[n % len(FLAGS)]) if flagged else [] for n, flagged in enumerate(is_flagged)]
    columns: dict[str, Any] = {
        "document_id": [ids[row // PAGES_PER_DOCUMENT] for row in range(rows)],
        "source": [
            f"/corpus/{night:02d}/report-{shard:04d}-{row // PAGES_PER_DOCUMENT:05d}.pdf" for row in range(rows)
        ],
        "page_number": 1 + numbers % PAGES_PER_DOCUMENT,
        "page_count": np.full(rows, PAGES_PER_DOCUMENT),
        "status": status,
        "reason": _reasons(drawn, status, is_failed),
        "text_script": script,
        "text_language": [LANGUAGES[word][row % len(LANGUAGES[word])] for row, word in enumerate(script)],
        "route": np.select([status == "text_layer", status == "blank"], ["text_layer", "blank"], "ocr"),
        "route_reason": np.select([status == "text_layer", status == "blank"], ["good_text", "no_ink"], "no_text"),
        "engine": pc.if_else(pa.array(is_engine), "deepseek-ocr2", None),
        "flags": flags,
        "loop_score": np.where(is_flagged, 1 + drawn.exponential(2, rows), drawn.beta(1, 9, rows)).astype(np.float32),
        "engine_ms": drawn.lognormal(6.6, 0.6, rows).astype(np.float32),
        "render_ms": drawn.lognormal(4.2, 0.5, rows).astype(np.float32),
        "text_layer_agreement": drawn.beta(20, 1.2, rows).astype(np.float32),
        "engine_confidence": drawn.beta(30, 1.5, rows).astype(np.float32),
        "run_id": [f"{began:%Y%m%dT%H%M%SZ}-{night:06x}"] * rows,
        "ingested_at": [began + timedelta(seconds=int(at)) for at in np.linspace(shard % 7 * 600, 6000, rows)],
    }
    table = base.slice(0, rows)
    for name, values in columns.items():
        table = _with(table, name, values)
    for name in (*_OF_ENGINE, "loop_score", "text_layer_agreement"):
        table = _with(table, name, pc.if_else(pa.array(is_engine), table[name].cast(_plain(name)), None))
    attempts = pc.if_else(
        pa.array(is_engine), table["attempts"].combine_chunks(), pa.scalar([], PAGES.field("attempts").type)
    )
    table = _with(table, "attempts", attempts)
    texts = pc.if_else(pa.array(status == "blank"), "", table["markdown"])
    table = _with(table, "markdown", pc.if_else(pa.array(is_failed), None, texts))
    return table.replace_schema_metadata(PAGES.metadata)


def _plain(name: str) -> pa.DataType:
    kind = PAGES.field(name).type
    return pa.string() if pa.types.is_dictionary(kind) else kind


def _words(drawn: np.random.Generator, shares: dict[str | None, float], rows: int) -> npt.NDArray[Any]:
    return drawn.choice(np.array(list(shares)), rows, p=list(shares.values()))


def _reasons(drawn: np.random.Generator, status: npt.NDArray[Any], is_failed: npt.NDArray[np.bool_]) -> pa.Array:
    failures = pa.array(drawn.choice(np.array(FAILURES), len(status)))
    repaired = pc.if_else(pa.array(status == "repaired"), "repetition", None)
    return pc.if_else(pa.array(is_failed), failures, repaired)


def _with(table: pa.Table, name: str, values: Any) -> pa.Table:
    field = PAGES.field(name)
    column = values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values, _plain(name))
    return table.set_column(table.column_names.index(name), field, column.cast(field.type))


def _documents(pages: pa.Table, before: int) -> pa.Table:
    """Return the rows of the documents that a shard holds whole."""
    firsts = pages.filter(pc.equal(pages["page_number"], 1))
    count = len(firsts)
    values: dict[str, Any] = {
        **{name: firsts[name] for name in ("document_id", "source", "page_count", "run_id", "ingested_at")},
        "settings_fingerprint": firsts["settings_fingerprint"],
        "ocrmill_version": firsts["ocrmill_version"],
        "source_version": pa.array(["1"] * count),
        "bytes": pa.array([200_000] * count, pa.int64()),
        "sequence": pa.array(np.arange(1, count + 1) + before // PAGES_PER_DOCUMENT),
    }
    grouped = pages.select(["document_id", "status"]).group_by(["document_id", "status"]).aggregate([([], "count_all")])
    for status in ("ok", "repaired", "text_layer", "blank", "failed"):
        of_status = grouped.filter(pc.equal(grouped["status"].cast(pa.string()), status))
        found = dict(zip(of_status["document_id"].to_pylist(), of_status["count_all"].to_pylist(), strict=True))
        values[f"pages_{status}"] = pa.array([found.get(name, 0) for name in firsts["document_id"].to_pylist()])
    flagged = pages.filter(pc.greater(pc.list_value_length(pages["flags"]), 0))["document_id"].value_counts()
    of_flagged = {each["values"]: each["counts"] for each in flagged.to_pylist()}
    values["pages_flagged"] = pa.array([of_flagged.get(name, 0) for name in firsts["document_id"].to_pylist()])
    values["status"] = pa.array(["complete"] * count)
    arrays = [values.get(field.name, pa.nulls(count, pa.string())) for field in DOCUMENTS]
    arrays = [
        (pa.nulls(count, field.type) if field.name not in values else array.cast(field.type))
        for field, array in zip(DOCUMENTS, arrays, strict=True)
    ]
    return pa.table(arrays, schema=DOCUMENTS)
