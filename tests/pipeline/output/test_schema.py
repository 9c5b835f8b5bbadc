"""The Parquet contract, seen as users see it: through DuckDB and the files' own metadata."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_rows import made_document, made_id, made_page, made_pages, made_reading, made_source_row, made_stamp

from ocrmill.pipeline.errors import OutputError, UsageError
from ocrmill.pipeline.measures import LayerFidelity, RepetitionMeasures
from ocrmill.pipeline.output.schema import (
    DETAIL_CHARACTERS,
    DOCUMENTS,
    PAGES,
    SOURCES,
    contract_breaches,
    documents_table,
    pages_table,
    sources_table,
)
from ocrmill.pipeline.output.shard import ROW_GROUP_ROWS, encode_shard, read_shard
from ocrmill.pipeline.records import (
    Attempt,
    BlankPage,
    Block,
    FailedPage,
    Failure,
    Figure,
    PageFeatures,
    PageGeometry,
    PageText,
    Reason,
    RenderedPage,
    Route,
    RouteDecision,
    Status,
)

WORD = "dictionary<values=string, indices=int32, ordered=0>"
BOX = "x0: float, y0: float, x1: float, y1: float"
CONTRACT = {
    "pages": f"""
        document_id string | source string | page_number int32 | page_count int32 | status {WORD} | reason {WORD}
        | detail string | markdown string | raw string
        | blocks list<item: struct<label: string, {BOX}, start: int32, end: int32>>
        | figures list<item: struct<name: string, {BOX}, jpeg: binary,
            parsed: string, parsed_as: string, parsed_reason: string>>
        | repetition_ratio float | repetition_period int32 | repeated_tail_chars int32 | compression_ratio float
        | longest_run int32 | content_ratio float | content_chars int32 | counted_numbers int32
        | loop_score float | loop_turns int32 | loop_unit_chars int32
        | repetition_flag bool | quality_version int32 | text_layer_agreement float
        | agreement_words int32 | agreement_missing float | agreement_invented float
        | agreement_misread float | agreement_numbers int32 | agreement_order float
        | text_script string | layer_script string | text_language string | layer_language string | ink_density float
        | ragged_tables int32 | formulas int32 | broken_formulas int32 | garbage_share float
        | engine_confidence float | unsure_share float | unread_share float
        | layer_recall float | layer_precision float | layer_order float
        | flags list<item: string> | route {WORD} | route_reason {WORD}
        | features struct<characters: int32, words: int32, unmapped_share: float, control_share: float,
          private_use_share: float, vowelless_share: float, consonant_run_share: float, stopword_share: float,
          one_letter_share: float, vowel_share: float, script: string, script_oddness: float, invisible_share: float,
          image_cover: float, ink_share: float, uncovered_ink_share: float, inkless_text_share: float>
        | engine {WORD} | renderer {WORD} | model {WORD} | model_revision {WORD} | prompt {WORD}
        | settings_fingerprint {WORD}
        | attempts list<item: struct<engine: string, prompt: string, temperature: float, finish_reason: string,
          output_tokens: int32, reason: string, seconds: float, tried: string>>
        | width_pt float | height_pt float | width_px int32 | height_px int32 | dpi float | rotation int32
        | tile_columns int32 | tile_rows int32 | visual_tokens int32 | prompt_tokens int32 | output_tokens int32
        | finish_reason {WORD} | render_ms float | engine_ms float | run_id {WORD}
        | ingested_at timestamp[us, tz=UTC]
        | ocrmill_version {WORD}""",
    "documents": f"""
        document_id string | source string | source_version string | bytes int64 | page_count int32 | status {WORD}
        | reason {WORD} | detail string | pages_ok int32 | pages_repaired int32 | pages_text_layer int32
        | pages_blank int32 | pages_failed int32 | pages_flagged int32 | repetition_rate float | title string
        | producer string | warnings string | supersedes string | settings_fingerprint {WORD} | run_id {WORD}
        | ingested_at timestamp[us, tz=UTC]
        | ocrmill_version {WORD} | sequence int64""",
    "sources": f"""
        source string | source_version string | bytes int64 | document_id string | run_id {WORD}
        | ingested_at timestamp[us, tz=UTC]
        | ocrmill_version {WORD} | sequence int64""",
}
GEOMETRY = PageGeometry(612.0, 792.0, 90, 1224, 1584, 144.0)
TEXT = PageText("# Title\n\nText", "<raw>", (Block("title", 1.0, 2.0, 3.0, 4.0, 0, 7),), "stop", 10, 20, 256)
FULL = made_page(
    "full",
    2,
    3,
    Status.REPAIRED,
    page=RenderedPage(
        2,
        GEOMETRY,
        RouteDecision(Route.OCR, "no_text"),
        PageFeatures(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, "latin", 1, 1, 1, 1, 1, 1),
        "mupdf",
        detail="looped once",
        render_ms=12.5,
    ),
    content=made_reading(
        TEXT,
        measures=RepetitionMeasures(0.25, 3, 40, 2.5, 5),
        repetition_flag=True,
        text_layer_agreement=0.75,
        figures=(Figure("block-1.jpg", 1.0, 2.0, 3.0, 4.0, b"jpeg", "CCO", "smiles", "invalid"),),
    ),
    defect=Reason.REPETITION,
    flags=("repetition", "long_run"),
    standing=Attempt("cpu", 1.5, "read"),
    attempts=(Attempt("cpu", 1.5, "read", 0.0, "length", 99, Reason.TRUNCATED), Attempt("cpu", 0.5)),
)


def written(path: Path, table: pa.Table) -> duckdb.DuckDBPyRelation:
    """The table as DuckDB reads it from a shard."""
    path.write_bytes(encode_shard(table))
    return duckdb.connect().sql(f"select * from '{path}'")


def records(relation: duckdb.DuckDBPyRelation) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = relation.to_arrow_table().to_pylist()
    return found


@pytest.mark.parametrize(("table", "schema"), [("pages", PAGES), ("documents", DOCUMENTS), ("sources", SOURCES)])
def test_columns_keep_their_names_and_types(table: str, schema: pa.Schema) -> None:
    """Renaming, dropping or retyping a column breaks what others built on it, and raises the schema version."""
    promised = [" ".join(column.split()) for column in CONTRACT[table].split("|")]

    assert [f"{field.name} {field.type}" for field in schema] == promised
    assert schema.metadata == {b"schema_version": b"1"}


def test_a_page_row_arrives_whole(tmp_path: Path) -> None:
    """Every field of a page row is in its column, nested ones too."""
    (row,) = records(written(tmp_path / "a.parquet", pages_table([FULL], made_stamp())))

    assert (row["document_id"], row["source"]) == (made_id("full"), "/data/full.pdf")
    assert (row["page_number"], row["page_count"], row["status"], row["reason"]) == (2, 3, "repaired", "repetition")
    assert (row["markdown"], row["raw"], row["detail"]) == ("# Title\n\nText", "<raw>", "looped once")
    assert row["blocks"] == [{"label": "title", "x0": 1, "y0": 2, "x1": 3, "y1": 4, "start": 0, "end": 7}]
    assert (row["repetition_ratio"], row["repetition_period"], row["repeated_tail_chars"]) == (0.25, 3, 40)
    assert (row["compression_ratio"], row["longest_run"], row["repetition_flag"]) == (2.5, 5, True)
    assert (row["quality_version"], row["text_layer_agreement"]) == (1, 0.75)
    assert row["flags"] == ["repetition", "long_run"]
    assert (row["route"], row["route_reason"], row["renderer"]) == ("ocr", "no_text", "mupdf")
    assert row["features"]["script"] == "latin"
    assert {value for name, value in row["features"].items() if name != "script"} == {1}
    assert (row["engine"], row["model"], row["model_revision"], row["prompt"]) == ("cpu", "PP-OCR", "v5", "read")
    assert [attempt["reason"] for attempt in row["attempts"]] == ["truncated", None]
    assert [attempt["seconds"] for attempt in row["attempts"]] == [1.5, 0.5]
    assert (row["width_pt"], row["height_pt"], row["width_px"], row["height_px"]) == (612, 792, 1224, 1584)
    assert (row["dpi"], row["rotation"], row["render_ms"], row["engine_ms"]) == (144, 90, 12.5, 2000)
    assert (row["prompt_tokens"], row["output_tokens"], row["visual_tokens"]) == (10, 20, 256)
    assert (row["finish_reason"], row["settings_fingerprint"], row["run_id"]) == ("stop", "f" * 16, "20260101-020000")
    assert row["ingested_at"] == made_stamp().ingested_at
    parsed = {"parsed": "CCO", "parsed_as": "smiles", "parsed_reason": "invalid"}
    assert row["figures"] == [{"name": "block-1.jpg", "x0": 1, "y0": 2, "x1": 3, "y1": 4, "jpeg": b"jpeg", **parsed}]
    assert [row[name] for name in ("tile_columns", "tile_rows")] == [None] * 2


def test_what_is_not_there_is_null(tmp_path: Path) -> None:
    """A failed page has no Markdown and a blank one an empty one; sizes that nobody measured are null, not 0."""
    unmeasured = PageGeometry(612.0, 792.0, 90)
    failure = Failure(Reason.RENDER_ERROR, "the library's message")
    pages = [
        made_page("a", 1, 3, Status.FAILED, page=FailedPage(1, Reason.RENDER_ERROR, None), content=failure),
        made_page("a", 2, 3, Status.BLANK, page=BlankPage(2, unmeasured, RouteDecision(Route.BLANK, "blank"))),
        made_page("a", 3, 3, Status.TEXT_LAYER, content=made_reading("text", figures=())),
    ]
    failed, blank, layer = records(written(tmp_path / "a.parquet", pages_table(pages, made_stamp())))

    assert (failed["markdown"], failed["detail"], failed["width_pt"]) == (None, "the library's message", None)
    assert (failed["features"], failed["route"], failed["blocks"], failed["flags"]) == (None, None, [], [])
    assert (blank["markdown"], blank["width_pt"], blank["width_px"], blank["dpi"]) == ("", 612, None, None)
    assert (layer["engine"], layer["model"], failed["quality_version"]) == (None, None, None)
    assert (failed["figures"], layer["figures"]) == (None, [])


def test_documents_and_sources_arrive_whole(tmp_path: Path) -> None:
    """A documents row has its counts and its source's version, a sources row says which document it holds."""
    document = made_document("a", made_pages("a", 2), title="T", producer="P", warnings="W", supersedes=made_id("old"))
    (row,) = records(written(tmp_path / "d.parquet", documents_table([document], made_stamp())))
    (source,) = records(written(tmp_path / "s.parquet", sources_table([made_source_row("b", "a")], made_stamp())))

    assert (row["document_id"], row["source"], row["source_version"]) == (made_id("a"), "/data/a.pdf", "v1")
    assert (row["bytes"], row["page_count"], row["pages_ok"], row["pages_failed"]) == (1234, 2, 2, 0)
    assert (row["title"], row["producer"], row["warnings"]) == ("T", "P", "W")
    assert (row["supersedes"], row["settings_fingerprint"]) == (made_id("old"), "f" * 16)
    assert (source["source"], source["source_version"]) == ("/data/b.pdf", "v1")
    assert (source["bytes"], source["document_id"]) == (1234, made_id("a"))


def test_only_pages_read_from_their_layer_have_its_measures(tmp_path: Path) -> None:
    """Recall, precision and order are columns, null where another way led to the text."""
    fidelity = LayerFidelity(0.5, 0.75, 0.25, changed_numbers=3)
    read = made_page("read", 1, 1, content=made_reading(PageText("Text", fidelity=fidelity)))
    rows = records(written(tmp_path / "a.parquet", pages_table([read, FULL], made_stamp())))
    measures = {row["source"]: [row[f"layer_{name}"] for name in ("recall", "precision", "order")] for row in rows}

    assert measures == {read.source: [0.5, 0.75, 0.25], FULL.source: [None] * 3}


@given(st.text(st.characters(exclude_categories=()) | st.sampled_from("\0\ud800\udfff"), max_size=40))
def test_any_text_can_be_written(text: str) -> None:
    """NUL is left out and a surrogate becomes U+FFFD, wherever a string goes; nothing else changes."""
    attempt, seen = Attempt(text, 1.0, finish_reason=text), replace(FULL.page, detail=text)
    content = made_reading(replace(TEXT, markdown=text, raw=text))
    page = replace(FULL, source=text, page=seen, flags=(text,), content=content, attempts=(attempt,), standing=attempt)
    row = pages_table([page], made_stamp()).to_pylist()[0]
    clean = "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text if c != "\0")

    assert {row[name] for name in ("source", "detail", "markdown", "raw", "engine")} == {clean}
    assert (row["flags"], row["attempts"][0]["engine"], row["attempts"][0]["finish_reason"]) == ([clean], clean, clean)


@given(st.text("ab\0", min_size=1, max_size=30), st.data())
def test_spans_still_cover_their_text_without_nuls(markdown: str, data: st.DataObject) -> None:
    """Blocks of a Markdown whose NULs are taken out still cover the text that they covered."""
    start = data.draw(st.integers(0, len(markdown)))
    end = data.draw(st.integers(start, len(markdown)))
    text = PageText(markdown, blocks=(Block("text", 0, 0, 1, 1, start, end),))
    row = pages_table([replace(FULL, content=made_reading(text))], made_stamp()).to_pylist()[0]
    block = row["blocks"][0]

    assert row["markdown"][block["start"] : block["end"]] == markdown[start:end].replace("\0", "")


def test_a_long_detail_is_cut_and_says_so() -> None:
    """A detail of megabytes is cut to its cap, and says how long it was."""
    row = pages_table([replace(FULL, page=replace(FULL.page, detail="x" * 100_000))], made_stamp()).to_pylist()[0]

    assert len(row["detail"]) == DETAIL_CHARACTERS
    assert row["detail"].endswith("x ... (cut, it had 100000 characters)")


def test_a_reader_can_skip_row_groups(tmp_path: Path) -> None:
    """Whatever order pages come in, a document is in one row group or in two that touch, as their statistics say."""
    names = [f"document {number}" for number in range(ROW_GROUP_ROWS)]
    rows = [page for number in (1, 2, 3) for name in names for page in [made_page(name, number, 3)]]
    path = tmp_path / "a.parquet"
    path.write_bytes(encode_shard(pages_table(rows, made_stamp())))
    metadata = pq.read_metadata(path)
    ranges = [metadata.row_group(group).column(0).statistics for group in range(metadata.num_row_groups)]

    assert [statistics.max for statistics in ranges[:-1]] <= [statistics.min for statistics in ranges[1:]]
    assert len(ranges) == 3
    assert metadata.row_group(0).column(4).statistics.max == "ok"


def test_a_shard_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """Truncated, foreign, of another version, with a flipped byte, or a column whose name is no text.

    The error names the shard and the way out.
    """
    whole = bytes(encode_shard(pages_table(made_pages("a", 50), made_stamp())))
    foreign, version_0 = (
        encode_shard(table)
        for table in (pa.table({"a": [1]}), PAGES.with_metadata({"schema_version": "0"}).empty_table())
    )
    at = pq.read_metadata(pa.BufferReader(whole)).row_group(0).column(7).data_page_offset + 40
    footer = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    broken = {
        "truncated": whole[:-100],
        "empty": b"",
        "text": b"not Parquet at all, though it is long enough",
        "flipped": whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :],
        "foreign": bytes(foreign),
        "misnamed": whole[:footer] + whole[footer:].replace(b"page_number", b"\xff" * 11),
        "of version 0": bytes(version_0),
    }
    for name, content in broken.items():
        with pytest.raises(OutputError, match=rf"{name}.*ocrmill verify --repair"):
            read_shard(pa.BufferReader(content), name, ["markdown"])
    assert read_shard(pa.BufferReader(whole), "whole", ["markdown"]).num_rows == 50


def test_a_newer_shard_is_not_taken_for_a_broken_one() -> None:
    """A shard of a later schema version is refused with the advice to use that ocrmill, not to repair."""
    newer = encode_shard(PAGES.with_metadata({"schema_version": "2"}).empty_table())

    with pytest.raises(UsageError, match=r"a\.parquet was written by a newer ocrmill \(schema version 2\)"):
        read_shard(pa.BufferReader(newer), "a.parquet", ["markdown"])


def test_only_what_the_contract_has_is_compared() -> None:
    """A column more is fine; one that is missing or of another type is a breach."""
    more = SOURCES.append(pa.field("note", pa.string()))
    less = SOURCES.remove(0).set(0, pa.field("source_version", pa.int32()))

    assert contract_breaches(more, SOURCES) == []
    assert contract_breaches(less, SOURCES) == [
        "source is missing, not string",
        "source_version is int32, not string",
    ]
