"""The Parquet contract: three tables, how rows become columns, and how a shard is encoded.

pages      one row per page, e.g. document_id=9f2c..., page_number=3, status='ok', markdown='# Results ...'
documents  one row per document that is done; none is written before all of its pages are
sources    one row per place and version: the same bytes at two paths are one document with two sources

How to change the contract, so that every output that was ever written can still be read, added to and compacted:

- Add a column, or a field of a nested one: add it here, and a column to `ADDED`. Shards from before read as null there
  (shard.py, through which all readers go), so whoever reads it has to say what null means. `SCHEMA_VERSION` stays.
- Rename or drop a column, or change its type: raise `SCHEMA_VERSION`, and make older shards fit in `shard.fitted`.

tests/test_older_outputs.py tries commands on an output of the first release, and fails where `ADDED` lacks a column.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from itertools import accumulate
from operator import attrgetter
from typing import Any

import pyarrow as pa

from ocrmill.pipeline.measures import AgreementMeasures, LineDoubts, RepetitionMeasures, TextSignals
from ocrmill.pipeline.records import Block, EngineDescription, FailedPage, PageFeatures, PageGeometry, PageText, Status
from ocrmill.pipeline.rows import DocumentRow, PageRow, SourceRow

SCHEMA_VERSION = 1
DETAIL_CHARACTERS = 2000  # for people; one broken page can give megabytes of the same message
PAGE_COUNTS = {status: f"pages_{status}" for status in Status}  # the column of documents that counts each

Values = dict[str, list[Any]]  # column name -> one value per row

WORD = pa.dictionary(pa.int32(), pa.string())  # few distinct values
_TIME = pa.timestamp("us", tz="UTC")
_BOX = [(side, pa.float32()) for side in ("x0", "y0", "x1", "y1")]
_ARROW_TYPES = {int: pa.int32(), float: pa.float32(), str: pa.string()}
_METADATA = {"schema_version": str(SCHEMA_VERSION)}

BLOCK = pa.struct([("label", pa.string()), *_BOX, ("start", pa.int32()), ("end", pa.int32())])
FIGURE = pa.struct(
    [
        *(("name", pa.string()), *_BOX, ("jpeg", pa.binary())),
        *((name, pa.string()) for name in ("parsed", "parsed_as", "parsed_reason")),
    ]
)
ATTEMPT = pa.struct(
    [
        *((name, pa.string()) for name in ("engine", "prompt")),
        ("temperature", pa.float32()),
        ("finish_reason", pa.string()),
        ("output_tokens", pa.int32()),
        ("reason", pa.string()),
        ("seconds", pa.float32()),
        ("tried", pa.string()),
    ]
)


def _columns(record: type[Any]) -> list[tuple[str, pa.DataType]]:
    """Name and type of each field of a record of numbers and words."""
    return [(field.name, _ARROW_TYPES[field.type]) for field in fields(record)]  # type: ignore[index]


FEATURES = pa.struct(_columns(PageFeatures))

PAGES = pa.schema(
    [
        ("document_id", pa.string()),
        ("source", pa.string()),
        ("page_number", pa.int32()),
        ("page_count", pa.int32()),
        ("status", WORD),
        ("reason", WORD),
        ("detail", pa.string()),
        ("markdown", pa.string()),
        ("raw", pa.string()),
        ("blocks", pa.list_(BLOCK)),
        ("figures", pa.list_(FIGURE)),
        *_columns(RepetitionMeasures),
        ("repetition_flag", pa.bool_()),
        ("quality_version", pa.int32()),
        ("text_layer_agreement", pa.float32()),
        *_columns(AgreementMeasures),
        *_columns(TextSignals),
        ("engine_confidence", pa.float32()),
        *_columns(LineDoubts),
        ("layer_recall", pa.float32()),
        ("layer_precision", pa.float32()),
        ("layer_order", pa.float32()),
        ("flags", pa.list_(pa.string())),
        ("route", WORD),
        ("route_reason", WORD),
        ("features", FEATURES),
        ("engine", WORD),
        ("renderer", WORD),
        ("model", WORD),
        ("model_revision", WORD),
        ("prompt", WORD),
        ("settings_fingerprint", WORD),
        ("attempts", pa.list_(ATTEMPT)),
        ("width_pt", pa.float32()),
        ("height_pt", pa.float32()),
        ("width_px", pa.int32()),
        ("height_px", pa.int32()),
        ("dpi", pa.float32()),
        ("rotation", pa.int32()),
        ("tile_columns", pa.int32()),
        ("tile_rows", pa.int32()),
        ("visual_tokens", pa.int32()),
        ("prompt_tokens", pa.int32()),
        ("output_tokens", pa.int32()),
        ("finish_reason", WORD),
        ("render_ms", pa.float32()),
        ("engine_ms", pa.float32()),
        ("run_id", WORD),
        ("ingested_at", _TIME),
        ("ocrmill_version", WORD),
    ],
    metadata=_METADATA,
)

DOCUMENTS = pa.schema(
    [
        ("document_id", pa.string()),
        ("source", pa.string()),
        ("source_version", pa.string()),
        ("bytes", pa.int64()),
        ("page_count", pa.int32()),
        ("status", WORD),
        ("reason", WORD),
        ("detail", pa.string()),
        ("pages_ok", pa.int32()),
        ("pages_repaired", pa.int32()),
        ("pages_text_layer", pa.int32()),
        ("pages_blank", pa.int32()),
        ("pages_failed", pa.int32()),
        ("pages_flagged", pa.int32()),
        ("repetition_rate", pa.float32()),
        ("title", pa.string()),
        ("producer", pa.string()),
        ("warnings", pa.string()),
        ("supersedes", pa.string()),
        ("settings_fingerprint", WORD),
        ("run_id", WORD),
        ("ingested_at", _TIME),
        ("ocrmill_version", WORD),
        ("sequence", pa.int64()),  # rows with a higher one were written later, whatever the clocks say
    ],
    metadata=_METADATA,
)

SOURCES = pa.schema(
    [
        ("source", pa.string()),
        ("source_version", pa.string()),
        ("bytes", pa.int64()),
        ("document_id", pa.string()),
        ("run_id", WORD),
        ("ingested_at", _TIME),
        ("ocrmill_version", WORD),
        ("sequence", pa.int64()),  # that of its documents row
    ],
    metadata=_METADATA,
)

# Folder of the output -> what its shards hold.
TABLES = {"pages": PAGES, "documents": DOCUMENTS, "sources": SOURCES}
# Columns that the first release did not have, so that a shard may lack them.
ADDED = frozenset(
    {
        *("ocrmill_version", "sequence", "engine_confidence", "content_ratio", "content_chars", "counted_numbers"),
        *("layer_recall", "layer_precision", "layer_order"),
        *("loop_score", "loop_turns", "loop_unit_chars"),
        *(name for record in (AgreementMeasures, LineDoubts, TextSignals) for name, _ in _columns(record)),
    }
)

_MODEL_VIEW = ("prompt_tokens", "output_tokens", "visual_tokens", "tile_columns", "tile_rows")
_MEASURES = tuple(name for name, _ in _columns(RepetitionMeasures))
_AGREEMENT = tuple(name for name, _ in _columns(AgreementMeasures))
_LINES = tuple(name for name, _ in _columns(LineDoubts))
_SIGNS = tuple(name for name, _ in _columns(TextSignals))
_UNSUITABLE_TEXT = re.compile("[\0\ud800-\udfff]")  # Arrow holds UTF-8; NUL ends a string in what is built on C


@dataclass(frozen=True, slots=True)
class RunStamp:
    """Columns that all rows of a run have in common."""

    run_id: str  # sorts by time
    ingested_at: datetime  # with a time zone
    settings_fingerprint: str
    quality_version: int
    engine: EngineDescription
    ocrmill_version: str


def pages_table(rows: Sequence[PageRow], stamp: RunStamp) -> pa.Table:
    """Page rows as columns, in the order of (document_id, page_number)."""
    rows = sorted(rows, key=attrgetter("document_id", "page_number"))
    pages, readings = [row.page for row in rows], [row.reading for row in rows]
    routed = [None if isinstance(page, FailedPage) else page for page in pages]
    seen = _attributes(routed, "geometry", "decision", "features")
    values = {
        **_attributes(
            rows, "document_id", "source", "page_number", "page_count", "status", "reason", "repetition_flag"
        ),
        "engine_ms": [row.engine_ms for row in rows],
        **_attributes([row.standing for row in rows], "engine", "prompt"),
        **_attributes(pages, "renderer", "render_ms"),
        **_attributes([row.text for row in rows], "raw", "finish_reason", *_MODEL_VIEW),
        **_attributes(readings, "text_layer_agreement"),
        **_attributes([None if reading is None else reading.measures for reading in readings], *_MEASURES),
        **_attributes([None if reading is None else reading.agreement for reading in readings], *_AGREEMENT),
        **_attributes([None if reading is None else reading.signs for reading in readings], *_SIGNS),
        **_attributes(seen["geometry"], "width_pt", "height_pt", "rotation"),
        **_attributes(seen["decision"], "route"),
        "route_reason": _attributes(seen["decision"], "reason")["reason"],
        "detail": [_capped(row.detail) for row in rows],
        "markdown": [_markdown(row) for row in rows],
        "engine_confidence": _attributes([row.text for row in rows], "confidence")["confidence"],
        **_attributes([None if row.text is None else row.text.line_doubts for row in rows], *_LINES),
        **_fidelity(rows),
        **_raster(seen["geometry"]),
        **_model(rows, stamp.engine),
        "quality_version": [None if reading is None else stamp.quality_version for reading in readings],
        **_run_columns(stamp, len(rows)),
    }
    nested = {
        "blocks": _list_array([_blocks(row.text) for row in rows], BLOCK),
        "figures": _list_array([row.figures for row in rows], FIGURE),
        "flags": _list_array([row.flags for row in rows], pa.string()),
        "features": _struct_array(seen["features"], FEATURES),
        "attempts": _list_array([row.attempts for row in rows], ATTEMPT),
    }
    return _table(PAGES, values, nested, len(rows))


def documents_table(rows: Sequence[DocumentRow], stamp: RunStamp) -> pa.Table:
    """Document rows as columns, in the order of document_id, those without one last."""
    rows = sorted(rows, key=lambda row: (row.document_id is None, row.document_id or ""))
    values = {
        **_attributes(rows, *(set(DOCUMENTS.names) & {field.name for field in fields(DocumentRow)})),
        **_source_columns(rows),
        "detail": [_capped(row.detail) for row in rows],
        "warnings": [_capped(row.warnings) for row in rows],
        **_run_columns(stamp, len(rows)),
    }
    return _table(DOCUMENTS, values, {}, len(rows))


def sources_table(rows: Sequence[SourceRow], stamp: RunStamp) -> pa.Table:
    """Source rows as columns, in the order of their URIs."""
    rows = sorted(rows, key=attrgetter("source.uri"))
    values = {
        **_attributes(rows, "document_id", "sequence"),
        **_source_columns(rows),
        **_run_columns(stamp, len(rows)),
    }
    return _table(SOURCES, values, {}, len(rows))


def contract_breaches(schema: pa.Schema, contract: pa.Schema) -> list[str]:
    """Return a sentence for each way in which a shard's schema breaks the contract.

    More columns and more fields in nested ones are fine, and so is a lack of those that came after the first release.
    """
    have = {field.name: field.type for field in schema}
    return [
        f"{field.name} is {have.get(field.name, 'missing')}, not {field.type}"
        for field in contract
        if not _fits(have.get(field.name), field)
    ]


def _fits(have: pa.DataType | None, field: pa.Field) -> bool:
    if have is None:
        return field.name in ADDED
    return have == field.type or _common_type(have, field.type)


def _common_type(one: pa.DataType, other: pa.DataType) -> bool:
    """Say if two nested types have the same fields, but for some that only one of them has."""
    if pa.types.is_list(one) and pa.types.is_list(other):
        return _common_type(one.value_type, other.value_type)
    if pa.types.is_struct(one) and pa.types.is_struct(other):
        shared = {field.name for field in one} & {field.name for field in other}
        return bool(shared) and all(_common_type(one.field(name).type, other.field(name).type) for name in shared)
    return bool(one == other)


def _attributes(objects: Sequence[Any], *names: str) -> Values:
    """The named attributes of records, null where there is no record."""
    return {
        name: [None if record is None else get(record) for record in objects]
        for name, get in ((name, attrgetter(name)) for name in names)
    }


def _markdown(row: PageRow) -> str | None:
    if row.text is not None:
        return row.text.markdown
    return "" if row.status is Status.BLANK else None


def _fidelity(rows: Sequence[PageRow]) -> Values:
    """Return how truly the Markdown says what the text layer says, for the pages that were read from it."""
    measured = [None if row.text is None else row.text.fidelity for row in rows]
    columns = _attributes(measured, "recall", "precision", "order")
    return {f"layer_{name}": values for name, values in columns.items()}


def _raster(geometries: Sequence[PageGeometry | None]) -> Values:
    """Return sizes in pixels; records.py has 0 if nothing was rendered, the table null."""
    columns = _attributes(geometries, "width_px", "height_px", "dpi")
    return {name: [value or None for value in values] for name, values in columns.items()}


def _model(rows: Sequence[PageRow], engine: EngineDescription) -> Values:
    """Return the engine's columns, for the pages that it read."""
    own = [engine if row.standing is not None and row.standing.engine == engine.name else None for row in rows]
    return _attributes(own, "model", "model_revision")


def _source_columns(rows: Sequence[DocumentRow] | Sequence[SourceRow]) -> Values:
    sources = [row.source for row in rows]
    columns = _attributes(sources, "uri", "version", "bytes")
    return {"source": columns["uri"], "source_version": columns["version"], "bytes": columns["bytes"]}


def _run_columns(stamp: RunStamp, count: int) -> Values:
    columns = _attributes([stamp], "run_id", "ingested_at", "settings_fingerprint", "ocrmill_version")
    return {name: values * count for name, values in columns.items()}


def _table(schema: pa.Schema, values: Values, nested: dict[str, pa.Array], count: int) -> pa.Table:
    missing = [None] * count
    arrays = [
        nested[field.name] if field.name in nested else _array(values.get(field.name, missing), field.type)
        for field in schema
    ]
    return pa.table(arrays, schema=schema)


def _array(values: list[Any], arrow_type: pa.DataType) -> pa.Array:
    if pa.types.is_string(arrow_type) or pa.types.is_dictionary(arrow_type):
        values = [None if value is None else _clean(value) for value in values]
    return pa.array(values, arrow_type)


def _struct_array(records: Sequence[Any], struct: pa.StructType) -> pa.Array:
    columns = _attributes(records, *(field.name for field in struct))
    arrays = [_array(columns[field.name], field.type) for field in struct]
    absent = pa.array([record is None for record in records], pa.bool_())
    return pa.StructArray.from_arrays(arrays, fields=list(struct), mask=absent)


def _list_array(lists: Sequence[Sequence[Any] | None], element: pa.DataType) -> pa.Array:
    """One list per row, built flat: a struct array over all rows instead of a dict per element."""
    flat = [item for items in lists for item in items or ()]
    values = _struct_array(flat, element) if pa.types.is_struct(element) else _array(flat, element)
    offsets = list(accumulate((len(items or ()) for items in lists), initial=0))
    absent = pa.array([items is None for items in lists], pa.bool_())
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values, mask=absent)


def _blocks(text: PageText | None) -> Sequence[Block]:
    """A page's blocks, their spans moved along where NULs are taken out of the Markdown before them."""
    if text is None:
        return ()
    if "\0" not in text.markdown:
        return text.blocks
    nuls = list(accumulate((character == "\0" for character in text.markdown), initial=0))
    end = len(text.markdown)
    return [
        replace(block, start=block.start - nuls[min(block.start, end)], end=block.end - nuls[min(block.end, end)])
        for block in text.blocks
    ]


def _clean(text: str) -> str:
    """Without NUL, and with U+FFFD for each surrogate code point (a PDF's text may hold both)."""
    if text.isascii():
        return text.replace("\0", "")
    return _UNSUITABLE_TEXT.sub(lambda match: "" if match[0] == "\0" else "\N{REPLACEMENT CHARACTER}", text)


def _capped(text: str | None) -> str | None:
    if text is None or len(text) <= DETAIL_CHARACTERS:
        return text
    note = f" ... (cut, it had {len(text)} characters)"
    return text[: DETAIL_CHARACTERS - len(note)] + note
